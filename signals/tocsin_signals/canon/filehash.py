"""Hashes of files: profile filehash/1, `algorithm:hex`. Reference signals 3.10.

Four algorithms by their names, with or without the hyphen of SHA-256; exactly as many hex digits as the algorithm
gives, in lower case. Never told from the length alone: the algorithm is named. The hash of the empty file and one
digit repeated are refused, for they mean that hashing went wrong. One file is one signal per algorithm.
"""

import hashlib
import re
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import trim

ALGORITHMS: Final = MappingProxyType({"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128})
"""Hex digits of each algorithm's hashes."""

EMPTY_FILE: Final = frozenset(hashlib.new(name, b"", usedforsecurity=False).hexdigest() for name in ALGORITHMS)

_SPELLINGS: Final = MappingProxyType(
    {name: name for name in ALGORITHMS} | {"sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")


def filehash(text: str) -> str:
    """Canonical form of a file's hash."""
    name, colon, digits = trim(text).partition(":")
    algorithm = _SPELLINGS.get(trim(name).lower()) if colon and name.isascii() else None
    if algorithm is None:
        raise reject("algorithm")
    digits = trim(digits)
    if len(digits) != ALGORITHMS[algorithm] or not _HEX.fullmatch(digits):
        raise reject("format")
    digits = digits.lower()
    if digits in EMPTY_FILE:
        raise reject("guard:empty-file")
    if len(set(digits)) == 1:
        raise reject("guard:degenerate")
    return f"{algorithm}:{digits}"
