"""UTF-16 as UTF-8 while it is read, line by line: what Excel calls Unicode text.

What is no text there (half a surrogate pair, half a code unit at the end) becomes bytes that are no UTF-8, so that it
costs its own line and nothing more.
"""

import codecs
from typing import BinaryIO, Final

MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK: Final = 64 * 1024
_NO_TEXT: Final = b"\xff"


class Utf16Lines:
    """The lines of a stream that began with one of MARKS; `head` is what was read of it already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        order = "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
        self._decoder = codecs.getincrementaldecoder(order)("surrogatepass")
        self._rest = rest
        self._text = self._converted(head[len(MARKS[0]) :])
        self._at = 0  # bytes of `_text` given already
        self._ended = False

    def readline(self, limit: int) -> bytes:
        """The next line with its end, or `limit` bytes of it; empty at the end."""
        while True:
            end = self._text.find(b"\n", self._at, self._at + limit) + 1 or self._at + limit
            if end <= len(self._text) or self._ended:
                line = self._text[self._at : end]
                self._at += len(line)
                return line
            data = self._rest.read(_CHUNK)
            self._ended = not data
            self._text = self._text[self._at :] + (self._converted(data) if data else self._last())
            self._at = 0

    def _converted(self, data: bytes) -> bytes:
        return self._decoder.decode(data).encode("utf-8", "surrogatepass")

    def _last(self) -> bytes:
        pending, _ = self._decoder.getstate()
        return _NO_TEXT if pending else b""
