"""JSON Lines in and out: whatever the bytes, reading ends; what is refused comes back as it was."""

import io
import json
from contextlib import suppress
from typing import Final

from hypothesis import given, strategies as st

from tocsin_signals.errors import Rejected
from tocsin_signals.jsonlines import JsonLinesFile
from tocsin_signals.rows import Row, RowReject

FIRST: Final = b'{"value": "first.example"}\n'
# fmt: off
PIECES: Final = st.sampled_from([
    b"{", b"}", b"[", b"]", b":", b",", b'"', b'"value"', b'"x-n"', b'"\\ud800"', b"\\", b"1", b"1.5", b"null", b"\xff",
    b"\0", b"\r", b" ", b'{"value":"a"}', b"\xc3\xa9", b"\\u0000",
])
# fmt: on
LINES: Final = st.lists(st.lists(PIECES, max_size=8).map(b"".join), max_size=10)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
EXTRA: Final = st.recursive(
    st.one_of(TEXT, st.integers(-(2**40), 2**40), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)


@given(lines=LINES)
def test_any_bytes_are_read_to_the_end_and_every_line_is_accounted_for_in_order(lines: list[bytes]) -> None:
    found = list(JsonLinesFile(io.BytesIO(FIRST + b"\n".join(lines)), default_type="url"))
    expected = [number for number, line in enumerate(lines, 2) if line.strip()]
    assert [row.line for row in found] == [1, *expected]
    assert all(isinstance(row, Row | RowReject) for row in found)


@given(data=st.binary(max_size=60))
def test_any_first_line_is_understood_or_refused_as_a_signal_error(data: bytes) -> None:
    with suppress(Rejected):
        list(JsonLinesFile(io.BytesIO(data), default_type="url"))


@given(said=st.dictionaries(TEXT.map(lambda name: f"x-{name.strip().lower()}"), EXTRA, max_size=4), value=TEXT)
def test_a_refused_object_comes_back_from_its_rejects_file_as_it_was(said: dict[str, object], value: str) -> None:
    line = json.dumps({"value": f"v{value}", **said}, ensure_ascii=False).encode()
    file = JsonLinesFile(io.BytesIO(FIRST + line), default_type="url")
    found = list(file)[1]
    assert isinstance(found, Row), found
    out = io.StringIO()
    file.rejects_writer(out).write(found.rejected(Rejected("some-reason", "Some sentence.")))
    (again,) = JsonLinesFile(io.BytesIO(out.getvalue().encode()), default_type="url")
    assert isinstance(again, Row)
    assert (again.value, again.fields) == (found.value, found.fields)
