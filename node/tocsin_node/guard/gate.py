"""What publishing asks of the guard's surroundings: lists and approvals before rows are read, the counters after."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin_node.guard.approvals import Approvals
from tocsin_node.guard.keyed import expression
from tocsin_node.guard.sources import Sources, guard_of
from tocsin_node.guard.terms import RADIUS, Terms
from tocsin_node.limits import RADIUS_SUBJECTS
from tocsin_signals.guard import GuardVerdict, Level


class Counters(Protocol):
    """What knows how many own users look-ups were about."""

    async def users(self, expressions: Sequence[int]) -> list[int]:
        """For each expression, the distinct users; RADIUS_SUBJECTS stands for as many or more."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """How many own users one row would hit, and the verdict when that is too many and nobody approved it."""

    users: int
    blocked: GuardVerdict | None
    overridden: bool


class Gate:
    """The guard's surroundings on one node; `sources` and `limit` are the configuration's as it is now."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        key: bytes,
        sources: Callable[[], Sources],
        radius: Counters,
        limit: Callable[[], int],
        clock: Callable[[], int],
    ) -> None:
        self._approvals = approvals
        self._key = key
        self._sources = sources
        self._radius = radius
        self._limit = limit
        self._clock = clock
        self._loaded: Sources | None = None

    def terms(self, log: int) -> Terms:
        """What rows of a feed are guarded by now."""
        return Terms(self._sources(), self._key, dict(self._approvals.of(log, self._clock())))

    async def ready(self, terms: Terms) -> None:
        """Have the lists of these terms in this process, so that weighing rows on the loop does not wait for them."""
        if terms.sources is not self._loaded:
            await asyncio.to_thread(guard_of, terms.sources)
            self._loaded = terms.sources

    async def reach(self, keys: Sequence[bytes], approved: Mapping[bytes, frozenset[str]]) -> list[Reach]:
        """How far rows reach, by the keys of their values."""
        counts = await self._radius.users([expression(key) for key in keys])
        return [self._reach(users, approved.get(key, frozenset())) for key, users in zip(keys, counts, strict=True)]

    def _reach(self, users: int, approved: frozenset[str]) -> Reach:
        limit = self._limit()
        if users <= limit:
            return Reach(users, None, overridden=False)
        if RADIUS in approved:
            return Reach(users, None, overridden=True)
        counted = f"{users:,}" if users < RADIUS_SUBJECTS else f"{RADIUS_SUBJECTS:,} or more"
        sentence = f"This would hit {counted} of your own users by their recent look-ups; {limit:,} is the limit."
        return Reach(users, GuardVerdict(Level.BLOCK, RADIUS, sentence), overridden=False)
