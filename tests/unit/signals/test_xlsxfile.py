"""Workbooks: what cells hold is read as a person sees it, and what a spreadsheet spoilt is refused, never repaired."""

import io
import zipfile
from datetime import date, datetime
from pathlib import PurePath

import pytest

from tests.unit.signals.workbooks import HEADER, bare, inline, real, zipped
from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format, format_of
from tocsin_signals.mapping import ColumnMapping
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import Expiry, Row, RowReject


def read(data: bytes, mapping: ColumnMapping | None = None, default_type: str | None = "url") -> list[Row | RowReject]:
    given = mapping or ColumnMapping()
    return list(open_rows(io.BytesIO(data), Format.XLSX, default_type=default_type, mapping=given))


def rows(found: list[Row | RowReject]) -> list[Row]:
    assert all(isinstance(row, Row) for row in found), [row for row in found if isinstance(row, RowReject)]
    return [row for row in found if isinstance(row, Row)]


def reasons(found: list[Row | RowReject]) -> list[tuple[int, str]]:
    return [(row.line, row.reason if isinstance(row, RowReject) else "") for row in found]


def refusal(data: bytes, mapping: ColumnMapping | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        read(data, mapping)
    assert len(caught.value.sentence) < 300
    return caught.value.reason


def test_a_saved_workbook_is_read_with_row_numbers_and_details() -> None:
    header = ("Value", "type", "confidence", "human review required", "first seen", "expires", "case_id")
    data = real(
        [header, ("http://a.example/", "url", 80, True, date(2026, 1, 31), "90d", 20260012), (), (None, None)],
    )
    (row,) = rows(read(data, default_type=None))
    assert (row.line, row.type, row.value, row.expires) == (2, "url", "http://a.example/", Expiry(days=90))
    assert row.fields == {
        "confidence": 80,
        "human_review_required": True,
        "first_seen": "2026-01-31",
        "case_ref": "20260012",
    }


def test_empty_rows_and_columns_do_not_count_and_the_first_filled_row_is_the_header() -> None:
    data = real([(), (None, "  "), ("value", "x-note", None, " "), (), ("a.example", None)])
    (row,) = rows(read(data))
    assert (row.line, row.value, row.cells) == (5, "a.example", ("a.example", ""))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (442079460958, "excel-number-cell"),
        (4.42079e11, "excel-number-cell"),
        (80351110224678912, "excel-number-cell"),
        (True, "excel-number-cell"),
        (date(2026, 3, 5), "excel-date"),
        (datetime(2026, 3, 5, 12), "excel-date"),  # noqa: DTZ001 - spreadsheets have no zone
        ('=HYPERLINK("http://a.example/")', "excel-formula"),
        ("=A1", "excel-formula"),
        ("#REF!", "excel-error"),
        ("'http://a.example/", "excel-apostrophe"),
        ("4.42079E+11", "excel-number"),
        ("x" * 8193, "cell-too-long"),
        ("x" * 32767, "excel-cut"),
    ],
)
def test_an_identifier_that_a_spreadsheet_spoilt_is_refused(value: object, reason: str) -> None:
    assert reasons(read(real([("value",), (value,), ("b.example",)]))) == [(2, reason), (3, "")]


def test_a_formula_or_error_in_another_column_that_counts_is_refused_and_elsewhere_left_alone() -> None:
    data = real([("value", "x-note", "Other"), ("a.example", "=1+1", ""), ("b.example", "", "=1+1")])
    mapping = ColumnMapping(columns={"value": "value"})
    assert reasons(read(data, mapping)) == [(2, "excel-formula"), (3, "")]


def test_dates_count_where_dates_belong_and_need_no_time_of_day() -> None:
    noon = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - spreadsheets have no zone
    data = real([("value", "expires"), ("a.example", date(2030, 12, 31)), ("b.example", noon)])
    first, second = read(data)
    assert isinstance(first, Row)
    assert first.expires == Expiry(at_ms=1_924_992_000_000)
    assert isinstance(second, RowReject)
    assert second.reason == "excel-time"
    assert "zone" in second.sentence


@pytest.mark.parametrize("code", ["dd/mm/yyyy", "[$-409]mmm yy;@", "h:mm", '"on "d', "[h]:mm"])
def test_any_format_that_shows_a_date_or_time_makes_a_date(code: str) -> None:
    data = real([("value", "case_id"), ("a.example", 46_000)], formats={"B2": code})
    assert reasons(read(data)) == [(2, "excel-date")]


@pytest.mark.parametrize("code", ["0.00", '0 "days"', "[Red]0", "General", "@", "# ?/?"])
def test_other_formats_leave_a_number(code: str) -> None:
    (row,) = rows(read(real([("value", "case_id"), ("a.example", 46_000)], formats={"B2": code})))
    assert row.fields["case_ref"] == "46000"


def test_a_number_of_more_than_15_digits_is_refused_as_a_reference_too() -> None:
    data = real([("value", "case_id"), ("a.example", 999_999_999_999_999), ("b.example", 10**15)])
    assert reasons(read(data)) == [(2, ""), (3, "excel-precision")]


def test_texts_in_runs_and_escapes_are_put_together_and_phonetic_hints_left_out() -> None:
    texts = "<si><r><rPr/><t>a.ex</t></r><r><t>ample</t></r><rPh><t>hint</t></rPh></si><si><t>a_x0041__x005F_b</t></si>"
    data = bare(HEADER + '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c></row>', texts=texts)
    (row,) = rows(read(data))
    assert (row.value, row.fields["x-note"]) == ("a.example", "aA_b")


def test_the_1904_calendar_is_known() -> None:
    book = zipfile.ZipFile(io.BytesIO(bare(HEADER))).read("xl/workbook.xml")
    styles = (
        b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs>'
        b'<xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    )
    header = f'<row r="1">{inline("A1", "value")}{inline("B1", "first_seen")}</row>'
    line = f'<row r="2">{inline("A2", "a.example")}<c r="B2" s="1"><v>1</v></c></row>'
    for date1904, day in (("1", "1904-01-02"), ("0", None)):
        parts = {
            "xl/workbook.xml": book.replace(b"<sheets>", f'<workbookPr date1904="{date1904}"/><sheets>'.encode()),
            "xl/styles.xml": styles,
        }
        (row,) = read(bare(header + line, parts=parts))
        assert (row.fields["first_seen"] if isinstance(row, Row) else None) == (day or "1")


def test_one_sheet_of_several_must_be_named() -> None:
    data = real([("value",), ("a.example",)], sheets=3)
    assert refusal(data) == "xlsx-sheet"
    assert refusal(data, ColumnMapping(sheet="Sheet7")) == "xlsx-sheet"
    assert len(read(data, ColumnMapping(sheet="Sheet"))) == 1
    assert read(data, ColumnMapping(sheet="More 2")) == []


def test_a_row_beyond_the_header_and_one_beyond_every_limit_are_refused_alone() -> None:
    wide = f'<row r="3">{inline("A3", "b.example")}{inline("ZZZZZZ3", "x")}</row>'
    data = bare(HEADER + f'<row r="2">{inline("A2", "a.example")}{inline("C2", "x")}</row>' + wide)
    assert reasons(read(data)) == [(2, "columns"), (3, "columns")]


def test_rejects_are_csv_in_the_same_columns_and_can_be_read_again() -> None:
    data = real([("Link", "x-note", "Secret note"), (7, "one, two", "kept"), ("a.example", "", "")])
    mapping = ColumnMapping(columns={"value": "Link"})
    file = open_rows(io.BytesIO(data), Format.XLSX, default_type="url", mapping=mapping)
    out = io.StringIO()
    writer = file.rejects_writer(out)
    for row in file:
        if isinstance(row, RowReject):
            writer.write(row)
    header, line = out.getvalue().splitlines()
    assert header == "Link,x-note,Secret note,line,reason,sentence"
    assert line.startswith('7,"one, two",kept,2,excel-number-cell,')
    again = list(
        open_rows(
            io.BytesIO(out.getvalue().replace("7,", "b.example,", 1).encode()),
            Format.XLSX.rejects,
            default_type="url",
            mapping=mapping,
        )
    )
    assert [(row.value, row.fields["x-note"]) for row in rows(again)] == [("b.example", "one, two")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "xlsx-damaged"),
        (b"value\na.example\n", "xlsx-damaged"),
        (zipped({}), "xlsx-damaged"),
        (zipped({"[Content_Types].xml": b"<Types/>"}), "xlsx-damaged"),
        (real([("value",), ("a.example",)])[:-10], "xlsx-damaged"),
        (bare(HEADER, parts={"xl/workbook.xml": b"<workbook"}), "xlsx-damaged"),
        (bare(HEADER, parts={"_rels/.rels": b"\xff\xfe<"}), "xlsx-damaged"),
        (bare(HEADER, method=zipfile.ZIP_BZIP2), "xlsx-damaged"),
        (bare(HEADER, method=zipfile.ZIP_LZMA), "xlsx-damaged"),
        (bare(""), "header"),
        (bare(f'<row r="1">{inline("A1", "nothing")}</row>'), "unknown-column"),
        (bare(HEADER, before='<!DOCTYPE x [<!ENTITY a "b">]>'), "xlsx-doctype"),
        (bare(HEADER.replace('r="1"', 'r="1048577"')), "xlsx-damaged"),
        (bare(HEADER.replace('r="A1"', 'r="11"')), "xlsx-damaged"),
        (bare(HEADER + '<row r="1"/>'), "xlsx-damaged"),
        (bare(HEADER + '<row r="2"><c r="B2"/><c r="A2"/></row>'), "xlsx-damaged"),
        (bare(HEADER + '<row r="2"><c r="A2" t="s"><v>9</v></c></row>'), "xlsx-damaged"),
        (bare(HEADER + '<row r="2"><c r="A2" t="s"><v>-1</v></c></row>'), "xlsx-damaged"),
        (bare(HEADER + '<row r="2"><c r="A2" t="odd"><v>9</v></c></row>'), "xlsx-damaged"),
        (bare("<a>" * 40), "xlsx-depth"),
        (zipped({f"part{number}": b"" for number in range(1001)}), "xlsx-parts"),
    ],
)
def test_what_is_no_whole_workbook_is_refused_in_one_sentence(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_a_password_two_parts_of_one_name_and_a_pipe_are_refused() -> None:
    whole = bytearray(bare(HEADER))
    place = whole.index(b"PK\x01\x02")
    whole[place + 8] |= 1
    assert refusal(bytes(whole)) == "xlsx-password"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", b"")
    assert refusal(stream.getvalue()) == "xlsx-parts"

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(Rejected, match="pipe"):
        open_rows(Pipe(bare(HEADER)), Format.XLSX, default_type="url")


def test_relations_out_of_the_archive_lead_nowhere() -> None:
    relations = zipfile.ZipFile(io.BytesIO(bare(HEADER))).read("xl/_rels/workbook.xml.rels")
    for target in (b"../../../etc/passwd", b"/etc/passwd", b"file:///etc/passwd"):
        parts = {"xl/_rels/workbook.xml.rels": relations.replace(b"worksheets/sheet1.xml", target)}
        assert refusal(bare(HEADER, parts=parts)) == "xlsx-damaged"


def test_the_suffix_names_the_format_and_its_rejects() -> None:
    names = ("a.xlsx", "a.XLSM", "a.tsv", "a.csv", "a.txt", "a.ndjson", "a")
    found = [format_of(PurePath(name)) for name in names]
    assert found == ["xlsx", "xlsx", "tsv", "csv", "csv", "jsonl", "csv"]
    assert [one.rejects for one in Format if one in ("csv", "tsv", "xlsx", "jsonl")] == ["csv", "tsv", "csv", "jsonl"]
