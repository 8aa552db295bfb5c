"""What is remembered of each peer's canonical forms, and the sentences it is told in."""

from typing import Final

from tocsin_node.exchange.agreement import NOTHING, Agreements, Disagreement, Probed
from tocsin_node.exchange.wire import Hello
from tocsin_node.match.reserved import FoundProbes
from tocsin_node.rules import Rules
from tocsin_node.testing.core import NOW, Clock

PEER: Final = "peer.example"
FEED: Final = "peer.example/feed/urls"


def made() -> Agreements:
    profiles = {"url/1": b"\x01" * 32, "ip/1": b"\x02" * 32}
    return Agreements(rules=Rules(profiles=profiles, vectors=dict.fromkeys(profiles, b"\x09" * 32)), clock=Clock())


def hello(profiles: dict[str, str], vectors: str = "09") -> Hello:
    over = dict.fromkeys(profiles, vectors * 32)
    return Hello(
        1, 0, (), 1, b"", paused=False, profiles=profiles, vectors=over, epoch_keys=(), now=NOW, software="tocsin"
    )


def test_digests_are_compared_for_the_profiles_both_have() -> None:
    agreements = made()
    agreements.told(PEER, hello({"url/1": "01" * 32, "ip/1": "66" * 32, "later/1": "77" * 32}))
    found = agreements.of(PEER)
    assert (found.told_at, found.same) == (NOW, ("url/1",))
    assert [(one.profile, one.ours[:4], one.theirs[:4]) for one in found.differ] == [("ip/1", "0202", "6666")]
    (alarm,) = found.alarms()
    assert alarm.startswith("its rules of ip/1 are not ours (digest 666666666666, ours 020202020202)")


def test_digests_made_over_other_vectors_or_over_nobody_knows_which_are_not_compared() -> None:
    agreements = made()
    agreements.told(PEER, hello({"url/1": "66" * 32, "ip/1": "02" * 32}, vectors="0a"))
    found = agreements.of(PEER)
    assert (found.same, found.differ, found.other_vectors, found.alarms()) == ((), (), ("ip/1", "url/1"), ())
    agreements.told(PEER, hello({"url/1": "66" * 32}, vectors=""))
    assert agreements.of(PEER).other_vectors == ("url/1",)


def test_a_peer_that_tells_no_digests_disagrees_in_nothing() -> None:
    agreements = made()
    agreements.told(PEER, hello({}))
    assert agreements.of(PEER).alarms() == ()
    assert agreements.of("other.example") == NOTHING


def test_a_disagreement_is_told_in_ascii_and_cut() -> None:
    agreements = made()
    first = Disagreement("url", "https://b\u00fccher.example/" + "x" * 200, "", "a.example/")
    agreements.probed(PEER, Probed(NOW, 264, first))
    (alarm,) = agreements.of(PEER).alarms()
    assert alarm.isascii()
    assert "b\\xfccher.example" in alarm
    assert alarm.endswith("as 'a.example/', this node as no valid value")
    assert len(alarm) < 200


def test_probe_signals_are_told_by_feed_until_they_are_found_again() -> None:
    agreements = made()
    agreements.looked_up({PEER: (FoundProbes(FEED, NOW, 8, 6, ("ip", "url")),)})
    (alarm,) = agreements.of(PEER).alarms()
    assert alarm == f"2 of 8 probe signals of {FEED} are not found by their other spellings (ip, url)"
    agreements.looked_up({PEER: (FoundProbes(FEED, NOW, 8, 8),)})
    assert agreements.of(PEER).alarms() == ()
    agreements.looked_up({})
    assert agreements.of(PEER).signals == (), "the feed is followed no more"


def test_one_check_forgets_nothing_of_another() -> None:
    agreements = made()
    agreements.told(PEER, hello({"ip/1": "66" * 32}))
    agreements.probed(PEER, Probed(NOW, 10))
    agreements.looked_up({PEER: (FoundProbes(FEED, NOW, 4, 4),)})
    agreements.told(PEER, hello({"ip/1": "02" * 32}))
    found = agreements.of(PEER)
    assert (found.alarms(), found.probed.count, len(found.signals), found.same) == ((), 10, 1, ("ip/1",))
