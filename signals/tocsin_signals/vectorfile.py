"""Vector files: what the profiles do, row by row, in a form any implementation can read. Reference signals 4.

One JSON object per type, in ASCII: `format`, `profile`, `type`, `tables` (name -> digest), and four lists. `cases` fix
bytes: `in` (or `in_b64`: bytes that may be no UTF-8), perhaps `hint.region`, and `out` or `reject`. `classes` are
spellings of one thing, `distinct` pairs must stay apart, `expand` lists what a look-up tries. That a value is rejected
is normative; the word after `reject` is advice. The package carries one file per type; `bundled` reads them.

A file may come from elsewhere (`tocsin canon --check FILE`), so everything in it is looked at before it is used.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple, TypeGuard, cast

from tocsin_signals.errors import Rejected

FORMAT: Final = "tocsin-canon-vectors/1"
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""Largest vector file, in bytes: some 100,000 rows; the bundled ones hold a few thousand."""
MAX_ID_CHARS: Final = 80
"""Longest id of a row, and name of a profile or type: it is shown to people, and kept in the audit log."""
MALFORMED: Final = "vectors"
"""The reason word of a file that is none."""


class Case(NamedTuple):
    """One value and its canonical form; `out` is None where it has none, and `reject` says why."""

    id: str
    data: str | bytes
    region: str | None
    out: str | None
    reject: str


class Group(NamedTuple):
    """Values that share one form, or (`distinct`) that do not."""

    id: str
    texts: tuple[str, ...]
    region: str | None


class Expansion(NamedTuple):
    """A value and the (type, canonical form) pairs a look-up of it tries; None where it is rejected."""

    id: str
    text: str
    region: str | None
    expressions: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class VectorFile:
    """One file, read."""

    profile: str
    type: str
    tables: dict[str, str]
    cases: tuple[Case, ...]
    classes: tuple[Group, ...]
    distinct: tuple[Group, ...]
    expand: tuple[Expansion, ...]


def directory() -> Traversable:
    """Where the bundled files lie, as TYPE.json."""
    return files("tocsin_signals").joinpath("vectors")


def bundled(*type_names: str) -> dict[str, bytes]:
    """The bundled files by type, in the order of their names: of these types, or all."""
    found = {one.name.removesuffix(".json"): one for one in directory().iterdir() if one.name.endswith(".json")}
    return {name: found[name].read_bytes() for name in sorted(found) if name in type_names or not type_names}


def parse(data: bytes) -> VectorFile:
    """Read one file; Rejected names the row that is not as this format has it."""
    if len(data) > MAX_FILE_BYTES:
        raise _wrong(f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        content: Any = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _wrong("is not JSON") from None
    if not isinstance(content, dict) or cast("dict[str, Any]", content).get("format") != FORMAT:
        raise _wrong(f"has no format {FORMAT}")
    fields = cast("dict[str, Any]", content)
    profile, type_name, tables = fields.get("profile"), fields.get("type"), fields.get("tables", {})
    if not (_word(profile) and _word(type_name)):
        raise _wrong("names no profile or no type")
    if not isinstance(tables, dict) or not all(_texts(*pair) for pair in cast("dict[Any, Any]", tables).items()):
        raise _wrong("has tables without digests")
    return VectorFile(
        profile,
        type_name,
        cast("dict[str, str]", tables),
        tuple(_case(row, where) for row, where in _rows(fields, "cases", type_name)),
        tuple(_group(row, where) for row, where in _rows(fields, "classes", type_name)),
        tuple(_pair(row, where) for row, where in _rows(fields, "distinct", type_name)),
        tuple(_expansion(row, where) for row, where in _rows(fields, "expand", type_name)),
    )


def _rows(fields: dict[str, Any], key: str, type_name: str) -> list[tuple[Any, str]]:
    """Every row under `key`, with the id of those that carry none."""
    rows: Any = fields.get(key, [])
    if not isinstance(rows, list):
        raise _wrong(f"has no list under {key}")
    return [(row, f"{type_name}-{key}-{number}") for number, row in enumerate(cast("list[Any]", rows), 1)]


def _case(row: Any, where: str) -> Case:
    fields = _object(row, where)
    name, out, reject = _id(fields, where), fields.get("out"), fields.get("reject", "")
    if not _texts(reject, "" if out is None else out) or (out is None) == (not reject):
        raise _wrong(f"needs either out or reject at {where}")
    return Case(name, _data(fields, where), _region(fields, where), out, reject)


def _group(row: Any, where: str) -> Group:
    fields = _object(row, where)
    texts = fields.get("in")
    if not (isinstance(texts, list) and texts and _texts(*cast("list[Any]", texts))):
        raise _wrong(f"needs a list of values at {where}")
    return Group(_id(fields, where), tuple(cast("list[str]", texts)), _region(fields, where))


def _pair(row: Any, where: str) -> Group:
    if not (isinstance(row, list) and len(cast("list[Any]", row)) == 2 and _texts(*cast("list[Any]", row))):
        raise _wrong(f"needs two values at {where}")
    return Group(where, tuple(cast("list[str]", row)), None)


def _expansion(row: Any, where: str) -> Expansion:
    fields = _object(row, where)
    text, expressions = fields.get("in"), fields.get("expr")
    if not isinstance(text, str):
        raise _wrong(f"needs a value at {where}")
    if expressions is None and isinstance(fields.get("reject"), str):
        return Expansion(where, text, _region(fields, where), None)
    if not isinstance(expressions, list) or not all(
        isinstance(one, list) and len(cast("list[Any]", one)) == 2 and _texts(*cast("list[Any]", one))
        for one in cast("list[Any]", expressions)
    ):
        raise _wrong(f"needs expr or reject at {where}")
    found = tuple((str(kind), str(form)) for kind, form in cast("list[list[str]]", expressions))
    return Expansion(where, text, _region(fields, where), found)


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise _wrong(f"needs an object at {where}")
    return cast("dict[str, Any]", row)


def _id(fields: dict[str, Any], where: str) -> str:
    name = fields.get("id")
    if _word(name):
        return name
    raise _wrong(f"needs an id of at most {MAX_ID_CHARS} printable characters at {where}")


def _data(fields: dict[str, Any], where: str) -> str | bytes:
    text, encoded = fields.get("in"), fields.get("in_b64")
    if isinstance(text, str) and encoded is None:
        return text
    try:
        if isinstance(encoded, str) and text is None:
            return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _wrong(f"needs in, or in_b64 in base64, at {where}")


def _region(fields: dict[str, Any], where: str) -> str | None:
    hint: Any = fields.get("hint", {})
    region = cast("dict[str, Any]", hint).get("region") if isinstance(hint, dict) else hint
    if region is None or isinstance(region, str):
        return region
    raise _wrong(f"has a hint without region at {where}")


def _word(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS and value.isascii() and value.isprintable()


def _texts(*values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _wrong(what: str) -> Rejected:
    return Rejected(MALFORMED, f"The vector file {what}.")
