"""What a node is doing, for its operator: feeds, peers, communities, and what needs attention."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from tocsin_node.audience import recipients
from tocsin_node.card import OwnCard
from tocsin_node.community.service import Communities, Community
from tocsin_node.exchange.link import LinkState
from tocsin_node.home import Home
from tocsin_node.limits import FREE_BYTES
from tocsin_node.log.runs import Delivery, deliveries
from tocsin_node.log.writer import Writer
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.peers.book import PeerState
from tocsin_node.peers.service import Peers
from tocsin_node.policies import Policies
from tocsin_node.publish.feeds import Feeds
from tocsin_node.store.protocol import Store


class Links(Protocol):
    """What knows the sessions with peers; absent where the node runs without exchange."""

    def states(self) -> Mapping[str, LinkState]:
        """What every link is doing, by peer."""
        ...


@dataclass(frozen=True, slots=True)
class FeedState:
    """One feed in words: own ones are open or frozen; followed ones live, behind, silent or stopped."""

    origin: str
    publisher: str
    size: int
    state: str
    why: str
    heard_at: int
    community: str
    audience: str
    delivered: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class PeerReport:
    """What the exchange knows of a peer."""

    policy: bool
    link: str
    heard_at: int
    skew_ms: int
    feeds: tuple[FeedState, ...]
    delivered: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class NodeState:
    """The whole node."""

    organisation: str
    fingerprint: str
    software: str
    started_at: int
    exchange: str
    own: tuple[FeedState, ...]
    followed: tuple[FeedState, ...]
    audit_size: int
    signals: int
    peers_active: int
    peers_paused: int
    card_not_after: int
    warnings: tuple[str, ...]
    communities: tuple[Community, ...]


class Status:
    """Answers from the parts of a node."""

    def __init__(
        self,
        *,
        home: Home,
        own: OwnCard,
        store: Store,
        writer: Writer,
        peers: Peers,
        policies: Policies,
        communities: Communities,
        feeds: Feeds,
        book: FeedBook,
        index: MatchIndex,
        audiences: Callable[[], Mapping[str, Collection[str]]],
        links: Links | None,
        listens: str,
        software: str,
        clock: Callable[[], int],
    ) -> None:
        self._home = home
        self._own = own
        self._store = store
        self._writer = writer
        self._peers = peers
        self._policies = policies
        self._communities = communities
        self._feeds = feeds
        self._book = book
        self._index = index
        self._audiences = audiences
        self._links = links
        self._listens = listens
        self._software = software
        self._clock = clock
        self._started_at = clock()

    def node(self) -> NodeState:
        """The whole node now."""
        peers = self._peers.book.peers.values()
        own, followed = self.own_feeds(), self._followed()
        audit = next((head.size for head in self._writer.heads.values() if head.kind == "audit"), 0)
        return NodeState(
            organisation=self._own.card.organisation,
            fingerprint=self._own.fingerprint,
            software=self._software,
            started_at=self._started_at,
            exchange=self._listens,
            own=own,
            followed=followed,
            audit_size=audit,
            signals=self._index.stats().rows,
            peers_active=sum(peer.state is PeerState.ACTIVE for peer in peers),
            peers_paused=sum(peer.state is PeerState.PAUSED for peer in peers),
            card_not_after=self._own.card.not_after,
            warnings=self._warnings(own, followed),
            communities=self._communities.all(),
        )

    def own_feeds(self) -> tuple[FeedState, ...]:
        """Every own feed, with what peers have acknowledged of it."""
        acknowledged = self._deliveries()
        return tuple(
            FeedState(
                origin=feed.origin,
                publisher=self._own.card.organisation,
                size=self._writer.heads[feed.log].size,
                state="frozen" if feed.log in self._writer.frozen else "open",
                why=self._writer.frozen.get(feed.log, ""),
                heard_at=0,
                community=feed.community,
                audience=feed.audience,
                delivered=tuple(one for one in acknowledged if one.log == feed.log),
            )
            for feed in self._feeds.all()
        )

    def peer(self, organisation: str) -> PeerReport:
        """What the exchange knows of one peer."""
        state = self._link(organisation)
        return PeerReport(
            policy=self._policies.has(organisation),
            link=state.state if state else self._unlinked(organisation),
            heard_at=state.heard_at if state else 0,
            skew_ms=state.skew_ms if state else 0,
            feeds=tuple(feed for feed in self._followed() if feed.publisher == organisation),
            delivered=tuple(one for one in self._deliveries() if one.peer == organisation),
        )

    def _unlinked(self, organisation: str) -> str:
        if self._links is None:
            return "this command runs without exchange"
        if not self._peers.book.is_active(organisation):
            return "no exchange"
        return "no policy applied, so nothing is followed"

    def _link(self, organisation: str) -> LinkState | None:
        return None if self._links is None else self._links.states().get(organisation)

    def _followed(self) -> tuple[FeedState, ...]:
        found: list[FeedState] = []
        now = self._clock()
        for facts in self._book.all():
            if facts.kind != "followed":
                continue
            link = self._link(facts.publisher)
            live = next((one for one in link.feeds if one.origin == facts.origin), None) if link else None
            reliance = str(self._book.reliance(facts, now))
            state = live.state if live and reliance == "live" else reliance
            found.append(
                FeedState(
                    origin=facts.origin,
                    publisher=facts.publisher,
                    size=self._writer.heads[facts.log].size,
                    state=state,
                    why=self._why(facts.log),
                    heard_at=facts.heard_at,
                    community=facts.community,
                    audience="",
                    delivered=(),
                )
            )
        return tuple(found)

    def _why(self, log: int) -> str:
        with self._store.read() as session:
            record = session.one("SELECT why FROM log WHERE id = ?", (log,))
        return str(record[0] or "") if record else ""

    def _deliveries(self) -> list[Delivery]:
        with self._store.read() as session:
            return deliveries(session)

    def _warnings(self, own: tuple[FeedState, ...], followed: tuple[FeedState, ...]) -> tuple[str, ...]:
        warnings = list(self._own.warnings())
        warnings += [f"{feed.origin} is frozen: {feed.why}" for feed in own if feed.state == "frozen"]
        warnings += [f"{feed.origin} is stopped: {feed.why}" for feed in followed if feed.state == "stopped"]
        warnings += [f"{feed.origin} has been silent for too long" for feed in followed if feed.state == "silent"]
        for feed in self._feeds.all():
            members = self._audiences().get(feed.audience, ())
            found = recipients(feed.name, members=members, book=self._peers.book, policy_of=self._policies.policy_of)
            if not any(one.receives for one in found):
                warnings.append(f"{feed.origin} reaches nobody: see `tocsin feed recipients {feed.name}`")
        if not any(peer.state is PeerState.ACTIVE for peer in self._peers.book.peers.values()):
            warnings.append("no peer is active: nothing is exchanged with anybody")
        free = os.statvfs(self._home.root)
        if free.f_bavail * free.f_frsize < FREE_BYTES:
            warnings.append("the disk is nearly full: nothing is published until there is room")
        return tuple(warnings)
