"""Rows of identifiers: which column or key means what, and what a cell may hold. Reference signals 6.

Every format of files shares this (`rowfile` lists them). A header is mapped once: names are compared in lower case with
spaces and hyphens as `_`, several common synonyms count as one column, two columns of one meaning are an error, and so
is an unknown name unless it starts with `x-` (kept as a details key). `line`, `reason` and `sentence` are ignored, so
that a corrected rejects file can be read again.

Nothing is guessed: no type from a value or a column name, no number from what a spreadsheet left of one. Cells become
the shapes details need (lists split, numbers and flags read); whether the words are allowed is for `details` to say,
and what a value's canonical form is for `canon`. An error sentence never quotes a cell.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from tocsin_signals import types
from tocsin_signals.canon.perceptual import with_quality
from tocsin_signals.errors import Rejected

MAX_COLUMNS: Final = 200
"""Most columns: a case system exports some dozens."""
MAX_CELL_BYTES: Final = 8192
"""Largest cell in bytes of UTF-8: the longest identifier `canon` takes."""

REJECT_COLUMNS: Final = ("line", "reason", "sentence")
"""What a rejects file adds to the original columns."""

# fmt: off
_UNCHANGED: Final = (
    "stance", "severity", "confidence", "review_level", "basis", "tlp", "forbidden", "permitted_actions",
    "human_review_required", "legal_basis", "jurisdiction", "first_seen", "last_seen", "source",
)
# fmt: on
_SYNONYMS: Final = MappingProxyType(
    {
        "value": ("value", "url", "link", "uri", "indicator", "ioc", "identifier"),
        "type": ("type", "indicator_type", "ioc_type"),
        "region": ("region", "country"),
        "quality": ("quality", "pdq_quality"),
        "expires": ("expires", "expiry", "valid_until"),
        "abuse_types": ("abuse_types", "abuse_type", "label", "labels", "category"),
        "purposes": ("purposes", "permitted_purposes"),
        "case_ref": ("case_ref", "case_id", "case"),
        "tags": ("tags", "tag"),
    }
    | {name: (name,) for name in _UNCHANGED}
)
_MEANING: Final = MappingProxyType({word: column for column, words in _SYNONYMS.items() for word in words})
_LISTS: Final = frozenset({"abuse_types", "purposes", "forbidden", "legal_basis", "jurisdiction", "tags"})
_FLAGS: Final = MappingProxyType({"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False})

_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
_DAYS: Final = re.compile(r"([0-9]{1,4})d")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SPREADSHEET: Final = (
    ("excel-number", re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?E[+-]?[0-9]+", re.IGNORECASE),
     "A spreadsheet rounded this number; format the column as text and export again."),
    ("excel-formula", re.compile(r"=.*", re.DOTALL),
     "The cell is a spreadsheet formula; replace it by its text and export again."),
    ("excel-apostrophe", re.compile(r"'.*", re.DOTALL),
     "The cell starts with the apostrophe that spreadsheets use to mark text; remove it."),
    ("excel-error", re.compile(r"#(?:REF!|NAME\?|VALUE!|N/A|NUM!|NULL!|DIV/0!|#+)"),
     "A spreadsheet put an error where the value was; export again from the source."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a signal ends: after so many `days`, or at a moment (ms UTC). Exactly one is set."""

    days: int | None = None
    at_ms: int | None = None

    def __post_init__(self) -> None:
        if (self.days is None) == (self.at_ms is None):
            raise ValueError("an expiry is either days or a moment")

    def until(self, now_ms: int) -> int:
        """The moment in ms UTC, seen from `now_ms`."""
        return self.at_ms if self.at_ms is not None else now_ms + (self.days or 0) * 86_400_000


@dataclass(frozen=True, slots=True)
class RowReject:
    """A row that cannot be used, with its cells as they were for the rejects file."""

    line: int
    reason: str
    sentence: str
    cells: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One identifier to publish or look up. `fields` are details as `Details.from_fields` reads them."""

    line: int
    type: str
    value: str = field(repr=False)
    region: str | None
    expires: Expiry | None
    fields: Mapping[str, object] = field(repr=False)
    cells: tuple[str, ...] = field(repr=False)

    def rejected(self, error: Rejected) -> RowReject:
        """This row as a reject, for what is found wrong with it later."""
        return RowReject(self.line, error.reason, error.sentence, self.cells)


class Columns:
    """A header understood: turns the cells of one line into a Row or a RowReject."""

    def __init__(self, header: Sequence[str], *, separator: str, default_type: str | None) -> None:
        if len(header) > MAX_COLUMNS:
            raise Rejected("columns", f"The header has more than {MAX_COLUMNS} columns.")
        separators = "|" if separator == ";" else "|;"
        self._builder = RowBuilder(default_type=default_type, list_separators=separators)
        self._meanings = tuple(_meaning(name, place) for place, name in enumerate(header, 1))
        named = [meaning for meaning in self._meanings if meaning]
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
        width = len(self._meanings)
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise Rejected("columns", f"The row has {len(cells)} cells and the header {width}.")
        for place, cell in enumerate(cells, 1):
            if len(cell) * 4 > MAX_CELL_BYTES and len(cell.encode()) > MAX_CELL_BYTES:
                raise Rejected("cell-too-long", f"The cell in column {place} is longer than {MAX_CELL_BYTES} bytes.")
        named = zip(self._meanings, map(str.strip, cells), strict=False)
        filled = {meaning: cell for meaning, cell in named if meaning and cell}
        return self._builder.row(line, filled, cells)


class RowBuilder:
    """Makes a Row of what one row says under each meaning, whatever the format of its file.

    A text is read as a cell is; other things (numbers, flags, lists) are what a format with types of its own said.
    """

    def __init__(self, *, default_type: str | None, list_separators: str) -> None:
        self.default_type: Final = None if default_type is None else types.by_name(default_type).name
        self._split = re.compile(f"[{re.escape(list_separators)}]")

    def row(self, line: int, filled: Mapping[str, object], cells: tuple[str, ...]) -> Row:
        """The row; Rejected if it cannot be used. `filled` has no empty texts."""
        said = dict(filled)
        value = _checked_value(_text("value", said.pop("value", "")))
        type_name = self._type(_text("type", said.pop("type", "")).lower())
        value = _with_quality(type_name, value, said.pop("quality", ""))
        region = _text("region", said.pop("region", ""))
        expires = _text("expires", said.pop("expires", ""))
        return Row(
            line,
            type_name,
            value,
            _region(region) if region else None,
            parse_expiry(expires) if expires else None,
            {name: self._field(name, item) for name, item in said.items()},
            cells,
        )

    def _type(self, name: str) -> str:
        if name:
            return types.by_name(name).name
        if self.default_type is None:
            raise Rejected("no-type", "The row has no type, and no default type was given.")
        return self.default_type

    def _field(self, name: str, item: object) -> object:
        if not isinstance(item, str):
            return item
        if name in _LISTS:
            return [word for word in map(str.strip, self._split.split(item)) if word]
        read: Callable[[str], object] | None = {"confidence": _number, "human_review_required": _flag}.get(name)
        return read(item) if read else item


def column_meaning(name: str) -> str | None:
    """What a column of this name holds: a known meaning, an `x-` key, "" if it is ignored, None if it is unknown."""
    plain = name.strip().lower()
    if plain.startswith("x-"):
        return plain
    plain = plain.replace(" ", "_").replace("-", "_")
    return "" if plain in REJECT_COLUMNS else _MEANING.get(plain)


def unknown_name(what: str, name: str, place: int) -> Rejected:
    """The error for a column or key of no known meaning; `place` counts from 1.

    A file without header has identifiers there, so only what looks like a name is repeated.
    """
    shown = f"The {what} {name.strip()}" if _PLAIN_NAME.fullmatch(name.strip()) else f"{what.capitalize()} {place}"
    return Rejected("unknown-column", f"{shown} has no known name; start it with x- to keep it as it is.")


def parse_expiry(text: str) -> Expiry:
    """`90d`, a date (until the end of that day, UTC) or a date and time with its zone."""
    if days := _DAYS.fullmatch(text):
        number = int(days[1])
        if 0 < number <= types.MAX_LIFETIME_DAYS:
            return Expiry(days=number)
        raise Rejected("expires", f"A lifetime is 1 to {types.MAX_LIFETIME_DAYS} days.")
    try:
        if _DATE.fullmatch(text):
            return Expiry(at_ms=_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)))
        if _TIME.fullmatch(text):
            return Expiry(at_ms=_milliseconds(datetime.fromisoformat(text)))
    except (ValueError, OverflowError):
        pass  # a month 13 or the like: same sentence as for any other text
    raise Rejected("expires", "An expiry is written 90d, 2026-12-31 or 2026-12-31T12:00:00Z.")


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _meaning(name: str, place: int) -> str:
    meaning = column_meaning(name)
    if meaning is None:
        raise unknown_name("column", name, place)
    return meaning


def _text(name: str, item: object) -> str:
    if not isinstance(item, str):
        raise Rejected("not-text", f"The {name} is not a text; put it in quotes.")
    return item


def _checked_value(cell: str) -> str:
    if not cell:
        raise Rejected("empty-value", "The row has no value.")
    for reason, damage, sentence in _SPREADSHEET:
        if damage.fullmatch(cell):
            raise Rejected(reason, sentence)
    return cell


def _with_quality(type_name: str, value: str, quality: object) -> str:
    """The value as its type's canonical form reads it: a hash with the quality that stood in a field of its own."""
    if quality == "":
        return value
    if type_name != "pdq":
        raise Rejected("quality", "Only a pdq has a quality; leave the field empty.")
    return with_quality(value, str(quality))


def _region(cell: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", cell):
        raise Rejected("region", "A region is a two-letter country code such as GB.")
    return cell.upper()


def _number(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", cell):
        raise Rejected("confidence", "confidence is a whole number from 0 to 100.")
    return int(cell)


def _flag(cell: str) -> bool:
    flag = _FLAGS.get(cell.lower())
    if flag is None:
        raise Rejected("human_review_required", "human_review_required is true or false.")
    return flag
