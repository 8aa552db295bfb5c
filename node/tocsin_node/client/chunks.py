"""Cutting what an application has into requests within the node's limits, and rows into chunks of one commit.

Pure: values in, messages out. A value longer than any identifier is cut one byte beyond the limit, so that the node and
nobody else refuses it; a value that is not Unicode text cannot be sent at all, and is refused here in the same words.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tocsin.v1 import node_pb2 as pb
from tocsin_node.client import messages
from tocsin_node.client.values import Query, Row, RowRefusal, Verdict
from tocsin_node.limits import CHUNK_BYTES, CHUNK_ROWS, IDENTIFIER_BYTES, MATCH_BATCH

NOT_UTF8: Final = ("not-utf8", "The value is not UTF-8.")
_NOT_JSON: Final = ("details", "The details are not a JSON object.")
_ROW_BYTES: Final = 32  # of a message besides its value


def sendable(value: str) -> str | None:
    """The value as it may be sent; None when it is not Unicode text."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        return None
    return data[: IDENTIFIER_BYTES + 1].decode(errors="ignore") if len(data) > IDENTIFIER_BYTES else value


class Chunk:
    """A PublishChunk being filled: equal details are sent once."""

    def __init__(self) -> None:
        self.message = pb.PublishChunk()
        self.size = 0  # bytes, roughly
        self._numbers: dict[bytes, int] = {}

    def add(
        self, line: int, type_: str, value: str, *, region: str, fields: Mapping[str, object], valid_until: int
    ) -> None:
        """Take a row; ValueError or TypeError when its details are not JSON."""
        blob = json.dumps(fields, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
        number = self._numbers.setdefault(blob, len(self._numbers))
        if number == len(self.message.fields):
            self.message.fields.append(blob)
            self.size += len(blob)
        self.message.rows.append(
            pb.PublishRow(line=line, type=type_, value=value, region=region, fields=number, valid_until=valid_until)
        )
        self.size += len(value) * 4 + _ROW_BYTES

    @property
    def full(self) -> bool:
        """Whether it should be sent before more is added."""
        return len(self.message.rows) >= CHUNK_ROWS or self.size >= CHUNK_BYTES


@dataclass(slots=True)
class RowChunk:
    """Rows `first` to `first + count`, those that cannot be sent among them."""

    first: int
    count: int = 0
    chunk: Chunk = field(default_factory=Chunk)
    refused: list[RowRefusal] = field(default_factory=list[RowRefusal])

    def add(self, row: Row) -> None:
        """Take the next row."""
        place = self.first + self.count
        self.count += 1
        value = sendable(row.value)
        if value is None:
            self.refused.append(RowRefusal(place, *NOT_UTF8))
            return
        try:
            self.chunk.add(place, row.type, value, region=row.region, fields=row.details, valid_until=row.valid_until)
        except (TypeError, ValueError):
            self.refused.append(RowRefusal(place, *_NOT_JSON))


def row_chunks(rows: Iterable[Row]) -> Iterator[RowChunk]:
    """The rows in chunks, read no further than needed."""
    current = RowChunk(0)
    for row in rows:
        current.add(row)
        if current.chunk.full or current.count >= CHUNK_ROWS:
            yield current
            current = RowChunk(current.first + current.count)
    if current.count:
        yield current


@dataclass(slots=True)
class QueryBatch:
    """Some queries as one request; `places` says which of them were sent."""

    sent: list[pb.Query] = field(default_factory=list[pb.Query])
    places: list[int] = field(default_factory=list[int])
    count: int = 0
    size: int = 0

    def add(self, one: Query) -> None:
        """Take the next query."""
        value = sendable(one.value)
        if value is not None:
            self.sent.append(messages.query(one, value))
            self.places.append(self.count)
            self.size += len(value) * 4 + _ROW_BYTES
        self.count += 1

    @property
    def full(self) -> bool:
        """Whether it should be sent before more is added."""
        return self.count >= MATCH_BATCH or self.size >= CHUNK_BYTES

    def verdicts(self, response: pb.MatchResponse) -> list[Verdict]:
        """One verdict for each query, in order."""
        found = [Verdict(reject=NOT_UTF8[0], sentence=NOT_UTF8[1])] * self.count
        for place, one in zip(self.places, response.verdicts, strict=True):
            found[place] = messages.verdict(one)
        return found


def query_batches(queries: Iterable[Query]) -> Iterator[QueryBatch]:
    """The queries in batches, read no further than needed."""
    current = QueryBatch()
    for one in queries:
        current.add(one)
        if current.full:
            yield current
            current = QueryBatch()
    if current.count:
        yield current
