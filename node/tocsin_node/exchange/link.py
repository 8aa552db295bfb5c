"""The session with one peer this node follows: Hello, the feeds it offers, one follower for each.

A peer offers three things: its own feeds, which are followed; feeds of other publishers that it serves on, which are
followed where the publisher is followed too and does not deliver itself (`copy` says who may serve); and this node's
own feeds back, which say whether this node has forgotten what it signed (`own`).

Retry is exponential with jitter while nothing works and starts anew after a session that did. One that ends within
SETTLED_S did not: a full disk on either side ends every session at its first acknowledgement. Feeds offered later are
noticed by asking again. A feed stopped for misbehaviour is not followed any more; everything else goes on. A served-on
feed that fails ends nothing but itself: it is looked at again with the next list. Fresh probes run beside all this
(`probing`).
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import grpc
import grpc.aio
import structlog
import tenacity

from tocsin_crypto.names import node_key_name
from tocsin_node.errors import Misbehaviour, NodeError, Refused, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import compare
from tocsin_node.exchange.copy import OPEN, Copies, Copy, Stream
from tocsin_node.exchange.cutoff import beside
from tocsin_node.exchange.dial import Dialler, PausedByPeer, Session, sentence
from tocsin_node.exchange.follower import Follower
from tocsin_node.exchange.lag import Lag
from tocsin_node.exchange.own import OwnFeeds
from tocsin_node.exchange.probing import Prober
from tocsin_node.limits import RETRY_MAX_S, RETRY_MIN_S, SETTLED_S
from tocsin_node.peers.service import Peers
from tocsin_node.peers.words import Phase
from tocsin_node.segment.verify import Position
from tocsin_node.workers import Workers

_NOT_THERE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_FAILURES: Final = (NodeError, grpc.aio.AioRpcError)
_log: Any = structlog.get_logger("tocsin.exchange")

Jitter = Callable[[float], float]
"""From the longest a wait may be, in seconds, to how long it is."""


@dataclass(frozen=True, slots=True)
class FollowedState:
    """How far one followed feed is, and who it comes from now; times in ms UTC."""

    origin: str
    lag: Lag
    heard_at: int
    source: str


@dataclass(frozen=True, slots=True)
class LinkState:
    """The session with one peer in words, and the feeds it publishes."""

    organisation: str
    phase: Phase
    why: str
    heard_at: int
    feeds: tuple[FollowedState, ...]


@dataclass(frozen=True, slots=True)
class Linking:
    """What every link works with; the times are constructor parameters so that tests need not wait."""

    organisation: str
    """This node's own."""
    dialler: Dialler
    peers: Peers
    follows: Callable[[str], bool]
    """Whether a peer is active and has a policy: nothing of any other is followed, whoever serves it."""
    copies: Copies
    own_feeds: OwnFeeds
    prober: Prober
    workers: Workers
    clock: Callable[[], int]
    jitter: Jitter
    silence_s: float
    list_s: float


class Link:
    """One peer's session, again and again; `run` until cancelled."""

    def __init__(self, organisation: str, linking: Linking) -> None:
        self._organisation = organisation
        self._with = linking
        self._phase, self._why = Phase.CONNECTING, ""
        self._heard_at = 0

    def state(self) -> LinkState:
        """What this link is doing."""
        feeds = tuple(_followed(copy) for copy in self._with.copies.of(self._organisation))
        heard = max([self._heard_at, *(feed.heard_at for feed in feeds if feed.source == self._organisation)])
        return LinkState(self._organisation, self._phase, self._why, heard, feeds)

    async def run(self) -> None:
        """Keep a session open."""
        while True:
            longest = tenacity.wait_exponential(multiplier=RETRY_MIN_S, max=RETRY_MAX_S)
            retrying = tenacity.AsyncRetrying(
                wait=lambda state, longest=longest: self._with.jitter(longest(state)),
                retry=tenacity.retry_if_exception_type(_FAILURES),
                before_sleep=self._failed,
            )
            async for attempt in retrying:
                with attempt:
                    await self._session()
            await asyncio.sleep(RETRY_MIN_S)

    def _failed(self, retry: tenacity.RetryCallState) -> None:
        error = retry.outcome.exception() if retry.outcome else None
        self._phase, self._why = _phase(error), sentence(error)
        _log.info("link waits", peer=self._organisation, why=self._why)

    async def _session(self) -> None:
        """One connection. Raises when it never worked, returns when it worked and then ended."""
        async with self._with.dialler.session(self._organisation) as session:
            self._heard_at = session.heard_at
            offered = await session.offered()
            self._phase, self._why = Phase.CONNECTED, ""
            began = asyncio.get_running_loop().time()
            try:
                await self._follow_all(session, offered)
            except _FAILURES as error:
                self._phase, self._why = Phase.CONNECTING, sentence(error)
                _log.info("link ended", peer=self._organisation, why=self._why)
                if asyncio.get_running_loop().time() - began < SETTLED_S:
                    raise

    async def _follow_all(self, session: Session, offered: Iterable[wire.Offered]) -> None:
        direct: dict[str, asyncio.Task[None]] = {}
        relayed: dict[str, asyncio.Task[None]] = {}
        probing = asyncio.create_task(self._with.prober.run(session), name=f"probing {self._organisation}")
        try:
            while True:
                await self._look_at(session, offered, direct, relayed)
                await self._wait(direct.values())
                for task in direct.values():
                    if task.done() and not task.cancelled():
                        task.result()  # a stopped feed returned; anything else ends the session
                for origin in [origin for origin, task in relayed.items() if task.done()]:
                    self._note_end(origin, relayed.pop(origin))
                offered = await session.offered()
                self._heard_at = self._with.clock()
        finally:
            tasks = [*direct.values(), *relayed.values(), probing]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_at(
        self,
        session: Session,
        offered: Iterable[wire.Offered],
        direct: dict[str, asyncio.Task[None]],
        relayed: dict[str, asyncio.Task[None]],
    ) -> None:
        for one in offered:
            publisher = one.origin.partition("/feed/")[0]
            if publisher == self._organisation:
                if one.origin not in direct and (copy := await self._copy(one.origin)).state == OPEN:
                    direct[one.origin] = asyncio.create_task(self._follow(session, copy, 0))
            elif publisher == self._with.organisation:
                await self._returned(one)
            elif one.origin not in relayed and self._with.follows(publisher):
                size = await self._servable(publisher, one)
                if size:
                    copy = await self._with.copies.find(
                        publisher=publisher, origin=one.origin, source=self._organisation
                    )
                    relayed[one.origin] = asyncio.create_task(self._follow(session, copy, size))

    async def _wait(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        running = [task for task in tasks if not task.done()]
        if running:
            await asyncio.wait(running, timeout=self._with.list_s, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(self._with.list_s)

    def _note_end(self, origin: str, task: asyncio.Task[None]) -> None:
        """Why a relayed stream ended: somebody else serves the feed now, it was false, or it broke. Errors: a bug's."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, _FAILURES):
            raise error
        _log.info("relay ended", peer=self._organisation, origin=origin, why=sentence(error))

    async def _copy(self, origin: str) -> Copy:
        source = self._organisation
        return await self._with.copies.find(publisher=source, origin=origin, source=source)

    async def _returned(self, offered: wire.Offered) -> None:
        """This node's own feed, as the peer holds it."""
        if offered.checkpoint:
            try:
                await self._with.own_feeds.shown(offered.origin, offered.checkpoint, self._organisation)
            except NodeError as error:
                _log.info("own feed offered back", peer=self._organisation, origin=offered.origin, why=str(error))

    async def _servable(self, publisher: str, offered: wire.Offered) -> int:
        """The signed size at which the peer may serve this feed to us now; 0 when it may not or need not.

        Nothing is made of an offer that the publisher has not signed: a relay cannot invent feeds. One that it has
        signed is compared with what is held here, whoever serves that: so two histories shown to two peers meet.
        """
        copy = self._with.copies.get(offered.origin)
        if copy is not None and (copy.state != OPEN or self._organisation in copy.distrusted):
            return 0
        position = self._position(publisher, offered.origin)
        if position is None or not offered.checkpoint:
            return 0
        try:
            size = compare(position, offered.checkpoint, copy.root_at if copy else lambda _: None)
        except Misbehaviour as error:
            _log.info("relay's offer passed over", peer=self._organisation, origin=offered.origin, why=str(error))
            if copy is not None:
                proof = wire.to_heartbeat(offered.checkpoint).SerializeToString()
                await Stream(copy, self._organisation).stop(error, proof)
            return 0
        if copy is None:
            return size
        wanted = size >= position.size and (copy.relay or not position.size)
        return size if wanted and copy.may_take(self._organisation, size) else 0

    def _position(self, publisher: str, origin: str) -> Position | None:
        """Where our copy of a feed ends; None while its publisher's key is not valid."""
        peer = self._with.peers.book.get(publisher)
        key = peer.signing_key(self._with.clock()) if peer else None
        if key is None:
            return None
        copy = self._with.copies.get(origin)
        return copy.position(key.raw) if copy else Position(origin, node_key_name(publisher), key.raw, 0, b"", 0)

    async def _follow(self, session: Session, copy: Copy, ahead: int) -> None:
        async with copy.held_by(self._organisation, ahead):
            position = self._position(copy.publisher, copy.origin)
            if position is None:
                raise Refused(f"the signing key of {copy.publisher} is not valid now: it must renew its card")
            call = session.follow()
            follower = Follower(
                target=Stream(copy, self._organisation),
                position=position,
                workers=self._with.workers,
                silence_s=self._with.silence_s,
                read=call.read,
                write=call.write,
            )
            try:
                await beside(self._with.peers.revoked(copy.publisher), follower.run())
            except (Unreachable, asyncio.InvalidStateError) as error:
                if call.done() and await call.code() is not grpc.StatusCode.OK:
                    raise Unreachable(str(await call.details())) from error
                raise Unreachable(str(error)) from error
            finally:
                call.cancel()


def _followed(copy: Copy) -> FollowedState:
    return FollowedState(copy.origin, replace(copy.lag), copy.heard_at, copy.source)


def _phase(error: BaseException | None) -> Phase:
    """What a session that never worked says of the peer."""
    if isinstance(error, PausedByPeer):
        return Phase.PAUSED
    if isinstance(error, grpc.aio.AioRpcError):
        return Phase.UNREACHABLE if error.code() in _NOT_THERE else Phase.REFUSED
    return Phase.UNREACHABLE if isinstance(error, Unreachable) else Phase.REFUSED
