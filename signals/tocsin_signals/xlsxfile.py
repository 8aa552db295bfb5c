"""Workbooks (.xlsx) in: the rows of one sheet, the first that is not empty naming the columns. Reference signals 6.

A workbook knows more than a CSV file of it: whether a cell holds text, a number, a date or a formula. An identifier
must be text, for a number has lost its plus sign, its zeros and what goes beyond fifteen digits; a date is taken where
a date belongs and refused elsewhere; formulas and errors are refused in every column that counts. Hidden rows count.
Rejects are written as CSV.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final, TextIO

from tocsin_signals import damage
from tocsin_signals.columns import Columns
from tocsin_signals.csvfile import CsvRejects, without_empty_end
from tocsin_signals.errors import Rejected
from tocsin_signals.mapping import NO_MAPPING, ColumnMapping
from tocsin_signals.rows import Row, RowReject
from tocsin_signals.xlsx.book import open_book
from tocsin_signals.xlsx.sheet import Cell, Kind, SheetRow, sheet_rows

SEPARATOR: Final = ","
"""Of the rejects file."""

_TIMES: Final = frozenset({"expires", "first_seen", "last_seen"})
_DAY_CHARS: Final = len("2026-12-31")


class XlsxFile:
    """A workbook being read: made from an open binary stream that can seek, whose header is understood at once.

    Iterate for rows. Raises Rejected if it cannot be read or its header cannot be used, while rows are read too where
    the sheet is damaged; the caller closes the stream.
    """

    def __init__(
        self, stream: BinaryIO, *, default_type: str | None = None, mapping: ColumnMapping = NO_MAPPING
    ) -> None:
        self._rows = sheet_rows(open_book(stream, mapping.sheet))
        first = next((row for row in self._rows if _filled(row)), None)
        if first is None:
            raise Rejected("header", "The sheet is empty; its first row must name the columns.")
        names = without_empty_end([cell.text for cell in first.cells])
        self._columns = Columns(names, separator=SEPARATOR, default_type=default_type, mapping=mapping)
        self.header: Final = self._columns.header
        self.left_out: Final = self._columns.left_out

    def rejects_writer(self, stream: TextIO) -> CsvRejects:
        """A writer of rejects in this sheet's own columns, as CSV."""
        return CsvRejects(stream, header=self.header, separator=SEPARATOR)

    def __iter__(self) -> Iterator[Row | RowReject]:
        return (self._row(row) for row in self._rows if _filled(row))

    def _row(self, row: SheetRow) -> Row | RowReject:
        texts = [cell.text for cell in row.cells]
        texts.extend([""] * (len(self.header) - len(texts)))
        if not all(map(_is_text, texts)):
            shown = tuple(text.encode("utf-8", "replace").decode().replace("\0", "") for text in texts)
            return RowReject(row.number, "not-utf8", "A cell holds a NUL or half a character.", shown)
        try:
            for place, (cell, meaning) in enumerate(zip(row.cells, self._columns.meanings, strict=False)):
                if meaning and cell.kind is not Kind.TEXT:
                    texts[place] = _text(cell, meaning)
        except Rejected as error:
            return RowReject(row.number, error.reason, error.sentence, tuple(texts))
        return self._columns.row(row.number, texts)


def _is_text(text: str) -> bool:
    """Whether it can be written at all: a workbook can spell what is no text."""
    if text.isascii():
        return "\0" not in text
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _filled(row: SheetRow) -> bool:
    return any(cell.text.strip() for cell in row.cells)


def _text(cell: Cell, meaning: str) -> str:
    """The text that a cell which is none stands for; Rejected where that would be a guess."""
    match cell.kind:
        case Kind.FORMULA:
            raise damage.formula()
        case Kind.ERROR:
            raise damage.error_value()
        case Kind.DATE:
            return _date(cell.text, meaning)
        case Kind.NUMBER | Kind.FLAG if meaning in ("value", "type"):
            raise damage.number_for_identifier()
        case Kind.NUMBER:
            return _number(cell.text)
        case _:
            return cell.text


def _date(text: str, meaning: str) -> str:
    if meaning not in _TIMES:
        raise damage.date_for_text()
    if len(text) > _DAY_CHARS:
        raise damage.time_without_zone()
    return text


def _number(stored: str) -> str:
    try:
        number = float(stored)
    except ValueError:
        return stored
    if abs(number) >= 10**damage.EXACT_DIGITS:
        raise damage.inexact()
    return str(int(number)) if number.is_integer() else stored
