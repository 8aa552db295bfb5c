"""The formats a file of identifiers may have, behind one interface: rows out, and rejects in the same format."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final, Protocol, TextIO

from tocsin_signals.csvfile import CsvFile
from tocsin_signals.formats import Format
from tocsin_signals.imports.found import ImportFile
from tocsin_signals.imports.misp import open_misp
from tocsin_signals.imports.stix import open_stix
from tocsin_signals.imports.threatexchange import open_threatexchange
from tocsin_signals.jsonlines import JsonLinesFile
from tocsin_signals.rows import Row, RowReject


class RejectsWriter(Protocol):
    """Writes rejected rows as they were plus line, reason and sentence, to be corrected and read again.

    The file holds identifiers: give it the protection of the file it came from.
    """

    def write(self, reject: RowReject) -> None:
        """Write one row."""
        ...


class RowFile(Protocol):
    """A file being read, of any size: every line that is not blank comes out once, in order, as a Row or RowReject."""

    def __iter__(self) -> Iterator[Row | RowReject]: ...

    def rejects_writer(self, stream: TextIO) -> RejectsWriter:
        """A writer in the file's own format."""
        ...


_DOCUMENTS: Final = MappingProxyType[Format, Callable[[BinaryIO], RowFile]](
    {Format.STIX: open_stix, Format.MISP: open_misp, Format.THREATEXCHANGE: open_threatexchange}
)
"""Formats of other systems, whose rows all name their types."""


def open_rows(stream: BinaryIO, written: Format, *, default_type: str | None = None) -> RowFile:
    """Begin to read; Rejected if the file is not of this format or its columns or keys cannot be used."""
    if written in _DOCUMENTS:
        return _DOCUMENTS[written](stream)
    reader = JsonLinesFile if written is Format.JSONL else CsvFile
    return reader(stream, default_type=default_type)


def passed_over(file: RowFile) -> Mapping[str, int]:
    """What a file that was read holds that is no row, counted by name; nothing for formats that are all rows."""
    return file.passed if isinstance(file, ImportFile) else {}
