"""The state of a peer and of a feed followed from it, in one word and why: pure, from facts to words.

The first line that holds gives the word.

peer: removed · paused by this node · a feed stopped · a feed silent · no policy, so nothing is followed · no exchange
runs · not connected, as the link says (connecting, unreachable, refused, paused by the peer) · a feed behind · live.

feed: stopped · silent · peer removed · paused by this node · no exchange · not connected · behind · live.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from tocsin_node.peers.book import PeerState


class Word(StrEnum):
    """Every state there is."""

    LIVE = "live"
    BEHIND = "behind"
    CONNECTING = "connecting"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    PAUSED = "paused"
    SILENT = "silent"
    STOPPED = "stopped"
    UNFOLLOWED = "not followed"
    OFFLINE = "offline"
    REMOVED = "removed"


TROUBLE: Final = frozenset({Word.STOPPED, Word.SILENT, Word.UNREACHABLE, Word.REFUSED})
"""Words that ask for an operator."""


class Phase(StrEnum):
    """Where the session with a peer stands."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    PAUSED = "paused"  # by the peer


class Said(NamedTuple):
    """A word, and why where the word alone does not tell."""

    word: Word
    why: str


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """One followed feed: its local name, and how far its publisher is known to be ahead of our copy."""

    name: str
    stopped: bool
    why: str
    silent: bool
    behind: int


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """One peer. `phase` is None where no link runs; `why` is the link's sentence."""

    state: PeerState
    exchange: bool
    policy: bool
    phase: Phase | None
    why: str


def feed_word(feed: FeedFacts, peer: PeerFacts) -> Said:
    """The state of one feed followed from a peer."""
    if feed.stopped:
        return Said(Word.STOPPED, feed.why)
    if feed.silent:
        return Said(Word.SILENT, "not heard for too long: its signals count for review at most")
    cut = _cut(peer)
    if cut is not None:
        return cut
    return Said(Word.BEHIND, entries(feed.behind)) if feed.behind else Said(Word.LIVE, "")


def peer_word(peer: PeerFacts, feeds: Sequence[FeedFacts]) -> Said:
    """The state of one peer as a whole."""
    if peer.state is not PeerState.ACTIVE:
        return _decided(peer.state)
    stopped = [feed.name for feed in feeds if feed.stopped]
    if stopped:
        return Said(Word.STOPPED, f"{_some(stopped, feeds)}: {next(feed.why for feed in feeds if feed.stopped)}")
    silent = [feed.name for feed in feeds if feed.silent]
    if silent:
        return Said(Word.SILENT, f"{_some(silent, feeds)} not heard for too long")
    cut = _cut(peer)
    if cut is not None:
        return cut
    behind = [feed for feed in feeds if feed.behind]
    if behind:
        return Said(Word.BEHIND, entries(sum(feed.behind for feed in behind)))
    return Said(Word.LIVE, "")


def entries(count: int) -> str:
    """A number of entries for people."""
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _decided(state: PeerState) -> Said:
    if state is PeerState.PAUSED:
        return Said(Word.PAUSED, "by this node")
    return Said(Word.REMOVED, "nothing of it counts")


def _cut(peer: PeerFacts) -> Said | None:
    """Why nothing comes from the peer now; None while the session stands."""
    if peer.state is not PeerState.ACTIVE:
        return _decided(peer.state)
    if not peer.policy:
        return Said(Word.UNFOLLOWED, "no policy was applied, so nothing of it would count")
    if not peer.exchange:
        return Said(Word.OFFLINE, "no node runs on this home now")
    if peer.phase is None or peer.phase is Phase.CONNECTING:
        return Said(Word.CONNECTING, peer.why)
    if peer.phase is Phase.PAUSED:
        return Said(Word.PAUSED, "by the peer")
    return None if peer.phase is Phase.CONNECTED else Said(Word(peer.phase.value), peer.why)


def _some(names: Sequence[str], feeds: Sequence[FeedFacts]) -> str:
    """`urls`, or `urls (1 of 3 feeds)`."""
    return names[0] if len(feeds) == 1 else f"{', '.join(names)} ({len(names)} of {len(feeds)} feeds)"
