import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tocsin_signals import rows
from tocsin_signals.csvfile import CsvFile, CsvRejects
from tocsin_signals.errors import Rejected
from tocsin_signals.lines import MAX_RECORD_BYTES
from tocsin_signals.mapping import ColumnMapping
from tocsin_signals.rows import Expiry, Row, RowReject, parse_expiry


def read(data: bytes | str, *, default_type: str | None = "url") -> list[Row | RowReject]:
    raw = data.encode() if isinstance(data, str) else data
    return list(CsvFile(io.BytesIO(raw), default_type=default_type))


def values(found: Sequence[Row | RowReject]) -> list[str]:
    return [row.value if isinstance(row, Row) else f"!{row.reason}" for row in found]


def only_row(data: bytes | str, *, default_type: str | None = "url") -> Row:
    (found,) = read(data, default_type=default_type)
    assert isinstance(found, Row), found
    return found


def refusal(data: bytes | str, *, default_type: str | None = "url") -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(data, default_type=default_type)
    return caught.value


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # pyright: ignore[reportArgumentType]


def test_a_full_row_becomes_type_value_and_details_fields() -> None:
    row = only_row(
        "Indicator Type,IOC,Label,severity,confidence,tlp,case-id,human_review_required,expires,x-Team,country,tag\r\n"
        "EMAIL, a@b.example ,grooming|enticement;other,high,90,red,C1,Yes,90d,north,gb,t1\r\n",
        default_type=None,
    )
    assert (row.line, row.type, row.value, row.region, row.expires) == (
        2,
        "email",
        "a@b.example",
        "GB",
        Expiry(days=90),
    )
    assert row.fields == {
        "abuse_types": ["grooming", "enticement", "other"],
        "severity": "high",
        "confidence": 90,
        "tlp": "red",
        "case_ref": "C1",
        "human_review_required": True,
        "x-team": "north",
        "tags": ["t1"],
    }


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_separator_and_byte_order_mark_are_told_from_the_header(separator: str, mark: bytes) -> None:
    line = f"value{separator}stance\n" + f'"a{separator}b"{separator}test\n'
    row = only_row(mark + line.encode())
    assert (row.value, row.fields) == (f"a{separator}b", {"stance": "test"})


def test_later_lines_do_not_change_the_separator() -> None:
    assert values(read("value;stance\nhttps://x.example/?a=1,2,3,4;test\n")) == ["https://x.example/?a=1,2,3,4"]


def test_semicolons_split_lists_only_where_they_do_not_split_columns() -> None:
    assert only_row('value;tags\na;"b;c|d"\n').fields == {"tags": ["b;c", "d"]}
    assert only_row("value,tags\na,b;c|d\n").fields == {"tags": ["b", "c", "d"]}


def test_a_plain_list_under_one_heading_may_hold_any_separator() -> None:
    assert values(read("url\nhttps://x.example/a,b\nhttps://x.example/;c\n")) == [
        "https://x.example/a,b",
        "https://x.example/;c",
    ]


def test_an_ambiguous_header_is_refused() -> None:
    assert refusal("value,stance;tlp\n").reason == "separator"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "header"),
        ("stance,tlp", "no-value-column"),
        ("url,link", "duplicate-column"),
        ("value,colour", "unknown-column"),
        ("value,,stance", "unknown-column"),
        ("value," + ",".join(f"x-{number}" for number in range(200)), "columns"),
        ("value\x00", "nul"),
        ("value\rhttps://x.example/\r", "line-ends"),
        ('"value', "quotes"),
        ("v" * (MAX_RECORD_BYTES + 1), "line-too-long"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(header: str, reason: str) -> None:
    assert refusal(header).reason == reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_the_encodings_spreadsheets_save_are_read_alike(encoding: str) -> None:
    text = "value\tx-note\nb\u00fccher.example\t\U0001f600\r\na.example\t\n"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    found = read((mark + text).encode(encoding))
    assert [row.cells for row in found] == [("b\u00fccher.example", "\U0001f600"), ("a.example", "")]


def test_utf_16_without_its_mark_is_refused_with_advice() -> None:
    error = refusal("value\n".encode("utf-16-le"))
    assert error.reason == "nul"
    assert "UTF-8" in str(error)


def test_half_a_character_at_the_end_of_utf_16_costs_its_line_only() -> None:
    data = "value\na.example\nb.example".encode("utf-16") + b"x"
    assert values(read(data)) == ["a.example", "!not-utf8"]


@pytest.mark.parametrize(
    ("begin", "reason"),
    [(b"PK\x03\x04", "workbook"), (b"\xd0\xcf\x11\xe0", "old-workbook"), (b"\x1f\x8b", "compressed")],
)
def test_files_often_mistaken_for_text_are_named(begin: bytes, reason: str) -> None:
    assert refusal(begin + b"\0\xff\n").reason == reason


def test_a_first_line_may_name_the_separator_and_a_caller_goes_before_it() -> None:
    assert [row.cells for row in read("sep=;\nvalue;x-a,b\na.example;1\n")] == [("a.example", "1")]
    file = CsvFile(io.BytesIO(b"value;x-a,b\na.example;1\n"), default_type="url", separator=";")
    assert [row.cells for row in file] == [("a.example", "1")]
    mapping = ColumnMapping(separator="\t")
    assert CsvFile(io.BytesIO(b"value\tx-a,b;c\n"), default_type="url", mapping=mapping).header == ("value", "x-a,b;c")


def test_an_unknown_column_is_named_but_an_identifier_in_its_place_is_not() -> None:
    assert "colour" in str(refusal("value,colour\n"))
    error = refusal("https://evil.example/a,https://evil.example/b\n")
    assert "evil" not in str(error)
    assert "Column 1" in str(error)


def test_types_are_never_guessed() -> None:
    assert refusal("url\nhttps://x.example/\n", default_type=None).reason == "no-type-column"
    assert refusal("value\n", default_type="fax").reason == "unknown-type"
    found = read("type,value\n,x.example\nfax,1\nDomain,x.example\n", default_type=None)
    assert values(found) == ["!no-type", "!unknown-type", "x.example"]
    assert only_row("type,value\n,x.example\n", default_type="domain").type == "domain"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("4.42E+11", "excel-number"),
        ("80351110224678900", "excel-precision"),
        ("5-Mar", "excel-date"),
        ("Mar-05", "excel-date"),
        ("03/05/2026", "excel-date"),
        ("2026-03-05 00:00:00", "excel-date"),
        ("4,42079E+11", "excel-number"),
        ("1e5", "excel-number"),
        ('=HYPERLINK("https://x.example/")', "excel-formula"),
        ("'https://x.example/", "excel-apostrophe"),
        ("#NAME?", "excel-error"),
        ("#REF!", "excel-error"),
        ("########", "excel-error"),
        ("", "empty-value"),
        ("  ", "empty-value"),
    ],
)
def test_what_a_spreadsheet_damaged_is_rejected_with_advice(cell: str, reason: str) -> None:
    (found,) = read(f'value\tstance\n"{cell.replace(chr(34), chr(34) * 2)}"\ttest\n')
    assert isinstance(found, RowReject)
    assert found.reason == reason
    assert found.cells == (cell, "test")
    assert cell.strip() == "" or cell not in found.sentence


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("confidence", "high", "confidence"),
        ("confidence", "9.5", "confidence"),
        ("confidence", "-1", "confidence"),
        ("human_review_required", "maybe", "human_review_required"),
        ("region", "Germany", "region"),
        ("expires", "soon", "expires"),
        ("expires", "0d", "expires"),
        ("expires", "1826d", "expires"),
        ("expires", "2026-13-01", "expires"),
        ("expires", "31.12.2026", "expires"),
        ("expires", "2026-12-31T12:00:00", "expires"),
    ],
)
def test_a_cell_that_does_not_read_is_rejected_for_its_column(column: str, cell: str, reason: str) -> None:
    assert values(read(f"value,{column}\nx.example,{cell}\ny.example,\n")) == [f"!{reason}", "y.example"]


def test_expiry_is_days_a_whole_day_or_a_moment_with_zone() -> None:
    assert parse_expiry("90d").until(ms(2026, 1, 1)) == ms(2026, 4, 1)
    assert parse_expiry("2026-12-31").until(0) == ms(2027, 1, 1)
    assert parse_expiry("2026-12-31T12:00:00Z").until(0) == ms(2026, 12, 31, 12)
    assert parse_expiry("2026-12-31 12:00+01:00").until(0) == ms(2026, 12, 31, 11)
    with pytest.raises(ValueError, match="either"):
        Expiry()


def test_rows_of_another_width_are_rejected_and_blank_lines_skipped() -> None:
    found = read("value,stance,,\na,test\n\n,,\n   \nb\nc,test,,,\nd,test,extra\n,test\n")
    assert values(found) == ["a", "!columns", "c", "!columns", "!empty-value"]
    assert [row.line for row in found] == [2, 6, 7, 8, 9]


def test_damaged_lines_cost_only_themselves() -> None:
    found = read(
        b"value,stance\n"
        b"a,test\n"
        b"b\xff,test\n"
        b"c\x00,test\n" + b"d" * (MAX_RECORD_BYTES + 1) + b",test\n"
        b"e\rf,test\n" + b"g" * (rows.MAX_CELL_BYTES + 1) + b",test\n" + b"h" * rows.MAX_CELL_BYTES + b",test\n"
        b"i,test"
    )
    assert values(found) == [
        "a",
        "!not-utf8",
        "!nul",
        "!line-too-long",
        "!line-ends",
        "!cell-too-long",
        "h" * rows.MAX_CELL_BYTES,
        "i",
    ]
    assert [row.line for row in found] == list(range(2, 10))


def test_a_line_without_end_is_read_past_without_being_held() -> None:
    class Endless(io.RawIOBase):
        left = 40

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= MAX_RECORD_BYTES + 1
            self.left -= 1
            return b"value\n" if self.left == 39 else b"x" * size if self.left > 0 else b""

    found = list(CsvFile(Endless(), default_type="url"))  # pyright: ignore[reportArgumentType]
    assert values(found) == ["!line-too-long"]


def test_quoted_cells_may_span_lines_and_hold_quotes() -> None:
    found = read('value,x-note\r\n"a","first\r\nsecond ""quoted"", third"\r\nb,plain\r\n')
    assert values(found) == ["a", "b"]
    assert [row.line for row in found] == [2, 4]
    assert isinstance(found[0], Row)
    assert found[0].fields == {"x-note": 'first\r\nsecond "quoted", third'}


def test_a_quote_that_never_closes_costs_its_own_line_only() -> None:
    many = "".join(f"ok{number},test\n" for number in range(20_000))
    found = read(f'value,stance\n"open,test\n{many}')
    assert values(found[:3]) == ["!quotes", "ok0", "ok1"]
    assert len(found) == 20_001
    assert [row.line for row in found[:3]] == [2, 3, 4]


def test_a_quote_inside_a_bare_cell_is_text() -> None:
    found = read('value,x-size\na,5" screen\nb,none\nc,7" screen\nd,"e"f\ng,h\n')
    assert values(found) == ["a", "b", "c", "!quotes", "g"]


def test_an_open_quote_before_a_damaged_line_leaves_both_as_rejects() -> None:
    assert values(read(b'value,stance\n"open,test\nb\xff,test\nc,test\n')) == ["!quotes", "!not-utf8", "c"]


def test_rows_never_show_their_value() -> None:
    found = read("value,case\nhttps://secret.example/,C1\n=secret,C1\n")
    assert "secret" not in repr(found)
    assert "C1" not in repr(found)


def test_a_rejects_file_can_be_corrected_and_read_again() -> None:
    file = CsvFile(io.BytesIO(b'url;x-note\n=bad;"semi;colon"\n\xff;n\nhttps://x.example/;ok\n'), default_type="url")
    out = io.StringIO()
    writer = CsvRejects(out, header=file.header, separator=file.separator)
    for row in file:
        reject = row if isinstance(row, RowReject) else row.rejected(Rejected("guard", "Too broad; look again."))
        writer.write(reject)
    text = out.getvalue()
    assert text.splitlines()[0] == "url;x-note;line;reason;sentence"
    assert text.splitlines()[1].startswith('=bad;"semi;colon";2;excel-formula;"')
    written = list(csv.reader(text.splitlines(), delimiter=";"))
    assert [row[-2] for row in written[1:]] == ["excel-formula", "not-utf8", "guard"]

    again = CsvFile(io.BytesIO(text.replace("=bad", "good.example").encode()), default_type="url")
    found = list(again)
    assert values(found) == ["good.example", "\ufffd", "https://x.example/"]
    assert isinstance(found[0], Row)
    assert found[0].fields == {"x-note": "semi;colon"}
    second = io.StringIO()
    CsvRejects(second, header=again.header, separator=again.separator)
    assert second.getvalue() == "url;x-note;line;reason;sentence\n"


def test_the_column_the_value_was_mapped_from_is_in_the_rejects_whatever_its_name() -> None:
    mapping = ColumnMapping(columns={"value": "Found"})
    out = io.StringIO()
    file = CsvFile(io.BytesIO(b"Found,Line\n=A1,7\n"), default_type="url", mapping=mapping)
    rejects = file.rejects_writer(out)
    for row in file:
        assert isinstance(row, RowReject)
        rejects.write(row)
    assert out.getvalue().splitlines()[0] == "Found,line,reason,sentence"
    again = CsvFile(
        io.BytesIO(out.getvalue().replace("=A1", "a.example").encode()), default_type="url", mapping=mapping
    )
    assert [row.value for row in again if isinstance(row, Row)] == ["a.example"]


def test_a_hash_of_digits_and_one_e_is_no_rounded_number() -> None:
    assert only_row("type,value\nfilehash,12345678901234567890e12345678901\n").value.startswith("1234")


@pytest.mark.parametrize(("word", "says"), [("withdrawn", "withdrawn or has expired"), ("CA", "rename the column")])
def test_a_state_is_that_of_an_export_or_refused_as_something_else(word: str, says: str) -> None:
    (found,) = read(f"value,state\na.example,{word}\n")
    assert isinstance(found, RowReject)
    assert (found.reason, says in found.sentence) == ("state", True)


def test_a_reject_shorter_than_the_header_is_filled_up() -> None:
    out = io.StringIO()
    CsvRejects(out, header=["value", "stance"], separator=",").write(RowReject(7, "line-too-long", "Too long.", ()))
    assert out.getvalue().splitlines()[1] == ",,7,line-too-long,Too long."


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("case_id", "1.20E+06", "excel-number"),
        ("case_id", "=VLOOKUP(A1;B:C;2)", "excel-formula"),
        ("source", "#N/A", "excel-error"),
        ("severity", "#REF!", "excel-error"),
        ("x-note", "=A1", "excel-formula"),
        ("case_id", "12E5", ""),
        ("source", "'s-Gravenhage", ""),
        ("x-note", "== see below ==", ""),
        ("first_seen", "2026-03-05", ""),
    ],
)
def test_in_other_columns_only_what_cannot_be_meant_is_refused(column: str, cell: str, reason: str) -> None:
    (found,) = read(f"value\t{column}\na.example\t{cell}\n")
    assert (found.reason if isinstance(found, RowReject) else "") == reason


def test_a_cell_that_ends_where_spreadsheets_cut_is_refused_as_cut() -> None:
    (found,) = read(f"value\n{'a' * 32767}\n")
    assert isinstance(found, RowReject)
    assert found.reason == "excel-cut"


def test_words_of_a_vocabulary_may_be_written_as_people_write_them() -> None:
    row = only_row("value,severity,tlp,label,basis\na.example,High,TLP:Amber+Strict,CSAM known|Grooming,odd word\n")
    assert row.fields == {
        "severity": "high",
        "tlp": "amber+strict",
        "abuse_types": ["csam_known", "grooming"],
        "basis": "odd word",
    }


def test_the_quality_of_a_hash_is_read_with_its_value_and_of_nothing_else() -> None:
    found = read("type,value,quality\npdq,ab12,87\npdq,ab12,\npdq,ab12,good\nurl,https://a.example/,87\n")
    assert values(found) == ["ab12,87", "ab12", "ab12,good", "!quality"]
