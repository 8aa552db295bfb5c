"""CSV in and out: whatever the bytes, reading ends; whatever the cells, they come back."""

import csv
import io
from contextlib import suppress

from hypothesis import given, strategies as st

from tocsin_signals.csvfile import CsvFile
from tocsin_signals.errors import Rejected
from tocsin_signals.rows import Row, RowReject

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=20)


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8), separator=st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_is_read_back_cell_for_cell(rows: list[tuple[str, str]], separator: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(["value", "x-note"])
    writer.writerows(rows)
    found = list(CsvFile(io.BytesIO(out.getvalue().encode()), default_type="url"))
    assert [row.cells for row in found] == [row for row in rows if any(cell.strip() for cell in row)]


LINES = st.lists(st.sampled_from([b'"', b'""', b"a", b",", b";", b"\xff", b"\0", b"\r", b" ", b"=", b"http://x/"])).map(
    b"".join
)


@given(lines=st.lists(LINES, max_size=12))
def test_any_bytes_are_read_to_the_end_and_every_line_is_accounted_for_in_order(lines: list[bytes]) -> None:
    found = list(CsvFile(io.BytesIO(b"value,x-note\n" + b"\n".join(lines)), default_type="url"))
    numbers = [row.line for row in found]
    assert numbers == sorted(set(numbers))
    assert all(isinstance(row, Row | RowReject) for row in found)
    for number, line in enumerate(lines, 2):
        if b'"' not in line and b",x" not in line and line.strip(b" ,") == b"a":
            quoted_before = any(b'"' in earlier for earlier in lines[: number - 2])
            assert quoted_before or number in numbers


@given(header=st.binary(max_size=40))
def test_any_header_is_understood_or_refused_as_a_signal_error(header: bytes) -> None:
    with suppress(Rejected):
        CsvFile(io.BytesIO(header), default_type="url")
