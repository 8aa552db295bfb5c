"""The formats a file of identifiers may have, behind one interface: rows out, and rejects in the same format."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol, TextIO

from tocsin_signals.csvfile import CsvFile
from tocsin_signals.formats import Format
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


def open_rows(stream: BinaryIO, written: Format, *, default_type: str | None = None) -> RowFile:
    """Begin to read; Rejected if the file is not of this format or its columns or keys cannot be used."""
    reader = JsonLinesFile if written is Format.JSONL else CsvFile
    return reader(stream, default_type=default_type)
