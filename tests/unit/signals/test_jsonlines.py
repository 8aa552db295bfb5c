import io
import json
from collections.abc import Sequence
from pathlib import PurePath

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format, format_of
from tocsin_signals.jsonlines import MAX_NESTING, JsonLinesFile
from tocsin_signals.lines import MAX_RECORD_BYTES
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import MAX_CELL_BYTES, Expiry, Row, RowReject

OK = b'{"value": "ok.example"}\n'


def read(data: bytes, *, default_type: str | None = "domain") -> list[Row | RowReject]:
    return list(JsonLinesFile(io.BytesIO(data), default_type=default_type))


def values(found: Sequence[Row | RowReject]) -> list[str]:
    return [row.value if isinstance(row, Row) else f"!{row.reason}" for row in found]


def second(line: bytes) -> Row | RowReject:
    """What becomes of a line after a good one."""
    found = read(OK + line + b"\n")
    assert values(found[:1]) == ["ok.example"]
    assert found[1].line == 2
    return found[1]


def refusal(data: bytes, *, default_type: str | None = "domain") -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(data, default_type=default_type)
    return caught.value


def test_an_object_says_what_a_row_of_csv_says_with_types_of_its_own() -> None:
    said = {
        "IOC": " a@b.example ",
        "indicator type": "EMAIL",
        "labels": ["grooming", "enticement"],
        "severity": "high",
        "confidence": 90,
        "human_review_required": True,
        "expires": "90d",
        "country": "gb",
        "case-id": "C1",
        "x-Team": {"desk": ["north"]},
        "tlp": None,
        "source": "",
    }
    (row,) = read(json.dumps(said).encode(), default_type=None)
    assert isinstance(row, Row)
    assert (row.line, row.type, row.value, row.region, row.expires) == (
        1,
        "email",
        "a@b.example",
        "GB",
        Expiry(days=90),
    )
    assert row.fields == {
        "abuse_types": ["grooming", "enticement"],
        "severity": "high",
        "confidence": 90,
        "human_review_required": True,
        "case_ref": "C1",
        "x-team": {"desk": ["north"]},
    }


def test_a_row_of_csv_and_an_object_of_the_same_texts_are_the_same_row() -> None:
    said = {"value": "x.example", "abuse_types": "grooming|other", "confidence": "80", "human_review_required": "yes"}
    table = f"{','.join(said)}\n{','.join(said.values())}\n".encode()
    (from_json,) = open_rows(io.BytesIO(json.dumps(said).encode()), Format.JSONL, default_type="domain")
    (from_csv,) = open_rows(io.BytesIO(table), Format.CSV, default_type="domain")
    assert isinstance(from_json, Row)
    assert isinstance(from_csv, Row)
    assert (from_json.type, from_json.value, from_json.fields) == (from_csv.type, from_csv.value, from_csv.fields)
    assert from_json.fields == {"abuse_types": ["grooming", "other"], "confidence": 80, "human_review_required": True}


def test_a_byte_order_mark_blank_lines_and_a_missing_last_line_end_are_no_matter() -> None:
    found = read(b'\xef\xbb\xbf\n{"value": "a"}\r\n\n  \n{"value": "b"}')
    assert [(row.line, row.value) for row in found if isinstance(row, Row)] == [(2, "a"), (5, "b")]
    assert read(b"") == read(b"\n \n") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"value,type", "not-json"),
        (b'["value"]', "not-json"),
        (b'"value"', "not-json"),
        (b'{"value": "a"} {"value": "b"}', "not-json"),
        (b"{'value': 'a'}", "not-json"),
        (b'{"value": "a",}', "not-json"),
        (b'{"value": "a"', "not-json"),
        (b'{"value": "a", "value": "b"}', "duplicate-key"),
        (b'{"value": "a", "x-n": {"k": 1, "k": 2}}', "duplicate-key"),
        (b'{"value": "a", "url": "b"}', "duplicate-column"),
        (b'{"value": "a", "Value": ""}', "duplicate-column"),
        (b'{"value": "a", "colour": "red"}', "unknown-column"),
        (b'{"value": "a\\ud800"}', "not-utf8"),
        (b'{"value": "a", "x-\\uDC00": "b"}', "not-utf8"),
        (b'{"value": "a", "x-n": [["\\ud83d"]]}', "not-utf8"),
        (b'{"value": "a\xff"}', "not-utf8"),
        (b'{"value": "a\\u0000"}', "nul"),
        (b'{"value": "a\0"}', "nul"),
        (b'{"value": "a"}\r{"value": "b"}', "line-ends"),
        (b'{"value": "a", "confidence": 0.9}', "number"),
        (b'{"value": "a", "confidence": 1e2}', "number"),
        (b'{"value": "a", "confidence": NaN}', "number"),
        (b'{"value": "a", "confidence": ' + b"9" * 5000 + b"}", "not-json"),
        (b'{"value": "a", "x-n": ' + b"[" * MAX_NESTING + b"]" * MAX_NESTING + b"}", "nesting"),
        (b'{"value": "a", "x-n": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nesting"),
        (b'{"x-n":' * 7000 + b"1" + b"}" * 7000, "nesting"),
        (b'{"value": "' + b"a" * (MAX_CELL_BYTES + 1) + b'"}', "cell-too-long"),
        (b'{"value": "a", "x-n": "' + b"a" * MAX_RECORD_BYTES + b'"}', "line-too-long"),
        (b"{" + b",".join(b'"x-%d": 1' % number for number in range(201)) + b"}", "columns"),
    ],
)
def test_an_object_of_wrong_form_is_refused_as_a_header_is_and_later_costs_only_itself(
    line: bytes, reason: str
) -> None:
    error = refusal(line)
    assert error.reason == reason
    assert error.sentence.startswith("Line 1: ")
    found = read(OK + line + b"\n" + OK)
    assert values(found) == ["ok.example", f"!{reason}", "ok.example"]
    assert [row.line for row in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{}", "empty-value"),
        (b'{"value": ""}', "empty-value"),
        (b'{"value": null}', "empty-value"),
        (b'{"value": 442079460958}', "not-text"),
        (b'{"value": ["a"]}', "not-text"),
        (b'{"value": "a", "type": 1}', "not-text"),
        (b'{"value": "a", "type": "fax"}', "unknown-type"),
        (b'{"value": "a", "region": 44}', "not-text"),
        (b'{"value": "a", "region": "Britain"}', "region"),
        (b'{"value": "a", "expires": 90}', "not-text"),
        (b'{"value": "a", "expires": "soon"}', "expires"),
        (b'{"value": "4.42E+11"}', "excel-number"),
        (b'{"value": "=A1"}', "excel-formula"),
        (b'{"value": "a", "confidence": "high"}', "confidence"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_reject_wherever_it_stands(line: bytes, reason: str) -> None:
    assert values(read(line)) == [f"!{reason}"]
    found = second(line)
    assert isinstance(found, RowReject)
    assert found.cells == (line.decode(),)


def test_an_unknown_key_is_named_but_an_identifier_in_its_place_is_not() -> None:
    assert "The key colour has no known name" in str(refusal(b'{"colour": "red"}'))
    error = refusal(b'{"https://evil.example/": 1}')
    assert "evil" not in str(error)
    assert "Key 1" in str(error)


def test_types_are_never_guessed() -> None:
    assert refusal(b'{"url": "https://x.example/"}', default_type=None).reason == "no-type"
    assert refusal(b'{"value": "x"}', default_type="fax").reason == "unknown-type"
    found = read(b'{"type": "ip", "value": "192.0.2.1"}\n{"value": "192.0.2.2"}\n', default_type=None)
    assert values(found) == ["192.0.2.1", "!no-type"]


def test_a_line_without_end_is_read_past_without_being_held() -> None:
    class Endless(io.RawIOBase):
        left = 40

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= MAX_RECORD_BYTES + 1
            self.left -= 1
            return OK if self.left == 39 else b"[" * size if self.left > 0 else b""

    found = list(JsonLinesFile(Endless(), default_type="url"))  # pyright: ignore[reportArgumentType]
    assert values(found) == ["ok.example", "!line-too-long"]
    assert found[1].cells == ()


def test_rows_never_show_their_value() -> None:
    found = read(b'{"value": "secret.example", "case": "C1"}\n{"value": "=secret"}\n')
    assert "secret" not in repr(found)
    assert "C1" not in repr(found)


def test_a_rejects_file_can_be_corrected_and_read_again_however_often() -> None:
    file = JsonLinesFile(
        io.BytesIO(OK + b'{"value": "=bad", "tags": ["t;1"], "x-n": "\\u00e9"}\n{"value": \xff\n' + b"x" * 70_000),
        default_type="domain",
    )
    first = written(file)
    lines = [json.loads(line) for line in first.splitlines()]
    assert lines[1] == {
        "value": "=bad",
        "tags": ["t;1"],
        "x-n": "\u00e9",
        "line": 2,
        "reason": "excel-formula",
        "sentence": lines[1]["sentence"],
    }
    assert [line["reason"] for line in lines] == ["guard", "excel-formula", "not-utf8", "line-too-long"]
    assert lines[2]["x-damaged"] == '{"value": \ufffd'
    assert list(lines[3]) == ["line", "reason", "sentence"]

    again = JsonLinesFile(io.BytesIO(first.replace("=bad", "good.example").encode()), default_type="domain")
    third = written(again)
    assert [json.loads(line)["reason"] for line in third.splitlines()] == [
        "guard",
        "guard",
        "empty-value",
        "empty-value",
    ]
    assert json.loads(third.splitlines()[1])["value"] == "good.example"


def written(file: JsonLinesFile) -> str:
    """The rejects file when everything is refused."""
    out = io.StringIO()
    writer = file.rejects_writer(out)
    for row in file:
        writer.write(row if isinstance(row, RowReject) else row.rejected(Rejected("guard", "Too broad.")))
    return out.getvalue()


def test_an_object_that_repeats_a_key_is_kept_as_it_was_so_that_it_cannot_pass_by_itself() -> None:
    file = JsonLinesFile(io.BytesIO(OK + b'{"value": "a", "value": "b"}\n'), default_type="domain")
    found = [row for row in file if isinstance(row, RowReject)]
    out = io.StringIO()
    file.rejects_writer(out).write(found[0])
    assert json.loads(out.getvalue())["x-damaged"] == '{"value": "a", "value": "b"}'
    assert values(read(out.getvalue().encode())) == ["!empty-value"]


def test_the_format_is_told_from_the_suffix() -> None:
    for name in ("a.jsonl", "a.NDJSON", "b.csv.jsonl", "a.json"):
        assert format_of(PurePath(name)) is Format.JSONL
    for name in ("a.csv", "-", "a", "a.txt", "jsonl"):
        assert format_of(PurePath(name)) is Format.CSV
