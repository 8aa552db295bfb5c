"""What each method of a client asks of the node: requests, deadline, whether it may be repeated, how its answer reads.

The blocking and the asynchronous client differ only in how they carry these out: what a method is stands here. Inputs
of any length become several calls, made only as far as the caller goes on.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import tenacity
from google.protobuf.message import Message

from tocsin.v1 import node_pb2 as pb
from tocsin_node.client import messages
from tocsin_node.client.chunks import RowChunk, query_batches, row_chunks, sendable
from tocsin_node.client.errors import Failed, is_unavailable
from tocsin_node.client.values import (
    AskedRow,
    GuardRequest,
    Progress,
    PublishResult,
    Query,
    Revised,
    Row,
    RowRefusal,
    RowWarning,
    Signal,
    Status,
    Verdict,
    Withdrawn,
)
from tocsin_node.errors import Invalid
from tocsin_node.limits import CHECK_NEAR, CHECK_TAGS, GUARD_ASKED, REVISE_SIGNALS, WITHDRAW_SIGNALS
from tocsin_signals.types import REGISTRY

T = TypeVar("T")
TAG_BYTES: Final = 32
_CLEAR: Final = frozenset(kind.name for kind in REGISTRY if kind.clear)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the Node service.

    `requests` is one message, or what a stream is sent; `known` is an answer for which nothing need be asked.
    """

    method: str
    requests: tuple[Message, ...]
    read: Callable[[Any], T]
    repeatable: bool
    stream: bool = False
    known: Message | None = None


def retrying(call: Call[Any], deadline_s: float) -> dict[str, Any]:
    """How tenacity repeats a call: while the node cannot be reached, within the deadline of the whole."""
    return {
        "retry": tenacity.retry_if_exception(lambda error: call.repeatable and is_unavailable(error)),
        "wait": tenacity.wait_random_exponential(multiplier=0.1, max=1.0),
        "stop": tenacity.stop_before_delay(deadline_s),
        "reraise": True,
    }


def only(answers: Sequence[Any]) -> Any:
    """The one answer of a stream that was asked once."""
    if len(answers) != 1:
        raise Failed(f"the node answered {len(answers)} times to one chunk")
    return answers[0]


def match(queries: Iterable[Query], purpose: str) -> Iterator[Call[list[Verdict]]]:
    """Look-ups; one verdict per query."""
    for batch in query_batches(queries):
        request = pb.MatchRequest(queries=batch.sent, purpose=purpose)
        known = None if batch.sent else pb.MatchResponse()
        yield Call("Match", (request,), batch.verdicts, repeatable=True, known=known)


def check(
    tags: Iterable[bytes], type_name: str, epoch: int, purpose: str, distance: int | None = None
) -> Iterator[Call[dict[bytes, Verdict]]]:
    """Look-ups by tag; the verdicts of those that match. Errors: Invalid for a tag that is not 32 bytes."""
    for part in _parts(tags, CHECK_NEAR if type_name in _CLEAR else CHECK_TAGS):
        if any(len(tag) != TAG_BYTES for tag in part):
            raise Invalid(f"a tag has {TAG_BYTES} bytes")
        request = messages.check(b"".join(part), type_name, epoch, purpose, distance)
        yield Call("Check", (request,), _by_tag(part), repeatable=True)


def _parts(items: Iterable[T], count: int) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, count)):
        yield part


def _by_tag(tags: Sequence[bytes]) -> Callable[[pb.MatchResponse], dict[bytes, Verdict]]:
    return lambda response: {tags[one.query]: messages.verdict(one) for one in response.verdicts}


def publish(feed: str, rows: Iterable[Row]) -> Iterator[Call[PublishResult]]:
    """One call per chunk, each one commit: sent again, it finds what it did the first time and doubles nothing."""
    for chunk in row_chunks(rows):
        start = pb.PublishRequest(start=pb.PublishStart(feed=feed))
        requests = (start, pb.PublishRequest(chunk=chunk.chunk.message))
        known = None if chunk.chunk.message.rows else pb.PublishResponse()
        yield Call("Publish", requests, _published(chunk), repeatable=True, stream=True, known=known)


def _published(chunk: RowChunk) -> Callable[[pb.PublishResponse], PublishResult]:
    return lambda response: messages.publish_result(response, chunk.first, chunk.count, chunk.refused)


def withdraw(
    feed: str, signals: Iterable[int], identifiers: Iterable[Query], reason: str, required_action: str
) -> Iterator[Call[Withdrawn]]:
    """Taking back, at most WITHDRAW_SIGNALS at once; never repeated by itself.

    Errors: Invalid when nothing is named, or something that cannot be sent.
    """
    named = [*signals, *identifiers]
    if not named:
        raise Invalid("name what to withdraw: ids of signals, or identifiers")
    for part in _parts(named, WITHDRAW_SIGNALS):
        request = pb.WithdrawRequest(
            feed=feed,
            signals=[_id(one) for one in part if not isinstance(one, Query)],
            identifiers=[_identifier(one) for one in part if isinstance(one, Query)],
            reason=reason,
            required_action=required_action,
        )
        yield Call("Withdraw", (request,), messages.withdrawn, repeatable=False)


def revise(
    feed: str,
    signals: Iterable[int],
    identifiers: Iterable[Query],
    changes: Mapping[str, object],
    valid_until: int,
) -> Iterator[Call[Revised]]:
    """New details or another end, at most REVISE_SIGNALS at once. Repeated, it changes nothing more.

    Errors: Invalid when nothing is named or changed, or something that cannot be sent.
    """
    named = [*signals, *identifiers]
    if not named:
        raise Invalid("name what to revise: ids of signals, or identifiers")
    if not changes and not valid_until:
        raise Invalid("name what to change: keys of the details, or valid_until")
    try:
        said = json.dumps(dict(changes)).encode() if changes else b""
    except (TypeError, ValueError, RecursionError):
        raise Invalid("the changes are not JSON") from None
    for part in _parts(named, REVISE_SIGNALS):
        request = pb.ReviseSignalsRequest(
            feed=feed,
            signals=[_id(one) for one in part if not isinstance(one, Query)],
            identifiers=[_identifier(one) for one in part if isinstance(one, Query)],
            changes=said,
            valid_until=_time(valid_until),
        )
        yield Call("ReviseSignals", (request,), messages.revised, repeatable=True)


def _time(at: int) -> int:
    if not 0 <= at < 2**63:
        raise Invalid("a time is a number of ms UTC from 0 on")
    return at


def _id(signal: int) -> int:
    if not 0 <= signal < 2**63:
        raise Invalid("a signal's id is a number from 0 on")
    return signal


def _identifier(one: Query) -> pb.Query:
    return messages.query(one, _sent(one))


def _sent(one: Query | Row) -> str:
    value = sendable(one.value)
    if value is None:
        raise Invalid(f"one of the identifiers ({one.type}) is not UTF-8")
    return value


def show_signal(feed: str, signal: int) -> Call[Signal]:
    """The life of one signal."""
    return Call("ShowSignal", (pb.ShowSignalRequest(feed=feed, signal=_id(signal)),), messages.signal, repeatable=True)


def status() -> Call[Status]:
    """The node as a whole."""
    return Call("Status", (pb.StatusRequest(),), messages.status, repeatable=True)


def guard_ask(feed: str, rows: Iterable[Row], reason: str) -> Iterator[Call[tuple[AskedRow, ...]]]:
    """Asking for a second person; what is asked already is not asked twice, so it may be repeated."""
    numbered = enumerate(rows)
    while part := list(islice(numbered, GUARD_ASKED)):
        asked = [
            pb.PublishRow(line=place, type=row.type, value=_sent(row), region=row.region, valid_until=row.valid_until)
            for place, row in part
        ]
        request = pb.AskGuardRequest(feed=feed, reason=reason, rows=asked)
        yield Call("AskGuard", (request,), messages.asked, repeatable=True)


def guard_requests(*, ended: bool) -> Call[tuple[GuardRequest, ...]]:
    """Requests and approvals."""
    request = pb.ListGuardRequestsRequest(ended=ended)
    return Call("ListGuardRequests", (request,), messages.guard_requests, repeatable=True)


def guard_decide(number: int, *, approve: bool, reason: str, days: int) -> Call[GuardRequest]:
    """Approving or refusing."""
    request = pb.DecideGuardRequestRequest(id=_id(number), approve=approve, reason=reason, days=days)
    return Call("DecideGuardRequest", (request,), messages.guard_request, repeatable=False)


def guard_withdraw(number: int, reason: str) -> Call[GuardRequest]:
    """Taking an own request back."""
    request = pb.WithdrawGuardRequestRequest(id=_id(number), reason=reason)
    return Call("WithdrawGuardRequest", (request,), messages.guard_request, repeatable=False)


class Published:
    """The results of chunks, put together as they come."""

    def __init__(self) -> None:
        self._size = self._published = self._revised = self._unchanged = 0
        self._overridden = self._most_users = 0
        self._refused: list[RowRefusal] = []
        self._warnings: list[RowWarning] = []
        self._signals: list[int | None] = []

    def add(self, part: PublishResult) -> Progress:
        """Take in the next chunk; how far this is."""
        self._size = part.size or self._size
        self._published += part.published
        self._revised += part.revised
        self._unchanged += part.unchanged
        self._overridden += part.overridden
        self._most_users = max(self._most_users, part.most_users)
        self._refused += part.refused
        self._warnings += part.warnings
        self._signals += part.signals
        return Progress(len(self._signals), self._published, self._revised, self._unchanged, len(self._refused))

    def result(self) -> PublishResult:
        """Everything so far."""
        return PublishResult(
            size=self._size,
            published=self._published,
            revised=self._revised,
            unchanged=self._unchanged,
            refused=tuple(self._refused),
            warnings=tuple(self._warnings),
            signals=tuple(self._signals),
            overridden=self._overridden,
            most_users=self._most_users,
        )


def revised_together(parts: Sequence[Revised]) -> Revised:
    """Several revisions in one feed as one."""
    return Revised(
        size=parts[-1].size,
        revised=tuple(signal for part in parts for signal in part.revised),
        unchanged=tuple(signal for part in parts for signal in part.unchanged),
    )


def together(parts: Sequence[Withdrawn]) -> Withdrawn:
    """Several withdrawals from one feed as one."""
    return Withdrawn(
        size=parts[-1].size,
        withdrawn=tuple(signal for part in parts for signal in part.withdrawn),
        already=tuple(signal for part in parts for signal in part.already),
        not_found=sum(part.not_found for part in parts),
    )
