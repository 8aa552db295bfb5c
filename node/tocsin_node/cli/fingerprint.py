"""Fingerprints as people type them: 64 hex digits, spaces, colons and case aside."""

from typing import Final

from tocsin_node.cli.errors import UsageError

FINGERPRINT_DIGITS: Final = 64
"""Hex digits of a fingerprint: SHA-256 in full."""


def digits(fingerprint: str) -> str:
    """The bare hex digits; UsageError if this is no fingerprint in full."""
    found = "".join(fingerprint.split()).lower().replace(":", "")
    if len(found) != FINGERPRINT_DIGITS or not set(found) <= set("0123456789abcdef"):
        raise UsageError(f"a fingerprint has {FINGERPRINT_DIGITS} hex digits; give all of them, grouped or not")
    return found
