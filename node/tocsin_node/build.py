"""One node, wired: the only place that knows every part. `serve` runs it.

Order of start: lock (the caller holds it), configuration, keys, store, logs and high-water marks, services, the web
listener, the match index from stored entries, the writer, the self-check of the canonical forms, the local listener,
the exchange. Stop: the web listener,
then the other way. `rooms` says what the services of each room are made of, `local.methods` which handler answers which
local method.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Generator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import structlog

from tocsin_crypto.errors import CryptoError
from tocsin_node.config import Address, Config, load_config, reload_changes
from tocsin_node.edges import Door, Edges
from tocsin_node.errors import Unsound
from tocsin_node.exchange.checking import attempt
from tocsin_node.exchange.service import Exchange, Timing
from tocsin_node.guard.sources import Sources, load
from tocsin_node.guard.warn import warnings
from tocsin_node.home import Home
from tocsin_node.keys import Keyring, Unlock
from tocsin_node.local.auth import Guard
from tocsin_node.local.methods import Asked, services
from tocsin_node.log.envelope import SYSTEM, Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.logging import configure
from tocsin_node.match.intake import take_in
from tocsin_node.match.rebuild import rebuild
from tocsin_node.meter import Meter
from tocsin_node.policy.bulk import Question
from tocsin_node.profiles import Profiles
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.rooms import Clock, Core, Guarding, Matching, Publishing, Trust
from tocsin_node.status import Status
from tocsin_node.store.protocol import Store
from tocsin_node.tally import Tally
from tocsin_node.upkeep import Upkeep
from tocsin_node.web.gauges import Gauges, Session, free_bytes
from tocsin_node.web.readiness import Readiness
from tocsin_signals.errors import SignalError

if TYPE_CHECKING:
    from tocsin_node.web.server import WebServer

_SOFTWARE: Final = f"tocsin {version('tocsin')}"
_log: Any = structlog.get_logger("tocsin.node")


def wall_clock() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


class Node:
    """A node on one home, whose lock the caller holds. `start` and `stop` once each, on one event loop."""

    def __init__(
        self,
        home: Home,
        *,
        environment: Mapping[str, str],
        exchange: bool,
        clock: Clock = wall_clock,
        timing: Timing | None = None,
        edges: Edges | None = None,
    ) -> None:
        self._config = load_config(home.config)
        configure(self._config.log.level if exchange else "warning")
        with _own_records():
            self._core = _core(home, self._config.organisation, environment, clock, edges or Edges())
            self._trust = Trust.build(self._core)
        self._sources = load(self._config.guard, home)
        self._guarding = Guarding.build(self._core, lambda: self._sources, lambda: self._config.guard)
        self._matching = Matching.build(
            self._core, self._trust, self._guarding, lambda: self._config.silence.max_silence_ms
        )
        self._publishing = Publishing.build(
            self._core, self._trust, self._guarding, self._audiences, lambda: Lifetimes(self._config.lifetimes)
        )
        timing = timing or _timing(self._config)
        self._exchange = self._build_exchange(timing) if exchange else None
        self._upkeep = self._build_upkeep(self._exchange, timing) if self._exchange else None
        self._listener = self._build_listener(environment)
        self._readiness = Readiness(
            writer=self._core.writer, free_bytes=lambda: free_bytes(home), problems=self._core.profiles.problems
        )
        self._web = self._build_web(self._config.web.listen) if exchange and self._config.web.listen else None
        self._totals: asyncio.Task[None] | None = None
        self._counting: asyncio.Task[None] | None = None
        self._rounds: asyncio.Task[None] | None = None

    def _build_exchange(self, timing: Timing) -> Exchange:
        core, trust = self._core, self._trust
        return Exchange(
            own=trust.own,
            store=core.store,
            writer=core.writer,
            peers=trust.peers,
            policies=trust.policies,
            communities=trust.communities,
            feeds=self._publishing.feeds,
            relays=self._publishing.relays,
            retagger=self._publishing.retagger,
            workers=core.workers,
            tally=core.tally,
            meter=core.meter,
            audiences=self._audiences,
            ask=self._ask,
            on_state=self._matching.book.set_state,
            on_heard=self._matching.book.heard,
            network=core.edges.network,
            rules=core.edges.rules(),
            probes_enabled=lambda: self._config.probes.enabled,
            clock=core.clock,
            random=core.edges.random,
            jitter=core.edges.jitter,
            timing=timing,
        )

    def _build_upkeep(self, exchange: Exchange, timing: Timing) -> Upkeep:
        return Upkeep(
            feeds=self._publishing.feeds,
            keeper=self._publishing.keeper,
            lookup=self._matching.reserved,
            agreements=exchange.agreements,
            enabled=lambda: self._config.probes.enabled,
            first_s=timing.probes_first_s,
            every_s=timing.probes_every_s,
        )

    def _build_listener(self, environment: Mapping[str, str]) -> Door:
        core, trust, serving = self._core, self._trust, self._exchange is not None
        status = Status(
            home=core.home,
            own=trust.own,
            rules=core.edges.rules,
            store=core.store,
            writer=core.writer,
            peers=trust.peers,
            policies=trust.policies,
            communities=trust.communities,
            feeds=self._publishing.feeds,
            probes=self._publishing.keeper.count,
            book=self._matching.book,
            index=self._matching.index,
            profiles=core.profiles,
            audiences=self._audiences,
            links=self._exchange,
            listens=str(self._config.exchange.listen or "") if serving else "",
            software=_SOFTWARE,
            further=lambda: warnings(self._guarding, core.clock()) if serving else (),
            clock=core.clock,
        )
        asked = Asked(
            core=core,
            trust=trust,
            guarding=self._guarding,
            matching=self._matching,
            publishing=self._publishing,
            exchange=self._exchange,
            status=status,
            config=lambda: self._config,
            reload=self.reload,
        )
        return core.edges.door(
            home=core.home,
            tcp=self._config.local.tcp if serving else None,
            environment=environment,
            guard=Guard(tokens=trust.tokens, tally=core.tally, meter=core.meter),
            calls=services(asked),
        )

    def _build_web(self, listen: Address) -> "WebServer":
        # Imported here: a command that starts a core for itself serves no web.
        from tocsin_node.web.app import Pages
        from tocsin_node.web.server import WebServer

        core, matching, exchange = self._core, self._matching, self._exchange
        gauges = Gauges(
            core=core,
            trust=self._trust,
            book=matching.book,
            index=matching.index,
            software=_SOFTWARE,
            started_at=core.clock(),
        )
        pages = Pages(
            readiness=self._readiness,
            gauges=gauges,
            meter=core.meter,
            sessions=lambda: (
                {
                    name: Session(link, exchange.contact(name), exchange.agreement(name))
                    for name, link in exchange.states().items()
                }
                if exchange
                else {}
            ),
            local_only=listen.loopback,
        )
        return WebServer(home=core.home, listen=listen, pages=pages)

    async def start(self) -> str:
        """Bring everything up; returns the local address. On an error everything started is stopped again."""
        try:
            if self._web is not None:
                await self._web.start()
            await asyncio.to_thread(rebuild, self._matching.index, self._core.store)
            self._core.writer.observe(lambda stored: take_in(self._matching.index, stored))
            self._core.writer.start()
            if self._exchange is not None:
                await asyncio.to_thread(self._core.profiles.outcomes)  # before anybody can publish or look up
                await self._core.writer.submit(self._started)
            self._totals = asyncio.create_task(self._core.tally.run())
            self._counting = asyncio.create_task(self._guarding.radius.run())
            address = await self._listener.start()
            self._readiness.loaded = True
            if self._exchange is not None:
                self._core.workers.warm(attempt)
                await self._exchange.start(self._config.exchange.listen)
            if self._upkeep is not None:
                self._rounds = asyncio.create_task(self._upkeep.run(), name="probe signals")
        except BaseException:
            await self.stop()
            raise
        _log.info("node started", organisation=self._config.organisation, local=address)
        return address

    def _started(self, tx: Tx) -> None:
        tx.audit("node.started", about={"software": version("tocsin")})
        self._core.profiles.record(tx)

    async def stop(self) -> None:
        """Let what is under way finish, write what waits, close."""
        if self._web is not None:
            await self._web.stop()
        await _ended(self._rounds)
        if self._exchange is not None:
            await self._exchange.stop()
        await self._listener.stop()
        if self._totals is not None:
            await _ended(self._totals)
            await self._core.tally.flush()
            if self._exchange is not None:
                await self._core.writer.submit(lambda tx: tx.audit("node.stopped"))
        if self._counting is not None:
            await _ended(self._counting)
            await self._guarding.radius.flush()
        self._guarding.radius.close()
        await asyncio.to_thread(self._core.writer.stop)
        await asyncio.to_thread(self._core.workers.stop)
        self._core.store.close()

    async def reload(self, actor: Actor = SYSTEM) -> list[str]:
        """Read the configuration again: all of it or nothing; returns the keys that changed. Errors: Misconfigured."""
        fresh = load_config(self._core.home.config)
        changed = reload_changes(self._config, fresh, str(self._core.home.config))
        sources = await asyncio.to_thread(load, fresh.guard, self._core.home)
        for key, before, after in (
            ("guard.own", self._sources.own, sources.own),
            ("guard.pack", self._sources.pack, sources.pack),
        ):
            if before != after and key not in changed:
                changed = (*changed, key)
        if changed:
            about = {"keys": " ".join(changed)}
            await self._core.writer.submit(lambda tx: tx.audit("config.changed", actor=actor, about=about))
            self._config: Config = fresh
            self._sources: Sources = sources
            configure(fresh.log.level)
        return list(changed)

    def _audiences(self) -> Mapping[str, Collection[str]]:
        return self._config.audiences

    def _ask(self, log: int) -> Question:
        return self._matching.judge.question(self._matching.book.get(log))


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _core(home: Home, organisation: str, environment: Mapping[str, str], clock: Clock, edges: Edges) -> Core:
    unlock = Unlock.find(environment, home)
    keyring = Keyring.load(home, unlock, organisation)
    store = edges.open_store(home.database)
    writer = Writer(
        store=store,
        clock=clock,
        feed_signer=keyring.feed_signer(),
        audit_signer=keyring.audit_signer(_audit_origin(store)),
        highwater=edges.open_marks(home.highwater),
        directory=home.root,
        random=edges.random,
        schedule=edges.schedule,
    )
    meter = Meter()
    writer.observe_commits(meter.committed)
    tally = Tally(writer=writer, clock=clock)
    return Core(
        home, organisation, unlock, keyring, store, writer, edges.workers(), tally, clock, edges, meter, Profiles()
    )


@contextlib.contextmanager
def _own_records() -> Generator[None]:
    """Around what is built from the store: what this node wrote and cannot read is damage, whatever finds it."""
    try:
        yield
    except (CryptoError, SignalError) as error:
        raise Unsound(f"the database is not as this node wrote it: {error}") from error


def _timing(config: Config) -> Timing:
    return Timing(heartbeat_s=config.exchange.heartbeat_seconds, silence_s=config.exchange.silence_seconds)


def _audit_origin(store: Store) -> str:
    with store.read() as session:
        record = session.one("SELECT origin FROM log WHERE kind = 'audit'")
    if record is None:
        raise Unsound("the database holds no audit log: this is not a home that `tocsin init` made")
    return str(record[0])
