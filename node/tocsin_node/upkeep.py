"""The round of the probe signals: kept in own feeds, looked up in followed ones, again and again while the node runs.

The first round is some minutes after the start, when feeds have caught up; then one an hour. A feed that cannot be
written just now is left for the next round. `[probes] enabled = false` ends it all; signals already kept stay until
their end and count for nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from tocsin_node.errors import NodeError
from tocsin_node.exchange.agreement import Agreements
from tocsin_node.match.reserved import ReservedLookup
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.reserved import ProbeKeeper

_OPEN: Final = "open"
_log: Any = structlog.get_logger("tocsin.node")


class Upkeep:
    """`run` until cancelled."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        keeper: ProbeKeeper,
        lookup: ReservedLookup,
        agreements: Agreements,
        enabled: Callable[[], bool],
        first_s: float,
        every_s: float,
    ) -> None:
        self._feeds = feeds
        self._keeper = keeper
        self._lookup = lookup
        self._agreements = agreements
        self._enabled = enabled
        self._first_s = first_s
        self._every_s = every_s

    async def run(self) -> None:
        """Round after round."""
        await asyncio.sleep(self._first_s)
        while True:
            if self._enabled():
                await self.round()
            await asyncio.sleep(self._every_s)

    async def round(self) -> None:
        """Once."""
        for feed in self._feeds.all():
            if feed.state != _OPEN:
                continue
            try:
                await self._keeper.keep(feed)
            except NodeError as error:
                _log.info("probe signals wait", feed=feed.name, why=str(error))
        self._agreements.looked_up(await asyncio.to_thread(self._lookup.look))
