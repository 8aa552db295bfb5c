"""What a scrape of `/metrics` reads off the state of the node: feeds, peers, index, store, card.

Labels are feeds (origins), peers (organisation ids) and words; never an identifier or a tag. How many there are is
bounded by the peers an operator adds and FEEDS_PER_PEER. Times are seconds since 1970, as Prometheus has them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from tocsin_node.exchange.agreement import Agreement
from tocsin_node.exchange.contact import Contact
from tocsin_node.exchange.link import LinkState
from tocsin_node.home import Home
from tocsin_node.log.runs import deliveries
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.match.index import MatchIndex
from tocsin_node.peers.words import Phase
from tocsin_node.rooms import Core, Trust


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of the session with a followed peer."""

    link: LinkState
    contact: Contact
    agreement: Agreement


Sessions = Mapping[str, Session]
"""By peer."""

_FEED: Final = ("feed", "publisher")


class Gauges:
    """Reads the node; call `families` off the event loop, with the sessions taken on it."""

    def __init__(
        self, *, core: Core, trust: Trust, book: FeedBook, index: MatchIndex, software: str, started_at: int
    ) -> None:
        self._core = core
        self._trust = trust
        self._book = book
        self._index = index
        self._software = software
        self._started_at = started_at

    def families(self, sessions: Sessions) -> list[GaugeMetricFamily]:
        """Every gauge, now."""
        return [*self._node(), *self._feeds(sessions), *self._peers(sessions)]

    def _node(self) -> Iterator[GaugeMetricFamily]:
        core, stats = self._core, self._index.stats()
        info = _family("info", "The node, always 1.", ("organisation", "software"))
        info.add_metric((core.organisation, self._software), 1)
        yield info
        audit = sum(head.size for head in core.writer.heads.values() if head.kind == "audit")
        yield from self._profiles()
        yield _one("started_timestamp_seconds", "When the node started.", self._started_at / 1000)
        yield _one("index_signals", "Rows of the match index.", stats.rows)
        yield _one("index_bytes", "Memory of the match index.", stats.nbytes)
        yield _one("audit_entries", "Entries of the audit log.", audit)
        yield _one("writer_queue_operations", "Operations that wait for the writer.", core.writer.waiting)
        yield _one("store_bytes", "Size of the database and its journal.", store_bytes(core.home))
        yield _one("free_bytes", "Free space where the home lies.", free_bytes(core.home))
        yield _one(
            "card_expires_timestamp_seconds", "When the own card expires.", self._trust.own.card.not_after / 1000
        )

    def _profiles(self) -> Iterator[GaugeMetricFamily]:
        holds = _family("profile_holds", "Whether a profile of canonical forms passed its self-check.", ("profile",))
        for one in self._core.profiles.outcomes():
            holds.add_metric((one.profile,), one.ok)
        yield holds

    def _feeds(self, sessions: Sessions) -> Iterator[GaugeMetricFamily]:
        facts, now = self._book.all(), self._core.clock()
        entries = _family("feed_entries", "Entries held of a feed.", (*_FEED, "kind"))
        state = _family("feed_state", "The state of a feed, 1 for the present one.", (*_FEED, "state"))
        heard = _family("feed_heard_timestamp_seconds", "When a followed feed was last heard from.", _FEED)
        lag = _family("feed_lag_entries", "Entries of a followed feed not yet here.", _FEED)
        known = {feed.origin: feed.lag.size for session in sessions.values() for feed in session.link.feeds}
        for one in facts:
            names = (one.origin, one.publisher)
            held = self._core.writer.heads[one.log].size
            behind = max(0, known.get(one.origin, 0) - held)
            entries.add_metric((*names, one.kind), held)
            state.add_metric((*names, self._state(one, now, behind)), 1)
            if one.kind == "followed":
                heard.add_metric(names, one.heard_at / 1000)
                if one.origin in known:
                    lag.add_metric(names, behind)
        yield from (entries, state, heard, lag)
        with self._core.store.read() as session:
            acknowledged = deliveries(session)
        delivered = _family("delivered_entries", "Entries of an own feed that a peer acknowledged.", ("feed", "peer"))
        for one in acknowledged:
            delivered.add_metric((one.origin, one.peer), one.size)
        yield delivered

    def _state(self, facts: FeedFacts, now: int, behind: int) -> str:
        if facts.kind == "own":
            return "frozen" if facts.log in self._core.writer.frozen else "open"
        reliance = str(self._book.reliance(facts, now))
        return "behind" if reliance == "live" and behind > 0 else reliance

    def _peers(self, sessions: Sessions) -> Iterator[GaugeMetricFamily]:
        known = self._trust.peers.book.peers.values()
        counts = _family("peers", "Peers by state.", ("state",))
        for state, count in sorted(Counter(peer.state.value for peer in known).items()):
            counts.add_metric((state,), count)
        expires = _family("peer_card_expires_timestamp_seconds", "When a peer's card expires.", ("peer",))
        for peer in known:
            expires.add_metric((peer.organisation,), peer.card.not_after / 1000)
        connected = _family("peer_connected", "Whether the session with a followed peer is open.", ("peer",))
        heard = _family("peer_heard_timestamp_seconds", "When a followed peer last spoke.", ("peer",))
        skew = _family("peer_skew_seconds", "Its clock minus ours.", ("peer",))
        for name, session in sorted(sessions.items()):
            connected.add_metric((name,), session.link.phase is Phase.CONNECTED)
            heard.add_metric((name,), session.link.heard_at / 1000)
            skew.add_metric((name,), session.contact.skew_ms / 1000)
        yield from (counts, expires, connected, heard, skew)
        yield from self._canon(sessions)

    def _canon(self, sessions: Sessions) -> Iterator[GaugeMetricFamily]:
        """The three checks of whether peers make the same canonical forms."""
        differ = _family("peer_profiles_differing", "Profiles whose digest is not ours.", ("peer",))
        disagree = _family("peer_probes_disagree", "Whether fresh probes were read differently.", ("peer",))
        probed = _family("peer_probed_timestamp_seconds", "When fresh probes were last compared.", ("peer",))
        expected = _family("feed_probes_expected", "Probe signals of a followed feed to be looked up.", _FEED)
        found = _family("feed_probes_found", "Those found by their other spellings.", _FEED)
        for name, session in sorted(sessions.items()):
            known = session.agreement
            differ.add_metric((name,), len(known.differ))
            disagree.add_metric((name,), known.probed.first is not None)
            probed.add_metric((name,), 0 if known.probed.why else known.probed.at / 1000)
            for one in known.signals:
                expected.add_metric((one.origin, name), one.expected)
                found.add_metric((one.origin, name), one.found)
        yield from (differ, disagree, probed, expected, found)


def store_bytes(home: Home) -> int:
    """Bytes of the database with its journal."""
    files = (home.database, home.database.with_name(f"{home.database.name}-wal"))
    return sum(path.stat().st_size for path in files if path.exists())


def free_bytes(home: Home) -> int:
    """Bytes that this node's user may still write where the home lies."""
    found = os.statvfs(home.root)
    return found.f_bavail * found.f_frsize


def _family(name: str, text: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tocsin_{name}", text, labels=labels)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tocsin_{name}", text, value=value)


OpenSessions = Callable[[], Sessions]
"""Called on the event loop."""
