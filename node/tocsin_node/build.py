"""One node, wired: the only place that knows every part. `serve` runs it.

Order of start: lock (the caller holds it), configuration, keys, store, logs and high-water marks, services, the match
index from stored entries, the writer, the local listener, the exchange. Stop goes the other way.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from typing import Any

import structlog

from tocsin.v1 import audit_pb2, node_pb2
from tocsin_node.card import OwnCard
from tocsin_node.community.service import Communities
from tocsin_node.config import Config, load_config, reload_changes
from tocsin_node.errors import Unsound
from tocsin_node.exchange.checking import attempt
from tocsin_node.exchange.copy import Assessment
from tocsin_node.exchange.service import Exchange, Timing
from tocsin_node.home import Home
from tocsin_node.keys import EpochKeys, Keyring, Unlock
from tocsin_node.local.audit import AuditCalls
from tocsin_node.local.auth import Guard
from tocsin_node.local.calls import Calls
from tocsin_node.local.listener import Listener
from tocsin_node.local.match import LookupTally, MatchCalls
from tocsin_node.local.operate import CommunityCalls, FeedCalls, NodeCalls, PeerCalls, PolicyCalls, TokenCalls
from tocsin_node.local.publish import PublishCalls
from tocsin_node.log.envelope import SYSTEM, Actor
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.runs import stored_runs
from tocsin_node.log.tx import Stored
from tocsin_node.log.writer import Writer
from tocsin_node.logging import configure
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_node.match.judge import Judge
from tocsin_node.match.service import Matcher
from tocsin_node.peers.book import PeerState
from tocsin_node.peers.service import Peers
from tocsin_node.policies import Policies
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.service import Publisher
from tocsin_node.segment.verify import Accepted
from tocsin_node.status import Status
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.tally import Tally
from tocsin_node.tokens import Tokens
from tocsin_node.workers import Workers

Clock = Callable[[], int]
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
    ) -> None:
        self._home = home
        self._clock = clock
        self._config = load_config(home.config)
        configure(self._config.log.level if exchange else "warning")
        unlock = Unlock.find(environment, home)
        keyring = Keyring.load(home, unlock, self._config.organisation)
        self._store = SqliteStore.open(home.database)
        self._writer = Writer(
            store=self._store,
            clock=clock,
            feed_signer=keyring.feed_signer(),
            audit_signer=keyring.audit_signer(_audit_origin(self._store)),
            highwater=HighWater(home.highwater),
            directory=home.root,
        )
        self._workers = Workers()
        self._tally = Tally(writer=self._writer, clock=clock)
        self._wire(unlock, keyring, environment, exchange=exchange, timing=timing)
        self._totals: asyncio.Task[None] | None = None

    def _wire(
        self,
        unlock: Unlock,
        keyring: Keyring,
        environment: Mapping[str, str],
        *,
        exchange: bool,
        timing: Timing | None,
    ) -> None:
        home, store, writer, clock = self._home, self._store, self._writer, self._clock
        own = OwnCard(home=home, store=store, writer=writer, unlock=unlock, keyring=keyring, clock=clock)
        peers = Peers(store=store, writer=writer, own=own, clock=clock)
        policies = Policies(store=store, writer=writer, peers=peers)
        epoch_keys = EpochKeys(home=home, lock=keyring.epochs_lock())
        communities = Communities(store=store, writer=writer, own=own, keys=epoch_keys, peers=peers, clock=clock)
        tokens = Tokens(store=store, writer=writer)
        feeds = Feeds(
            organisation=self._config.organisation,
            store=store,
            writer=writer,
            communities=communities.ids,
            audiences=self._audiences,
        )
        self._index = MatchIndex()
        self._book = FeedBook(
            store=store,
            counts=lambda name: (peer := peers.book.get(name)) is not None and peer.state is not PeerState.REMOVED,
            max_silence_ms=lambda: self._config.silence.max_silence_ms,
        )
        self._judge = Judge(store=store, feeds=self._book, policy_of=policies.policy_of)
        policies.on_change(self._judge.forget_decisions)
        matcher = Matcher(
            index=self._index,
            judge=self._judge,
            feeds=self._book,
            keys=communities,
            workers=self._workers,
            tally=LookupTally(self._tally),
            clock=clock,
        )
        data_key = keyring.records_key()
        retagger = Retagger(writer=writer, workers=self._workers, data_key=data_key, clock=clock)
        publisher = Publisher(
            feeds=feeds,
            writer=writer,
            keys=communities,
            workers=self._workers,
            retagger=retagger,
            data_key=data_key,
            clock=clock,
        )
        self._exchange = (
            Exchange(
                own=own,
                store=store,
                writer=writer,
                peers=peers,
                policies=policies,
                communities=communities,
                feeds=feeds,
                workers=self._workers,
                tally=self._tally,
                audiences=self._audiences,
                assess=self._assess,
                on_state=self._book.set_state,
                on_heard=self._book.heard,
                clock=clock,
                timing=timing,
            )
            if exchange
            else None
        )
        listens = str(self._config.exchange.listen or "") if exchange else ""
        status = Status(
            home=home,
            own=own,
            store=store,
            writer=writer,
            peers=peers,
            policies=policies,
            communities=communities,
            feeds=feeds,
            book=self._book,
            index=self._index,
            audiences=self._audiences,
            links=self._exchange,
            listens=listens,
            software=f"tocsin {version('tocsin')}",
            clock=clock,
        )
        publish_calls = PublishCalls(
            publisher=publisher, book=self._book, judge=self._judge, store=store, data_key=data_key, clock=clock
        )
        match_calls = MatchCalls(matcher=matcher)
        node_calls = NodeCalls(status=status, home=home, store=store, writer=writer, reload=self.reload)
        peer_calls = PeerCalls(
            own=own, peers=peers, status=status, config=lambda: self._config, exchange=self._exchange
        )
        community_calls = CommunityCalls(communities=communities, feeds=feeds, retagger=retagger, clock=clock)
        feed_calls = FeedCalls(feeds=feeds, status=status, peers=peers, policies=policies, audiences=self._audiences)
        policy_calls, token_calls = PolicyCalls(policies=policies), TokenCalls(tokens=tokens)
        audit_calls = AuditCalls(home=home, store=store, writer=writer)
        table: Mapping[str, Any] = {
            "Match": match_calls.match,
            "Check": match_calls.check,
            "Publish": publish_calls.publish,
            "Withdraw": publish_calls.withdraw,
            "ShowSignal": publish_calls.show,
            "Status": node_calls.status,
            "Reload": node_calls.reload,
            "Backup": node_calls.backup,
            "GetCard": peer_calls.card,
            "RenewCard": peer_calls.renew,
            "AddPeer": peer_calls.add,
            "ListPeers": peer_calls.list,
            "SetPeerState": peer_calls.set_state,
            "CheckPeer": peer_calls.check,
            "CreateCommunity": community_calls.create,
            "InviteToCommunity": community_calls.invite,
            "JoinCommunity": community_calls.join,
            "RotateCommunity": community_calls.rotate,
            "CreateFeed": feed_calls.create,
            "ListOwnFeeds": feed_calls.list,
            "FeedRecipients": feed_calls.recipients,
            "CheckPolicies": policy_calls.check,
            "ApplyPolicies": policy_calls.apply,
            "ShowPolicies": policy_calls.show,
            "AddToken": token_calls.add,
            "ListTokens": token_calls.list,
            "RevokeToken": token_calls.revoke,
        }
        audit_table: Mapping[str, Any] = {"Verify": audit_calls.verify, "ReadAudit": audit_calls.read}
        self._listener = Listener(
            home=home,
            tcp=self._config.local.tcp if exchange else None,
            environment=environment,
            guard=Guard(tokens=tokens, tally=self._tally),
            calls=[
                Calls(node_pb2.DESCRIPTOR.services_by_name["Node"], table),
                Calls(audit_pb2.DESCRIPTOR.services_by_name["Audit"], audit_table),
            ],
        )

    async def start(self) -> str:
        """Bring everything up; returns the local address. On an error everything started is stopped again."""
        try:
            await asyncio.to_thread(self._load_index)
            self._writer.observe(lambda stored: take_in(self._index, stored))
            self._writer.start()
            if self._exchange is not None:
                await self._writer.submit(lambda tx: tx.audit("node.started", about={"software": version("tocsin")}))
            self._totals = asyncio.create_task(self._tally.run())
            address = await self._listener.start()
            if self._exchange is not None:
                self._workers.warm(attempt)
                await self._exchange.start(self._config.exchange.listen)
        except BaseException:
            await self.stop()
            raise
        _log.info("node started", organisation=self._config.organisation, local=address)
        return address

    async def stop(self) -> None:
        """Let what is under way finish, write what waits, close."""
        if self._exchange is not None:
            await self._exchange.stop()
        await self._listener.stop()
        if self._totals is not None:
            self._totals.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._totals
            await self._tally.flush()
            if self._exchange is not None:
                await self._writer.submit(lambda tx: tx.audit("node.stopped"))
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._workers.stop)
        self._store.close()

    async def reload(self, actor: Actor = SYSTEM) -> list[str]:
        """Read the configuration again: all of it or nothing; returns the keys that changed. Errors: Misconfigured."""
        fresh = load_config(self._home.config)
        changed = reload_changes(self._config, fresh, str(self._home.config))
        if changed:
            about = {"keys": " ".join(changed)}
            await self._writer.submit(lambda tx: tx.audit("config.changed", actor=actor, about=about))
            self._config: Config = fresh
            configure(fresh.log.level)
        return list(changed)

    def _audiences(self) -> Mapping[str, Collection[str]]:
        return self._config.audiences

    def _assess(self, log: int, accepted: Accepted) -> Assessment:
        return Assessment(self._judge.assess(log, accepted.run), self._judge.policy_digest(self._book.get(log)))

    def _load_index(self) -> None:
        for facts in self._book.all():
            with self._store.read() as session:
                for run, ids in stored_runs(session, facts.log):
                    numbers = ids[run.numbers] if len(ids) else ids
                    take_in(self._index, Stored(facts.log, run.rows, run.indices(), numbers))


def _audit_origin(store: SqliteStore) -> str:
    with store.read() as session:
        record = session.one("SELECT origin FROM log WHERE kind = 'audit'")
    if record is None:
        raise Unsound("the database holds no audit log: this is not a home that `tocsin init` made")
    return str(record[0])
