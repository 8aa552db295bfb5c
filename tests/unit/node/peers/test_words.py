"""The truth table of peers and feeds in words."""

import itertools

import pytest

from tocsin_node.peers.book import PeerState
from tocsin_node.peers.words import TROUBLE, FeedFacts, PeerFacts, Phase, Word, entries, feed_word, peer_word

ACTIVE, PAUSED, REMOVED = PeerState.ACTIVE, PeerState.PAUSED, PeerState.REMOVED
LINK = "the link's sentence"


def peer(
    *, state: PeerState = ACTIVE, exchange: bool = True, policy: bool = True, phase: Phase | None = Phase.CONNECTED
) -> PeerFacts:
    return PeerFacts(state=state, exchange=exchange, policy=policy, phase=phase, why=LINK)


def feed(name: str = "urls", *, stopped: bool = False, silent: bool = False, behind: int = 0) -> FeedFacts:
    return FeedFacts(name=name, stopped=stopped, why="fork: two roots", silent=silent, behind=behind)


SESSIONS = [
    (peer(), Word.LIVE, ""),
    (peer(phase=None), Word.CONNECTING, LINK),
    (peer(phase=Phase.CONNECTING), Word.CONNECTING, LINK),
    (peer(phase=Phase.UNREACHABLE), Word.UNREACHABLE, LINK),
    (peer(phase=Phase.REFUSED), Word.REFUSED, LINK),
    (peer(phase=Phase.PAUSED), Word.PAUSED, "by the peer"),
    (peer(exchange=False), Word.OFFLINE, "no node runs on this home now"),
    (peer(policy=False), Word.UNFOLLOWED, "no policy was applied, so nothing of it would count"),
    (peer(policy=False, exchange=False, phase=None), Word.UNFOLLOWED, ""),
    (peer(state=PAUSED), Word.PAUSED, "by this node"),
    (peer(state=PAUSED, policy=False, exchange=False), Word.PAUSED, "by this node"),
    (peer(state=REMOVED), Word.REMOVED, "nothing of it counts"),
    (peer(state=REMOVED, phase=Phase.UNREACHABLE), Word.REMOVED, "nothing of it counts"),
]


@pytest.mark.parametrize(("facts", "word", "why"), SESSIONS)
def test_a_peer_and_its_sound_feeds_have_the_word_of_the_session(facts: PeerFacts, word: Word, why: str) -> None:
    for found in (peer_word(facts, []), peer_word(facts, [feed()]), feed_word(feed(), facts)):
        assert found.word is word
        assert found.why.startswith(why)


@pytest.mark.parametrize(
    ("feeds", "word", "why"),
    [
        ([feed(behind=1)], Word.BEHIND, "1 entry"),
        ([feed(behind=1200), feed("mail"), feed("ips", behind=34)], Word.BEHIND, "1,234 entries"),
        ([feed(silent=True)], Word.SILENT, "urls not heard for too long"),
        ([feed(silent=True, behind=3), feed("mail")], Word.SILENT, "urls (1 of 2 feeds) not heard for too long"),
        ([feed(stopped=True)], Word.STOPPED, "urls: fork: two roots"),
        ([feed(silent=True), feed("mail", stopped=True)], Word.STOPPED, "mail (1 of 2 feeds): fork: two roots"),
    ],
)
def test_the_worst_feed_names_the_state_of_an_active_peer(feeds: list[FeedFacts], word: Word, why: str) -> None:
    assert peer_word(peer(), feeds) == (word, why)
    assert peer_word(peer(state=REMOVED), feeds).word is Word.REMOVED
    assert peer_word(peer(state=PAUSED), feeds).word is Word.PAUSED
    if word is not Word.BEHIND:
        assert peer_word(peer(phase=Phase.UNREACHABLE), feeds).word is word, "worse than being out of reach for now"


def test_a_feed_that_misbehaved_or_fell_silent_says_so_whatever_the_session_is() -> None:
    for facts, _, _ in SESSIONS:
        assert feed_word(feed(stopped=True, silent=True, behind=2), facts) == (Word.STOPPED, "fork: two roots")
        assert feed_word(feed(silent=True, behind=2), facts).word is Word.SILENT
    assert feed_word(feed(behind=2), peer()) == (Word.BEHIND, "2 entries")


def test_live_means_that_nothing_at_all_is_wrong() -> None:
    """Over every combination of facts."""
    phases = [None, *Phase]
    flags = (False, True)
    for state, exchange, policy, phase in itertools.product(PeerState, flags, flags, phases):
        facts = peer(state=state, exchange=exchange, policy=policy, phase=phase)
        well = (state, exchange, policy, phase) == (ACTIVE, True, True, Phase.CONNECTED)
        for stopped, silent, behind in itertools.product(flags, flags, (0, 5)):
            one = feed(stopped=stopped, silent=silent, behind=behind)
            sound = well and not (stopped or silent or behind)
            assert (feed_word(one, facts).word is Word.LIVE) == sound
            assert (peer_word(facts, [one]).word is Word.LIVE) == sound
            assert (peer_word(facts, [feed(), one]).word is Word.LIVE) == sound
            if state is ACTIVE and (stopped or silent):
                assert peer_word(facts, [one]).word in TROUBLE


def test_numbers_of_entries_read_well() -> None:
    assert [entries(count) for count in (1, 2, 1_000_000)] == ["1 entry", "2 entries", "1,000,000 entries"]
