"""Messages of the Node service to the client's values and back: the only module that touches their fields."""

import json
from collections.abc import Iterable, Mapping
from typing import Final, cast

from tocsin.v1 import node_pb2 as pb
from tocsin_node.client import values
from tocsin_node.errors import Invalid
from tocsin_node.policy.effect import Effect

_SALT: Final = "salt"  # keeps equal details from being recognised; nobody reads it


def query(one: values.Query, value: str) -> pb.Query:
    """A query, with its value as it may be sent."""
    distance = _bits(one.distance)
    return pb.Query(type=one.type, value=value, region=one.region, distance=distance, subject=one.subject)


def check(tags: bytes, type_name: str, epoch: int, purpose: str, distance: int | None) -> pb.CheckRequest:
    """A look-up of tags."""
    return pb.CheckRequest(tags=tags, type=type_name, epoch=epoch, purpose=purpose, distance=_bits(distance))


def _bits(distance: int | None) -> int | None:
    if distance is not None and not 0 <= distance < 2**32:
        raise Invalid("a distance is a number of bits, from 0 on")
    return distance


def verdict(message: pb.Verdict) -> values.Verdict:
    """The answer to one query."""
    return values.Verdict(
        effect=_effect(message.effect),
        assertions=tuple(_assertion(one) for one in message.assertions),
        reasons=tuple(message.reasons),
        reject=message.reject,
        sentence=message.sentence,
    )


def publish_result(
    message: pb.PublishResponse, first: int, count: int, refused: Iterable[values.RowRefusal]
) -> values.PublishResult:
    """What a chunk of `count` rows from row `first` on became; `refused` were not sent at all."""
    all_refused = sorted([*refused, *map(_refusal, message.refused)], key=lambda one: one.row)
    gone = {one.row for one in all_refused}
    ids = iter(message.signals)
    return values.PublishResult(
        size=message.size,
        published=message.published,
        revised=message.revised,
        unchanged=message.unchanged,
        refused=tuple(all_refused),
        warnings=tuple(values.RowWarning(one.line, one.rule, one.sentence) for one in message.warnings),
        signals=tuple(None if row in gone else next(ids, None) for row in range(first, first + count)),
        overridden=message.overridden,
        most_users=message.most_users,
    )


def asked(message: pb.AskGuardResponse) -> tuple[values.AskedRow, ...]:
    """What became of rows that a second person is asked for."""
    return tuple(values.AskedRow(one.line, one.id, tuple(one.rules), one.reason, one.sentence) for one in message.rows)


def guard_requests(message: pb.ListGuardRequestsResponse) -> tuple[values.GuardRequest, ...]:
    """Requests and approvals."""
    return tuple(map(_guard_request, message.requests))


def guard_request(message: pb.GuardRequestResponse) -> values.GuardRequest:
    """One request."""
    return _guard_request(message.request)


def _guard_request(message: pb.GuardRequestStatus) -> values.GuardRequest:
    return values.GuardRequest(
        request=message.id,
        feed=message.feed,
        type=message.type,
        value=message.value,
        tag=message.tag,
        rules=tuple(message.rules),
        users=message.users,
        state=message.state,
        asked_by=message.asked_by,
        asked_reason=message.asked_reason,
        asked_at=message.asked_at,
        decided_by=message.decided_by,
        decided_reason=message.decided_reason,
        decided_at=message.decided_at,
        ends_at=message.ends_at,
    )


def withdrawn(message: pb.WithdrawResponse) -> values.Withdrawn:
    """What a withdrawal did."""
    return values.Withdrawn(message.size, tuple(message.withdrawn), tuple(message.already), message.not_found)


def revised(message: pb.ReviseSignalsResponse) -> values.Revised:
    """What a revision did."""
    return values.Revised(message.size, tuple(message.revised), tuple(message.unchanged))


def signal(message: pb.ShowSignalResponse) -> values.Signal:
    """A signal and its life."""
    return values.Signal(
        feed=message.feed,
        publisher=message.publisher,
        signal=message.signal,
        type=message.type,
        tag=message.tag,
        state=message.state,
        why=message.why,
        effect=_effect(message.effect),
        rule=message.rule,
        caps=tuple(message.caps),
        counts_until=message.counts_until,
        events=tuple(_event(one) for one in message.events),
        delivered=_delivered(message.delivered),
        identifier=message.identifier,
    )


def status(message: pb.StatusResponse) -> values.Status:
    """The node as a whole."""
    return values.Status(
        organisation=message.organisation,
        fingerprint=message.fingerprint,
        software=message.software,
        started_at=message.started_at,
        exchange=message.exchange,
        own=tuple(_feed(one) for one in message.own),
        followed=tuple(_feed(one) for one in message.followed),
        audit_size=message.audit_size,
        signals=message.signals,
        peers_active=message.peers_active,
        peers_paused=message.peers_paused,
        card_not_after=message.card_not_after,
        warnings=tuple(message.warnings),
    )


def _effect(number: int) -> Effect:
    """An effect; of one that a newer node knows and this library does not, the strongest that asks a person."""
    try:
        return Effect(number)
    except ValueError:
        return Effect.REVIEW


def _assertion(message: pb.MatchedAssertion) -> values.MatchedAssertion:
    return values.MatchedAssertion(
        feed=message.feed,
        publisher=message.publisher,
        signal=message.signal,
        type=message.type,
        issued_at=message.issued_at,
        valid_until=message.valid_until,
        details=_details(message.details),
        effect=_effect(message.effect),
        rule=message.rule,
        caps=tuple(message.caps),
        counts_until=message.counts_until,
        distance=message.distance,
    )


def _refusal(message: pb.RowRefusal) -> values.RowRefusal:
    return values.RowRefusal(message.line, message.reason, message.sentence)


def _event(message: pb.SignalEvent) -> values.SignalEvent:
    return values.SignalEvent(
        index=message.index,
        kind=message.kind,
        issued_at=message.issued_at,
        valid_until=message.valid_until,
        epoch=message.epoch,
        details=_details(message.details),
        held_by=tuple(message.held_by),
    )


def _feed(message: pb.FeedStatus) -> values.FeedStatus:
    return values.FeedStatus(
        origin=message.origin,
        publisher=message.publisher,
        size=message.size,
        state=message.state,
        why=message.why,
        heard_at=message.heard_at,
        community=message.community,
        audience=message.audience,
        delivered=_delivered(message.delivered),
    )


def _delivered(messages: Iterable[pb.Delivered]) -> tuple[values.Delivered, ...]:
    return tuple(values.Delivered(one.peer, one.feed, one.size, one.at) for one in messages)


def _details(blob: bytes) -> Mapping[str, object]:
    """The object of signed JSON without its salt; empty where it was erased."""
    try:
        value: object = json.loads(blob) if blob else {}
    except (ValueError, RecursionError):
        value = {}
    found = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    return {name: item for name, item in found.items() if name != _SALT}
