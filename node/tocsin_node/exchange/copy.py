"""This node's copy of one followed feed: what is stored of it, who it comes from now, and the only ways it changes.

Rules:

1. One source at a time. The publisher's own stream goes before any relay's; a relay takes over from another with a
   later signed size than that one knows of, or when that one does not deliver what it knows of. Whoever takes over
   waits until the last commit of the one before is done.
2. `commit` adds verified deliveries, `stop` ends the feed for what its publisher signed or sent, `distrust` ends one
   relay's serving of it for bytes the publisher never signed. Each is one transaction with its audit entry, each holds
   over restarts; nothing else is touched.
3. Only the publisher can show that it lives: its own stream does so with every message, a relay only by entries, and
   only for the time at which they were issued. What a relay repeats or keeps back for later proves nothing new.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import parse
from tocsin_node.errors import Misbehaviour, Unreachable
from tocsin_node.exchange.checking import Descriptor, Looked, concluded, read_descriptor
from tocsin_node.exchange.lag import Lag
from tocsin_node.exchange.wire import Delivery, from_publisher
from tocsin_node.limits import HEARD_S, STALLED_S
from tocsin_node.log.envelope import Actor
from tocsin_node.log.prefix import noted_root
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.peers.evidence import keep_evidence
from tocsin_node.policy.bulk import Assessment, Question, decider
from tocsin_node.segment.verify import Accepted, Position, Signed
from tocsin_node.store.protocol import Session, Store

OPEN: Final = "open"
STOPPED: Final = "stopped"
NOTHING_ASKED: Final = Assessment({}, b"")
FORK: Final = "fork"
"""The one code that only a publisher's own signatures can earn."""

_log: Any = structlog.get_logger("tocsin.exchange")


Ask = Callable[[int], Question]
"""What is asked of the policy that decides on a log's entries now."""

OnState = Callable[[int, str], None]
"""Called on the writer's thread with the log's id and `open` or `stopped`, once that is durable."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every copy works with."""

    store: Store
    writer: Writer
    reads: Executor
    ask: Ask
    on_state: OnState
    on_heard: Callable[[int, int], None]
    """Called on the event loop with the log's id and when its publisher spoke (ms UTC)."""
    clock: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery that may be stored, and what is logged of it."""

    accepted: Accepted
    descriptor: Descriptor | None
    found: Assessment
    exchange: bytes
    bytes: int


def verified(
    position: Position,
    signed: Signed,
    looked: Looked,
    delivery: Delivery,
    *,
    publisher: str,
    question: Question | None,
) -> Verified:
    """An examined delivery concluded at its position, and what the policy makes of it. Errors: Misbehaviour."""
    accepted = concluded(position, signed, looked.examined, delivery.segment, delivery.checkpoint)
    descriptor = None
    if position.size == 0:
        descriptor = read_descriptor(accepted, publisher=publisher, origin=position.origin)
    found = looked.found or NOTHING_ASKED
    if question is not None and found.policy != question.digest:  # not asked yet, or of a policy that was replaced
        found = decider(question).assess(accepted.run)
    return Verified(accepted, descriptor, found, delivery.exchange, len(delivery.segment))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store says of a copy. `heard_at` is ms UTC, 0 before the publisher was first heard of."""

    log: int
    publisher: str
    origin: str
    state: str = OPEN
    why: str = ""
    heard_at: int = 0
    relay: bool = False


class Copy:
    """One followed feed; `Copies` makes it. Used on the event loop."""

    def __init__(self, facts: Facts, tools: Tools, distrusted: Mapping[str, str]) -> None:
        self._tools = tools
        self._heard_stored = facts.heard_at
        self._moved_at = 0
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None
        self._writing: asyncio.Future[Any] | None = None
        self.log: Final = facts.log
        self.publisher: Final = facts.publisher
        self.origin: Final = facts.origin
        self.state = facts.state
        self.why = facts.why
        self.heard_at = facts.heard_at
        self.relay = facts.relay
        """Whether its descriptor lets followers serve it on; not known, and so no, before its first entry."""
        self.distrusted = distrusted
        """Peers whose serving of this feed was false, and why."""
        self.source = ""
        """Who it comes from now; empty: nobody."""
        self.ahead = 0
        """The largest size the source has shown the publisher's signature for."""
        self.lag = Lag()
        """Kept over sources: a publisher out of reach is still as far ahead."""

    @property
    def size(self) -> int:
        """Entries stored."""
        return self._tools.writer.heads[self.log].size

    def position(self, key: bytes) -> Position:
        """Where the copy ends, and the key that extends it."""
        head = self._tools.writer.heads[self.log]
        key_name = node_key_name(self.publisher)
        return Position(self.origin, key_name, key, head.size, head.tree.to_bytes(), head.last_time)

    def checkpoint(self) -> bytes:
        """The note of the copy's size; empty while it has no entry."""
        return self.note(self.size) or b""

    def root_at(self, size: int) -> bytes | None:
        """The root of a size this node holds a checkpoint of."""
        with self._tools.store.read() as session:
            return noted_root(session, self.log, size)

    def note(self, size: int) -> bytes | None:
        """The checkpoint note of a size."""
        with self._tools.store.read() as session:
            record = session.one("SELECT note FROM checkpoint WHERE log = ? AND size = ?", (self.log, size))
        return None if record is None else bytes(record[0])

    def told(self, size: int) -> None:
        """The source has shown the publisher's signature for this size."""
        self.ahead = max(self.ahead, size)
        self.lag.learned(size, held=self.size, now=self._tools.clock())

    def may_take(self, source: str, ahead: int) -> bool:
        """Whether this source, which shows a signed size, may serve the copy now."""
        if self.state != OPEN or source in self.distrusted:
            return False
        if source == self.publisher or not self.source:
            return True
        if self.source == self.publisher or ahead <= self.size:
            return False
        stalled = self.ahead > self.size and self._tools.clock() - self._moved_at > STALLED_S * 1000
        return stalled or ahead > self.ahead

    @asynccontextmanager
    async def held_by(self, source: str, ahead: int) -> AsyncGenerator[None]:
        """Let this task serve the copy, in place of whoever does. Errors: Unreachable when it may not any more."""
        async with self._turn:
            if not self.may_take(source, ahead):
                raise Unreachable(f"{self.origin} comes from {self.source or 'nobody'} meanwhile")
            if self._holder is not None:
                self._holder.cancel()
                await asyncio.wait([self._holder])
            if self._writing is not None:
                await asyncio.wait([self._writing])  # what a cancelled holder had asked the writer for
            self._holder, self.source, self.ahead = asyncio.current_task(), source, ahead
            self._moved_at = self._tools.clock()
            self.lag.stored(self.size)
        try:
            yield
        finally:
            if self._holder is asyncio.current_task():
                self._holder, self.source = None, ""

    def question(self) -> Question:
        """What is asked of the policy that decides on its entries now."""
        return self._tools.ask(self.log)

    async def judge(self, position: Position, signed: Signed, looked: Looked, delivery: Delivery) -> Verified:
        """Conclude an examined delivery, decided by the policy that stands now. Errors: Misbehaviour."""

        def work() -> Verified:
            return verified(position, signed, looked, delivery, publisher=self.publisher, question=self.question())

        return await asyncio.get_running_loop().run_in_executor(self._tools.reads, work)

    async def commit(self, source: str, batch: Sequence[Verified]) -> None:
        """Store judged deliveries, each logged. Errors: Unreachable when the copy has moved on meanwhile."""

        def operation(tx: Tx) -> int:
            if tx.head(self.log).size != batch[0].accepted.run.first:
                raise Unreachable(f"the copy of {self.origin} has grown meanwhile")  # an older stream's last commit
            for one in batch:
                self._store(tx, source, one)
            spoke = tx.now if source == self.publisher else min(tx.now, batch[-1].accepted.last_time)
            heard_at = max(self.heard_at, spoke)
            tx.sql.execute("UPDATE log SET heard_at = ? WHERE id = ?", (heard_at, self.log))
            return heard_at

        self.heard_at = self._heard_stored = await self._submit(operation)
        self._moved_at = self._tools.clock()
        self.lag.stored(self.size)
        self._tools.on_heard(self.log, self.heard_at)

    def _store(self, tx: Tx, source: str, one: Verified) -> None:
        accepted, descriptor = one.accepted, one.descriptor
        tx.follow(self.log, accepted)
        if descriptor is not None:
            columns = (descriptor.community, descriptor.audience, int(descriptor.relay), self.log)
            tx.sql.execute("UPDATE log SET community = ?, audience = ?, relay = ? WHERE id = ?", columns)
            tx.after(lambda: self._described(descriptor))
        counts = {"entries": accepted.run.count, "bytes": one.bytes, "size": accepted.size}
        tx.audit(
            "feed.replicated",
            actor=Actor("peer", source),
            peer=source,
            exchange=one.exchange,
            counts={**counts, **one.found.effects},
            policy=one.found.policy,
            about={"origin": self.origin},
        )

    def _described(self, descriptor: Descriptor) -> None:
        self.relay = descriptor.relay
        self._tools.on_state(self.log, OPEN)  # whose community is known from now on

    async def heard(self) -> None:
        """The publisher spoke; noted in the store at most once in HEARD_S."""
        self.heard_at = self._tools.clock()
        self._tools.on_heard(self.log, self.heard_at)
        if self.heard_at - self._heard_stored >= HEARD_S * 1000:
            self._heard_stored = self.heard_at
            update = "UPDATE log SET heard_at = ? WHERE id = ?"
            await self._submit(lambda tx: tx.sql.execute(update, (tx.now, self.log)))

    async def stop(self, error: Misbehaviour, proof: bytes) -> None:
        """Follow no more: keep what was false as it came, and say why."""
        why = f"{error.code}: {error}"
        held = self._contradicted(proof) if error.code == FORK else b""

        def operation(tx: Tx) -> None:
            tx.sql.execute("UPDATE log SET state = ?, why = ? WHERE id = ?", (STOPPED, why, self.log))
            keep_evidence(tx, origin=self.origin, peer=self.publisher, error=error, proof=proof, held=held)
            about = {"origin": self.origin}
            tx.audit("feed.stopped", result="failed", why=error.code, peer=self.publisher, about=about)
            tx.after(lambda: self._tools.on_state(self.log, STOPPED))

        await self._submit(operation)
        self.state, self.why = STOPPED, why
        if self._holder is not None:
            self._holder.cancel()
        _log.error("feed stopped", origin=self.origin, why=why)

    def _contradicted(self, message: bytes) -> bytes:
        """The note held for the size that a forked message signs another root of."""
        shown = from_publisher(message)
        note = shown.checkpoint if shown is not None else b""
        return (self.note(parse_checkpoint(parse(note).text).size) or b"") if note else b""

    async def distrust(self, relay: str, error: Misbehaviour, proof: bytes) -> None:
        """Take this feed from that peer no more: keep what was false as it came; others may serve it."""
        why = f"{error.code}: {error}"

        def operation(tx: Tx) -> None:
            columns = (self.log, relay, why, tx.now)
            tx.sql.execute("INSERT INTO distrusted VALUES (?, ?, ?, ?) ON CONFLICT (log, peer) DO NOTHING", columns)
            keep_evidence(tx, origin=self.origin, peer=relay, error=error, proof=proof)
            about = {"origin": self.origin}
            tx.audit("feed.source_stopped", result="failed", why=error.code, peer=relay, about=about)

        await self._submit(operation)
        self.distrusted = {**self.distrusted, relay: why}
        _log.error("source of a feed stopped", origin=self.origin, source=relay, why=why)

    def trust(self, relay: str) -> None:
        """Its distrust was lifted: called on the writer's thread, so the mapping is replaced, not changed."""
        self.distrusted = {peer: why for peer, why in self.distrusted.items() if peer != relay}

    async def _submit(self, operation: Callable[[Tx], Any]) -> Any:
        self._writing = asyncio.ensure_future(self._tools.writer.submit(operation))
        return await asyncio.shield(self._writing)


class Stream:
    """The copy as the target of one stream: from its publisher, or from a relay."""

    def __init__(self, copy: Copy, source: str) -> None:
        self._copy = copy
        self._source = source
        self.publisher: Final = copy.publisher
        self.origin: Final = copy.origin

    @property
    def _direct(self) -> bool:
        return self._source == self.publisher

    def checkpoint(self) -> bytes:
        """The note of the copy's size."""
        return self._copy.checkpoint()

    def root_at(self, size: int) -> bytes | None:
        """The root of a size this node holds a checkpoint of."""
        return self._copy.root_at(size)

    def told(self, size: int) -> None:
        """What the source says the publisher has signed."""
        self._copy.told(size)

    def question(self) -> Question:
        """What is asked of the policy that decides on its entries now."""
        return self._copy.question()

    async def judge(self, position: Position, signed: Signed, looked: Looked, delivery: Delivery) -> Verified:
        """Conclude an examined delivery that this source may serve. Errors: Misbehaviour."""
        one = await self._copy.judge(position, signed, looked, delivery)
        if one.accepted.run.absent and not self._direct:
            raise Misbehaviour("withheld", f"entries of {self.origin} withheld: only its publisher may do that")
        if one.descriptor is not None:
            self.admit(one.descriptor)
        return one

    def admit(self, descriptor: Descriptor) -> None:
        """A relay may serve only what its publisher lets it. Errors: Misbehaviour."""
        if not self._direct and not descriptor.relay:
            raise Misbehaviour(
                "not-permitted", f"{self.origin} may not be served on: its descriptor does not permit it"
            )

    async def commit(self, batch: Sequence[Verified]) -> None:
        """Store judged deliveries."""
        await self._copy.commit(self._source, batch)

    async def heard(self) -> None:
        """Only the publisher's own stream says that the publisher lives."""
        if self._direct:
            await self._copy.heard()

    async def stop(self, error: Misbehaviour, proof: bytes) -> None:
        """The publisher's own lies and a fork stop the feed; whatever else a relay sends stops the relay."""
        if self._direct or error.code == FORK:
            await self._copy.stop(error, proof)
        else:
            await self._copy.distrust(self._source, error, proof)


class Copies:
    """Every followed feed of this node, one Copy each."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        with tools.store.read() as session:
            self._copies = {copy.origin: copy for copy in _read(session, tools)}

    def get(self, origin: str) -> Copy | None:
        """The copy of a feed, None when it was never followed."""
        return self._copies.get(origin)

    def trust(self, origin: str, relay: str) -> None:
        """A peer's distrust for one feed was lifted."""
        copy = self._copies.get(origin)
        if copy is not None:
            copy.trust(relay)

    def of(self, publisher: str) -> list[Copy]:
        """The copies of one publisher's feeds, by origin."""
        return [copy for _, copy in sorted(self._copies.items()) if copy.publisher == publisher]

    async def find(self, *, publisher: str, origin: str, source: str) -> Copy:
        """The copy of a feed, an empty one made when there is none yet."""

        def operation(tx: Tx) -> Facts:
            record = tx.sql.one("SELECT id FROM log WHERE kind = 'followed' AND origin = ?", (origin,))
            if record is not None:
                return Facts(int(record[0]), publisher, origin)
            log = tx.new_log(origin, "followed", publisher)
            tx.audit("feed.followed", actor=Actor("peer", source), peer=source, about={"origin": origin})
            tx.after(lambda: self._tools.on_state(log, OPEN))
            return Facts(log, publisher, origin)

        if origin not in self._copies:
            facts = await asyncio.shield(asyncio.ensure_future(self._tools.writer.submit(operation)))
            self._copies.setdefault(origin, Copy(facts, self._tools, {}))
        return self._copies[origin]


def _read(session: Session, tools: Tools) -> list[Copy]:
    distrusted: dict[int, dict[str, str]] = {}
    for log, peer, why in session.all("SELECT log, peer, why FROM distrusted"):
        distrusted.setdefault(int(log), {})[str(peer)] = str(why)
    records = session.all(
        "SELECT id, publisher, origin, state, why, heard_at, relay FROM log WHERE kind = 'followed' ORDER BY origin"
    )
    return [
        Copy(
            Facts(int(log), publisher, origin, state, why or "", int(heard_at), bool(relay)),
            tools,
            distrusted.get(int(log), {}),
        )
        for log, publisher, origin, state, why, heard_at, relay in records
    ]
