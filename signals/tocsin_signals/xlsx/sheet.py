"""The rows of one sheet, as they stand: for each cell what kind of thing it holds and its text, nothing computed.

Rows are numbered as the spreadsheet shows them; empty ones do not come. A row keeps at most MAX_COLUMNS + 1 cells, so
that one that is too wide can be told. Numbers are given as they are stored; dates as ISO dates, with the time of day
where there is one.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from tocsin_signals.rows import MAX_COLUMNS
from tocsin_signals.xlsx.archive import damaged
from tocsin_signals.xlsx.book import Book, TextRun, number, unescaped
from tocsin_signals.xlsx.xml import parse

MAX_ROW: Final = 1_048_576
"""The last row a spreadsheet has."""

STORED_CHARS: Final = 32_768
"""Kept of what a cell stores itself: shows that a text is longer than any may be."""

_REFERENCE: Final = re.compile(r"([A-Za-z]{1,7})[0-9]{1,10}")
_FIRST_SURE_DAY: Final = 61
"""Serial numbers before 1 March 1900 mean different days in different programs."""


class Kind(Enum):
    """What a cell holds."""

    TEXT = auto()
    NUMBER = auto()
    DATE = auto()
    FLAG = auto()
    ERROR = auto()
    FORMULA = auto()


class Cell(NamedTuple):
    """One cell; an empty one is an empty TEXT. Of a formula the text is the formula, with its `=`."""

    kind: Kind
    text: str


class SheetRow(NamedTuple):
    """A row with its number, from 1; cells that are not there are empty."""

    number: int
    cells: list[Cell]


EMPTY: Final = Cell(Kind.TEXT, "")


def sheet_rows(book: Book) -> Iterator[SheetRow]:
    """The rows that have cells, in order. Rejected where the sheet cannot be read any further."""
    handler = _Sheet(book)
    with book.archive.open(book.sheet) as stream:
        for _ in parse(stream, handler):
            while handler.rows:
                yield handler.rows.popleft()


class _Sheet:
    """Takes a sheet's XML and makes rows of it. A Handler."""

    def __init__(self, book: Book) -> None:
        self.rows: deque[SheetRow] = deque()
        self._book = book
        self._row = SheetRow(0, [])
        self._last = 0
        self._place = 0  # of the cell now read, from 0
        self._type = ""
        self._style = ""
        self._inside = ""  # the element begun last, while it is open
        self._stored = ""
        self._formula: str | None = None
        self._inline = TextRun()

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "row":
            self._begin_row(attributes)
        elif name == "f":
            self._formula = ""
        self._inside = name
        self._inline.start(name)

    def text(self, data: str) -> None:
        if self._inside == "v":
            self._stored += data[: STORED_CHARS - len(self._stored)]
        elif self._inside == "f" and self._formula is not None:
            self._formula += data[: STORED_CHARS - len(self._formula)]
        else:
            self._inline.text(data)

    def end(self, name: str) -> None:
        self._inside = ""
        self._inline.end(name)
        if name == "c":
            self._end_cell()
        elif name == "row" and self._row.cells:
            self.rows.append(self._row)

    def _begin_row(self, attributes: Mapping[str, str]) -> None:
        row = number(attributes.get("r")) or self._last + 1
        if not self._last < row <= MAX_ROW:
            raise damaged()
        self._last, self._row, self._place = row, SheetRow(row, []), -1

    def _begin_cell(self, attributes: Mapping[str, str]) -> None:
        place = _column(attributes["r"]) if "r" in attributes else self._place + 1
        if place <= self._place or not self._last:
            raise damaged()
        self._place, self._type, self._style = place, attributes.get("t", "n"), attributes.get("s", "0")
        self._stored, self._formula = "", None
        self._inline.clear()

    def _end_cell(self) -> None:
        cell = self._cell()
        if not cell.text:
            return
        cells = self._row.cells
        cells.extend([EMPTY] * (min(self._place, MAX_COLUMNS) - len(cells)))
        if len(cells) <= MAX_COLUMNS:
            cells.append(cell)

    def _cell(self) -> Cell:
        """What the cell that ends here holds."""
        if self._formula is not None:
            return Cell(Kind.FORMULA, f"={self._formula}")
        stored = self._stored
        match self._type:
            case "s":
                return Cell(Kind.TEXT, self._book.texts[number(stored)] if stored else "")
            case "inlineStr":
                return Cell(Kind.TEXT, unescaped(self._inline.taken()))
            case "str":
                return Cell(Kind.TEXT, unescaped(stored))
            case "b":
                return Cell(Kind.FLAG, {"1": "true", "0": "false"}.get(stored, ""))
            case "e":
                return Cell(Kind.ERROR, stored or "#N/A")
            case "d":
                return Cell(Kind.DATE, stored)
            case "n":
                return self._numeric(stored)
            case _:
                raise damaged()

    def _numeric(self, stored: str) -> Cell:
        if not stored or number(self._style) not in self._book.dates:
            return Cell(Kind.NUMBER, stored)
        return Cell(Kind.DATE, _date(stored, since_1904=self._book.since_1904) or stored)


def _column(reference: str) -> int:
    """The place of a column named as in `AB7`, from 0."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise damaged()
    place = 0
    for letter in found[1].upper():
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _date(stored: str, *, since_1904: bool) -> str | None:
    """A serial number of days as an ISO date, with the time where it has one; None where it is no sure day."""
    try:
        days = float(stored)
    except ValueError:
        return None
    if not (days >= 0 if since_1904 else days >= _FIRST_SURE_DAY) or days >= 2_958_466:
        return None
    moment = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets have no zone
    try:
        moment += timedelta(seconds=round(days * 86_400))
    except OverflowError:
        return None
    return moment.date().isoformat() if moment.time() == datetime.min.time() else moment.isoformat(sep=" ")
