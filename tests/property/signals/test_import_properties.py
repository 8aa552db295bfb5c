"""Documents of other systems: patterns print and parse back, and whatever the bytes, reading ends in rows or words."""

import io
import json
from contextlib import suppress
from typing import Any, Final

from hypothesis import given, strategies as st

from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format
from tocsin_signals.imports.document import Document, Path
from tocsin_signals.imports.stix_pattern import Alternative, Comparison, parse, write
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import Row, RowReject

TEXT: Final = st.text(max_size=12)
OBJECT_TYPES: Final = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
STEPS: Final = st.lists(TEXT, max_size=2).flatmap(
    lambda rest: st.from_regex(r"[a-z_]{1,8}", fullmatch=True).map(lambda first: (first, *rest))
)
VALUES: Final = st.lists(TEXT, min_size=1, max_size=4).map(tuple)
PLAIN: Final = st.builds(Comparison, OBJECT_TYPES, STEPS, VALUES).map(Alternative)
ACCOUNTS: Final = st.builds(
    Alternative,
    st.builds(Comparison, st.just("user-account"), st.sampled_from([("account_login",), ("user_id",)]), VALUES),
    TEXT,
)
PATTERNS: Final = st.lists(st.one_of(PLAIN, ACCOUNTS), min_size=1, max_size=5).map(tuple)
# fmt: off
PIECES: Final = st.sampled_from([
    "[", "]", "(", ")", ",", "=", "OR", "AND", "IN", "NOT", "LIKE", "'a'", "'", "\\", "url:value", "a:b.'c'", " ",
    "user-account:account_type", "user-account:user_id", "x", "1", "FOLLOWEDBY", "\n", "é",
])
# fmt: on
VALUE: Final[st.SearchStrategy[Any]] = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=12,
)
WORDS: Final = st.one_of(
    VALUE,
    st.sampled_from(
        ["bundle", "indicator", "file", "url", "user-account", "stix", "[url:value = 'u']", "2030-01-01T00:00:00Z",
         "tlp", "URI", "domain|ip", "a|b", "RED", "tlp:red", True, 1, "0", "5", [{"name": "tlp:green"}], {"MD5": "aa"}]
    ),
)  # fmt: skip
KEYS: Final = st.sampled_from(
    ["type", "id", "value", "pattern", "pattern_type", "hashes", "labels", "confidence", "valid_until", "extensions",
     "object_marking_refs", "account_type", "account_login", "to_ids", "deleted", "Tag", "uuid", "distribution",
     "first_seen", "raw_indicator", "indicator", "status", "tags", "share_level", "privacy_type", "modified",
     "Attribute"]
)  # fmt: skip
OBJECTS: Final = st.lists(st.one_of(st.dictionaries(KEYS, WORDS, max_size=6), VALUE), max_size=4)


@given(pattern=PATTERNS)
def test_a_pattern_that_is_written_is_read_to_the_same(pattern: tuple[Alternative, ...]) -> None:
    assert parse(write(pattern)) == pattern


@given(text=st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map(" ".join)))
def test_any_text_is_a_pattern_or_refused_in_words(text: str) -> None:
    with suppress(Rejected):
        found = parse(text)
        assert parse(write(found)) == found


@given(value=VALUE, walked=st.integers(0, 3))
def test_a_document_in_pieces_is_the_document(value: object, walked: int) -> None:
    text = json.dumps(value, allow_nan=False) if _finite(value) else "null"
    put: dict[Path, object] = {
        path: one
        for path, one, _ in Document(io.BytesIO(text.encode()), walks=lambda path: len(path) < walked).pieces()
    }
    for path, one in put.items():
        assert json.dumps(_at(json.loads(text), path)) == json.dumps(one)
    assert len(put) == _leaves(json.loads(text), walked)


@given(objects=OBJECTS, written=st.sampled_from([Format.STIX, Format.MISP, Format.THREATEXCHANGE]))
def test_any_objects_become_rows_or_refusals_numbered_in_order(objects: list[object], written: Format) -> None:
    whole: object = {
        Format.STIX: {"type": "bundle", "objects": objects},
        Format.MISP: {"Event": {"info": "x", "Attribute": objects, "Object": objects}},
        Format.THREATEXCHANGE: {"data": objects},
    }[written]
    try:
        file = open_rows(io.BytesIO(json.dumps(whole).encode()), written)
    except Rejected:
        return
    out = io.StringIO()
    writer = file.rejects_writer(out)
    rows = list(file)
    assert [row.line for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert isinstance(row, Row | RowReject)
        if isinstance(row, RowReject):
            writer.write(row)
    assert out.getvalue().encode().decode() == out.getvalue()
    assert [row.line for row in file] == [row.line for row in rows], "a file is read twice to the same"


@given(data=st.binary(max_size=80), written=st.sampled_from([Format.STIX, Format.MISP, Format.THREATEXCHANGE]))
def test_any_bytes_are_a_document_or_refused_in_words(data: bytes, written: Format) -> None:
    with suppress(Rejected):
        list(open_rows(io.BytesIO(data), written))


def _finite(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _at(value: Any, path: Path) -> object:
    for step in path:
        value = value[step]
    return value


def _leaves(value: Any, depth: int) -> int:
    if depth == 0 or not isinstance(value, dict | list):
        return 1
    inner: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]
    return sum(_leaves(one, depth - 1) for one in inner)
