"""One JSON document read piece by piece: the outer containers are walked, what they hold is decoded one at a time.

The text of the file is held (MAX_FILE_BYTES), and beside it only the piece at hand (MAX_PIECE_CHARS). A walk always
reads to the end, so that a file that breaks off is refused as a whole, before anything in it is used.

Refused for the whole file: more bytes, pieces or nesting than the limits allow, bytes that are not UTF-8, NUL bytes and
whatever is no JSON. What makes one piece unusable is noted on it (`Piece.fault`) and leaves the others alone: repeated
keys, numbers beyond JSON or of endless digits, lone surrogates, NUL written as an escape. Sentences name places, never
text of the file: a key stands in a place only if the caller named it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple, cast

from tocsin_signals.errors import Rejected

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest file: some 150,000 STIX indicators. It is held in memory, so larger collections come in several files."""
MAX_PIECE_CHARS: Final = 1024 * 1024
"""Largest object in it, in characters: a report that lists 10,000 others. Bounds the memory that decoding takes."""
MAX_PIECES: Final = 250_000
"""Most pieces in one file: what MAX_FILE_BYTES has room for, were each as small as real ones are."""
MAX_NESTING: Final = 32
"""Deepest nesting within a piece, itself included: MISP and STIX objects have fewer than ten levels."""
MAX_DIGITS: Final = 400
"""Longest number, in digits; a float has at most 309 before its point."""

_FIRST_CHARS: Final = 4096
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_KEY: Final = re.compile(r'"((?:[^"\\\x00-\x1f]|\\.){0,256})"')
_BAD_TEXT: Final = re.compile("[\ud800-\udfff\0]")

Step = str | int
Path = tuple[Step, ...]


class Piece(NamedTuple):
    """A value that is not walked into: where it stands, what it is, and why it cannot be used (or None)."""

    path: Path
    value: object
    fault: Rejected | None


class Document:
    """The text of one file; made from an open binary stream, which is read to its end. Raises Rejected, as above.

    `walks` says of a path whether the container there is walked; an object's key is given as it is, an array's item by
    its index. It must say no beyond a few levels.
    """

    def __init__(self, stream: BinaryIO, *, walks: Callable[[Path], bool]) -> None:
        raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // (1024 * 1024)
            raise Rejected("file-too-large", f"The file is larger than {limit} MiB; give it in several files.")
        if b"\0" in raw:
            raise Rejected("nul", "The file holds a NUL byte; it is damaged or not UTF-8.")
        try:
            self._text: Final = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Rejected("not-utf8", "The file is not UTF-8.") from None
        self._walks = walks
        self._proven = False

    def pieces(self) -> Iterator[Piece]:
        """Every piece in the order of the file, to its end."""
        yield from _Walk(self._text, self._walks, proven=self._proven).pieces()
        self._proven = True


class _Walk:
    """One pass over the text; `proven` if an earlier one went to the end and found nothing too deep."""

    def __init__(self, text: str, walks: Callable[[Path], bool], *, proven: bool) -> None:
        self._text = text
        self._walks = walks
        self._proven = proven
        self._at = 0
        self._count = 0
        self._fault: Rejected | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_int=self._int, parse_float=self._float, parse_constant=self._constant
        )

    def pieces(self) -> Iterator[Piece]:
        yield from self._value(())
        if self._sign():
            raise _broken((), "text follows its end")

    def _value(self, path: Path) -> Iterator[Piece]:
        self._count += 1
        if self._count > MAX_PIECES:
            raise Rejected("too-many", f"The file holds more than {MAX_PIECES} objects; give it in several files.")
        sign = self._sign()
        if sign == "{" and self._walks(path):
            yield from self._members(path)
        elif sign == "[" and self._walks(path):
            yield from self._items(path)
        else:
            yield self._piece(path)

    def _members(self, path: Path) -> Iterator[Piece]:
        self._at += 1
        seen: set[str] = set()
        if self._sign() == "}":
            self._at += 1
            return
        while True:
            key = self._key(path)
            if key in seen:
                raise Rejected("duplicate-key", f"The file repeats a key in {place(path) or 'its outermost object'}.")
            seen.add(key)
            yield from self._value((*path, key))
            if self._ends("}", path):
                return

    def _items(self, path: Path) -> Iterator[Piece]:
        self._at += 1
        number = 0
        if self._sign() == "]":
            self._at += 1
            return
        while True:
            yield from self._value((*path, number))
            number += 1
            if self._ends("]", path):
                return

    def _key(self, path: Path) -> str:
        self._sign()
        found = _KEY.match(self._text, self._at)
        if found is None:
            raise _broken(path, "a key is missing")
        self._at = found.end()
        if self._sign() != ":":
            raise _broken(path, "a colon is missing")
        self._at += 1
        try:
            return json.loads(found[0])
        except ValueError:
            raise _broken(path, "a key is damaged") from None

    def _ends(self, bracket: str, path: Path) -> bool:
        sign = self._sign()
        self._at += 1
        if sign == bracket:
            return True
        if sign != ",":
            raise _broken(path, "it breaks off" if not sign else "a comma is missing")
        return False

    def _sign(self) -> str:
        """The next character that is no space, or nothing at the end."""
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _piece(self, path: Path) -> Piece:
        self._fault = None
        start = self._at
        value = self._decoded(path)
        text = self._text[start : self._at]
        many = text.count("{") + text.count("[") > MAX_NESTING  # else it cannot be deep, and need not be looked at
        if many and not self._proven and _is_deep(value):
            raise _too_deep(path)
        fault = self._fault
        if fault is None and "\\u" in text and _holds_bad_text(value):  # neither stands in a file but as an escape
            fault = Rejected("text", "A text holds a lone surrogate or a NUL.")
        return Piece(path, value, fault)

    def _decoded(self, path: Path) -> object:
        """The value that starts here, decoded from as little of the text as holds it."""
        size = _FIRST_CHARS
        while True:
            part = self._text[self._at : self._at + size]
            whole = len(part) < size
            try:
                value, end = self._decoder.raw_decode(part)
            except RecursionError:
                raise _too_deep(path) from None
            except ValueError:
                end, value = len(part), None
                if whole:
                    raise _broken(path, "it is no JSON") from None
            if end < len(part) or whole:
                self._at += end
                return value
            if size >= MAX_PIECE_CHARS:
                raise Rejected("too-large", f"{_where(path)} is no JSON or has more than {MAX_PIECE_CHARS} characters.")
            size = min(size * 4, MAX_PIECE_CHARS)

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self._fault = Rejected("duplicate-key", "The object repeats a key.")
        return found

    def _int(self, digits: str) -> int:
        return int(digits) if len(digits) <= MAX_DIGITS else int(self._number())

    def _float(self, digits: str) -> float:
        return float(digits) if len(digits) <= MAX_DIGITS else self._number()

    def _constant(self, _: str) -> float:
        return self._number()

    def _number(self) -> float:
        self._fault = Rejected("number", f"A number is not one of JSON or has more than {MAX_DIGITS} digits.")
        return 0.0


def place(path: Path) -> str:
    """A path as people write it: `objects[3].pattern`."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return shown.removeprefix(".")


def _is_deep(value: object) -> bool:
    """Whether containers stand in one another beyond MAX_NESTING; level by level, without recursion."""
    level: list[object] = [value]
    for _ in range(MAX_NESTING):
        level = [inner for one in level for inner in _inner(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _inner(value: object) -> Iterable[object]:
    """What stands in a container; nothing in anything else."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _holds_bad_text(value: object) -> bool:
    if isinstance(value, str):
        return _BAD_TEXT.search(value) is not None
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return any(_holds_bad_text(key) or _holds_bad_text(inner) for key, inner in pairs)
    return isinstance(value, list) and any(map(_holds_bad_text, cast("list[object]", value)))


def _where(path: Path) -> str:
    named = [step for step in path if isinstance(step, int) or re.fullmatch(r"[A-Za-z]{1,16}", step)]
    return place(tuple(named)) or "The file"


def _broken(path: Path, what: str) -> Rejected:
    return Rejected("not-json", f"{_where(path)} is not one JSON document: {what}.")


def _too_deep(path: Path) -> Rejected:
    return Rejected("nesting", f"{_where(path)} is nested deeper than {MAX_NESTING} levels.")
