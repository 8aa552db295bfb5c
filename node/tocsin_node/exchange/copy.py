"""This node's copy of one followed feed: what is stored of it, and the only two ways it changes.

`commit` adds verified deliveries, `stop` ends the feed for misbehaviour and keeps the evidence. Each is one transaction
with its audit entry. A stopped feed stays stopped over restarts; nothing else is touched by it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import parse
from tocsin_node.errors import Misbehaviour, Unreachable
from tocsin_node.exchange.checking import Descriptor, concluded, read_descriptor
from tocsin_node.exchange.wire import Delivery, from_publisher
from tocsin_node.limits import HEARD_S
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.peers.evidence import keep_evidence
from tocsin_node.segment.verify import Accepted, Examined, Position, Signed
from tocsin_node.store.protocol import Session, Store

OPEN: Final = "open"
STOPPED: Final = "stopped"

_log: Any = structlog.get_logger("tocsin.exchange")


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the policy makes of a delivery: entries per effect, and the digest of the policy that was asked."""

    effects: Mapping[str, int]
    policy: bytes


Assess = Callable[[int, Accepted], Assessment]
"""Called in a thread with the log's id, before the delivery is stored."""

OnState = Callable[[int, str], None]
"""Called on the writer's thread with the log's id and `open` or `stopped`, once that is durable."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every copy works with."""

    store: Store
    writer: Writer
    reads: Executor
    assess: Assess
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


class Copy:
    """One followed feed; `find` makes it. `heard_at` is ms UTC, 0 before the first message."""

    def __init__(
        self, *, tools: Tools, log: int, publisher: str, origin: str, state: str, why: str, heard_at: int
    ) -> None:
        self._tools = tools
        self._heard_stored = heard_at
        self.log: Final = log
        self.publisher: Final = publisher
        self.origin: Final = origin
        self.state = state
        self.why = why
        self.heard_at = heard_at

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
        return self._note(self.size) or b""

    def root_at(self, size: int) -> bytes | None:
        """The root of a size this node holds a checkpoint of."""
        note = self._note(size)
        return None if note is None else parse_checkpoint(parse(note).text).root

    async def judge(self, position: Position, signed: Signed, examined: Examined, delivery: Delivery) -> Verified:
        """Conclude an examined delivery, and count what the policy makes of it. Errors: Misbehaviour."""
        return await asyncio.get_running_loop().run_in_executor(
            self._tools.reads, self._conclude, position, signed, examined, delivery
        )

    def _conclude(self, position: Position, signed: Signed, examined: Examined, delivery: Delivery) -> Verified:
        accepted = concluded(position, signed, examined, delivery.segment, delivery.checkpoint)
        descriptor = None
        if position.size == 0:
            descriptor = read_descriptor(accepted, publisher=self.publisher, origin=self.origin)
        found = self._tools.assess(self.log, accepted)
        return Verified(accepted, descriptor, found, delivery.exchange, len(delivery.segment))

    async def commit(self, batch: Sequence[Verified]) -> None:
        """Store judged deliveries, each logged. Errors: Unreachable when the copy has moved on meanwhile."""

        def operation(tx: Tx) -> int:
            if tx.head(self.log).size != batch[0].accepted.run.first:
                raise Unreachable(f"the copy of {self.origin} has grown meanwhile")  # an older stream's last commit
            for verified in batch:
                self._store(tx, verified)
            tx.sql.execute("UPDATE log SET heard_at = ? WHERE id = ?", (tx.now, self.log))
            return tx.now

        self.heard_at = self._heard_stored = await self._submit(operation)
        self._tools.on_heard(self.log, self.heard_at)

    def _store(self, tx: Tx, verified: Verified) -> None:
        accepted, descriptor = verified.accepted, verified.descriptor
        tx.follow(self.log, accepted)
        if descriptor is not None:
            columns = (descriptor.community, descriptor.audience, self.log)
            tx.sql.execute("UPDATE log SET community = ?, audience = ? WHERE id = ?", columns)
            tx.after(lambda: self._tools.on_state(self.log, self.state))  # whose community is known from now on
        counts = {"entries": accepted.run.count, "bytes": verified.bytes, "size": accepted.size}
        tx.audit(
            "feed.replicated",
            actor=Actor("peer", self.publisher),
            peer=self.publisher,
            exchange=verified.exchange,
            counts={**counts, **verified.found.effects},
            policy=verified.found.policy,
            about={"origin": self.origin},
        )

    async def heard(self) -> None:
        """The publisher spoke; noted in the store at most once in HEARD_S."""
        self.heard_at = self._tools.clock()
        self._tools.on_heard(self.log, self.heard_at)
        if self.heard_at - self._heard_stored >= HEARD_S * 1000:
            self._heard_stored = self.heard_at
            update = "UPDATE log SET heard_at = ? WHERE id = ?"
            await self._submit(lambda tx: tx.sql.execute(update, (tx.now, self.log)))

    async def stop(self, error: Misbehaviour, proof: bytes) -> None:
        """Follow no more: keep the message that was false as it came, and say why."""
        why = f"{error.code}: {error}"
        held = self._contradicted(proof) if error.code == "fork" else b""

        def operation(tx: Tx) -> None:
            tx.sql.execute("UPDATE log SET state = ?, why = ? WHERE id = ?", (STOPPED, why, self.log))
            keep_evidence(tx, origin=self.origin, peer=self.publisher, error=error, proof=proof, held=held)
            about = {"origin": self.origin}
            tx.audit("feed.stopped", result="failed", why=error.code, peer=self.publisher, about=about)
            tx.after(lambda: self._tools.on_state(self.log, STOPPED))

        await self._submit(operation)
        self.state, self.why = STOPPED, why
        _log.error("feed stopped", origin=self.origin, why=why)

    def _contradicted(self, message: bytes) -> bytes:
        """The note held for the size that a forked message signs another root of."""
        shown = from_publisher(message)
        note = shown.checkpoint if shown is not None else b""
        return (self._note(parse_checkpoint(parse(note).text).size) or b"") if note else b""

    async def _submit(self, operation: Callable[[Tx], Any]) -> Any:
        return await asyncio.shield(self._tools.writer.submit(operation))

    def _note(self, size: int) -> bytes | None:
        with self._tools.store.read() as session:
            record = session.one("SELECT note FROM checkpoint WHERE log = ? AND size = ?", (self.log, size))
        return None if record is None else bytes(record[0])


async def find(tools: Tools, *, publisher: str, origin: str) -> Copy:
    """The copy of a feed, an empty one made when there is none yet."""

    def operation(tx: Tx) -> Copy:
        found = _read(tools, tx.sql, publisher, origin)
        if found is None:
            log = tx.new_log(origin, "followed", publisher)
            about = {"origin": origin}
            tx.audit("feed.followed", actor=Actor("peer", publisher), peer=publisher, about=about)
            tx.after(lambda: tools.on_state(log, OPEN))
            found = Copy(tools=tools, log=log, publisher=publisher, origin=origin, state=OPEN, why="", heard_at=0)
        return found

    with tools.store.read() as session:
        found = _read(tools, session, publisher, origin)
    return found or await asyncio.shield(tools.writer.submit(operation))


def _read(tools: Tools, session: Session, publisher: str, origin: str) -> Copy | None:
    record = session.one(
        "SELECT id, state, why, heard_at FROM log WHERE kind = 'followed' AND publisher = ? AND origin = ?",
        (publisher, origin),
    )
    if record is None:
        return None
    log, state, why, heard_at = record
    return Copy(
        tools=tools,
        log=int(log),
        publisher=publisher,
        origin=origin,
        state=str(state),
        why=str(why or ""),
        heard_at=int(heard_at),
    )
