"""JSON Lines in, rejects out: one object a line, keys named as the columns of a CSV file are. Reference signals 6.

Read: UTF-8 with or without byte order mark, UTF-16 with one; blank lines are skipped. Lists are arrays, confidence a
number, human_review_required a flag; a text is read exactly as a cell is. Keys follow the rules of columns: synonyms
count as one, two of one meaning are an error, unknown ones too unless they start with `x-` or a mapping says which
count; `line`, `reason` and `sentence` are ignored. Like a header, the first object shows whether the file can be read
at all: what is wrong with its form is raised, with its line. Later lines that cannot be used become RowRejects and
reading goes on.

Refused as well: repeated keys, nesting beyond MAX_NESTING, numbers that are not whole, lone surrogates and NUL however
they are written, values that are no text (a number has lost its zeros and its plus sign before anybody sees it).
"""

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, TextIO, cast

from tocsin_signals.errors import Rejected
from tocsin_signals.lines import Line, Lines, decoded, readable
from tocsin_signals.mapping import NO_MAPPING, ColumnMapping
from tocsin_signals.rows import (
    MAX_CELL_BYTES,
    MAX_COLUMNS,
    REJECT_COLUMNS,
    Row,
    RowBuilder,
    RowReject,
)

MAX_NESTING: Final = 16
"""Deepest nesting of a line, its own object included: what details may have."""

DAMAGED: Final = "x-damaged"
"""Key of the rejects file under which a line stands that is no object of its own."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class JsonLinesFile:
    """A file of JSON Lines being read: made from an open binary stream, whose first object is looked at at once.

    Iterate for rows. Raises Rejected if the first object shows another kind of file; the caller closes the stream.
    """

    def __init__(
        self, stream: BinaryIO, *, default_type: str | None = None, mapping: ColumnMapping = NO_MAPPING
    ) -> None:
        self._lines = Lines(stream)
        self._mapping = mapping
        self._left_out: dict[str, None] = {}
        self._builder = RowBuilder(default_type=default_type, list_separators="|;", words=mapping.words)
        while (line := self._lines.take()) is not None:
            if line.cut or line.raw.strip():
                self._lines.put_back([line])
                self._look_at(line)
                break

    def _look_at(self, line: Line) -> None:
        try:
            said = self._said(_object(decoded(line)))
        except Rejected as error:
            raise Rejected(error.reason, f"Line {line.number}: {error.sentence}") from None
        if "value" in said and "type" not in said and self._builder.default_type is None:
            raise Rejected("no-type", f"Line {line.number} names no type, and no default type was given.")

    @property
    def left_out(self) -> tuple[str, ...]:
        """Keys that no row has, of the lines read so far; at most MAX_COLUMNS."""
        return tuple(self._left_out)

    def rejects_writer(self, stream: TextIO) -> "JsonRejects":
        """A writer of rejects in the same format."""
        return JsonRejects(stream)

    def __iter__(self) -> Iterator[Row | RowReject]:
        while (line := self._lines.take()) is not None:
            if not (line.cut or line.raw.strip()):
                continue
            cells = () if line.cut else (readable(line),)
            try:
                yield self._builder.row(line.number, self._said(_object(decoded(line))), cells)
            except Rejected as error:
                yield RowReject(line.number, error.reason, error.sentence, cells)

    def _said(self, found: dict[str, object]) -> dict[str, object]:
        """What the keys mean, without what is empty."""
        if len(found) > MAX_COLUMNS:
            raise Rejected("columns", f"The object has more than {MAX_COLUMNS} keys.")
        said: dict[str, object] = {}
        seen: set[str] = set()
        for place, (key, item) in enumerate(found.items(), 1):
            meaning = self._mapping.of_key(key, place)
            if meaning is None and len(self._left_out) < MAX_COLUMNS:
                self._left_out[key.strip() or "(no name)"] = None
            if meaning in seen:
                raise Rejected("duplicate-column", f"Two keys mean {meaning}; keep one.")
            if not meaning:
                continue
            seen.add(meaning)
            shown = item.strip() if isinstance(item, str) else item
            if shown not in ("", None):
                said[meaning] = shown
        return said


class JsonRejects:
    """Writes rejected objects as they were, plus line, reason and sentence."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, reject: RowReject) -> None:
        """Write one line."""
        said = dict(zip(REJECT_COLUMNS, (reject.line, reject.reason, reject.sentence), strict=True))
        self._stream.write(json.dumps({**_kept(reject.cells), **said}, ensure_ascii=False) + "\n")


def _kept(cells: tuple[str, ...]) -> dict[str, object]:
    """The object a line was, without what an earlier rejects file added; or the line as text."""
    if not cells:
        return {}
    try:
        found = _object(cells[0])
    except Rejected:
        return {DAMAGED: cells[0]}
    return {key: item for key, item in found.items() if key.strip().lower() not in REJECT_COLUMNS}


def _object(text: str) -> dict[str, object]:
    """The object on a line; Rejected if it is none or holds what no row may."""
    try:
        found: object = json.loads(text, object_pairs_hook=_distinct, parse_float=_no_number, parse_constant=_no_number)
    except RecursionError:
        raise _too_deep() from None
    except Rejected:
        raise
    except ValueError:
        raise Rejected("not-json", "The line is not one JSON object; is it another format?") from None
    if not isinstance(found, dict):
        raise Rejected("not-json", "The line is not one JSON object; is it another format?")
    _check(cast("object", found), 1)
    return cast("dict[str, object]", found)


def _check(item: object, depth: int) -> None:
    """Refuse nesting and texts that no row may hold; `depth` is that of a container here."""
    if isinstance(item, str):
        if _SURROGATE.search(item):
            raise Rejected("not-utf8", "A text in the line holds a lone surrogate.")
        if "\0" in item:
            raise Rejected("nul", "A text in the line holds a NUL.")
        if len(item.encode()) > MAX_CELL_BYTES:
            raise Rejected("cell-too-long", f"A text in the line is longer than {MAX_CELL_BYTES} bytes.")
    elif isinstance(item, dict | list):
        if depth > MAX_NESTING:
            raise _too_deep()
        pairs = cast("dict[str, object]", item).items() if isinstance(item, dict) else ()
        for key, inner in pairs:
            _check(key, depth + 1)
            _check(inner, depth + 1)
        if isinstance(item, list):
            for inner in cast("list[object]", item):
                _check(inner, depth + 1)


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Rejected("duplicate-key", "The object repeats a key.")
    return found


def _no_number(_: str) -> object:
    raise Rejected("number", "The line holds a number that is not whole.")


def _too_deep() -> Rejected:
    return Rejected("nesting", f"The line is nested deeper than {MAX_NESTING} levels.")
