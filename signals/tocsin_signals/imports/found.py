"""What the readers of other systems' files find, and how it becomes rows: shared by STIX, MISP and ThreatExchange.

A reader yields, in the order of the file, `Said` (one identifier with what the file says of it, in the words of a JSON
Lines file), `Refused` (what stands there cannot be a row, and why) or `Passed` (context that is no row: counted by
name). Rows are numbered from 1 in that order; where each stood is kept beside it. Nothing is guessed: what a file says
in words that have no counterpart here is refused, or kept as a tag where it is a free text anyway.

The rejects file is JSON Lines: `place`, `line` (the number), `reason`, `sentence`, and either the row as it would have
been published (`value`, `type` ...), to be corrected and published as a .jsonl file, or under `found` what stood there.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TextIO, cast

from tocsin_signals import vocab
from tocsin_signals.details import MAX_LIST, MAX_TEXT
from tocsin_signals.errors import Rejected
from tocsin_signals.imports.document import Piece, place
from tocsin_signals.rows import REJECT_COLUMNS, Row, RowBuilder, RowReject

_ROW: Final = "row"
_FOUND: Final = "found"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})", re.ASCII | re.IGNORECASE
)
_LATEST_S: Final = 253_402_300_799  # the last second of the year 9999
_TLP_WORDS: Final = MappingProxyType({"white": "clear"} | {word: word for word in vocab.TLP.words})


@dataclass(frozen=True, slots=True)
class Said:
    """One identifier; `said` has the keys of a JSON Lines object, `value` and `type` among them."""

    path: str
    said: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that should be a row and cannot; `found` is what stands there."""

    path: str
    reason: str
    sentence: str
    found: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Passed:
    """Context that is no row, by a name of this program's or of the format's."""

    what: str


Found = Said | Refused | Passed


class ImportFile:
    """A file of another system being read. Iterate for rows; `passed` counts what was no row, complete after that."""

    def __init__(self, found: Callable[[], Iterator[Found]]) -> None:
        self._found = found
        self._builder = RowBuilder(default_type=None, list_separators="|")
        self.passed: Counter[str] = Counter()
        self.left_out: Final[Sequence[str]] = ()  # a document has no columns

    def __iter__(self) -> Iterator[Row | RowReject]:
        self.passed.clear()
        number = 0
        for one in self._found():
            if isinstance(one, Passed):
                self.passed[one.what] += 1
                continue
            number += 1
            yield self._row(number, one) if isinstance(one, Said) else _reject(number, one)

    def _row(self, number: int, one: Said) -> Row | RowReject:
        cells = (one.path, _ROW, json.dumps(one.said))
        try:
            return self._builder.row(number, one.said, cells)
        except Rejected as error:
            return RowReject(number, error.reason, error.sentence, cells)

    def rejects_writer(self, stream: TextIO) -> "ImportRejects":
        """A writer of rejects as JSON Lines."""
        return ImportRejects(stream)


def _reject(number: int, one: Refused) -> RowReject:
    return RowReject(number, one.reason, one.sentence, (one.path, _FOUND, json.dumps(one.found)))


class ImportRejects:
    """Writes one JSON object a line; see the module."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, reject: RowReject) -> None:
        """Write one row."""
        where, kind, text = reject.cells
        shown: object = json.loads(text)
        row = cast("dict[str, object]", shown) if kind == _ROW else {_FOUND: shown}
        said = dict(zip(REJECT_COLUMNS, (reject.line, reject.reason, reject.sentence), strict=True))
        line = json.dumps({"place": where, **row, **said}, ensure_ascii=False)
        if _SURROGATE.search(line):
            line = json.dumps({"place": where, **row, **said})
        self._stream.write(line + "\n")


def at(piece: Piece, *steps: str | int) -> str:
    """The place of something inside a piece."""
    return place((*piece.path, *steps))


def refused(piece: Piece, error: Rejected) -> Refused:
    """The whole piece, refused."""
    return Refused(place(piece.path), error.reason, error.sentence, piece.value)


def text_of(found: Mapping[str, Any], key: str) -> str:
    """A text, stripped; empty if there is none."""
    item = found.get(key)
    return item.strip() if isinstance(item, str) else ""


def texts_of(item: object) -> list[str]:
    """The texts of a list that are not empty; nothing where it is no list."""
    items = cast("list[object]", item) if isinstance(item, list) else []
    return [one for one in items if isinstance(one, str) and one.strip()]


def moment(item: object) -> str:
    """A time of the file (ISO 8601 with its zone, or seconds since 1970) as rows write it; Rejected("time")."""
    if isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= _LATEST_S:
        return _written(datetime.fromtimestamp(item, UTC))
    if isinstance(item, str) and _MOMENT.fullmatch(item):
        try:
            return _written(datetime.fromisoformat(item.upper()).astimezone(UTC))
        except (ValueError, OverflowError):
            pass  # a month 13 or the like: same sentence as for any other text
    raise Rejected("time", "A time is not written as its format prescribes.")


def _written(time: datetime) -> str:
    return f"{time.replace(tzinfo=None).isoformat()}Z"


def strictest(words: Iterable[str]) -> str | None:
    """The narrowest of TLP words (`white`, `amber+strict` ...), None of none; Rejected for `red` and unknown ones."""
    found: list[str] = []
    for word in words:
        read = _TLP_WORDS.get(word.strip().lower())
        if read is None:
            raise Rejected("tlp", f"The sharing limit is no TLP word; they are {', '.join(_TLP_WORDS)}.")
        found.append(read)
    worst = max(found, key=vocab.TLP.rank, default=None)
    if worst == "red":
        raise Rejected("tlp-red", "TLP:RED is for the eyes of its recipients only and is never published.")
    return worst


def free_words(words: Iterable[str]) -> tuple[dict[str, list[str]], int]:
    """`abuse_types` and `tags` for a file's free labels, and how many found no room there.

    A label that is a word of our abuse types is one; every other is kept as a tag.
    """
    kept: dict[str, list[str]] = {}
    left_out = 0
    for word in dict.fromkeys(one.strip() for one in words if one.strip()):
        known = word.lower() in vocab.ABUSE_TYPES.words
        to = kept.setdefault("abuse_types" if known else "tags", [])
        if len(word) > MAX_TEXT or len(to) >= MAX_LIST:
            left_out += 1
        elif (one := word.lower() if known else word) not in to:
            to.append(one)
    return {name: found for name, found in kept.items() if found}, left_out
