"""Files made to exhaust whoever reads them: refused or read to the end, under limits on memory and processor time.

Each runs in a process of its own with the limits of `LIMITED`; a reader that keeps what it is sent, or works more than
in proportion to the file, is killed there or meets MemoryError, which fails the test.
"""

import io
import random
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.unit.signals.workbooks import HEADER, bare, inline, sheet, zipped

MEMORY_MIB: Final = 160
"""Of address space beyond what the interpreter has after loading: the largest record many times over."""
CPU_S: Final = 20
"""Of one core, instrumented and busy; each takes well below one."""
MIB: Final = 1024 * 1024

LIMITED: Final = """
import resource, sys
from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format
from tocsin_signals.mapping import read_mapping
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import RowReject
import tocsin_signals.canon

memory_mib, cpu_s, written, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + memory_mib * 2**20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
try:
    with open(path, "rb") as stream:
        if written == "toml":
            read_mapping(stream.read())
        rows = refused = 0
        reasons = set()
        for row in open_rows(stream, Format(written), default_type="url"):
            rows += 1
            if isinstance(row, RowReject):
                reasons.add(row.reason)
    print("read", rows, *sorted(reasons))
except Rejected as error:
    print("refused", error.reason)
"""


def read(tmp_path: Path, written: str, data: bytes) -> str:
    path = tmp_path / "hostile"
    path.write_bytes(data)
    command = [sys.executable, "-c", LIMITED, str(MEMORY_MIB), str(CPU_S), written, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-2000:]
    return done.stdout.strip()


def bomb(size: int) -> bytes:
    """A workbook whose sheet is one text of `size` bytes, packed a thousandfold."""
    head, tail = sheet(HEADER + '<row r="2"><c r="A2" t="inlineStr"><is><t>X</t></is></c></row>').split(b"X")
    return bare("", parts={"xl/worksheets/sheet1.xml": head + b"a" * size + tail})


def lying(size: int) -> bytes:
    """A workbook whose directory says that its sheet of `size` bytes has a hundred."""
    data = bytearray(bomb(size))
    place = data.index(b"xl/worksheets/sheet1.xml", data.index(b"PK\x01\x02")) - 46
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    return bytes(data)


def long_directory() -> bytes:
    """An archive with a directory of half a million parts."""
    entry = bytearray(46) + b"a"
    entry[:4], entry[28] = b"PK\x01\x02", 1
    directory = bytes(entry) * 500_000
    sizes = len(directory).to_bytes(4, "little") + bytes(4)
    return directory + b"PK\x05\x06" + bytes(8) + sizes + bytes(2)


def dense(part: bytes, times: int, begin: bytes, end: bytes) -> bytes:
    """A sheet of `part` repeated, stored so that no ratio betrays it."""
    return bare("", parts={"xl/worksheets/sheet1.xml": begin + part * times + end}, method=zipfile.ZIP_STORED)


def texts(count: int, length: int) -> bytes:
    """A workbook with so many shared texts of this length, random enough for a modest ratio."""
    chance = random.Random(7)
    ends = (chance.randbytes(length // 50).hex() for _ in range(count))
    return bare(HEADER, texts="".join(f"<si><t>{end:a<{length}}</t></si>" for end in ends))


BEGIN, END = sheet("X").split(b"X")
ENTITIES: Final = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
HOSTILE: Final[dict[str, tuple[str, Callable[[], bytes], str]]] = {
    "cell of 4 MB": ("csv", lambda: b"value\n" + b"a" * 4 * MIB + b"\nb.example\n", "read 2 line-too-long"),
    "quoted cell of 4 MB on many lines": (
        "csv",
        lambda: b'value\n"' + (b"a" * 1023 + b"\n") * 4096 + b'"\nb.example\n',
        "read 4098 quotes",
    ),
    "a quote never closed": ("csv", lambda: b'value\n"a\n' + b"b.example\n" * 200_000, "read 200001 quotes"),
    "a quote on every line": ("csv", lambda: b"value\n" + b'a"b\n' * 200_000, "read 200000"),
    "a million columns": ("csv", lambda: b"value" + b"," * MIB + b"\n", "refused line-too-long"),
    "a header of a million characters": ("csv", lambda: b"a" * MIB, "refused line-too-long"),
    "300 columns": ("csv", lambda: b"value" + b",x-a" * 300 + b"\n", "refused columns"),
    "a line of 300 cells": ("csv", lambda: b"value,x-a\n" + b"," * 300 + b"b\n", "read 1 columns"),
    "NUL bytes": ("csv", lambda: b"value\n" + b"\0" * 60_000 + b"\n\0\nb.example\n", "read 3 nul"),
    "only NUL bytes": ("csv", lambda: bytes(8 * MIB), "refused line-too-long"),
    "lone surrogates": ("csv", lambda: b"value\n\xed\xa0\x80.example\nb.example\n", "read 2 not-utf8"),
    "lone surrogates in UTF-16": (
        "csv",
        lambda: "\ufeffvalue\n\ud800.example\nb.example\n".encode("utf-16-le", "surrogatepass"),
        "read 2 not-utf8",
    ),
    "a line of 8 MB in UTF-16": ("tsv", lambda: ("value\n" + "a" * 4 * MIB).encode("utf-16"), "read 1 line-too-long"),
    "a workbook called CSV": ("csv", lambda: bare(HEADER), "refused workbook"),
    "a nested line": ("jsonl", lambda: b'{"value":"a.example"}\n{"x-a":' + b"[" * 30_000 + b"\n", "read 2 nesting"),
    "nested objects": ("jsonl", lambda: b'{"x-a":' * 8_000 + b"1" + b"}" * 8_000, "refused nesting"),
    "a line of 4 MB": (
        "jsonl",
        lambda: b'{"value":"a.example"}\n{"value":"' + b"a" * 4 * MIB + b'"}\n',
        "read 2 line-too-long",
    ),
    "a number of many digits": (
        "jsonl",
        lambda: b'{"value":"a.example"}\n{"value":"b.example","confidence":' + b"9" * 60_000 + b"}\n",
        "read 2 not-json",
    ),
    "escaped surrogates": (
        "jsonl",
        lambda: b'{"value":"a.example"}\n{"value":"\\ud800"}\n{"value":"\\u0000"}\n',
        "read 3 not-utf8 nul",
    ),
    "a nested mapping": ("toml", lambda: b"a = " + b"[" * 60_000, "refused mapping"),
    "a mapping of 4 MB": ("toml", lambda: b"#" * 4 * MIB, "refused mapping"),
    "a zip bomb": ("xlsx", lambda: bomb(256 * MIB), "refused xlsx-size"),
    "a zip bomb that lies": ("xlsx", lambda: lying(256 * MIB), "refused xlsx-damaged"),
    "a directory of half a million parts": ("xlsx", long_directory, "refused xlsx-parts"),
    "a workbook in a workbook": (
        "xlsx",
        lambda: zipped({"xl/workbook.xml": bare(HEADER), "_rels/.rels": bare(HEADER)}),
        "refused xlsx-damaged",
    ),
    "paths that lead out": ("xlsx", lambda: bare(HEADER, parts={"../../x": b"", "/etc/x": b""}), "read 0"),
    "entities": ("xlsx", lambda: bare(HEADER, before=ENTITIES), "refused xlsx-doctype"),
    "a cell of 32 MB": (
        "xlsx",
        lambda: dense(b"a" * MIB, 32, BEGIN + HEADER.encode() + b'<row r="2"><c r="A2" t="inlineStr"><is><t>', END),
        "refused xlsx-damaged",
    ),
    "a number of 4 MB": (
        "xlsx",
        lambda: dense(b"9", 4 * MIB, BEGIN + HEADER.encode() + b'<row r="2"><c r="A2"><v>', b"</v></c></row>" + END),
        "read 1 excel-number-cell",
    ),
    "a tag of 32 MB": ("xlsx", lambda: dense(b"a" * MIB, 32, BEGIN + b"<", END), "refused xlsx-size"),
    "an attribute of 32 MB": ("xlsx", lambda: dense(b"a" * MIB, 32, BEGIN + b'<row r="', END), "refused xlsx-size"),
    "a comment of 32 MB": ("xlsx", lambda: dense(b"a" * MIB, 32, BEGIN + b"<!--", END), "refused xlsx-size"),
    "a million nested elements": ("xlsx", lambda: dense(b"<a>", MIB, BEGIN, END), "refused xlsx-depth"),
    "a million columns in a workbook": (
        "xlsx",
        lambda: dense(b'<c t="b"><v>1</v></c>', MIB, BEGIN + b'<row r="1">', b"</row>" + END),
        "refused columns",
    ),
    "a cell in column ZZZZZZZ": (
        "xlsx",
        lambda: bare(HEADER + f'<row r="2">{inline("A2", "a.example")}{inline("ZZZZZZZ2", "x")}</row>'),
        "read 1 columns",
    ),
    "a quarter of a million texts": ("xlsx", lambda: texts(MIB // 4, 100), "read 0"),
    "more texts than fit": ("xlsx", lambda: texts(3400, 30_000), "refused xlsx-size"),
    "a shared text of 4 MB": (
        "xlsx",
        lambda: bare(
            HEADER + '<row r="2"><c r="A2" t="s"><v>0</v></c></row>',
            texts=f"<si><t>{'a' * 4 * MIB}</t></si>",
            method=zipfile.ZIP_STORED,
        ),
        "read 1 cell-too-long",
    ),
    "a NUL in a workbook's own spelling": (
        "xlsx",
        lambda: bare(HEADER + f'<row r="2">{inline("A2", "a_x0000_b.example")}</row>'),
        "read 1 not-utf8",
    ),
    "half a surrogate pair in a workbook's own spelling": (
        "xlsx",
        lambda: bare(HEADER + f'<row r="2">{inline("A2", "a_xD800_.example")}</row>'),
        "read 1 not-utf8",
    ),
    "a lone surrogate in a workbook": (
        "xlsx",
        lambda: bare(HEADER + f'<row r="2">{inline("A2", chr(0xD800))}</row>'),
        "refused xlsx-damaged",
    ),
    "deflate that never ends": (
        "xlsx",
        lambda: bare(HEADER).replace(zlib.compress(b"")[:2], b"\0\0"),
        "read 0",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_to_exhaust_its_reader_does_not(name: str, tmp_path: Path) -> None:
    written, make, expected = HOSTILE[name]
    assert read(tmp_path, written, make()) == expected


def test_the_limits_are_what_stops_a_reader_that_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(4 * MIB))
    keeping = LIMITED.replace("read_mapping(stream.read())", "kept = stream.read() * 100")
    command = [sys.executable, "-c", keeping, str(MEMORY_MIB), str(CPU_S), "toml", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert "MemoryError" in done.stderr


def test_reading_a_large_workbook_is_by_row(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}">{inline(f"A{n}", f"h{n}.example/page")}</row>' for n in range(2, 100_000))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(io.BytesIO(bare(""))) as empty:
        for name in empty.namelist():
            archive.writestr(name, sheet(HEADER + rows) if name.endswith("sheet1.xml") else empty.read(name))
    assert read(tmp_path, "xlsx", stream.getvalue()) == "read 99998"
