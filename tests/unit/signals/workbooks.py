"""Workbooks for tests: real ones, written by openpyxl, and bare ones put together part by part, whatever is in them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import openpyxl

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006/relationships"

ROOT_RELATIONS: Final = (
    f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_RELATED}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
BOOK: Final = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATED}"><sheets><sheet name="List" sheetId="1" r:id="rId1"/></sheets>'
    "</workbook>"
)
BOOK_RELATIONS: Final = (
    f'<Relationships xmlns="{_PACKAGE}">'
    f'<Relationship Id="rId1" Type="{_RELATED}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_RELATED}/sharedStrings" Target="sharedStrings.xml"/>'
    f'<Relationship Id="rId3" Type="{_RELATED}/styles" Target="/xl/styles.xml"/></Relationships>'
)


def real(rows: Sequence[Sequence[object]], *, formats: Mapping[str, str] | None = None, sheets: int = 1) -> bytes:
    """What a spreadsheet would save; `formats` are number formats by cell, such as {"B2": "0.00"}."""
    book = cast("Any", openpyxl.Workbook())
    sheet = book.active
    for row in rows:
        sheet.append(list(row))
    for cell, code in (formats or {}).items():
        sheet[cell].number_format = code
    for number in range(1, sheets):
        book.create_sheet(f"More {number}").append(["value"])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def bare(
    data: str,
    *,
    texts: str = "",
    before: str = "",
    parts: Mapping[str, bytes] | None = None,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """A workbook with this XML as its sheet's data and shared texts; `before` stands in front of the sheet's XML."""
    made = {
        "_rels/.rels": ROOT_RELATIONS.encode(),
        "xl/workbook.xml": BOOK.encode(),
        "xl/_rels/workbook.xml.rels": BOOK_RELATIONS.encode(),
        "xl/worksheets/sheet1.xml": sheet(data, before),
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{texts}</sst>'.encode("utf-8", "surrogatepass"),
        **(parts or {}),
    }
    return zipped(made, method)


def sheet(data: str, before: str = "") -> bytes:
    """The XML of a sheet."""
    inner = f'{before}<worksheet xmlns="{_MAIN}"><sheetData>{data}</sheetData></worksheet>'
    return inner.encode("utf-8", "surrogatepass")


def zipped(parts: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The archive of these parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def inline(reference: str, text: str) -> str:
    """A cell with its text in it."""
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER: Final = f'<row r="1">{inline("A1", "value")}{inline("B1", "x-note")}</row>'
