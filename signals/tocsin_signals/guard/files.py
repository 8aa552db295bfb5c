"""Files everybody has: empty text, empty documents, one-pixel images, blocks of zeros. Their hashes mean nothing.

Kept as contents, not as hashes, so that a reader sees what is meant and every algorithm is covered; files that are too
large for that are in the guard pack.
"""

import hashlib
from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from typing import Final

from tocsin_signals.canon.filehash import ALGORITHMS
from tocsin_signals.guard.pack import Pack
from tocsin_signals.guard.verdict import GuardVerdict, block

_TEXTS: Final = (
    *(b"\n", b"\r\n", b" ", b"\0", b"0", b"1", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"null", b"{}", b"[]", b"test", b"null\n", b"{}\n", b"[]\n", b"test\n"),
    *(b"<html></html>", b"<html><head></head><body></body></html>", b"<!DOCTYPE html>"),
)
_PIXELS: Final = tuple(
    map(
        b64decode,
        (
            "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
            "R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==",
            "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
        ),
    )
)
_ZEROS: Final = (512, 1024, 4096, 8192, 16_384, 32_768, 65_536, 1_048_576)
"""Sizes in bytes of blocks of zeros: what a broken download or a preallocated file leaves."""


_TRIVIAL: Final = block("file-trivial", "Everybody has this file: a blank page, a single pixel, a block of zeros.")
_KNOWN: Final = block("file-known", "This file is in many lists by mistake: everybody's systems have it.")


def check_file(canonical: str, pack: Pack) -> Iterator[GuardVerdict]:
    """The verdicts on `algorithm:hex`."""
    if canonical in _hashes():
        yield _TRIVIAL
    elif pack.files.kinds(canonical):
        yield _KNOWN


@cache
def _hashes() -> frozenset[str]:
    contents = (*_TEXTS, *_PIXELS, *(bytes(size) for size in _ZEROS))
    return frozenset(
        f"{name}:{hashlib.new(name, content, usedforsecurity=False).hexdigest()}"
        for name in ALGORITHMS
        for content in contents
    )
