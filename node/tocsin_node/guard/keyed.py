"""Keyed hashes under which the guard remembers values and users, so that its tables name nobody.

The key is derived from the node's records key: whoever has the files but not what opens the keys can confirm no guess.
"""

import hashlib
import hmac
from typing import Final

VALUE_BYTES: Final = 16
_SUBJECT: Final = b"subject"


def guard_key(records_key: bytes) -> bytes:
    """The key of everything here."""
    return hmac.digest(records_key, b"tocsin/1/guard", hashlib.sha256)


def value_key(key: bytes, code: int, canonical: str) -> bytes:
    """What stands for a canonical form of a type."""
    person = code.to_bytes(2, "big")
    return hashlib.blake2b(canonical.encode(), digest_size=VALUE_BYTES, key=key, person=person).digest()


def expression(value: bytes) -> int:
    """The first eight bytes of a value's key, as SQL holds them: for counting."""
    return int.from_bytes(value[:8], "big", signed=True)


def subject_key(key: bytes, subject: str) -> int:
    """What stands for an own user."""
    data = hashlib.blake2b(subject.encode(), digest_size=8, key=key, person=_SUBJECT).digest()
    return int.from_bytes(data, "big", signed=True)
