"""Perceptual hashes of pictures: profiles pdq/1 and photodna/1. Reference signals 3.11.

pdq: 64 hex digits in lower case. A PDQ hash is thresholded at the median, so a picture with content sets half of its
256 bits; one that sets fewer than 96 or more than 160 is refused as degenerate. The hasher's quality (0 to 100), where
it is known, follows behind a comma, as hashers print it (`HEX,QUALITY`); below 50 the hash is refused. The quality is
no part of the form. Two pictures look alike when their hashes differ in at most 31 bits: see `MAX_DISTANCE`.

photodna: 144 opaque bytes as 288 hex digits in lower case; read as hex, as 144 decimals joined by commas, or as 192
characters of base64. It is never made here and never compared: only equal bytes are equal.

vPDQ and TMK (videos) are no types.
"""

import base64
import binascii
import re
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import trim
from tocsin_signals.errors import Rejected

PDQ_BITS: Final = 256
PDQ_SET_BITS: Final = (96, 160)
"""Fewest and most bits set in the hash of a picture with content; flat grey sets 80."""
MIN_QUALITY: Final = 50
"""Lowest quality of a hash that is shared; the limit of the other implementations in the field."""
MAX_DISTANCE: Final = 31
"""Most bits in which the hashes of two pictures that look alike differ; also the most a near-match look-up takes."""

PHOTODNA_BYTES: Final = 144

_PDQ: Final = re.compile(r"[0-9A-Fa-f]{64}")
_QUALITY: Final = re.compile(r"[0-9]{1,3}")
_PHOTODNA_HEX: Final = re.compile(r"[0-9A-Fa-f]{288}")
_PHOTODNA_BASE64: Final = re.compile(r"[0-9A-Za-z+/]{192}")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,2}")


def pdq(text: str) -> str:
    """Canonical form of a PDQ hash, with or without its quality."""
    digits, comma, quality = trim(text).partition(",")
    digits = trim(digits)
    if not _PDQ.fullmatch(digits):
        raise Rejected("format", "A pdq is 64 hex digits; its quality may follow behind a comma.")
    if comma:
        _check_quality(trim(quality))
    fewest, most = PDQ_SET_BITS
    if not fewest <= int(digits, 16).bit_count() <= most:
        raise reject("guard:degenerate")
    return digits.lower()


def with_quality(text: str, quality: str) -> str:
    """A PDQ hash and a quality from a field of its own, as `pdq` reads them."""
    return f"{text},{quality}"


def photodna(text: str) -> str:
    """Canonical form of a PhotoDNA hash."""
    data = _photodna_bytes(trim(text))
    if len(set(data)) == 1:
        raise reject("guard:degenerate")
    return data.hex()


def _check_quality(quality: str) -> None:
    if not _QUALITY.fullmatch(quality) or int(quality) > 100:
        raise reject("quality")
    if int(quality) < MIN_QUALITY:
        raise reject("guard:quality")


def _no_photodna() -> Rejected:
    return Rejected("format", f"A photodna is {PHOTODNA_BYTES} bytes: 288 hex digits, decimals with commas, or base64.")


def _photodna_bytes(text: str) -> bytes:
    if _PHOTODNA_HEX.fullmatch(text):
        return bytes.fromhex(text)
    if _PHOTODNA_BASE64.fullmatch(text):
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise _no_photodna() from None
    numbers = [number.strip(" ") for number in text.split(",", PHOTODNA_BYTES)]
    if len(numbers) != PHOTODNA_BYTES or not all(map(_DECIMAL.fullmatch, numbers)):
        raise _no_photodna()
    values = list(map(int, numbers))
    if max(values) > 255:
        raise _no_photodna()
    return bytes(values)
