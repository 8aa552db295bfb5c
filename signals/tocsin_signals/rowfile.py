"""The formats a file of identifiers may have, behind one interface: rows out, and rejects in the same format."""

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol, TextIO

from tocsin_signals.csvfile import CsvFile
from tocsin_signals.formats import Format
from tocsin_signals.imports.found import ImportFile
from tocsin_signals.imports.misp import open_misp
from tocsin_signals.imports.stix import open_stix
from tocsin_signals.imports.threatexchange import open_threatexchange
from tocsin_signals.jsonlines import JsonLinesFile
from tocsin_signals.mapping import NO_MAPPING, ColumnMapping
from tocsin_signals.rows import Row, RowReject
from tocsin_signals.xlsxfile import XlsxFile


class RejectsWriter(Protocol):
    """Writes rejected rows as they were plus line, reason and sentence, to be corrected and read again.

    The file holds identifiers: give it the protection of the file it came from.
    """

    def write(self, reject: RowReject) -> None:
        """Write one row."""
        ...


class RowFile(Protocol):
    """A file being read, of any size: every line that is not blank comes out once, in order, as a Row or RowReject."""

    @property
    def left_out(self) -> Sequence[str]:
        """Names of what is in the file and in no row; what can be known only by reading is there at the end."""
        ...

    def __iter__(self) -> Iterator[Row | RowReject]: ...

    def rejects_writer(self, stream: TextIO) -> RejectsWriter:
        """A writer in the format's `rejects`."""
        ...


def open_rows(
    stream: BinaryIO, written: Format, *, default_type: str | None = None, mapping: ColumnMapping = NO_MAPPING
) -> RowFile:
    """Begin to read; Rejected if the file is not of this format or its columns or keys cannot be used."""
    match written:
        case Format.CSV:
            return CsvFile(stream, default_type=default_type, mapping=mapping)
        case Format.TSV:
            return CsvFile(stream, default_type=default_type, mapping=mapping, separator="\t")
        case Format.XLSX:
            return XlsxFile(stream, default_type=default_type, mapping=mapping)
        case Format.JSONL:
            return JsonLinesFile(stream, default_type=default_type, mapping=mapping)
        case Format.STIX:
            return open_stix(stream)
        case Format.MISP:
            return open_misp(stream)
        case Format.THREATEXCHANGE:
            return open_threatexchange(stream)


def passed_over(file: RowFile) -> Mapping[str, int]:
    """What a file that was read holds that is no row, counted by name; nothing for formats that are all rows."""
    return file.passed if isinstance(file, ImportFile) else {}
