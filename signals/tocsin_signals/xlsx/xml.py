"""XML of a workbook's part as events, in bounded memory whatever it holds.

There is no document type, so there are no entities to expand; the encoding is UTF-8. Elements nest at most MAX_DEPTH
deep, and nothing (a tag with its attributes, a comment) is longer than MAX_TOKEN_BYTES, for the parser keeps all of it.
Names of elements come without their prefix: namespaces have two generations that mean the same. Those of attributes
come as they are; only the relation of a sheet has a prefix.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Protocol
from xml.parsers import expat

from tocsin_signals.errors import Rejected
from tocsin_signals.xlsx.archive import Part, damaged

MAX_DEPTH: Final = 32
"""Deepest nesting: cells with formatted text have eight levels."""
MAX_TOKEN_BYTES: Final = 1024 * 1024
"""Longest tag or comment."""

_CHUNK: Final = 64 * 1024


class Handler(Protocol):
    """Takes what a part holds, in order; may raise Rejected."""

    def start(self, name: str, attributes: Mapping[str, str], /) -> None:
        """An element begins."""
        ...

    def end(self, name: str, /) -> None:
        """It ends."""
        ...

    def text(self, data: str, /) -> None:
        """A piece of text in the element begun last."""
        ...


def parse(part: Part, handler: Handler) -> Iterator[None]:
    """Read a part piece by piece; after each, what the handler has can be taken away."""
    feeder = _Feeder(handler)
    while data := part.read(_CHUNK):
        feeder.feed(data)
        yield
    feeder.end()
    yield


class _Feeder:
    """Feeds the parser and keeps count of what it keeps."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._depth = 0
        self._since = 0  # bytes fed since anything came out
        parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self._parser = parser

    def feed(self, data: bytes) -> None:
        """Rejected when this is no XML of a workbook."""
        self._since += len(data)
        self._parse(data, final=False)
        if self._since > MAX_TOKEN_BYTES:
            raise Rejected("xlsx-size", f"The workbook holds a tag of more than {MAX_TOKEN_BYTES} bytes.")

    def end(self) -> None:
        """The part is over; Rejected when something is still open."""
        self._parse(b"", final=True)

    def _parse(self, data: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(data, final)
        except (expat.ExpatError, UnicodeError):
            raise damaged() from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._since = 0
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Rejected("xlsx-depth", f"The workbook nests its elements deeper than {MAX_DEPTH} levels.")
        self._handler.start(_local(name), attributes)

    def _end(self, name: str) -> None:
        self._since = 0
        self._depth -= 1
        self._handler.end(_local(name))

    def _text(self, data: str) -> None:
        self._since = 0
        self._handler.text(data)

    def _doctype(self, *_: object) -> None:
        raise Rejected("xlsx-doctype", "The workbook declares a document type, which no spreadsheet writes.")


def _local(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name
