"""The formats own signals are exported in, behind one interface; `rowfile` reads all of them again."""

from typing import Protocol, TextIO

from tocsin_signals.errors import Rejected
from tocsin_signals.exports.lines import CsvExport, JsonLinesExport
from tocsin_signals.exports.signal import Signal
from tocsin_signals.exports.stix import StixExport
from tocsin_signals.formats import Format


class Export(Protocol):
    """A file being written. It holds identifiers: make it readable by its owner only."""

    @property
    def left_out(self) -> int:
        """Details that the format had no room for, so far."""
        ...

    def write(self, signal: Signal) -> None:
        """Write one signal."""
        ...

    def close(self) -> None:
        """Write what ends the file; the stream is the caller's."""
        ...


def open_export(stream: TextIO, written: Format, *, feed: str, publisher: str, as_of: int) -> Export:
    """Begin a file of signals of `feed` (its origin); `as_of` is now in ms UTC. Rejected for formats not written."""
    if written is Format.STIX:
        return StixExport(stream, feed=feed, publisher=publisher, as_of=as_of)
    if written is Format.JSONL:
        return JsonLinesExport(stream)
    if written is Format.CSV:
        return CsvExport(stream)
    raise Rejected("format", f"Files of format {written} are read, not written; csv, jsonl and stix are written.")
