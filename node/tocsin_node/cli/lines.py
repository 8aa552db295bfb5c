"""Lines of a file or stdin, each of bounded length, however long the input is, and no later than they arrive."""

import contextlib
import sys
from collections.abc import Generator, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from tocsin_node.cli.errors import UsageError

CHUNK: Final = 64 * 1024
"""Bytes read at a time: a pipe's own size."""


@contextlib.contextmanager
def open_input(path: Path, what: str = "file") -> Generator[BufferedReader]:
    """The bytes of a file, or of stdin for `-`; UsageError where it cannot be opened."""
    if str(path) == "-":
        yield cast("BufferedReader", sys.stdin.buffer)
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UsageError(f"{what} {path}: {(error.strerror or 'cannot be read').lower()}") from None
    with stream:
        yield stream


def arriving_lines(stream: BufferedReader, limit: int) -> Iterator[list[bytes]]:
    """The lines, without their ends, of each piece of input as it arrives.

    A line longer than `limit` bytes is given with more than `limit` bytes, but not whole; the last line needs no end.
    """
    rest = b""
    while chunk := stream.read1(CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[: limit + 1]
        yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest.removesuffix(b"\r")]
