"""A mapping says which columns of an export count; its file is read strictly."""

import io

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format
from tocsin_signals.mapping import MAX_BYTES, ColumnMapping, column_pair, read_mapping, write_mapping
from tocsin_signals.rowfile import RowFile, open_rows
from tocsin_signals.rows import Row

FULL = b"""
default_type = "url"
region = "GB"
separator = ";"
sheet = "Sheet 1"
expires = "90d"
[columns]
url = "Adresse"
severity = "col3"
x-ref = "Internal ref"
[words.severity]
"Very Bad" = "critical"
[words.type]
IPv4 = "ip"
[set]
stance = "harmful"
"""


def file(data: str, mapping: ColumnMapping, written: Format = Format.CSV) -> RowFile:
    return open_rows(io.BytesIO(data.encode()), written, default_type="url", mapping=mapping)


def rows(found: RowFile) -> list[Row]:
    read = list(found)
    assert all(isinstance(row, Row) for row in read), read
    return [row for row in read if isinstance(row, Row)]


def refusal(data: str, mapping: ColumnMapping, written: Format = Format.CSV) -> str:
    with pytest.raises(Rejected) as caught:
        list(file(data, mapping, written))
    return caught.value.sentence


def test_a_file_says_all_there_is_and_reads_again_as_written() -> None:
    mapping = read_mapping(FULL)
    assert mapping == ColumnMapping(
        default_type="url",
        region="GB",
        separator=";",
        sheet="Sheet 1",
        expires="90d",
        columns={"value": "Adresse", "severity": "col3", "x-ref": "Internal ref"},
        words={"severity": {"very bad": "critical"}, "type": {"ipv4": "ip"}},
        settings={"stance": "harmful"},
    )
    assert read_mapping(write_mapping(mapping)) == mapping
    assert read_mapping(write_mapping(ColumnMapping())) == ColumnMapping()


def test_columns_are_found_by_name_or_place_and_the_rest_is_left_out_by_name() -> None:
    found = file(
        "Adresse;Notes;Rang;IoC_Type\nb.example;n;very BAD;IPv4\na.example;;low;\n", read_mapping_without_ref()
    )
    assert found.left_out == ("Notes",)
    first, second = rows(found)
    assert (first.type, first.value, first.fields) == ("ip", "b.example", {"severity": "critical"})
    assert (second.type, second.value, second.fields) == ("url", "a.example", {"severity": "low"})


def read_mapping_without_ref() -> ColumnMapping:
    return read_mapping(FULL.replace(b'x-ref = "Internal ref"\n', b""))


def test_a_column_that_is_named_so_goes_before_a_place() -> None:
    mapping = ColumnMapping(columns={"value": "col1"})
    assert [row.value for row in rows(file("a,col1\nx,b.example\n", mapping))] == ["b.example"]


def test_what_the_mapping_says_goes_before_known_names() -> None:
    mapping = ColumnMapping(columns={"value": "Clean"})
    found = file("url,Clean,severity\nx,b.example,low\n", mapping)
    assert found.left_out == ("url",)
    assert [(row.value, row.fields) for row in rows(found)] == [("b.example", {"severity": "low"})]


def test_keys_of_json_lines_are_mapped_and_left_out_alike() -> None:
    mapping = ColumnMapping(columns={"value": "Clean"}, words={"severity": {"bad": "high"}})
    data = '{"Clean": "b.example", "url": "x", "severity": "BAD"}\n{"clean": "a.example", "Notes": {"deep": [1]}}\n'
    found = file(data, mapping, Format.JSONL)
    assert [(row.value, row.fields) for row in rows(found)] == [("b.example", {"severity": "high"}), ("a.example", {})]
    assert found.left_out == ("url", "Notes")


def test_without_mapped_columns_an_unknown_one_is_still_an_error() -> None:
    assert "Notes" in refusal("value,Notes\na,b\n", ColumnMapping(region="GB"))
    assert "Notes" in refusal('{"value": "a", "Notes": 1}\n', ColumnMapping(), Format.JSONL)


def test_a_mapped_column_that_is_not_there_or_is_taken_twice_is_an_error() -> None:
    assert "Adresse" in refusal("value\na\n", ColumnMapping(columns={"value": "Adresse"}))
    assert "col3" in refusal("value,x-a\na,b\n", ColumnMapping(columns={"value": "col3"}))
    both = ColumnMapping(columns={"value": "A", "source": "col1"})
    assert "both value and source" in refusal("A\na\n", both)


def test_a_header_name_that_may_be_an_identifier_is_not_repeated() -> None:
    assert "secret" not in refusal("value\na\n", ColumnMapping(columns={"value": "http://secret.example/"}))


def test_rejects_keep_columns_that_were_left_out() -> None:
    mapping = ColumnMapping(columns={"value": "Link"})
    found = file("Link,Notes\n=A1,mine\n", mapping)
    out = io.StringIO()
    writer = found.rejects_writer(out)
    for row in found:
        assert not isinstance(row, Row)
        writer.write(row)
    assert out.getvalue().splitlines()[0] == "Link,Notes,line,reason,sentence"
    assert out.getvalue().splitlines()[1].startswith("=A1,mine,2,excel-formula,")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"colums = 1", "colums"),
        (b"default_type = 7", "default_type"),
        (b'default_type = "nosuch"', "type"),
        (b'region = "Britain"', "region"),
        (b'separator = "|"', "separator"),
        (b'expires = "soon"', "90d"),
        (b"columns = 7", "columns"),
        (b"[columns]\nvalue = 7", "columns.value"),
        (b'[columns]\nnosuch = "A"', "nosuch"),
        (b'[columns]\nline = "A"', "line"),
        (b'[columns]\nurl = "A"\nvalue = "B"', "value twice"),
        (b'[columns]\nsource = "reason"', "reason"),
        (b'[words.severity]\nbad = "terrible"', "severity"),
        (b'[words.type]\nbad = "terrible"', "type"),
        (b'[words.source]\nbad = "x"', "source"),
        (b"[words.severity]\nbad = 7", "words.severity.bad"),
        (b"words = []", "words"),
        (b"[set]\nstance = []", "set.stance"),
        (b"not toml", "TOML"),
        (b"\xff", "TOML"),
        (b"a = " + b"[" * 5000, "TOML"),
        (b"#" * (MAX_BYTES + 1), str(MAX_BYTES)),
    ],
)
def test_a_mapping_with_a_mistake_is_refused_and_the_mistake_named(data: bytes, named: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_mapping(data)
    assert named in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_pairs_on_the_command_line_use_any_known_name() -> None:
    assert column_pair("url = Adresse (neu)") == ("value", "Adresse (neu)")
    assert column_pair("X-Ref=col4") == ("x-ref", "col4")
    for wrong in ("value", "=A", "value=", "nosuch=A", "line=A", "http://secret.example/=A"):
        with pytest.raises(Rejected) as caught:
            column_pair(wrong)
        assert "secret" not in caught.value.sentence
