"""Sending a file's rows over the Publish stream, with at most IN_FLIGHT chunks unanswered.

The caller's thread reads, cuts and waits; gRPC's own thread only takes finished messages from a queue, so that Ctrl-C
and errors of the file surface in one place. What an answer counts is durable; a chunk without an answer may be. A
broken-off run is simply repeated: the node finds what it has and counts it as unchanged.

Ctrl-C never reaches gRPC's own waiting, which does not survive it: see Interruption.
"""

import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, Final, Self

import grpc

from tocsin.v1.node_pb2 import PublishRequest, PublishResponse, PublishStart
from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_node.cli.errors import CliError
from tocsin_node.client import chunks
from tocsin_node.limits import CHUNK_BYTES
from tocsin_signals.rows import Expiry, Row, RowReject
from tocsin_signals.types import MAX_LIFETIME_DAYS

IN_FLIGHT: Final = 2
"""Chunks sent and not answered: one is committed while the next is on its way."""

DRAIN_S: Final = 5.0
"""Seconds to wait, after an interruption, for the answers to what was sent."""

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Defaults:
    """What applies to a row that does not say it itself; `now_ms` is when the command began."""

    now_ms: int
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    region: str = ""
    expires: Expiry | None = None

    def valid_until(self, row: Row) -> int:
        """In ms UTC, or 0 for the type's own lifetime.

        Days are counted from the end of today (UTC), so that a repeated run says the same as the first.
        """
        return end_of(row.expires, self.now_ms) if row.expires else self.unsaid()

    def unsaid(self) -> int:
        """The same for a row that says nothing."""
        return 0 if self.expires is None else end_of(self.expires, self.now_ms)


def end_of(expires: Expiry, now_ms: int) -> int:
    """The moment (ms UTC) an expiry means for what is published at `now_ms`: days run from the end of that day."""
    if expires.days is None:
        return expires.until(now_ms)
    midnight = -(-now_ms // DAY_MS) * DAY_MS
    return min(expires.until(midnight), now_ms + MAX_LIFETIME_DAYS * DAY_MS)


@dataclass(slots=True)
class Chunk:
    """A run of the file: rows to send, by line, and rows that cannot be; `position` is how far the file was read."""

    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    rejects: list[RowReject] = field(default_factory=list[RowReject])
    sent: chunks.Chunk = field(default_factory=chunks.Chunk)
    position: int = 0

    def add(self, row: Row, defaults: Defaults) -> None:
        """Take a row."""
        self.sent.add(
            row.line,
            row.type,
            row.value,
            region=row.region or defaults.region,
            fields={**defaults.fields, **row.fields},
            valid_until=defaults.valid_until(row),
        )
        self.rows[row.line] = row


def cut(
    rows: Iterable[Row | RowReject], defaults: Defaults, *, batch: int, position: Callable[[], int]
) -> Iterator[Chunk]:
    """The rows in chunks of at most `batch` rows and CHUNK_BYTES, in the order of the file."""
    chunk = Chunk()
    for row in rows:
        if isinstance(row, RowReject):
            chunk.rejects.append(row)
        else:
            chunk.add(row, defaults)
        if len(chunk.rows) >= batch or len(chunk.rejects) >= batch or chunk.sent.size >= CHUNK_BYTES:
            chunk.position = position()
            yield chunk
            chunk = Chunk()
    if chunk.rows or chunk.rejects:
        chunk.position = position()
        yield chunk


class Interruption:
    """Ctrl-C while a file is sent: the first one stops reading and lets what was sent be answered; the second ends it.

    As a context it answers SIGINT in the main thread, and leaves other threads' programs alone.
    """

    def __init__(self) -> None:
        self.asked = False
        self.reading = False  # our own code runs, which may be interrupted anywhere
        self.on_ask: Callable[[], None] | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._answer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _answer(self, _number: int, _frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if not again and self.on_ask:
            self.on_ask()
        if again or self.reading:
            raise KeyboardInterrupt


class Upload:
    """One Publish stream; use it as a context, so that gRPC's thread ends with it."""

    def __init__(self, node: NodeStub, feed: str, interruption: Interruption, *, dry_run: bool = False) -> None:
        self._requests: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
        self._requests.put(PublishRequest(start=PublishStart(feed=feed, dry_run=dry_run)))
        self._call = node.Publish(iter(self._requests.get, None))
        self._waiting: deque[Chunk] = deque()
        self._interruption = interruption
        self._timer = threading.Timer(DRAIN_S, self._call.cancel)
        interruption.on_ask = self._timer.start

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interruption.on_ask = None
        self._timer.cancel()
        self._requests.put(None)
        self._call.cancel()

    def send(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, PublishResponse]]:
        """Send the chunks and yield each with its answer, in order; a chunk without rows has an empty one.

        After an interruption: what is still answered within DRAIN_S, and no error.
        """
        for chunk in self._until_interrupted(iter(chunks)):
            if chunk.rows:
                self._requests.put(PublishRequest(chunk=chunk.sent.message))
            self._waiting.append(chunk)
            while len(self._waiting) > IN_FLIGHT:
                yield self._answered()
        self._requests.put(None)
        try:
            while self._waiting:
                yield self._answered()
            if next(self._call, None) is not None:  # waits for the stream's own end, which may be an error
                raise CliError("the node answered more often than it was asked")  # noqa: TRY301 - as any broken end
        except (grpc.RpcError, CliError):
            if not self._interruption.asked:
                raise

    def _until_interrupted(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        while not self._interruption.asked:
            self._interruption.reading = True
            try:
                chunk = next(chunks, None)
            except KeyboardInterrupt:
                return
            finally:
                self._interruption.reading = False
            if chunk is None:
                return
            yield chunk

    def _answered(self) -> tuple[Chunk, PublishResponse]:
        chunk = self._waiting[0]
        response = PublishResponse()
        if chunk.rows:
            response = next(self._call, None)
            if response is None:
                raise CliError("the node ended the stream before it answered everything")
        return self._waiting.popleft(), response


def try_here(chunks: Iterable[Chunk], interruption: Interruption) -> Iterator[tuple[Chunk, PublishResponse]]:
    """What publishing the chunks would do to their rows, answered without a node, for no feed."""
    # Imported here: only a dry run without a feed needs the node's own code.
    from tocsin_node.local import wire
    from tocsin_node.publish.trial import try_alone

    for chunk in chunks:
        if interruption.asked:
            return
        fields, rows = wire.chunk(chunk.sent.message)
        yield chunk, wire.trial_result(try_alone(fields, rows, now=time.time_ns() // 1_000_000))
