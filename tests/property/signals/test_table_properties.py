"""Tables of every kind say the same; what is refused comes back to be mended; a mapping is read as it was written."""

import csv
import io
from typing import Final

from hypothesis import given, settings, strategies as st

from tests.unit.signals.workbooks import real
from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format
from tocsin_signals.mapping import ColumnMapping, column_pair, read_mapping, write_mapping
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import RowReject

SIGNS: Final = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
CELL: Final = st.text(SIGNS, max_size=12)
DAMAGED: Final = st.sampled_from(["4.42E+11", "=A1", "'a", "#REF!", "5-Mar", "8035111022467890000", ""])
VALUE: Final = st.one_of(st.integers(0, 999).map("https://h{}.example/".format), DAMAGED)
TABLE: Final = st.lists(st.tuples(VALUE, CELL, st.sampled_from(["low", "High", "odd", ""])), max_size=8)
HEADER: Final = ("Link", "x-note", "Rang")
MAPPING: Final = ColumnMapping(columns={"value": "Link", "severity": "col3"}, words={"severity": {"odd": "critical"}})

Kept = list[tuple[int, tuple[str, ...], str, dict[str, object]]]


def read(data: bytes, written: Format, mapping: ColumnMapping = MAPPING) -> tuple[Kept, str]:
    """Rows and rejects in plain values, and the rejects file."""
    file = open_rows(io.BytesIO(data), written, default_type="url", mapping=mapping)
    out = io.StringIO()
    writer = file.rejects_writer(out)
    kept: Kept = []
    for row in file:
        if isinstance(row, RowReject):
            writer.write(row)
            kept.append((row.line, row.cells, row.reason, {}))
        else:
            kept.append((row.line, row.cells, row.value, dict(row.fields)))
    return kept, out.getvalue()


def written_as(table: list[tuple[str, ...]], separator: str, *, quote_all: bool = False) -> str:
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="\r\n").writerows([HEADER, *table])
    return out.getvalue()


@given(table=TABLE, separator=st.sampled_from([",", ";", "\t"]), quote_all=st.booleans(), encoding=st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16"]))  # fmt: skip
def test_every_dialect_and_encoding_of_a_table_reads_alike(
    table: list[tuple[str, ...]], separator: str, quote_all: bool, encoding: str
) -> None:
    plain, _ = read(written_as(table, ",").encode(), Format.CSV)
    other = written_as(table, separator, quote_all=quote_all).encode(encoding)
    assert read(other, Format.TSV if separator == "\t" else Format.CSV)[0] == plain


@settings(max_examples=40)
@given(table=TABLE)
def test_a_workbook_reads_as_the_same_table_in_csv(table: list[tuple[str, ...]]) -> None:
    texts = [tuple("" if cell.startswith("=") else cell for cell in row) for row in table]  # openpyxl makes formulas
    texts = [tuple(" " if cell.startswith("#") else cell for cell in row) for row in texts]  # and errors
    plain, _ = read(written_as(texts, ",").encode(), Format.CSV)
    book, _ = read(real([HEADER, *texts]), Format.XLSX)
    assert book == plain


@given(table=TABLE, written=st.sampled_from([Format.CSV, Format.TSV]))
def test_a_rejects_file_that_is_mended_is_accepted_and_unmended_refused_for_the_same_reasons(
    table: list[tuple[str, ...]], written: Format
) -> None:
    separator = "\t" if written is Format.TSV else ","
    kept, rejects = read(written_as(table, separator).encode(), written)
    refused = [(cells, what) for _, cells, what, fields in kept if not fields and not what.startswith("https:")]
    again, once_more = read(rejects.encode(), written)
    assert [(cells[:3], what) for _, cells, what, _ in again] == [(cells[:3], what) for cells, what in refused]
    assert once_more.splitlines()[0].split(separator) == [*HEADER, "line", "reason", "sentence"]
    lines = list(csv.reader(io.StringIO(rejects), delimiter=separator))
    for number, line in enumerate(lines[1:]):
        line[0] = f"https://mended-{number}.example/"
        line[1] = ""
    mended = io.StringIO()
    csv.writer(mended, delimiter=separator).writerows(lines)
    final, _ = read(mended.getvalue().encode(), written)
    assert [what for _, _, what, _ in final] == [f"https://mended-{number}.example/" for number in range(len(refused))]


@given(
    columns=st.dictionaries(
        st.sampled_from(["value", "type", "severity", "case_ref", "x-a", "x-b.c"]), CELL, max_size=4
    ),
    words=st.dictionaries(CELL.map(str.casefold), st.sampled_from(["low", "high"]), max_size=4),
    settings_=st.dictionaries(CELL, CELL, max_size=3),
    sheet=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
def test_a_mapping_reads_as_it_was_written(
    columns: dict[str, str], words: dict[str, str], settings_: dict[str, str], sheet: str
) -> None:
    try:
        mapping = ColumnMapping(
            columns=columns, words={"severity": words} if words else {}, settings=settings_, sheet=sheet
        )
    except Rejected:
        return
    assert read_mapping(write_mapping(mapping)) == mapping


@given(text=st.text(max_size=20))
def test_any_text_is_a_pair_or_refused(text: str) -> None:
    try:
        meaning, name = column_pair(text)
    except Rejected:
        return
    assert meaning
    assert name == name.strip() != ""


@given(names=st.lists(st.sampled_from(["Link", "Rang", "x-note", "url", "line", "Other", ""]), max_size=6))
def test_every_column_has_a_meaning_or_is_ignored_or_left_out(names: list[str]) -> None:
    try:
        found = MAPPING.of_header(names)
    except Rejected:
        return
    assert len(found.meanings) == len(names)
    assert found.meanings.count("") == len(found.left_out) + names.count("line")
