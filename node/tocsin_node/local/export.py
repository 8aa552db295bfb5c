"""The call ExportSignals of role operate: an own feed with its identifiers.

Identifiers leave the node: an audit entry says so and is durable before the first of them is read. A page is read when
the caller has taken the one before, so that the node holds one page however slow the caller is.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

from tocsin.v1 import node_pb2 as pb
from tocsin_node.errors import NotFound
from tocsin_node.limits import EXPORT_ROWS
from tocsin_node.local.wire import feed_name
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.match.feeds import FeedBook
from tocsin_node.publish import records
from tocsin_node.publish.export import Page, Pages
from tocsin_node.store.protocol import Store


class ExportCalls:
    """Handler of exports."""

    def __init__(
        self, *, book: FeedBook, store: Store, writer: Writer, data_key: bytes, clock: Callable[[], int]
    ) -> None:
        self._book = book
        self._store = store
        self._writer = writer
        self._data_key = data_key
        self._clock = clock

    async def export(
        self, request: pb.ExportSignalsRequest, actor: Actor
    ) -> AsyncGenerator[pb.ExportSignalsResponse, None]:
        """The signals of an own feed, a page at a time; the first answer comes even of an empty feed."""
        facts = self._book.find(feed_name(request.feed))
        if facts.kind != "own":
            raise NotFound(f"this node does not publish {facts.origin}")
        total = await asyncio.to_thread(self._count, facts.log)
        about = {"feed": facts.origin, "signals": "all" if request.all else "live"}
        await self._writer.submit(
            lambda tx: tx.audit("signal.exported", actor=actor, counts={"held": total}, about=about)
        )
        yield pb.ExportSignalsResponse(feed=facts.origin, total=total)
        pages, done, last = Pages(facts, data_key=self._data_key, everything=request.all), 0, -1
        while True:
            page = await asyncio.to_thread(self._page, pages, last)
            if not page.looked_at:
                return
            done, last = done + page.looked_at, page.last
            yield _response(facts.origin, page, total=total, done=done)

    def _count(self, log: int) -> int:
        with self._store.read() as session:
            return records.count(session, log)

    def _page(self, pages: Pages, after: int) -> Page:
        with self._store.read() as session:
            return pages.read(session, after, now=self._clock(), most=EXPORT_ROWS)


def _response(origin: str, page: Page, *, total: int, done: int) -> pb.ExportSignalsResponse:
    numbers: dict[bytes, int] = {}
    for one in page.signals:
        numbers.setdefault(one.details, len(numbers))
    return pb.ExportSignalsResponse(
        feed=origin,
        total=total,
        done=done,
        details=list(numbers),
        signals=[
            pb.ExportedSignal(
                signal=one.signal,
                type=one.type,
                value=one.value,
                state=one.state,
                issued_at=one.issued_at,
                valid_until=one.valid_until,
                details=numbers[one.details],
            )
            for one in page.signals
        ],
        without_identifier=page.without_identifier,
    )
