"""CSV files in, rejects out: as a stream, with a limit on everything. Reference signals 6.

Read: UTF-8 with or without byte order mark; comma, semicolon or tab, decided from the header line only; quotes as in
RFC 4180. A damaged line (bad UTF-8, NUL, too long, broken quotes) becomes a RowReject and reading goes on with the
next line: an opening quote that never closes costs its own line, not the rest of the file. Errors of the whole file
(its header) are raised. At most one record of 64 KiB is held, whatever the file's size. Line numbers count lines of
the file, from 1.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple, TextIO

from tocsin_signals.errors import Rejected
from tocsin_signals.rows import REJECT_COLUMNS, Columns, Row, RowReject, column_meaning

MAX_RECORD_BYTES: Final = 65_536
"""Longest line, and longest record where a quoted cell spans lines: eight of the largest cells."""

_SEPARATORS: Final = (",", ";", "\t")
_NO_DELIMITER: Final = "\x1f"
"""Stands in where the header has one column, so that a plain list may hold commas."""
_QUOTED: Final = re.compile(r'"[^"]*"')
_BOM: Final = b"\xef\xbb\xbf"


class CsvFile:
    """A CSV file being read: made from an open binary stream, whose header is read and understood at once.

    Iterate for rows. Raises Rejected if the header cannot be used; the caller closes the stream.
    """

    def __init__(self, stream: BinaryIO, *, default_type: str | None = None) -> None:
        self._lines = _Lines(stream)
        first = self._lines.take()
        if first is None:
            raise Rejected("header", "The file is empty; its first line must name the columns.")
        text = _decoded(first._replace(raw=first.raw.removeprefix(_BOM)))
        self.separator: Final = _separator(text)
        self._delimiter = self.separator if self.separator in text else _NO_DELIMITER
        cells, _ = _split([text], self._delimiter)
        while cells and not cells[-1].strip():  # spreadsheets export empty columns at the right
            cells.pop()
        self.header: Final = tuple(cells)
        self._columns = Columns(self.header, separator=self.separator, default_type=default_type)

    def __iter__(self) -> Iterator[Row | RowReject]:
        while (line := self._lines.take()) is not None:
            try:
                cells = self._record(line)
            except Rejected as error:
                yield RowReject(line.number, error.reason, error.sentence, self._remains(line))
                continue
            if any(cell.strip() for cell in cells):
                yield self._columns.row(line.number, cells)

    def _record(self, line: "_Line") -> list[str]:
        """The cells of the record that starts with `line`, taking further lines while a quote is open."""
        taken, texts = [line], [_decoded(line)]
        if '"' not in texts[0]:
            return texts[0].rstrip("\r\n").split(self._delimiter)
        size, quotes = len(line.raw), texts[0].count('"')
        while quotes % 2 and (more := self._lines.take()) is not None:
            taken.append(more)
            size += len(more.raw)
            try:
                texts.append(_decoded(more))
            except Rejected:
                break
            if size > MAX_RECORD_BYTES:
                break
            quotes += texts[-1].count('"')
        used = 1
        try:
            cells, used = _split(texts, self._delimiter)
        finally:
            self._lines.put_back(taken[used:])  # a quote inside a bare cell, or one never closed, took too many
        return cells

    def _remains(self, line: "_Line") -> tuple[str, ...]:
        """What can be shown of a damaged line in the rejects file."""
        if line.cut:
            return ()
        return tuple(line.raw.decode("utf-8", "replace").rstrip("\r\n").replace("\0", "").split(self._delimiter))


class RejectsWriter:
    """Writes rejected rows in their original columns plus line, reason and sentence, to be corrected and read again.

    The file holds identifiers: give it the protection of the file it came from.
    """

    def __init__(self, stream: TextIO, *, header: Sequence[str], separator: str) -> None:
        self._keep = tuple(place for place, name in enumerate(header) if column_meaning(name) != "")
        self._writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        self._writer.writerow([*(header[place] for place in self._keep), *REJECT_COLUMNS])

    def write(self, reject: RowReject) -> None:
        """Write one row; cells it never had are left empty."""
        cells = [reject.cells[place] if place < len(reject.cells) else "" for place in self._keep]
        self._writer.writerow([*cells, reject.line, reject.reason, reject.sentence])


class _Line(NamedTuple):
    """One line of the file with its line end; `cut` if it was too long to keep."""

    number: int
    raw: bytes
    cut: bool


class _Lines:
    """The lines of a stream, never more of one than MAX_RECORD_BYTES, with some put back at will."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: deque[_Line] = deque()
        self._number = 0

    def take(self) -> _Line | None:
        """The next line, or None at the end."""
        if self._waiting:
            return self._waiting.popleft()
        raw = self._stream.readline(MAX_RECORD_BYTES + 1)
        if not raw:
            return None
        self._number += 1
        cut = len(raw) > MAX_RECORD_BYTES
        rest = raw
        while cut and rest and not rest.endswith(b"\n"):
            rest = self._stream.readline(MAX_RECORD_BYTES)
        return _Line(self._number, b"" if cut else raw, cut)

    def put_back(self, lines: Sequence[_Line]) -> None:
        """Make these the next lines again."""
        self._waiting.extendleft(reversed(lines))


def _decoded(line: _Line) -> str:
    if line.cut:
        raise Rejected("line-too-long", f"The line is longer than {MAX_RECORD_BYTES} bytes.")
    if b"\0" in line.raw:
        raise Rejected("nul", "The line holds a NUL byte; the file is damaged or not UTF-8.")
    try:
        text = line.raw.decode()
    except UnicodeDecodeError:
        raise Rejected("not-utf8", "The line is not UTF-8; export the file as CSV UTF-8.") from None
    if "\r" in text.rstrip("\r\n"):
        raise Rejected("line-ends", "The line holds a bare carriage return; end lines with LF or CR LF.")
    return text


def _separator(header: str) -> str:
    bare = _QUOTED.sub("", header)
    counts = sorted(((bare.count(sign), sign) for sign in _SEPARATORS), reverse=True)
    if counts[0][0] == 0:
        return ","
    if counts[0][0] == counts[1][0]:
        raise Rejected("separator", "The header does not show whether comma, semicolon or tab separates the columns.")
    return counts[0][1]


def _split(texts: list[str], separator: str) -> tuple[list[str], int]:
    """The cells of the first record in `texts`, and how many of them it took."""
    reader = csv.reader(texts, delimiter=separator, strict=True)
    try:
        cells = next(reader, list[str]())
    except csv.Error:
        raise Rejected("quotes", "A quote in the line is never closed, or text follows a closing quote.") from None
    return cells, reader.line_num
