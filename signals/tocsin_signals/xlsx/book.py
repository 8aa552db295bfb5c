"""What a workbook says beside its cells: its sheets, which number formats are dates, its shared texts."""

import posixpath
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TypeVar

from tocsin_signals.damage import CUT_CHARS
from tocsin_signals.errors import Rejected
from tocsin_signals.rows import is_plain
from tocsin_signals.xlsx.archive import Archive, damaged
from tocsin_signals.xlsx.xml import Handler, parse

MAX_TEXTS: Final = 2 * 1024 * 1024
"""Most shared texts: two columns of a full sheet."""
MAX_TEXT_BYTES: Final = 96 * 1024 * 1024
"""Of all shared texts together, which stay in memory."""
MAX_STYLES: Final = 65_536
"""Most cell formats and number formats: spreadsheets stop at 64,000."""
MAX_SHEETS: Final = 256
NAMED: Final = 8
"""Sheets an error names."""

H = TypeVar("H", bound=Handler)

_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats that show dates or times."""
_NOT_SHOWN: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class Book:
    """An open workbook, ready to read one sheet."""

    archive: Archive
    sheet: str
    texts: "Texts"
    dates: frozenset[int]
    since_1904: bool


def open_book(stream: BinaryIO, wanted: str) -> Book:
    """Open a workbook at the sheet of this name, or its only one. Rejected if it cannot be read, or says not which."""
    archive = Archive(stream)
    main = next((part for kind, part in _related(archive, "").values() if kind == "officeDocument"), None)
    if main is None:
        raise damaged()
    sheets = _read(archive, main, _Sheets())
    related = _related(archive, main)
    parts = {name: related[key][1] for name, key in sheets.found if related.get(key, ("", ""))[0] == "worksheet"}
    beside = {kind: part for kind, part in related.values() if part in archive}
    texts, styles = Texts(), _Styles()
    sheet = _chosen(parts, wanted)
    if "styles" in beside:
        _read(archive, beside["styles"], styles)
    if "sharedStrings" in beside:
        _read(archive, beside["sharedStrings"], texts)
    return Book(archive, sheet, texts, styles.dates(), sheets.since_1904)


def unescaped(text: str) -> str:
    """The text without the spelling `_x000D_` that workbooks have for characters XML has not."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class Texts:
    """Shared texts, packed: 2 million of them as objects would take several times the room. A Handler."""

    def __init__(self) -> None:
        self._packed = bytearray()
        self._ends = array("Q")
        self._run = TextRun()

    def __getitem__(self, place: int) -> str:
        """The text numbered `place`; Rejected if there is none."""
        if not 0 <= place < len(self._ends):
            raise damaged()
        start = self._ends[place - 1] if place else 0
        return self._packed[start : self._ends[place]].decode("utf-8", "surrogatepass")

    def start(self, name: str, _: Mapping[str, str]) -> None:
        """An element begins."""
        if name == "si":
            self._run.clear()
        self._run.start(name)

    def text(self, data: str) -> None:
        """A piece of text."""
        self._run.text(data)

    def end(self, name: str) -> None:
        """An element ends."""
        self._run.end(name)
        if name == "si":
            self._packed += unescaped(self._run.taken()).encode("utf-8", "surrogatepass")
            self._ends.append(len(self._packed))
            if len(self._ends) > MAX_TEXTS or len(self._packed) > MAX_TEXT_BYTES:
                raise Rejected("xlsx-size", "The workbook's texts take too much memory; split it, or export CSV.")


class TextRun:
    """The text of one cell, put together from its differently formatted runs, without phonetic hints."""

    def __init__(self) -> None:
        self._text = ""
        self._open = False
        self._phonetic = False

    def clear(self) -> None:
        """Begin with another cell."""
        self._text = ""
        self._open = self._phonetic = False

    def start(self, name: str) -> None:
        """An element begins in it."""
        if name == "rPh":
            self._phonetic = True
        self._open = name == "t" and not self._phonetic

    def end(self, name: str) -> None:
        """An element ends in it."""
        if name == "rPh":
            self._phonetic = False
        self._open = False

    def text(self, data: str) -> None:
        """Keep no more than shows that it is too long."""
        if self._open and len(self._text) <= CUT_CHARS:
            self._text += data[: CUT_CHARS + 1 - len(self._text)]

    def taken(self) -> str:
        """What it says."""
        return self._text


@dataclass(slots=True)
class _Sheets:
    """The workbook part: names and relation ids of its sheets."""

    found: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    since_1904: bool = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet":
            relation = next((text for key, text in attributes.items() if key.endswith(":id")), "")
            self.found.append((attributes.get("name", ""), relation))
            if len(self.found) > MAX_SHEETS:
                raise Rejected("xlsx-sheet", f"The workbook has more than {MAX_SHEETS} sheets.")
        elif name == "workbookPr":
            self.since_1904 = attributes.get("date1904", "") in ("1", "true", "on")

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


@dataclass(slots=True)
class _Relations:
    """A relations part: what each id leads to."""

    folder: str
    found: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", self.folder, attributes.get("Target", "")))
            kind = attributes.get("Type", "").rpartition("/")[2]
            self.found[attributes.get("Id", "")] = (kind, target.lstrip("/"))

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


class _Styles:
    """The styles part: which cell formats show a date."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._cells = array("L")
        self._in_cells = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt":
            self._codes[number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            self._cells.append(number(attributes.get("numFmtId")))
        if len(self._codes) > MAX_STYLES or len(self._cells) > MAX_STYLES:
            raise Rejected("xlsx-size", f"The workbook has more than {MAX_STYLES} formats.")

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cells = False

    def text(self, data: str) -> None:
        pass

    def dates(self) -> frozenset[int]:
        """Places of the cell formats that show a date or a time."""
        shown = {code for code, text in self._codes.items() if _shows_date(text)} | _DATE_FORMATS
        return frozenset(place for place, code in enumerate(self._cells) if code in shown)


def number(text: str | None) -> int:
    """A small whole number of an attribute, 0 where there is none; Rejected if it is something else."""
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise damaged()
    return int(text)


def _shows_date(code: str) -> bool:
    return any(sign in "ymdhs" for sign in _NOT_SHOWN.sub("", code[:255]).lower().replace("general", ""))


def _related(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    folder, name = posixpath.split(part)
    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    return _read(archive, listed, _Relations(folder)).found


def _chosen(parts: Mapping[str, str], wanted: str) -> str:
    if wanted in parts:
        return parts[wanted]
    if not wanted and len(parts) == 1:
        return next(iter(parts.values()))
    names = ", ".join(name if is_plain(name) else "(another)" for name in list(parts)[:NAMED])
    if wanted:
        raise Rejected("xlsx-sheet", f"The workbook has no sheet of that name; it has {names}.")
    raise Rejected("xlsx-sheet", f"The workbook has {len(parts)} sheets; say which to read: {names}.")


def _read(archive: Archive, part: str, handler: H) -> H:
    with archive.open(part) as stream:
        for _ in parse(stream, handler):
            pass
    return handler
