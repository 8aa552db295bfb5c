"""Lines of a file of rows: each of bounded length, numbered from 1, with its text checked.

At most one record of MAX_RECORD_BYTES is held, whatever the file's size. Line numbers count lines of the file. The text
is UTF-8, with or without byte order mark, or UTF-16 with one.
"""

from collections import deque
from collections.abc import Sequence
from types import MappingProxyType
from typing import BinaryIO, Final, NamedTuple, Protocol

from tocsin_signals.errors import Rejected
from tocsin_signals.utf16 import MARKS, Utf16Lines

MAX_RECORD_BYTES: Final = 65_536
"""Longest line, and longest record where one spans lines: eight of the largest cells."""

_BOM: Final = b"\xef\xbb\xbf"
_NO_TEXT: Final = MappingProxyType(
    {
        b"PK\x03\x04": ("workbook", "The file is a workbook or another ZIP archive, not text."),
        b"\xd0\xcf\x11\xe0": (
            "old-workbook",
            "The file is an old workbook, or one with a password; save it as .xlsx without one.",
        ),
        b"\x1f\x8b": ("compressed", "The file is compressed; unpack it first."),
    }
)
"""How files begin that are often mistaken for text."""


class _Readable(Protocol):
    def readline(self, limit: int, /) -> bytes: ...


class Line(NamedTuple):
    """One line of the file with its line end; `cut` if it was too long to keep."""

    number: int
    raw: bytes
    cut: bool


class Lines:
    """The lines of a stream, without its byte order mark; some can be put back to be taken again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: _Readable = stream
        self._source = stream
        self._waiting: deque[Line] = deque()
        self._number = 0

    def take(self) -> Line | None:
        """The next line, or None at the end."""
        if self._waiting:
            return self._waiting.popleft()
        raw = self._stream.readline(MAX_RECORD_BYTES + 1)
        if self._number == 0 and raw.startswith(MARKS):
            self._stream = Utf16Lines(raw, self._source)
            raw = self._stream.readline(MAX_RECORD_BYTES + 1)
        if not raw:
            return None
        if self._number == 0:
            _refuse_no_text(raw)
        self._number += 1
        cut = len(raw) > MAX_RECORD_BYTES
        rest = raw
        while cut and rest and not rest.endswith(b"\n"):
            rest = self._stream.readline(MAX_RECORD_BYTES)
        if self._number == 1:
            raw = raw.removeprefix(_BOM)
        return Line(self._number, b"" if cut else raw, cut)

    def put_back(self, lines: Sequence[Line]) -> None:
        """Make these the next lines again."""
        self._waiting.extendleft(reversed(lines))


def _refuse_no_text(begin: bytes) -> None:
    for mark, (reason, sentence) in _NO_TEXT.items():
        if begin.startswith(mark):
            raise Rejected(reason, sentence)


def decoded(line: Line) -> str:
    """The text of a line, with its line end; Rejected if it has none that can be used."""
    if line.cut:
        raise Rejected("line-too-long", f"The line is longer than {MAX_RECORD_BYTES} bytes.")
    if b"\0" in line.raw:
        raise Rejected("nul", "The line holds a NUL byte; the file is damaged or not UTF-8.")
    try:
        text = line.raw.decode()
    except UnicodeDecodeError:
        raise Rejected("not-utf8", "The line is not UTF-8; export the file as UTF-8.") from None
    if "\r" in text.rstrip("\r\n"):
        raise Rejected("line-ends", "The line holds a bare carriage return; end lines with LF or CR LF.")
    return text


def readable(line: Line) -> str:
    """What can be shown of a damaged line in the rejects file."""
    return line.raw.decode("utf-8", "replace").rstrip("\r\n").replace("\0", "")
