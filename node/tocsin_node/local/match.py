"""Calls of role match: Match and Check; and how look-ups are counted for the audit log."""

from collections import Counter
from collections.abc import Sequence

from tocsin.v1 import node_pb2 as pb
from tocsin_node.local import wire
from tocsin_node.local.calls import off_loop
from tocsin_node.log.envelope import Actor
from tocsin_node.match.service import Matcher
from tocsin_node.meter import Meter
from tocsin_node.policy.effect import Effect
from tocsin_node.tally import Kind, Tally


class LookupTally:
    """Totals of look-ups per client, purpose and minute."""

    def __init__(self, tally: Tally, meter: Meter) -> None:
        self._tally = tally
        self._meter = meter

    def add(self, *, actor: Actor, purpose: str, items: int, effects: Sequence[Effect]) -> None:
        """Count one request."""
        hits = Counter(str(effect) for effect in effects)
        kind = Kind("lookup.done", actor, about=(("purpose", purpose),))
        self._tally.add(kind, {"items": items, **hits})
        self._meter.looked_up(items, effects)


class MatchCalls:
    """Handlers of look-ups."""

    def __init__(self, *, matcher: Matcher) -> None:
        self._matcher = matcher

    async def match(self, request: pb.MatchRequest, actor: Actor) -> pb.MatchResponse:
        """One verdict per identifier."""
        queries = await off_loop(len(request.queries), wire.queries, request.queries)
        found = await self._matcher.match(queries, purpose=request.purpose, actor=actor)
        return await off_loop(len(found), wire.verdicts, found)

    async def check(self, request: pb.CheckRequest, actor: Actor) -> pb.MatchResponse:
        """Verdicts of the tags that match."""
        found = await self._matcher.check(
            request.tags,
            request.type,
            request.epoch,
            purpose=request.purpose,
            actor=actor,
            distance=request.distance if request.HasField("distance") else None,
        )
        return await off_loop(len(found), wire.verdicts, found)
