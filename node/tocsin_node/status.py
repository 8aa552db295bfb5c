"""What a node is doing, for its operator: feeds, peers, communities, and what needs attention."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin_node.audience import demands, recipients
from tocsin_node.card import OwnCard
from tocsin_node.community.service import Communities, Community
from tocsin_node.exchange.agreement import NOTHING, Agreement
from tocsin_node.exchange.contact import Contact
from tocsin_node.exchange.lag import Lag
from tocsin_node.exchange.link import FollowedState, LinkState
from tocsin_node.home import Home
from tocsin_node.limits import FREE_BYTES
from tocsin_node.log.runs import Delivery, deliveries, signed_after, stored_at
from tocsin_node.log.writer import Writer
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.match.index import MatchIndex
from tocsin_node.peers import words
from tocsin_node.peers.book import PeerState
from tocsin_node.peers.service import Peers
from tocsin_node.peers.words import PeerFacts, Said, feed_word, peer_word
from tocsin_node.policies import Policies
from tocsin_node.policy.verdict import FeedState as Reliance
from tocsin_node.profiles import Profiles
from tocsin_node.publish.feeds import Feeds, OwnFeed
from tocsin_node.rules import Rules
from tocsin_node.store.protocol import Store


class Links(Protocol):
    """What knows the sessions with peers; absent where the node runs without exchange."""

    def states(self) -> Mapping[str, LinkState]:
        """What every link is doing, by peer."""
        ...

    def contact(self, organisation: str) -> Contact:
        """When a peer was last in touch."""
        ...

    def agreement(self, organisation: str) -> Agreement:
        """Whether a peer makes the same canonical forms."""
        ...


@dataclass(frozen=True, slots=True)
class FeedState:
    """One feed in words: own ones are open or frozen; followed ones as in `peers.words`. Times in ms UTC, 0 never."""

    origin: str
    publisher: str
    size: int
    state: str
    why: str
    heard_at: int
    community: str
    audience: str
    delivered: tuple[Delivery, ...] = ()
    behind: int = 0
    behind_since: int = 0
    delivered_at: int = 0
    relay: bool = False
    """Whether its descriptor lets followers serve it on."""
    relayed_to: str = ""
    """Of followed feeds: the own audience it is served on to; empty: nobody."""
    source: str = ""
    """Of followed feeds: the peer its entries come from now; empty: nobody."""
    probes: int = 0
    """Of own feeds: live probe signals among its entries."""

    @property
    def clear(self) -> bool:
        """Whether its values travel as they are; not known, and so no, before its first entry."""
        return not self.community and self.size > 0


@dataclass(frozen=True, slots=True)
class SentFeed:
    """An own feed as one peer has it; times in ms UTC, 0 for never."""

    origin: str
    receives: bool
    why: str
    size: int
    at: int
    behind: int
    behind_since: int


@dataclass(frozen=True, slots=True)
class PeerReport:
    """What the exchange knows of a peer."""

    policy: bool
    said: Said
    heard_at: int
    contact: Contact
    agreement: Agreement
    manifest: bytes
    """Of this node's own canonical forms."""
    feeds: tuple[FeedState, ...]
    sent: tuple[SentFeed, ...]


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
        rules: Callable[[], Rules],
        store: Store,
        writer: Writer,
        peers: Peers,
        policies: Policies,
        communities: Communities,
        feeds: Feeds,
        probes: Callable[[OwnFeed], int],
        book: FeedBook,
        index: MatchIndex,
        profiles: Profiles,
        audiences: Callable[[], Mapping[str, Collection[str]]],
        links: Links | None,
        listens: str,
        software: str,
        further: Callable[[], Sequence[str]],
        clock: Callable[[], int],
    ) -> None:
        self._home = home
        self._own = own
        self._rules = rules
        self._store = store
        self._writer = writer
        self._peers = peers
        self._policies = policies
        self._communities = communities
        self._feeds = feeds
        self._probes = probes
        self._book = book
        self._index = index
        self._profiles = profiles
        self._audiences = audiences
        self._links = links
        self._listens = listens
        self._software = software
        self._further = further
        self._clock = clock
        self._started_at = clock()

    def node(self) -> NodeState:
        """The whole node now."""
        peers = self._peers.book.peers.values()
        own, followed = self.own_feeds(), self.followed_feeds()
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
        acknowledged, heads = self.deliveries(), self._writer.heads
        return tuple(
            FeedState(
                origin=feed.origin,
                publisher=self._own.card.organisation,
                size=heads[feed.log].size,
                state="frozen" if feed.log in self._writer.frozen else "open",
                why=self._writer.frozen.get(feed.log, ""),
                heard_at=0,
                community=feed.community,
                audience=feed.audience,
                delivered=tuple(one for one in acknowledged if one.log == feed.log),
                relay=feed.relay,
                probes=self._probes(feed),
            )
            for feed in self._feeds.all()
            if feed.log in heads
        )

    def peer(self, organisation: str) -> PeerReport:
        """What the exchange knows of one peer."""
        link, contact = self._link(organisation), self._contact(organisation)
        facts = [one for one in self._book.all() if one.kind == "followed" and one.publisher == organisation]
        peer = self._peer_facts(organisation)
        return PeerReport(
            policy=peer.policy,
            said=peer_word(peer, [self._feed_facts(one) for one in facts]),
            heard_at=max(link.heard_at if link else 0, contact.called_at),
            contact=contact,
            agreement=NOTHING if self._links is None else self._links.agreement(organisation),
            manifest=self._rules().manifest,
            feeds=tuple(self._followed_state(one) for one in facts),
            sent=self._sent(organisation),
        )

    def _peer_facts(self, organisation: str) -> PeerFacts:
        peer, link = self._peers.book.get(organisation), self._link(organisation)
        return PeerFacts(
            state=peer.state if peer else PeerState.REMOVED,
            exchange=self._links is not None,
            policy=self._policies.has(organisation),
            phase=link.phase if link else None,
            why=link.why if link else "",
        )

    def _feed_facts(self, facts: FeedFacts) -> words.FeedFacts:
        reliance = self._book.reliance(facts, self._clock())
        head = self._writer.heads.get(facts.log)
        held = head.size if head else 0  # a feed just made is in the store a moment before it has a head
        return words.FeedFacts(
            name=facts.origin.rpartition("/")[2],
            stopped=reliance is Reliance.STOPPED,
            why=self._why(facts.log) if reliance is Reliance.STOPPED else "",
            silent=reliance is Reliance.SILENT,
            behind=max(0, self._lag(facts).size - held),
        )

    def _lag(self, facts: FeedFacts) -> Lag:
        found = self._followed_link(facts)
        return found.lag if found else Lag()

    def _followed_link(self, facts: FeedFacts) -> FollowedState | None:
        link = self._link(facts.publisher)
        return next((one for one in link.feeds if one.origin == facts.origin), None) if link else None

    def _link(self, organisation: str) -> LinkState | None:
        return None if self._links is None else self._links.states().get(organisation)

    def _contact(self, organisation: str) -> Contact:
        return Contact() if self._links is None else self._links.contact(organisation)

    def followed_feeds(self) -> tuple[FeedState, ...]:
        """Every followed feed; one whose commit is not released yet is left out."""
        known = [facts for facts in self._book.all() if facts.log in self._writer.heads]
        return tuple(self._followed_state(facts) for facts in known if facts.kind == "followed")

    def _followed_state(self, facts: FeedFacts) -> FeedState:
        found = self._feed_facts(facts)
        said = feed_word(found, self._peer_facts(facts.publisher))
        with self._store.read() as session:
            delivered_at = stored_at(session, facts.log)
        relay, relayed_to = self._relayed(facts.log)
        link = self._followed_link(facts)
        return FeedState(
            origin=facts.origin,
            publisher=facts.publisher,
            size=self._writer.heads[facts.log].size,
            state=said.word,
            why=said.why,
            heard_at=facts.heard_at,
            community=facts.community,
            audience="",
            behind=found.behind,
            behind_since=self._lag(facts).since if found.behind else 0,
            delivered_at=delivered_at,
            delivered=tuple(one for one in self.deliveries() if one.log == facts.log),
            relay=relay,
            relayed_to=relayed_to,
            source=link.source if link else "",
        )

    def _sent(self, organisation: str) -> tuple[SentFeed, ...]:
        """The own feeds that the peer receives or has received, or that the configuration names it for halfway."""
        held = {one.log: one for one in self.deliveries() if one.peer == organisation}
        found = (self._sent_feed(feed, organisation, held.get(feed.log)) for feed in self._feeds.all())
        return tuple(one for one in found if one is not None)

    def _sent_feed(self, feed: OwnFeed, organisation: str, held: Delivery | None) -> SentFeed | None:
        members = self._audiences().get(feed.audience, ())
        policy_of = self._policies.policy_of
        found = list(demands(feed.name, organisation, members=members, book=self._peers.book, policy_of=policy_of))
        if held is None and not any(one.holds for one in found if one.name in ("audience", "send")):
            return None
        size, end = held.size if held else 0, self._writer.heads[feed.log].size
        with self._store.read() as session:
            since = signed_after(session, feed.log, size) if end > size else 0
        return SentFeed(
            origin=feed.origin,
            receives=all(one.holds for one in found),
            why=next((one.why for one in found if not one.holds), ""),
            size=size,
            at=held.at if held else 0,
            behind=max(0, end - size),
            behind_since=since,
        )

    def _why(self, log: int) -> str:
        with self._store.read() as session:
            record = session.one("SELECT why FROM log WHERE id = ?", (log,))
        return str(record[0] or "") if record else ""

    def _relayed(self, log: int) -> tuple[bool, str]:
        """Whether a followed feed may be served on, and to which audience it is."""
        with self._store.read() as session:
            record = session.one("SELECT relay, relayed_to FROM log WHERE id = ?", (log,))
        assert record is not None
        return bool(record[0]), str(record[1])

    def _distrusted(self) -> list[str]:
        query = "SELECT origin, peer, distrusted.why FROM distrusted JOIN log ON log.id = distrusted.log ORDER BY 1, 2"
        with self._store.read() as session:
            found = session.all(query)
        return [
            f"{origin} is not taken from {peer} any more: what it sent was false ({why}). "
            f"`tocsin feed trust {origin} {peer}` lifts that"
            for origin, peer, why in found
        ]

    def _disagreements(self) -> list[str]:
        """Peers, whose canonical forms differ from ours."""
        if self._links is None:
            return []
        names = sorted(peer.organisation for peer in self._peers.book.active())
        found = [name for name in names if self._links.agreement(name).alarms()]
        return [f"{name} makes other canonical forms: see `tocsin peer status {name}`" for name in found]

    def deliveries(self, log: int | None = None) -> list[Delivery]:
        """What peers have acknowledged of every feed, or of one."""
        with self._store.read() as session:
            return deliveries(session, log)

    def _warnings(self, own: tuple[FeedState, ...], followed: tuple[FeedState, ...]) -> tuple[str, ...]:
        warnings = [*self._own.warnings(), *self._profiles.problems()]
        warnings += [f"{feed.origin} is frozen: {feed.why}" for feed in own if feed.state == "frozen"]
        warnings += [f"{feed.origin} is stopped: {feed.why}" for feed in followed if feed.state == "stopped"]
        warnings += [f"{feed.origin} has been silent for too long" for feed in followed if feed.state == "silent"]
        warnings += self._distrusted()
        warnings += self._disagreements()
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
        warnings += self._further()
        return tuple(warnings)
