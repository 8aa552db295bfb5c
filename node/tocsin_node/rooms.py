"""What the services of a node are made of, room by room: core, trust, matching, publishing.

Each room is a frozen set of services that `build` makes from the rooms before it; nothing here starts anything.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

from tocsin_node.card import OwnCard
from tocsin_node.clear import CLEAR_CODES
from tocsin_node.community.service import Communities
from tocsin_node.config import GuardTable
from tocsin_node.edges import Edges
from tocsin_node.guard.approvals import Approvals
from tocsin_node.guard.desk import Desk
from tocsin_node.guard.gate import Gate
from tocsin_node.guard.keyed import guard_key
from tocsin_node.guard.radius import Radius
from tocsin_node.guard.sources import Sources
from tocsin_node.home import Home
from tocsin_node.keys import EpochKeys, Keyring, Unlock
from tocsin_node.local.match import LookupTally
from tocsin_node.log.writer import Writer
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.judge import Judge
from tocsin_node.match.reserved import ReservedLookup
from tocsin_node.match.service import Matcher
from tocsin_node.meter import Meter
from tocsin_node.peers.book import PeerState
from tocsin_node.peers.service import Peers
from tocsin_node.policies import Policies
from tocsin_node.profiles import Profiles
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.reserved import ProbeKeeper
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.service import Publisher
from tocsin_node.relays import Relays
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.tally import Tally
from tocsin_node.tokens import Tokens
from tocsin_node.workers import Workers

Clock = Callable[[], int]
"""Milliseconds UTC."""

Audiences = Callable[[], Mapping[str, Collection[str]]]
"""The named lists of the configuration as it is now."""


@dataclass(frozen=True, slots=True)
class Core:
    """What everything else stands on: keys, store, writer, workers."""

    home: Home
    organisation: str
    unlock: Unlock
    keyring: Keyring
    store: SqliteStore
    writer: Writer
    workers: Workers
    tally: Tally
    clock: Clock
    edges: Edges
    meter: Meter
    profiles: Profiles


@dataclass(frozen=True, slots=True)
class Trust:
    """Who this node is, and whom it believes what."""

    own: OwnCard
    peers: Peers
    policies: Policies
    communities: Communities
    tokens: Tokens

    @classmethod
    def build(cls, core: Core) -> Self:
        """From the core."""
        store, writer, clock, keyring = core.store, core.writer, core.clock, core.keyring
        own = OwnCard(home=core.home, store=store, writer=writer, unlock=core.unlock, keyring=keyring, clock=clock)
        peers = Peers(store=store, writer=writer, own=own, clock=clock)
        keys = EpochKeys(home=core.home, lock=keyring.epochs_lock())
        return cls(
            own=own,
            peers=peers,
            policies=Policies(store=store, writer=writer, peers=peers),
            communities=Communities(
                store=store, writer=writer, own=own, keys=keys, peers=peers, clock=clock, random=core.edges.random
            ),
            tokens=Tokens(store=store, writer=writer, random=core.edges.random),
        )


@dataclass(frozen=True, slots=True)
class Guarding:
    """The lists of the never-share guard and the counters of look-ups; the configuration's as it is now."""

    key: bytes
    radius: Radius
    sources: Callable[[], Sources]
    table: Callable[[], GuardTable]

    @classmethod
    def build(cls, core: Core, sources: Callable[[], Sources], table: Callable[[], GuardTable]) -> Self:
        """From the core."""
        radius = Radius(core.home.radius, days=lambda: table().radius_days, clock=core.clock)
        return cls(guard_key(core.keyring.records_key()), radius, sources, table)


@dataclass(frozen=True, slots=True)
class Matching:
    """The index, and what turns its hits into verdicts."""

    index: MatchIndex
    book: FeedBook
    judge: Judge
    matcher: Matcher
    reserved: ReservedLookup

    @classmethod
    def build(cls, core: Core, trust: Trust, guarding: Guarding, max_silence_ms: Callable[[], int]) -> Self:
        """From the core and trust; an applied policy makes earlier decisions forgotten."""
        index = MatchIndex(near_types=CLEAR_CODES)

        def counts(name: str) -> bool:
            peer = trust.peers.book.get(name)
            return peer is not None and peer.state is not PeerState.REMOVED

        book = FeedBook(
            store=core.store,
            counts=counts,
            max_silence_ms=max_silence_ms,
        )
        judge = Judge(store=core.store, feeds=book, policy_of=trust.policies.policy_of)
        trust.policies.on_change(judge.forget_decisions)
        matcher = Matcher(
            index=index,
            judge=judge,
            feeds=book,
            keys=trust.communities,
            profiles=core.profiles,
            workers=core.workers,
            tally=LookupTally(core.tally, core.meter),
            sightings=guarding.radius,
            guard_key=guarding.key,
            clock=core.clock,
        )
        reserved = ReservedLookup(
            index=index,
            feeds=book,
            keys=trust.communities,
            profiles=core.profiles,
            store=core.store,
            clock=core.clock,
        )
        return cls(index, book, judge, matcher, reserved)


@dataclass(frozen=True, slots=True)
class Publishing:
    """The own feeds and what appends to them; followed feeds served on."""

    feeds: Feeds
    retagger: Retagger
    publisher: Publisher
    desk: Desk
    keeper: ProbeKeeper
    relays: Relays
    data_key: bytes
    audiences: Audiences

    @classmethod
    def build(
        cls, core: Core, trust: Trust, guarding: Guarding, audiences: Audiences, lifetimes: Callable[[], Lifetimes]
    ) -> Self:
        """From the core and trust; `audiences` and `lifetimes` are the configuration's as it is now."""
        writer, workers, clock, data_key = core.writer, core.workers, core.clock, core.keyring.records_key()
        feeds = Feeds(
            organisation=core.organisation,
            store=core.store,
            writer=writer,
            communities=trust.communities.ids,
            audiences=audiences,
            random=core.edges.random,
        )
        retagger = Retagger(writer=writer, workers=workers, data_key=data_key, clock=clock)
        approvals = Approvals(core.store)
        gate = Gate(
            approvals=approvals,
            key=guarding.key,
            sources=guarding.sources,
            radius=guarding.radius,
            limit=lambda: guarding.table().radius_limit,
            clock=clock,
        )
        desk = Desk(
            store=core.store,
            writer=writer,
            feeds=feeds,
            keys=trust.communities,
            approvals=approvals,
            gate=gate,
            profiles=core.profiles,
            data_key=data_key,
            clock=clock,
        )
        publisher = Publisher(
            feeds=feeds,
            writer=writer,
            keys=trust.communities,
            profiles=core.profiles,
            workers=workers,
            retagger=retagger,
            gate=gate,
            data_key=data_key,
            lifetimes=lifetimes,
            clock=clock,
        )
        keeper = ProbeKeeper(
            store=core.store,
            writer=writer,
            retagger=retagger,
            profiles=core.profiles,
            publishing=trust.communities.publishing,
            data_key=data_key,
            clock=clock,
        )
        relays = Relays(
            store=core.store,
            writer=writer,
            book=lambda: trust.peers.book,
            policy_of=trust.policies.policy_of,
            audiences=audiences,
        )
        return cls(feeds, retagger, publisher, desk, keeper, relays, data_key, audiences)
