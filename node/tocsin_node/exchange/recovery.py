"""Bringing an own feed back from its followers, after this node was restored from an old copy.

In order: (1) ask every active peer, or the one named, what it holds of the feed under this node's own signature. (2)
Keep every signature that the own copy does not lead to, and freeze the feed. (3) Fetch what is missing from who holds
most, verified as a follower verifies: own key, roots, structure; each delivery is one commit with its audit entry, so
it may be interrupted and repeated. Who sends something false is passed over, with the evidence. (4) Let the feed grow
again only when the copy leads to *every* signature known: those kept, those shown now, and the high-water mark.

It never drops an entry and never accepts a loss: what was signed once may be held by somebody who was not asked. Two
signatures that no one history leads to are a fork; then nothing can make the feed sound again. Why: docs/adr/0019.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import grpc
import grpc.aio

from tocsin_crypto.names import node_key_name
from tocsin_crypto.tag import EpochKey
from tocsin_node.errors import Misbehaviour, NodeError, Refused, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import Looked
from tocsin_node.exchange.copy import FORK, Verified, verified
from tocsin_node.exchange.cutoff import first
from tocsin_node.exchange.dial import Dialler, Session, sentence
from tocsin_node.exchange.follower import Follower
from tocsin_node.exchange.own import OwnFeeds, kept_notes
from tocsin_node.limits import CONNECT_S
from tocsin_node.log.envelope import Actor
from tocsin_node.log.head import latest_checkpoint
from tocsin_node.log.prefix import noted_root
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.peers.evidence import keep_evidence
from tocsin_node.peers.service import Peers
from tocsin_node.publish import records
from tocsin_node.publish.feeds import Feeds, OwnFeed
from tocsin_node.publish.rebuild import rebuild
from tocsin_node.publish.retag import Retagger
from tocsin_node.segment.verify import Position, Signed
from tocsin_node.store.protocol import Store
from tocsin_node.workers import Workers

_FAILURES: Final = (NodeError, grpc.aio.AioRpcError)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the entries of one peer are, in entries of the feed."""

    peer: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One peer's part: the size it showed, how many entries came back from it, why it could not serve."""

    peer: str
    size: int = 0
    note: bytes = field(default=b"", repr=False)
    returned: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a recovery. `open` when the feed may grow, else `why` not."""

    origin: str
    size: int
    open: bool
    why: str
    asked: tuple[Asked, ...]
    without_identifier: int
    missing_epochs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recovering:
    """What recoveries work with."""

    feeds: Feeds
    own_feeds: OwnFeeds
    retagger: Retagger
    peers: Peers
    dialler: Dialler
    store: Store
    writer: Writer
    workers: Workers
    key: bytes
    """This node's own public signing key."""
    epoch_keys: Callable[[], Sequence[EpochKey]]
    on_state: Callable[[int, str], None]
    silence_s: float


class Recovery:
    """Recovers own feeds, one at a time each."""

    def __init__(self, recovering: Recovering) -> None:
        self._with = recovering
        self._running: set[str] = set()

    async def recover(self, name: str, *, peer: str, actor: Actor, report: Callable[[Progress], None]) -> Recovered:
        """Recover a feed by local name or origin. Errors: NotFound; Refused when it is forked or being recovered."""
        origin = self._with.own_feeds.origin_of(name)
        if origin in self._running:
            raise Refused(f"{origin} is being recovered already")
        self._running.add(origin)
        try:
            return await self._recover(origin, peer, actor, report)
        finally:
            self._running.discard(origin)

    async def _recover(self, origin: str, peer: str, actor: Actor, report: Callable[[Progress], None]) -> Recovered:
        asked = await self._ask(origin, peer)
        for one in asked:
            if one.note:
                await self._with.own_feeds.shown(origin, one.note, one.peer)
        feed = self._with.feeds.get(origin)
        signed = await self._signed(feed, asked, actor)
        for place, one in sorted(enumerate(asked), key=lambda pair: -pair[1].size):
            if self._size(feed) < one.size:
                asked[place] = await self._fetch(feed, one, actor, report)
        return await self._finish(feed, signed, tuple(asked), actor)

    # ---- asking

    async def _ask(self, origin: str, peer: str) -> list[Asked]:
        active = [one.organisation for one in self._with.peers.book.active()]
        if peer and peer not in active:
            self._with.peers.get(peer)
            raise Refused(f"{peer} is not an active peer: resume it first")
        wanted = [peer] if peer else active
        if not wanted:
            raise Refused("no peer is active, so nobody can be asked")
        return list(await asyncio.gather(*(self._ask_one(origin, one) for one in wanted)))

    async def _ask_one(self, origin: str, peer: str) -> Asked:
        note = b""
        try:
            async with asyncio.timeout(CONNECT_S), self._with.dialler.session(peer) as session:
                offered = {one.origin: one.checkpoint for one in await session.offered()}
            note = offered.get(origin, b"")
            return Asked(peer, self._with.own_feeds.open(origin, note).size, note) if note else Asked(peer)
        except TimeoutError:
            return Asked(peer, why="it did not answer in time")
        except Misbehaviour as error:
            await self._evidence(origin, peer, error, note)
            return Asked(peer, why=str(error))
        except _FAILURES as error:
            return Asked(peer, why=sentence(error))

    async def _signed(self, feed: OwnFeed, asked: Sequence[Asked], actor: Actor) -> dict[int, bytes]:
        """Size -> root of everything this node is known to have signed of the feed. Errors: Refused for a fork."""
        with self._with.store.read() as session:
            notes = kept_notes(session, feed.origin)
        notes += [(one.peer, one.note) for one in asked if one.note]
        mark = self._with.writer.marks.get(feed.origin)
        signed: dict[int, bytes] = {} if mark is None or not mark[0] else {mark[0]: mark[1]}
        for _, note in notes:
            found = self._with.own_feeds.open(feed.origin, note)
            if signed.setdefault(found.size, found.root) != found.root:
                raise Refused(await self._fork(feed, found.size, actor))
        return signed

    # ---- fetching

    async def _fetch(self, feed: OwnFeed, one: Asked, actor: Actor, report: Callable[[Progress], None]) -> Asked:
        """Everything that one peer holds more than this node; what it sent false, or why it broke off, is in `why`."""
        before = self._size(feed)
        returned = _Returned(self._with, feed, one, actor, report)
        try:
            async with self._with.dialler.session(one.peer) as session:
                await self._stream(session, returned)
            why = returned.false
            if returned.forked:
                raise Refused(await self._fork(feed, before, actor))
        except _FAILURES as error:
            if returned.forked:
                raise
            why = sentence(error)
        return replace(one, returned=self._size(feed) - before, why=why)

    async def _stream(self, session: Session, returned: "_Returned") -> None:
        call = session.follow()
        complete = asyncio.Event()

        async def write(data: bytes) -> None:
            await call.write(data)
            if returned.complete:
                complete.set()  # and the last acknowledgement is on its way

        follower = Follower(
            target=returned,
            position=returned.position(),
            workers=self._with.workers,
            silence_s=self._with.silence_s,
            read=call.read,
            write=write,
        )
        try:
            await first(follower.run(), complete.wait())
            if complete.is_set():
                await call.done_writing()
                async with asyncio.timeout(CONNECT_S):
                    await call.code()
        except TimeoutError:
            pass  # everything is here; only the other side's goodbye is missing
        except (Unreachable, asyncio.InvalidStateError) as error:
            details = await call.details() if call.done() else ""
            raise Unreachable(str(details or error)) from error
        finally:
            call.cancel()

    # ---- the end

    async def _finish(
        self, feed: OwnFeed, signed: Mapping[int, bytes], asked: tuple[Asked, ...], actor: Actor
    ) -> Recovered:
        size = self._size(feed)
        for at in sorted(signed):
            if at <= size and not await asyncio.to_thread(self._with.own_feeds.leads_to, feed.log, at, signed[at]):
                raise Refused(await self._fork(feed, at, actor))
        missing = max(signed, default=0) - size
        counts = {"returned": sum(one.returned for one in asked), "size": size}

        def operation(tx: Tx) -> tuple[bool, str, int, list[int]]:
            frozen, head = feed.log in self._with.writer.frozen, tx.head(feed.log).size
            thaws = frozen and missing <= 0 and head > 0
            if thaws:
                self._with.writer.thaw(tx, feed.log)
                tx.audit("feed.recovered", actor=actor, counts=counts, about={"origin": feed.origin})
                tx.after(lambda: self._with.on_state(feed.log, "open"))
            elif frozen:
                about = {"origin": feed.origin}
                tx.audit("feed.recovered", actor=actor, result="partial", counts=counts, about=about)
            lost = sum(records.without_identifier(tx.sql, feed.log, tx.now).values())
            why = "" if thaws or not frozen else _missing(max(missing, 1), asked)
            return thaws or not frozen, why, lost, records.live_epochs(tx.sql, feed.log, tx.now)

        opened, why, lost, epochs = await self._with.writer.submit(operation)
        self._with.retagger.forget(feed.log)
        held = {key.epoch for key in self._with.epoch_keys() if key.community == self._community(feed)}
        without_key = tuple(epoch for epoch in epochs if epoch not in held)
        return Recovered(feed.origin, size, opened, why, asked, lost, without_key)

    async def _fork(self, feed: OwnFeed, size: int, actor: Actor) -> str:
        about = {"origin": feed.origin}
        await self._with.writer.submit(
            lambda tx: tx.audit("feed.recovered", actor=actor, result="failed", why=FORK, about=about)
        )
        return (
            f"{feed.origin} is forked: this node has signed two histories that differ within its first {size} entries. "
            "It stays frozen for good, and the signatures are kept as evidence. Open a new feed with "
            "`tocsin feed create`, publish there what still holds, and tell your peers to expect nothing of this one"
        )

    def _community(self, feed: OwnFeed) -> str:
        return self._with.feeds.get(feed.origin).community

    def _size(self, feed: OwnFeed) -> int:
        return self._with.writer.heads[feed.log].size

    async def _evidence(self, origin: str, peer: str, error: Misbehaviour, proof: bytes) -> None:
        await self._with.writer.submit(lambda tx: keep_evidence(tx, origin=origin, peer=peer, error=error, proof=proof))


class _Returned:
    """An own feed as the target of a stream from a follower that holds more of it."""

    def __init__(
        self, recovering: Recovering, feed: OwnFeed, asked: Asked, actor: Actor, report: Callable[[Progress], None]
    ) -> None:
        self._with = recovering
        self._feed = feed
        self._asked = asked
        self._actor = actor
        self._report = report
        self.publisher: Final = recovering.feeds.organisation
        self.origin: Final = feed.origin
        self.false = ""
        """What the peer sent false."""
        self.forked = False
        """Whether it showed a second root of this node for a size."""

    @property
    def complete(self) -> bool:
        """Whether all is here that the peer showed."""
        return self._with.writer.heads[self._feed.log].size >= self._asked.size

    def position(self) -> Position:
        """Where the own copy ends, and the own key."""
        head = self._with.writer.heads[self._feed.log]
        name = node_key_name(self.publisher)
        return Position(self.origin, name, self._with.key, head.size, head.tree.to_bytes(), head.last_time)

    def checkpoint(self) -> bytes:
        """The note of the size held, for a follower that compares."""
        with self._with.store.read() as session:
            found = latest_checkpoint(session, self._feed.log)
        return found[1] if found else b""

    def root_at(self, size: int) -> bytes | None:
        """The root of a size that has a checkpoint here."""
        with self._with.store.read() as session:
            return noted_root(session, self._feed.log, size)

    def told(self, size: int) -> None:
        """The peer showed its size before."""

    async def heard(self) -> None:
        """Of no use here."""

    def question(self) -> None:
        """No policy decides on own entries."""

    async def judge(self, position: Position, signed: Signed, looked: Looked, delivery: wire.Delivery) -> Verified:
        """Conclude an examined delivery: an own feed may come back from anybody. Errors: Misbehaviour."""

        def work() -> Verified:
            found = verified(position, signed, looked, delivery, publisher=self.publisher, question=None)
            if found.accepted.run.absent:
                raise Refused("some of the entries that it holds were withheld from it")
            return found

        return await asyncio.to_thread(work)

    async def commit(self, batch: Sequence[Verified]) -> None:
        """Store entries as they are, with the own records they stand for."""

        def operation(tx: Tx) -> None:
            if tx.head(self._feed.log).size != batch[0].accepted.run.first:
                raise Unreachable(f"{self.origin} has grown meanwhile")
            for one in batch:
                self._store(tx, one)

        await asyncio.shield(asyncio.ensure_future(self._with.writer.submit(operation)))
        size = batch[-1].accepted.size
        self._report(Progress(self._asked.peer, size, max(size, self._asked.size)))

    def _store(self, tx: Tx, one: Verified) -> None:
        log, accepted, descriptor = self._feed.log, one.accepted, one.descriptor
        tx.follow(log, accepted)
        if descriptor is not None:
            columns = (descriptor.community, descriptor.audience, int(descriptor.relay), log)
            tx.sql.execute("UPDATE log SET community = ?, audience = ?, relay = ? WHERE id = ?", columns)
        signals = rebuild(tx.sql, log, accepted.run)
        tx.audit(
            "feed.returned",
            actor=self._actor,
            peer=self._asked.peer,
            exchange=one.exchange,
            counts={"entries": accepted.run.count, "signals": signals, "size": accepted.size},
            about={"origin": self.origin},
        )

    async def stop(self, error: Misbehaviour, proof: bytes) -> None:
        """Keep what was false; the next peer is asked for the rest."""
        self.forked = error.code == FORK
        held = self.checkpoint() if self.forked else b""
        peer = self._asked.peer
        await self._with.writer.submit(
            lambda tx: keep_evidence(tx, origin=self.origin, peer=peer, error=error, proof=proof, held=held)
        )
        self.false = f"what it sent is false ({error.code}): {error}"


def _missing(count: int, asked: Sequence[Asked]) -> str:
    silent = [one.peer for one in asked if one.why]
    who = f"; not served by {', '.join(silent)}" if silent else ""
    verb = "is" if count == 1 else "are"
    return (
        f"{count:,} of the entries that this node has signed {verb} still missing{who}. "
        "Try again when more peers can be reached"
    )
