"""Which columns of somebody's export count, under which names and words: said once, saved as a small TOML file.

A mapping names columns by their header, or by place (`col3`) where no column has that name. What it says comes before
the names every file may use (`rows`): then a column it does not name and nobody knows is left out and told, not
refused, and so is a known name that the mapping gives to another column. In JSON Lines it names keys.

`[words.COLUMN]` turns an export's own words into ours, in any case; our own words stay allowed. A file is read
strictly: an unknown key, a meaning nobody knows or a word outside its vocabulary is an error that names it.

    default_type = "url"
    region = "GB"
    separator = ";"
    sheet = "Sheet1"
    expires = "90d"

    [columns]
    value = "Adresse"
    severity = "col4"
    x-ref = "Internal ref"

    [words.severity]
    "very bad" = "critical"

    [set]
    stance = "harmful"
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar, cast

from tocsin_signals import types
from tocsin_signals.errors import Rejected
from tocsin_signals.rows import (
    MAX_COLUMNS,
    REJECT_COLUMNS,
    VOCABULARIES,
    column_meaning,
    is_plain,
    parse_expiry,
    unknown_name,
)

T = TypeVar("T")

MAX_BYTES: Final = 64 * 1024
"""Largest mapping file: every column of the widest file with a page of words."""

SEPARATORS: Final = (",", ";", "\t")

_PLACE: Final = re.compile(r"col([1-9][0-9]{0,2})", re.IGNORECASE)
_REGION: Final = re.compile(r"[A-Za-z]{2}")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_TEXTS: Final = ("default_type", "region", "separator", "sheet", "expires")
_TABLES: Final = ("columns", "words", "set")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NO_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})


class Resolved(NamedTuple):
    """What each column of a header means ("" for nothing), and the names of those that are left out."""

    meanings: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What a mapping says; empty where it does not. `columns` is by meaning, `words` by meaning and casefolded word."""

    default_type: str = ""
    region: str = ""
    separator: str = ""
    sheet: str = ""
    expires: str = ""
    columns: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NO_WORDS)
    settings: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        if self.default_type:
            types.by_name(self.default_type)
        if self.region and not _REGION.fullmatch(self.region):
            raise Rejected("mapping", "A region is a two-letter country code such as GB.")
        if self.separator and self.separator not in SEPARATORS:
            raise Rejected("mapping", "A separator is a comma, a semicolon or a tab.")
        if self.expires:
            parse_expiry(self.expires)
        for meaning, name in self.columns.items():
            _check_meaning(meaning)
            if _plain(name) in REJECT_COLUMNS:
                raise Rejected("mapping", f"The column {_plain(name)} is what a rejects file adds; rename it first.")
        for name, table in self.words.items():
            _check_words(name, table)

    def of_header(self, header: Sequence[str]) -> Resolved:
        """The meaning of each column; Rejected for a name nobody knows, or a mapped column that is not there."""
        given = self._places(header)
        meanings: list[str] = []
        left_out: list[str] = []
        for place, name in enumerate(header):
            meaning = given.get(place) or self._known(name)
            if meaning is None:
                if not self.columns:
                    raise unknown_name("column", name, place + 1)
                left_out.append(name.strip() or f"col{place + 1}")
            meanings.append(meaning or "")
        return Resolved(tuple(meanings), tuple(left_out))

    def of_key(self, key: str, place: int) -> str | None:
        """The meaning of a key of JSON Lines; "" if it is ignored, None if left out; Rejected if nobody knows it."""
        plain = _plain(key)
        for meaning, name in self.columns.items():
            if _plain(name) == plain:
                return meaning
        found = self._known(key)
        if found is None and not self.columns:
            raise unknown_name("key", key, place)
        return found

    def _known(self, name: str) -> str | None:
        """The meaning of a name that the mapping does not give to a column; None if it has none."""
        found = column_meaning(name)
        return None if found and found in self.columns else found

    def _places(self, header: Sequence[str]) -> dict[int, str]:
        names = [_plain(name) for name in header]
        places: dict[int, str] = {}
        for meaning, name in self.columns.items():
            place = _place(names, name)
            if place is None:
                raise Rejected("mapping", f"The mapping takes {meaning} from {_shown(name)}, and there is none.")
            if place in places:
                raise Rejected("mapping", f"The mapping takes both {places[place]} and {meaning} from {_shown(name)}.")
            places[place] = meaning
        return places


NO_MAPPING: Final = ColumnMapping()


def column_pair(text: str) -> tuple[str, str]:
    """`value=Adresse`: a meaning, under any of its known names, and a column; Rejected if it is something else."""
    known, equals, name = (part.strip() for part in text.partition("="))
    meaning = column_meaning(known)
    if not (equals and name and meaning):
        shown = f"{known} is no column that can be mapped" if is_plain(known) else "A pair is wrong"
        raise Rejected("mapping", f"{shown}; a mapping is written value=NAME or severity=col4.")
    return meaning, name


def read_mapping(data: bytes) -> ColumnMapping:
    """The mapping in a file's bytes; Rejected names what is wrong in it."""
    if len(data) > MAX_BYTES:
        raise Rejected("mapping", f"The mapping is larger than {MAX_BYTES} bytes.")
    try:
        found = cast("dict[str, object]", tomllib.loads(data.decode()))
    except (ValueError, RecursionError):
        raise Rejected("mapping", "The mapping is not a TOML file in UTF-8.") from None
    for key in found:
        if key not in (*_TEXTS, *_TABLES):
            shown = f"key {key}" if is_plain(key) else "a key"
            raise Rejected("mapping", f"The mapping has {shown} that is not one of {', '.join((*_TEXTS, *_TABLES))}.")
    columns = _by_meaning("columns", _texts("columns", found.get("columns", {})))
    tables = {name: _texts(f"words.{name}", table) for name, table in _table("words", found).items()}
    words = {name: table for name, table in _by_meaning("words", tables).items() if table}
    return ColumnMapping(
        **{key: _one_text(key, found.get(key, "")) for key in _TEXTS},
        columns=columns,
        words={name: {word.casefold(): ours for word, ours in table.items()} for name, table in words.items()},
        settings=_texts("set", found.get("set", {})),
    )


def write_mapping(mapping: ColumnMapping) -> bytes:
    """A file that reads as this mapping."""
    texts: dict[str, str] = {key: getattr(mapping, key) for key in _TEXTS}
    parts = ["".join(f"{key} = {_quoted(text)}\n" for key, text in texts.items() if text)]
    tables = [("columns", mapping.columns), ("set", mapping.settings)]
    tables += [(f"words.{_toml_key(name)}", table) for name, table in mapping.words.items()]
    for title, table in tables:
        if table:
            lines = "".join(f"{_toml_key(key)} = {_quoted(text)}\n" for key, text in table.items())
            parts.append(f"[{title}]\n{lines}")
    return "\n".join(part for part in parts if part).encode()


def _check_meaning(meaning: str) -> None:
    if not column_meaning(meaning) or column_meaning(meaning) != meaning:
        raise Rejected("mapping", f"The mapping names {_shown(meaning)}, which cannot be mapped.")


def _check_words(name: str, table: Mapping[str, str]) -> None:
    vocabulary = VOCABULARIES.get(name)
    if name != "type" and vocabulary is None:
        raise Rejected("mapping", f"The words of {_shown(name)} are free; only those of a closed list are mapped.")
    check: Callable[[str], object] = types.by_name if vocabulary is None else vocabulary.check
    for word in table.values():
        check(word)


def _by_meaning(what: str, given: Mapping[str, T]) -> dict[str, T]:
    """The lines of a table under what their keys mean."""
    found: dict[str, T] = {}
    for name, said in given.items():
        meaning = column_meaning(name)
        if not meaning:
            raise Rejected("mapping", f"In the mapping, {what} names {_shown(name)}, which cannot be mapped.")
        if meaning in found:
            raise Rejected("mapping", f"In the mapping, {what} names {meaning} twice.")
        found[meaning] = said
    return found


def _table(name: str, found: Mapping[str, object]) -> dict[str, object]:
    table = found.get(name, {})
    if not isinstance(table, dict):
        raise Rejected("mapping", f"In the mapping, {name} is a table.")
    if len(cast("dict[str, object]", table)) > MAX_COLUMNS:
        raise Rejected("mapping", f"In the mapping, {name} has more than {MAX_COLUMNS} lines.")
    return cast("dict[str, object]", table)


def _texts(name: str, table: object) -> dict[str, str]:
    found = _table(name, {name: table})
    return {key: _one_text(f"{name}.{key}" if is_plain(key) else name, text) for key, text in found.items()}


def _one_text(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise Rejected("mapping", f"In the mapping, {name} is a text in quotes.")
    return text


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes, and one more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _place(names: Sequence[str], name: str) -> int | None:
    plain = _plain(name)
    if plain in names:
        return names.index(plain)
    place = _PLACE.fullmatch(name.strip())
    return int(place[1]) - 1 if place and int(place[1]) <= len(names) else None


def _plain(name: str) -> str:
    return name.strip().casefold()


def _shown(name: str) -> str:
    return f"column {name.strip()}" if is_plain(name) else "a column"
