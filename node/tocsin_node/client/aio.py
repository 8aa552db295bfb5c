"""The asynchronous client: the same methods, to be awaited. It belongs to the event loop it was made on."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import grpc.aio
import tenacity

from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_node.client import calls
from tocsin_node.client.calls import Call
from tocsin_node.client.connection import Connection
from tocsin_node.client.errors import family
from tocsin_node.client.values import (
    AskedRow,
    GuardRequest,
    Progress,
    PublishResult,
    Query,
    Revised,
    Row,
    Signal,
    Status,
    Verdict,
    Withdrawn,
)
from tocsin_node.limits import CALL_S

T = TypeVar("T")


class AsyncClient:
    """A node, for one application. Use it as an asynchronous context, or await `close`. See `Client`."""

    def __init__(self, connection: Connection, *, deadline_s: float = CALL_S) -> None:
        self._deadline_s = deadline_s
        self._metadata = connection.token.metadata
        self._channel: Any = connection.open(grpc.aio.insecure_channel)
        self._stub: Any = NodeStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; calls under way fail."""
        await self._channel.close()

    async def match(self, queries: Iterable[Query], *, purpose: str = "detect") -> list[Verdict]:
        """One verdict for each query, in order. Role match. `purpose` goes into the audit log."""
        return [verdict async for verdict in self.match_each(queries, purpose=purpose)]

    async def match_each(self, queries: Iterable[Query], *, purpose: str = "detect") -> AsyncIterator[Verdict]:
        """The same for input of any length: verdicts come while queries are still read."""
        for call in calls.match(queries, purpose):
            for verdict in await self._do(call):
                yield verdict

    async def check(
        self,
        tags: Iterable[bytes],
        *,
        type_name: str,
        epoch: int,
        purpose: str = "detect",
        distance: int | None = None,
    ) -> dict[bytes, Verdict]:
        """The verdicts of those tags that match; no identifier takes part. Role match.

        Of type pdq the tags are the hashes and the epoch is 0; those near them match too, within `distance` bits.
        """
        parts = [await self._do(call) for call in calls.check(tags, type_name, epoch, purpose, distance)]
        return {tag: verdict for part in parts for tag, verdict in part.items()}

    async def publish(
        self, feed: str, rows: Iterable[Row], *, progress: Callable[[Progress], None] | None = None
    ) -> PublishResult:
        """Publish rows into an own feed, chunk by chunk, each durable before the next. Role publish.

        Rows that cannot be published are in the result. After an error the same call doubles nothing. `progress` is
        called after each chunk.
        """
        published = calls.Published()
        for call in calls.publish(feed, rows):
            done = published.add(await self._do(call))
            if progress is not None:
                progress(done)
        return published.result()

    async def withdraw(
        self,
        feed: str,
        *,
        signals: Iterable[int] = (),
        identifiers: Iterable[Query] = (),
        reason: str,
        required_action: str = "stop_matching",
    ) -> Withdrawn:
        """Take own signals back, by id or by what was published. Role publish. What was taken back stays so."""
        parts = calls.withdraw(feed, signals, identifiers, reason, required_action)
        return calls.together([await self._do(call) for call in parts])

    async def revise(
        self,
        feed: str,
        *,
        signals: Iterable[int] = (),
        identifiers: Iterable[Query] = (),
        changes: Mapping[str, object] | None = None,
        valid_until: int = 0,
    ) -> Revised:
        """Say something else about own signals, by id or by what was published. Role publish.

        Each key of `changes` replaces that of the details, None takes it away; `valid_until` is ms UTC, 0 as it is. All
        of a call or nothing: NotFound when one of them is not live. At most 4,096 go in one call.
        """
        parts = calls.revise(feed, signals, identifiers, changes or {}, valid_until)
        return calls.revised_together([await self._do(call) for call in parts])

    async def show_signal(self, feed: str, signal: int) -> Signal:
        """The life of one signal, own or followed. Role publish."""
        return await self._do(calls.show_signal(feed, signal))

    async def guard_ask(self, feed: str, rows: Iterable[Row], *, reason: str) -> tuple[AskedRow, ...]:
        """Ask for a second person to approve rows that the guard blocks. Role publish. `reason` goes into the log."""
        parts = [await self._do(call) for call in calls.guard_ask(feed, rows, reason)]
        return tuple(one for part in parts for one in part)

    async def guard_requests(self, *, ended: bool = False) -> tuple[GuardRequest, ...]:
        """Requests that wait and approvals that stand; with `ended`, all. Roles publish, approve."""
        return await self._do(calls.guard_requests(ended=ended))

    async def guard_decide(self, request: int, *, approve: bool, reason: str, days: int = 0) -> GuardRequest:
        """Approve or refuse what a token of another name asked for. Role approve. `days`: 0 for seven."""
        return await self._do(calls.guard_decide(request, approve=approve, reason=reason, days=days))

    async def guard_withdraw(self, request: int, *, reason: str = "") -> GuardRequest:
        """Take back what this token asked for. Role publish."""
        return await self._do(calls.guard_withdraw(request, reason))

    async def status(self) -> Status:
        """The node as a whole. Role operate."""
        return await self._do(calls.status())

    async def _do(self, call: Call[T]) -> T:
        if call.known is not None:
            return call.read(call.known)
        ends = time.monotonic() + self._deadline_s
        try:
            async for attempt in tenacity.AsyncRetrying(**calls.retrying(call, self._deadline_s)):
                with attempt:
                    return call.read(await self._send(call, ends - time.monotonic()))
        except grpc.RpcError as error:
            raise family(error) from None
        raise AssertionError  # the last attempt returned or raised

    async def _send(self, call: Call[Any], timeout: float) -> Any:  # noqa: ASYNC109 -- gRPC's own deadline
        method = getattr(self._stub, call.method)
        if not call.stream:
            return await method(call.requests[0], timeout=timeout, metadata=self._metadata)
        answers = method(iter(call.requests), timeout=timeout, metadata=self._metadata)
        return calls.only([one async for one in answers])
