"""Calls of role audit: Verify, ReadAudit and ProveSignal.

Each is logged: checks and reading before anything is read, a proof before it is handed out.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from tocsin.v1 import audit_pb2 as pb
from tocsin_node.audit.verify import read_marks, verify_store
from tocsin_node.home import Home
from tocsin_node.limits import AUDIT_PAGE
from tocsin_node.local.wire import feed_name
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.proof.make import Proof, prove
from tocsin_node.store.protocol import Store

_POLL_S: Final = 0.01  # between looks at whether a check that nobody waits for has ended


class AuditCalls:
    """Handlers of what auditors may do."""

    def __init__(self, *, home: Home, store: Store, writer: Writer, book: FeedBook) -> None:
        self._home = home
        self._store = store
        self._writer = writer
        self._book = book

    async def verify(self, request: pb.VerifyRequest, actor: Actor) -> AsyncGenerator[pb.VerifyResponse, None]:  # noqa: ARG002
        """Check every log; progress and reports as they come."""
        await self._writer.submit(lambda tx: tx.audit("audit.verified", actor=actor))
        found: asyncio.Queue[pb.VerifyResponse | Exception | None] = asyncio.Queue(64)
        loop, stopped = asyncio.get_running_loop(), threading.Event()

        def put(item: pb.VerifyResponse | Exception | None) -> None:
            asyncio.run_coroutine_threadsafe(found.put(item), loop).result()

        def check() -> None:
            try:
                for item in verify_store(self._store, read_marks(self._home.highwater)):
                    if stopped.is_set():
                        return
                    put(item)
                put(None)
            except Exception as error:  # noqa: BLE001 -- raised again on the loop
                put(error)

        worker = loop.run_in_executor(None, check)
        try:
            while (item := await found.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            stopped.set()
            while not worker.done():
                while not found.empty():
                    found.get_nowait()
                await asyncio.sleep(_POLL_S)

    async def read(self, request: pb.ReadAuditRequest, actor: Actor) -> AsyncGenerator[pb.AuditEntry, None]:
        """Envelopes in order."""
        await self._writer.submit(lambda tx: tx.audit("audit.viewed", actor=actor))
        left = request.limit or 2**62
        first = request.first
        while left > 0:
            entries = list(await asyncio.to_thread(self._entries, first, min(left, AUDIT_PAGE)))
            for entry in entries:
                yield entry
            if not entries:
                return
            first, left = entries[-1].index + 1, left - len(entries)

    async def prove(self, request: pb.ProveSignalRequest, actor: Actor) -> pb.ProveSignalResponse:
        """A signal as a file for somebody outside."""
        facts = self._book.find(feed_name(request.feed))
        proof = await asyncio.to_thread(self._prove, facts, request.signal)
        about = {"feed": facts.origin, "signal": str(request.signal)}
        await self._writer.submit(lambda tx: tx.audit("signal.proved", actor=actor, about=about))
        return pb.ProveSignalResponse(proof=proof.data, entries=proof.entries, left_out=proof.left_out, size=proof.size)

    def _prove(self, facts: FeedFacts, signal: int) -> Proof:
        with self._store.read() as session:
            return prove(session, facts.log, facts.origin, signal)

    def _entries(self, first: int, limit: int) -> Iterator[pb.AuditEntry]:
        query = "SELECT idx, envelope FROM audit_entry WHERE idx >= ? ORDER BY idx LIMIT ?"
        with self._store.read() as session:
            records = session.all(query, (first, limit))
        return (pb.AuditEntry(index=index, envelope=envelope) for index, envelope in records)
