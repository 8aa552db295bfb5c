"""Calls about the never-share guard: its lists and counters, requests and decisions."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from tocsin.v1 import node_pb2 as pb
from tocsin_node.config import GuardTable
from tocsin_node.errors import Invalid
from tocsin_node.guard.desk import Asked, Desk, Shown
from tocsin_node.guard.radius import Radius
from tocsin_node.guard.sources import Sources, guard_of
from tocsin_node.limits import GUARD_ASKED
from tocsin_node.local import wire
from tocsin_node.log.envelope import Actor
from tocsin_node.publish.prepare import RowIn


class GuardCalls:
    """Handlers of the guard."""

    def __init__(
        self,
        *,
        desk: Desk,
        radius: Radius,
        sources: Callable[[], Sources],
        table: Callable[[], GuardTable],
        clock: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._radius = radius
        self._sources = sources
        self._table = table
        self._clock = clock

    async def show(self, request: pb.ShowGuardRequest, actor: Actor) -> pb.ShowGuardResponse:  # noqa: ARG002
        """What the guard works with."""
        return await asyncio.to_thread(self._show)

    async def ask(self, request: pb.AskGuardRequest, actor: Actor) -> pb.AskGuardResponse:
        """Ask for rows that are blocked."""
        if len(request.rows) > GUARD_ASKED:
            raise Invalid(f"{len(request.rows)} rows in one request; at most {GUARD_ASKED} are allowed")
        rows = [RowIn(one.line, one.type, one.value, one.region, 0, one.valid_until) for one in request.rows]
        answers = await self._desk.ask(wire.feed_name(request.feed), rows, request.reason, actor=actor)
        return pb.AskGuardResponse(rows=map(_asked, answers))

    async def list(
        self,
        request: pb.ListGuardRequestsRequest,
        actor: Actor,  # noqa: ARG002
    ) -> pb.ListGuardRequestsResponse:
        """Requests and approvals."""
        found = await asyncio.to_thread(self._desk.all, ended=request.ended)
        return pb.ListGuardRequestsResponse(requests=map(_shown, found))

    async def decide(self, request: pb.DecideGuardRequestRequest, actor: Actor) -> pb.GuardRequestResponse:
        """Approve or refuse."""
        done = await self._desk.decide(
            _number(request.id), approve=request.approve, why=request.reason, days=request.days, actor=actor
        )
        return pb.GuardRequestResponse(request=_shown(done))

    async def withdraw(self, request: pb.WithdrawGuardRequestRequest, actor: Actor) -> pb.GuardRequestResponse:
        """Take an own request back."""
        done = await self._desk.withdraw(_number(request.id), why=request.reason, actor=actor)
        return pb.GuardRequestResponse(request=_shown(done))

    def _show(self) -> pb.ShowGuardResponse:
        pack, table = guard_of(self._sources()).pack, self._table()
        today = datetime.fromtimestamp(self._clock() / 1000, UTC).date()
        waiting, approved = self._desk.counts()
        return pb.ShowGuardResponse(
            pack=table.pack,
            pack_date=pack.date.isoformat(),
            pack_age_days=max(0, pack.age_days(today)),
            pack_stale=pack.stale(today),
            pack_sha256=pack.digest,
            lists=[
                pb.GuardList(
                    name=one.name,
                    kind=one.kind,
                    source=one.source,
                    licence=one.licence,
                    count=one.count,
                    sha256=one.digest,
                )
                for one in pack.lists
            ],
            own=table.own,
            own_assets=guard_of(self._sources()).own_assets.count,
            block=table.block,
            radius_days=table.radius_days,
            radius_limit=table.radius_limit,
            radius_pairs=self._radius.rows(),
            radius_dropped=self._radius.dropped,
            waiting=waiting,
            approved=approved,
        )


def _number(number: int) -> int:
    if number >= 2**63:
        raise Invalid("a request's number is smaller than that")
    return number


def _asked(one: Asked) -> pb.AskedRow:
    return pb.AskedRow(line=one.line, id=one.number, rules=one.rules, reason=one.reason, sentence=one.sentence)


def _shown(one: Shown) -> pb.GuardRequestStatus:
    held = one.request
    return pb.GuardRequestStatus(
        id=held.id,
        feed=one.feed,
        type=one.type,
        value=one.value,
        tag=held.tag,
        rules=held.rules.split(),
        users=held.users,
        state=one.state,
        asked_by=held.asked_by,
        asked_reason=held.asked_why,
        asked_at=held.asked_at,
        decided_by=held.decided_by,
        decided_reason=held.decided_why,
        decided_at=held.decided_at,
        ends_at=held.ends_at,
    )
