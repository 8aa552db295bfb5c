"""A header understood: which of a table's columns holds what, for every format that has columns.

Two columns of one meaning are an error, and so is an unknown name unless it starts with `x-` (kept as a details key) or
a mapping says which columns count: then the others are left out, and `left_out` names them.
"""

from collections.abc import Sequence
from typing import Final

from tocsin_signals.damage import CUT_CHARS, cut_off
from tocsin_signals.errors import Rejected
from tocsin_signals.mapping import NO_MAPPING, ColumnMapping
from tocsin_signals.rows import MAX_CELL_BYTES, MAX_COLUMNS, Row, RowBuilder, RowReject


class Columns:
    """A header understood: turns the cells of one line into a Row or a RowReject."""

    def __init__(
        self,
        header: Sequence[str],
        *,
        separator: str,
        default_type: str | None,
        mapping: ColumnMapping = NO_MAPPING,
    ) -> None:
        if len(header) > MAX_COLUMNS:
            raise Rejected("columns", f"The header has more than {MAX_COLUMNS} columns.")
        separators = "|" if separator == ";" else "|;"
        self._builder = RowBuilder(default_type=default_type, list_separators=separators, words=mapping.words)
        found = mapping.of_header(header)
        self.meanings: Final = found.meanings
        self.left_out: Final = found.left_out
        self.header: Final = tuple(header)
        named = [meaning for meaning in self.meanings if meaning]
        for meaning in named:
            if named.count(meaning) > 1:
                raise Rejected("duplicate-column", f"Two columns mean {meaning}; keep one.")
        if "value" not in named:
            raise Rejected("no-value-column", "No column holds the values; name it value, and keep the header line.")
        if "type" not in named and default_type is None:
            raise Rejected("no-type-column", "No column holds the types, and no default type was given.")

    def row(self, line: int, cells: Sequence[str]) -> Row | RowReject:
        """Read one line of the table; `line` counts from 1, the header included."""
        kept = tuple(cells)
        try:
            return self._row(line, kept)
        except Rejected as error:
            return RowReject(line, error.reason, error.sentence, kept)

    def _row(self, line: int, cells: tuple[str, ...]) -> Row:
        width = len(self.meanings)
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise Rejected("columns", f"The row has {len(cells)} cells and the header {width}.")
        for place, cell in enumerate(cells, 1):
            if len(cell) == CUT_CHARS:
                raise cut_off(place)
            if len(cell) * 4 > MAX_CELL_BYTES and len(cell.encode()) > MAX_CELL_BYTES:
                raise Rejected("cell-too-long", f"The cell in column {place} is longer than {MAX_CELL_BYTES} bytes.")
        named = zip(self.meanings, map(str.strip, cells), strict=False)
        filled = {meaning: cell for meaning, cell in named if meaning and cell}
        return self._builder.row(line, filled, cells)
