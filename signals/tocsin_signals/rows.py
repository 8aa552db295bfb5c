"""Rows of identifiers: which column or key means what, and what a cell may hold. Reference signals 6.

Every format of files shares this (`rowfile` lists them). Names of columns and keys are compared in lower case with
spaces and hyphens as `_`; several common synonyms count as one column. What a rejects file adds is ignored, so that a
corrected one can be read again. What a header as a whole may be is for `columns` to say.

Nothing is guessed: no type from a value or a column name, no number from what a spreadsheet left of one (`damage`).
Cells become the shapes details need: lists are split, numbers and flags read, and a word of a vocabulary may be written
in any case, with spaces or hyphens (`TLP:AMBER`, `CSAM known`). Whether the words are allowed is for `details` to say,
and what a value's canonical form is for `canon`. An error sentence never quotes a cell.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from tocsin_signals import types, vocab
from tocsin_signals.canon.perceptual import with_quality
from tocsin_signals.damage import refuse_damage
from tocsin_signals.errors import Rejected

MAX_COLUMNS: Final = 200
"""Most columns: a case system exports some dozens."""
MAX_CELL_BYTES: Final = 8192
"""Largest cell in bytes of UTF-8: the longest identifier `canon` takes."""

REJECT_COLUMNS: Final = ("line", "reason", "sentence")
"""What a rejects file adds to the original columns."""
IGNORED: Final = frozenset({*REJECT_COLUMNS, "place", "found", "signal", "issued_at"})
"""Those; what the rejects file of a document such as a STIX bundle adds; what an export says of a signal's life."""

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
        "state": ("state",),
    }
    | {name: (name,) for name in _UNCHANGED}
)
_MEANING: Final = MappingProxyType({word: column for column, words in _SYNONYMS.items() for word in words})
_LISTS: Final = frozenset({"abuse_types", "purposes", "forbidden", "legal_basis", "jurisdiction", "tags"})
_FLAGS: Final = MappingProxyType({"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False})

VOCABULARIES: Final = MappingProxyType(
    {
        vocabulary.name: vocabulary
        for vocabulary in (
            *(vocab.STANCE, vocab.ABUSE_TYPES, vocab.SEVERITY, vocab.REVIEW_LEVEL, vocab.BASIS, vocab.TLP),
            *(vocab.PURPOSES, vocab.FORBIDDEN, vocab.PERMITTED_ACTIONS),
        )
    }
)
"""The columns whose words are closed."""

Words = Mapping[str, Mapping[str, str]]
"""By column, what a mapping makes of a file's words; these are casefolded."""

_NO_TABLE: Final[Mapping[str, str]] = MappingProxyType({})
_NO_WORDS: Final[Words] = MappingProxyType({})
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
_DAYS: Final = re.compile(r"([0-9]{1,4})d")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


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


class RowBuilder:
    """Makes a Row of what one row says under each meaning, whatever the format of its file.

    A text is read as a cell is; other things (numbers, flags, lists) are what a format with types of its own said.
    """

    def __init__(self, *, default_type: str | None, list_separators: str, words: Words = _NO_WORDS) -> None:
        self.default_type: Final = None if default_type is None else types.by_name(default_type).name
        self._split = re.compile(f"[{re.escape(list_separators)}]")
        self._words = words

    def row(self, line: int, filled: Mapping[str, object], cells: tuple[str, ...]) -> Row:
        """The row; Rejected if it cannot be used. `filled` has no empty texts."""
        said = dict(filled)
        state = said.pop("state", "live")
        if state in ("withdrawn", "expired"):
            raise Rejected("state", "The row is of a signal that was withdrawn or has expired; its state says so.")
        if state != "live":
            raise Rejected("state", "A state is live, withdrawn or expired, as an export writes it; rename the column.")
        for meaning, item in filled.items():
            if isinstance(item, str):
                refuse_damage(meaning, item)
        value = _text("value", said.pop("value", ""))
        if not value:
            raise Rejected("empty-value", "The row has no value.")
        type_name = self._type(self._word("type", _text("type", said.pop("type", ""))).lower())
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
            return [self._word(name, word) for word in map(str.strip, self._split.split(item)) if word]
        read: Callable[[str], object] | None = {"confidence": _number, "human_review_required": _flag}.get(name)
        word = self._word(name, item)
        return read(word) if read else word

    def _word(self, name: str, text: str) -> str:
        """What the mapping makes of a word, or the vocabulary's own spelling of it, or the word as it is."""
        translated = self._words.get(name, _NO_TABLE).get(text.casefold())
        if translated is not None:
            return translated
        vocabulary = VOCABULARIES.get(name)
        spelt = _spelt(name, text)
        return spelt if vocabulary and spelt in vocabulary.words else text


def column_meaning(name: str) -> str | None:
    """What a column of this name holds: a known meaning, an `x-` key, "" if it is ignored, None if it is unknown."""
    plain = name.strip().lower()
    if plain.startswith("x-"):
        return plain
    plain = plain.replace(" ", "_").replace("-", "_")
    return "" if plain in IGNORED else _MEANING.get(plain)


def unknown_name(what: str, name: str, place: int) -> Rejected:
    """The error for a column or key of no known meaning; `place` counts from 1.

    A file without header has identifiers there, so only what looks like a name is repeated.
    """
    shown = f"The {what} {name.strip()}" if is_plain(name) else f"{what.capitalize()} {place}"
    return Rejected("unknown-column", f"{shown} has no known name; start it with x- to keep it as it is, or map it.")


def is_plain(name: str) -> bool:
    """Whether this looks like a name and not like an identifier, and so may be repeated in a sentence."""
    return _PLAIN_NAME.fullmatch(name.strip()) is not None


def _spelt(name: str, text: str) -> str:
    plain = text.lower()
    if name == "tlp":
        return plain.removeprefix("tlp:").strip()
    return plain.replace(" ", "_").replace("-", "_")


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


def _text(name: str, item: object) -> str:
    if not isinstance(item, str):
        raise Rejected("not-text", f"The {name} is not a text; put it in quotes.")
    return item


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
