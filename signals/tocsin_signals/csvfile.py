"""CSV files in, rejects out: as a stream, with a limit on everything. Reference signals 6.

Read: UTF-8 with or without byte order mark, UTF-16 with one; comma, semicolon or tab, as the caller names it or a first
line `sep=;`, else decided from the header line only; quotes as in RFC 4180. A damaged line (bad UTF-8, NUL, too long,
broken quotes) becomes a RowReject and reading goes on with the next line: an opening quote that never closes costs its
own line, not the rest of the file. Errors of the whole file (its header) are raised.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, TextIO

from tocsin_signals.columns import Columns
from tocsin_signals.errors import Rejected
from tocsin_signals.lines import MAX_RECORD_BYTES, Line, Lines, decoded, readable
from tocsin_signals.mapping import NO_MAPPING, SEPARATORS, ColumnMapping
from tocsin_signals.rows import REJECT_COLUMNS, Row, RowReject

_HINT: Final = re.compile(r"sep=([,;\t])", re.IGNORECASE)
"""What a spreadsheet may write in front of the header, to find the separator again."""
_NO_DELIMITER: Final = "\x1f"
"""Stands in where the header has one column, so that a plain list may hold commas."""
_QUOTED: Final = re.compile(r'"[^"]*"')


class CsvFile:
    """A CSV file being read: made from an open binary stream, whose header is read and understood at once.

    Iterate for rows. Raises Rejected if the header cannot be used; the caller closes the stream.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        default_type: str | None = None,
        mapping: ColumnMapping = NO_MAPPING,
        separator: str | None = None,
    ) -> None:
        self._lines = Lines(stream)
        text = self._first()
        separator = separator or mapping.separator
        if hint := _HINT.fullmatch(text.strip("\r\n ")):
            separator = separator or hint[1]
            text = self._first()
        self.separator: Final = separator or _separator(text)
        self._delimiter = self.separator if self.separator in text else _NO_DELIMITER
        cells, _ = _split([text], self._delimiter)
        self._columns = Columns(
            without_empty_end(cells), separator=self.separator, default_type=default_type, mapping=mapping
        )
        self.header: Final = self._columns.header
        self.left_out: Final = self._columns.left_out

    def _first(self) -> str:
        first = self._lines.take()
        if first is None:
            raise Rejected("header", "The file is empty; its first line must name the columns.")
        return decoded(first)

    def rejects_writer(self, stream: TextIO) -> "CsvRejects":
        """A writer of rejects in this file's own columns."""
        return CsvRejects(stream, header=self.header, separator=self.separator)

    def __iter__(self) -> Iterator[Row | RowReject]:
        while (line := self._lines.take()) is not None:
            try:
                cells = self._record(line)
            except Rejected as error:
                yield RowReject(line.number, error.reason, error.sentence, self._remains(line))
                continue
            if any(cell.strip() for cell in cells):
                yield self._columns.row(line.number, cells)

    def _record(self, line: Line) -> list[str]:
        """The cells of the record that starts with `line`, taking further lines while a quote is open."""
        taken, texts = [line], [decoded(line)]
        if '"' not in texts[0]:
            return texts[0].rstrip("\r\n").split(self._delimiter)
        size, quotes = len(line.raw), texts[0].count('"')
        while quotes % 2 and (more := self._lines.take()) is not None:
            taken.append(more)
            size += len(more.raw)
            try:
                texts.append(decoded(more))
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

    def _remains(self, line: Line) -> tuple[str, ...]:
        """What can be shown of a damaged line in the rejects file."""
        if line.cut:
            return ()
        return tuple(readable(line).split(self._delimiter))


class CsvRejects:
    """Writes rejected rows in their original columns plus line, reason and sentence."""

    def __init__(self, stream: TextIO, *, header: Sequence[str], separator: str) -> None:
        self._keep = tuple(place for place, name in enumerate(header) if name.strip().lower() not in REJECT_COLUMNS)
        self._writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        self._writer.writerow([*(header[place] for place in self._keep), *REJECT_COLUMNS])

    def write(self, reject: RowReject) -> None:
        """Write one row; cells it never had are left empty."""
        cells = [reject.cells[place] if place < len(reject.cells) else "" for place in self._keep]
        self._writer.writerow([*cells, reject.line, reject.reason, reject.sentence])


def without_empty_end(cells: Sequence[str]) -> tuple[str, ...]:
    """A header without the empty columns that spreadsheets export at the right."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return tuple(cells[:end])


def _separator(header: str) -> str:
    bare = _QUOTED.sub("", header)
    counts = sorted(((bare.count(sign), sign) for sign in SEPARATORS), reverse=True)
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
