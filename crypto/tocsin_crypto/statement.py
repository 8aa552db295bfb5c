"""Signed statements: one C2SP note whose first text line names the kind and whose second is one JSON object.

The JSON has exactly one spelling (RFC 8785 without floats): compact, keys in printable ASCII and sorted, no key twice,
integers within 2^53, text as UTF-8. Reading refuses every other spelling, so equal content has equal bytes. The digest
of a statement is SHA-256 of its note *text*: anyone may add a signature line to a note, nobody can change its text.

``Fields`` reads typed values out of such an object with one sentence per fault. Keys it does not know are left to the
kind of statement, which keeps them.
"""

import json
import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import NoReturn, TypeAlias, cast

from tocsin_crypto import note as notes
from tocsin_crypto._encoding import MAX_TIME_MS, from_base64, from_hex
from tocsin_crypto.errors import Malformed
from tocsin_crypto.note import Note, Signer, Verifier

MAX_STATEMENT = 64 * 1024
"""Bytes of a statement note: a card with four certificates takes about 6 kB, an invite with eight epochs about 10."""
MAX_INTEGER = (1 << 53) - 1
"""Largest integer: what every JSON reader keeps exactly."""
MAX_DEPTH = 16
"""Levels of nesting: the deepest statement has four."""

_SURROGATE = re.compile("[\ud800-\udfff]")

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
Object: TypeAlias = dict[str, Json]


def sign(kind: str, body: Mapping[str, Json], signer: Signer) -> bytes:
    """The note of a statement."""
    data = notes.sign(f"{kind}\n{encode(dict(body), kind)}\n", [signer])
    if len(data) > MAX_STATEMENT:
        raise Malformed(f"the {_short(kind)} has {len(data)} bytes, more than {MAX_STATEMENT}")
    return data


def read(data: bytes, kind: str) -> tuple[Note, "Fields"]:
    """The note and the object of a statement of this kind, *not verified*: only to find the key that must have."""
    what = _short(kind)
    note = notes.parse(data, max_size=MAX_STATEMENT, what=what)
    first, _, rest = note.text.partition("\n")
    if first != kind:
        raise Malformed(f"the {what} does not begin with the line {kind}")
    if rest.count("\n") != 1:
        raise Malformed(f"the {what} has more or less than one line of JSON")
    return note, Fields(what, decode(rest[:-1], what))


def verify(data: bytes, kind: str, verifier: Verifier) -> None:
    """Return when ``verifier`` signed this statement, else ``Forged``."""
    notes.open_note(data, [verifier], max_size=MAX_STATEMENT, what=_short(kind))


def digest(note: Note) -> bytes:
    """SHA-256 of the note text: equal for equal statements, whoever added signature lines."""
    return sha256(note.text.encode()).digest()


def encode(body: Object, what: str) -> str:
    """The one spelling of an object, or ``Malformed`` when it has none."""
    _check(body, what, MAX_DEPTH)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def decode(text: str, what: str) -> Object:
    """The object in a line of JSON, or ``Malformed`` when the line is not its one spelling."""

    def refuse(_text: str) -> NoReturn:
        raise Malformed(f"the {what} holds a number that is not an integer")

    def unique(pairs: list[tuple[str, Json]]) -> Object:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Malformed(f"the {what} holds one JSON key twice")
        return found

    try:
        body = cast("Json", json.loads(text, object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse))
    except (ValueError, RecursionError):
        raise Malformed(f"the {what} holds a line that is not JSON") from None
    if not isinstance(body, dict):
        raise Malformed(f"the {what} holds JSON that is not an object")
    if encode(body, what) != text:
        raise Malformed(f"the {what} holds JSON that is not compact with sorted keys")
    return body


class Fields:
    """Typed access to a JSON object; every fault is one ``Malformed`` sentence naming the object and the key."""

    def __init__(self, what: str, body: Object) -> None:
        self._what = what
        self._body = body

    def text(self, key: str, *, most: int = 255) -> str:
        """One line of 1 to ``most`` characters."""
        value = self._body.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= most or any(char < " " for char in value):
            raise self.fault(key, f"one line of 1 to {most} characters")
        return value

    def integer(self, key: str, *, least: int = 0, most: int = MAX_INTEGER) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self._body.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.fault(key, f"a whole number from {least} to {most}")
        return value

    def time(self, key: str) -> int:
        """A UTC time in milliseconds."""
        return self.integer(key, most=MAX_TIME_MS)

    def hex(self, key: str, *, length: int) -> bytes:
        """``length`` bytes in hex."""
        return from_hex(self.text(key, most=2 * length), f"key '{key}' of the {self._what}", length=length)

    def base64(self, key: str, *, length: int | None = None) -> bytes:
        """Bytes in base64."""
        text = self.text(key, most=MAX_STATEMENT)
        return from_base64(text, f"key '{key}' of the {self._what}", length=length)

    def texts(self, key: str, *, most: int, longest: int = 255) -> tuple[str, ...]:
        """An array of at most ``most`` texts of 1 to ``longest`` characters."""
        value = self._body.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self.fault(key, f"an array of at most {most} texts")
        texts = tuple(item for item in value if isinstance(item, str) and 0 < len(item) <= longest)
        if len(texts) != len(value):
            raise self.fault(key, f"an array of texts of 1 to {longest} characters")
        return texts

    def object(self, key: str) -> "Fields":
        """An object of its own."""
        value = self._body.get(key)
        if not isinstance(value, dict):
            raise self.fault(key, "an object")
        return Fields(f"{self._what}, under '{key}'", value)

    def text_map(self, key: str, *, most: int) -> dict[str, str]:
        """An object of at most ``most`` keys (of 1 to 64 characters) to texts."""
        inner = self.object(key)
        names = list(inner.keys())
        if len(names) > most or not all(0 < len(name) <= 64 for name in names):
            raise self.fault(key, f"an object of at most {most} keys of 1 to 64 characters")
        return {name: inner.text(name) for name in names}

    def keys(self) -> Collection[str]:
        """The keys present."""
        return self._body.keys()

    def rest(self, known: Collection[str]) -> Object:
        """What stands under keys other than the known ones."""
        return {key: value for key, value in self._body.items() if key not in known}

    def fault(self, key: str, expected: str) -> Malformed:
        """The error for a key that is missing or of another form."""
        return Malformed(f"key '{key}' of the {self._what} is not {expected}")


def _short(kind: str) -> str:
    """The last part of a kind, as people call it."""
    return kind.rpartition("/")[2]


def _check(value: Json, what: str, depth: int) -> None:
    """Refuse what has no spelling: unprintable or foreign keys, wide integers, lone surrogates, deep nesting."""
    if depth == 0:
        raise Malformed(f"the {what} holds JSON nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise Malformed(f"the {what} holds an integer beyond 2^53-1")
    if isinstance(value, str) and _SURROGATE.search(value):
        raise Malformed(f"the {what} holds text that cannot be encoded")
    if isinstance(value, dict):
        if not all(key.isascii() and key.isprintable() for key in value):
            raise Malformed(f"the {what} holds a JSON key that is not printable ASCII")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check(item, what, depth - 1)
