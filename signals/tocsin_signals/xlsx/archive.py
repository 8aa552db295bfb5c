"""The ZIP of a workbook, trusted with nothing: its directory is judged before anything is unpacked.

Refused: large files and directories, too many parts, parts that would unpack to more than MAX_PART_BYTES or to more
than MAX_RATIO times their size, methods other than stored and deflate, passwords, two parts of one name. A part gives
at most the bytes its directory entry declares (`zipfile` sees to it), so the declared sizes bound the work. Names are
looked up and never become paths.
"""

import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, Final

from tocsin_signals.errors import Rejected

MAX_FILE_BYTES: Final = 128 * 1024 * 1024
"""Largest workbook: a million rows of ten columns."""
MAX_DIRECTORY_BYTES: Final = 256 * 1024
"""Largest directory read at once: some hundred parts have twenty kilobytes."""
MAX_PARTS: Final = 1000
"""Most parts: a sheet, a drawing and a few more for each of a hundred sheets."""
MAX_PART_BYTES: Final = 1024 * 1024 * 1024
"""Largest part unpacked: the XML of a full sheet."""
MAX_RATIO: Final = 100
"""Unpacked to packed size: sheets reach 5 to 40, a bomb 1,000."""
RATIO_FREE_BYTES: Final = 1024 * 1024
"""Unpacked bytes below which the ratio says nothing: an empty sheet packs well."""

_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` raises over bytes that are no archive."""
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def damaged() -> Rejected:
    """The error for what is no workbook, or no whole one."""
    return Rejected("xlsx-damaged", "The file is not a whole .xlsx workbook; save it again, or export CSV.")


class Archive:
    """The parts of an open workbook. Rejected if it is none that may be read; the caller closes the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        if not stream.seekable():
            raise Rejected("xlsx-pipe", "A workbook cannot be read from a pipe; name its file, or export CSV.")
        if stream.seek(0, 2) > MAX_FILE_BYTES:
            raise _too_large(f"The workbook is larger than {MAX_FILE_BYTES >> 20} MiB")
        stream.seek(0)
        bounded: Any = _Bounded(stream)  # zipfile asks for read, seek and tell, and no more
        with _told():
            self._zip: Final = zipfile.ZipFile(bounded)
        parts = self._zip.infolist()
        if len(parts) > MAX_PARTS or len({part.filename for part in parts}) != len(parts):
            raise Rejected("xlsx-parts", f"The workbook has more than {MAX_PARTS} parts, or two of one name.")
        for part in parts:
            _check(part)

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    @contextmanager
    def open(self, name: str) -> Generator["Part"]:
        """One part, to be read once. Rejected when there is none, or it is damaged as far as it was read."""
        if name not in self:
            raise damaged()
        with _told():
            stream = self._zip.open(name)
        with stream:
            yield Part(stream)


class Part:
    """One part being unpacked."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next bytes, `size` at most; none at the end. Rejected when it is damaged here."""
        with _told():
            return self._stream.read(size)


class _Bounded:
    """A stream of which at most MAX_DIRECTORY_BYTES are taken at once: more is no directory of a workbook."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise Rejected("xlsx-parts", "The workbook's list of parts is too long.")
        return self._stream.read(MAX_DIRECTORY_BYTES if size < 0 else size)


@contextmanager
def _told() -> Generator[None]:
    """Say of every way in which an archive can be broken that it is."""
    try:
        yield
    except Rejected:
        raise
    except _DAMAGED:
        raise damaged() from None


def _check(part: zipfile.ZipInfo) -> None:
    if part.flag_bits & 0x1:
        raise Rejected("xlsx-password", "The workbook has a password; save it without one.")
    if part.compress_type not in _METHODS:
        raise damaged()
    if part.file_size > MAX_PART_BYTES:
        raise _too_large(f"A part of the workbook unpacks to more than {MAX_PART_BYTES >> 20} MiB")
    if part.file_size > RATIO_FREE_BYTES and part.file_size > MAX_RATIO * part.compress_size:
        raise _too_large(f"A part of the workbook unpacks to more than {MAX_RATIO} times its size")


def _too_large(what: str) -> Rejected:
    return Rejected("xlsx-size", f"{what}; split it, or export CSV.")
