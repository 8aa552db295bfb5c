"""Calls of role audit: Verify, ReadAudit and ProveSignal.

Each is logged: checks and reading before anything is read, a proof before it is handed out.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from tocsin.v1 import audit_pb2 as pb
from tocsin_node.audit.verify import read_marks, verify_store
from tocsin_node.home import Home
from tocsin_node.limits import AUDIT_PAGE
from tocsin_node.local.threads import spoken
from tocsin_node.local.wire import feed_name
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.proof.make import Proof, prove
from tocsin_node.store.protocol import Store


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

        def check(say: Callable[[pb.VerifyResponse], None]) -> None:
            for item in verify_store(self._store, read_marks(self._home.highwater)):
                say(item)

        async with aclosing(spoken(check)) as responses:
            async for response in responses:
                yield response

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
