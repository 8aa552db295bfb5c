"""Totals of things too frequent for an audit entry each: look-ups and refused calls, per kind and minute.

Rules:

1. What is counted together is a `Kind`; its counts of one minute become one audit envelope.
2. Totals wait in memory until the next flush: once a minute, and at the end. A killed node loses what waited, at most
   a minute; anything that leaves the organisation is never counted here but logged before it leaves.
3. When a flush fails, the totals stay for the next one.
4. Memory is bounded: beyond TALLY_KINDS, what is new counts per event and actor only, marked `partial`.

It belongs to the event loop; nothing here is called from another thread.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from tocsin_node.limits import TALLY_KINDS
from tocsin_node.log.envelope import Actor, Result
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer

MINUTE_MS: Final = 60_000

_log: Any = structlog.get_logger("tocsin.local")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is counted together: the audit envelope without its time and counts."""

    event: str
    actor: Actor
    result: Result = "ok"
    why: str = ""
    about: tuple[tuple[str, str], ...] = ()

    @property
    def coarse(self) -> "Kind":
        """The same with nothing but event and actor."""
        return Kind(self.event, self.actor, "partial")


Totals = dict[tuple[int, Kind], dict[str, int]]  # by minute since 1970


class Tally:
    """Counts by kind and minute, written to the audit log as totals."""

    def __init__(self, *, writer: Writer, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._clock = clock
        self._totals: Totals = {}

    def add(self, kind: Kind, counts: Mapping[str, int]) -> None:
        """Add to this minute's totals of a kind."""
        self._merge((self._clock() // MINUTE_MS, kind), counts)

    async def flush(self) -> None:
        """Write every total as one audit envelope; on an error they stay, and it is raised."""
        if not self._totals:
            return
        totals, self._totals = self._totals, {}

        def operation(tx: Tx) -> None:
            for (minute, kind), counts in totals.items():
                about = {**dict(kind.about), "minute": _name(minute)}
                tx.audit(kind.event, actor=kind.actor, result=kind.result, why=kind.why, counts=counts, about=about)

        try:
            await self._writer.submit(operation)
        except BaseException:
            for key, counts in totals.items():
                self._merge(key, counts)
            raise

    async def run(self) -> None:
        """Flush as each minute ends, until cancelled; call `flush` once more afterwards."""
        while True:
            await asyncio.sleep((MINUTE_MS - self._clock() % MINUTE_MS) / 1000)
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 -- logged; the next minute tries again
                _log.exception("totals could not be written; they wait for the next minute")

    def _merge(self, key: tuple[int, Kind], counts: Mapping[str, int]) -> None:
        if key not in self._totals and len(self._totals) >= TALLY_KINDS:
            key = (key[0], key[1].coarse)
        total = self._totals.setdefault(key, {})
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count


def _name(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%MZ")
