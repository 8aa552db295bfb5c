"""Strict text forms shared by the formats of this package: canonical base64, hex, decimal, UTC time.

Each reader accepts exactly the text its writer makes, because a second spelling of the same bytes would let one
signed thing appear as two. None of them repeats the offending text in its error.
"""

import base64
import binascii
import re
from datetime import UTC, datetime

from tocsin_crypto.errors import Malformed

MAX_SIZE = (1 << 63) - 1
"""Largest tree size or index, in entries: the signed 64-bit limit of C2SP tlog-checkpoint readers."""
MAX_TIME_MS = 253_402_300_799_999
"""Last millisecond of the year 9999 (UTC): later times cannot be shown to a person."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def to_base64(data: bytes) -> str:
    """Standard padded base64."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, what: str, *, length: int | None = None) -> bytes:
    """The bytes of canonical base64, of exactly ``length`` bytes where given, or ``Malformed`` naming ``what``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None
    if to_base64(data) != text:
        raise Malformed(f"{what} is not canonical base64")
    if length is not None and len(data) != length:
        raise Malformed(f"{what} has {len(data)} bytes instead of {length}")
    return data


def from_hex(text: str, what: str, *, length: int) -> bytes:
    """The ``length`` bytes of lower-case hex, or ``Malformed`` naming ``what``."""
    if len(text) != 2 * length or not _HEX.fullmatch(text):
        raise Malformed(f"{what} is not {2 * length} lower-case hex digits")
    return bytes.fromhex(text)


def from_decimal(text: str, what: str) -> int:
    """A number from 0 to ``MAX_SIZE`` without sign or leading zeros, or ``Malformed`` naming ``what``."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise Malformed(f"{what} is not a decimal number from 0 to 2^63-1")
    return number


def show_time(ms: int) -> str:
    """A UTC time in milliseconds as a person reads it, to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
