"""Three checks of whether two nodes make the same canonical forms, and what follows when they do not."""

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import pytest
from google.protobuf.message import Message

from tocsin.v1 import exchange_pb2 as pb, node_pb2
from tocsin_node.exchange.service import Timing
from tocsin_node.rules import own_rules
from tocsin_node.testing.federation import Federation
from tocsin_node.testing.liar import Entry, append
from tocsin_node.testing.member import Member
from tocsin_node.testing.network import Lie
from tocsin_signals import probes

ROUND_S: Final = 600.0
BAD: Final = "https://bad.example/x"
OTHER: Final = "http://WWW.bad.example:80/x#top"


@dataclass(frozen=True, slots=True)
class Pair:
    """A hotline whose feed a platform believes in everything, tests too."""

    fed: Federation
    hotline: Member
    platform: Member
    feed: str

    def round(self) -> None:
        """Let every node keep its probe signals, everything arrive, and every node look them up."""
        self.fed.run(ROUND_S)
        self.fed.settle()
        self.fed.run(ROUND_S)

    def signals(self) -> tuple[int, int, list[str]]:
        """What the platform found: (found, expected, types missed)."""
        (one,) = self.platform.canon(self.hotline).signals
        return one.found, one.expected, list(one.missed)


@pytest.fixture
def pair() -> Generator[Pair]:
    with Federation(seed=27, timing=Timing(probes_first_s=ROUND_S, probes_every_s=ROUND_S)) as fed:
        hotline, platform = fed.node("hotline.example"), fed.node("platform.example")
        fed.befriend(hotline, platform, send=["reports"], believe="enforce")
        feed = hotline.feed("reports", audience=[platform])
        yield Pair(fed, hotline, platform, feed)


def test_two_nodes_of_one_version_agree_in_all_three_checks(pair: Pair) -> None:
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.hotline.publish(pair.feed, "phone", "+1 415 555 2671")
    pair.round()
    for one, other in ((pair.platform, pair.hotline), (pair.hotline, pair.platform)):
        canon = one.canon(other)
        assert set(canon.same) == set(own_rules().profiles)
        assert not canon.differ
        assert canon.probes == probes.PER_TYPE * len(probes.covered())
        assert not canon.HasField("disagreement")
        assert not canon.alarms
    assert pair.signals() == (8, 8, [])
    assert [feed.probes for feed in pair.hotline.status().own] == [8]
    assert not [warning for warning in pair.platform.status().warnings if "canonical" in warning]


def test_a_probe_signal_counts_for_nothing_whatever_a_policy_says(pair: Pair) -> None:
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.round()
    assert pair.signals() == (4, 4, [])
    for one in probes.reserved_for({0x0101}):
        answer = pair.platform.match(one.as_type or one.type_name, one.looked_up)
        assert (answer.effect, answer.signals, answer.reasons) == ("ignore", (), ())
    assert pair.platform.match("url", OTHER).effect == "enforce"


def test_looking_probe_signals_up_is_no_look_up_of_an_application(pair: Pair) -> None:
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.fed.run(3 * ROUND_S)  # `settle` would look something up itself
    assert pair.signals() == (4, 4, [])
    pair.fed.stop(pair.platform)
    assert "lookup.done" not in events(pair.platform)


def test_a_feed_has_probe_signals_for_the_types_it_uses_and_keeping_them_adds_nothing(pair: Pair) -> None:
    pair.round()
    assert sizes(pair.hotline) == {pair.feed: 1}, "an empty feed has none"
    pair.hotline.publish(pair.feed, "domain", "bad.example")
    pair.round()
    assert sizes(pair.hotline) == {pair.feed: 1 + 1 + 4}
    pair.round()
    pair.fed.restart(pair.hotline)
    pair.round()
    assert sizes(pair.hotline) == {pair.feed: 1 + 1 + 4}


def test_a_probe_signal_taken_away_by_hand_is_kept_again(pair: Pair) -> None:
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.round()
    request = node_pb2.WithdrawRequest(feed="reports", signals=[2], reason="test_data", required_action="stop_matching")
    pair.hotline.ask("Withdraw", request)
    pair.fed.settle()
    assert [feed.probes for feed in pair.hotline.status().own] == [3]
    pair.round()
    assert [feed.probes for feed in pair.hotline.status().own] == [4]
    assert pair.signals() == (4, 4, [])


def test_a_probe_signal_that_its_other_spelling_does_not_lead_to_is_missed_by_type_and_never_stops_a_feed(
    pair: Pair,
) -> None:
    """As from a publisher whose canonical forms are others: a marked signal under another tag."""
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.round()
    pair.fed.stop(pair.hotline)
    marked = json.dumps({probes.MARK_KEY: probes.MARK, "salt": "00" * 16, "stance": "test"}, separators=(",", ":"))
    append(pair.hotline, pair.feed, [Entry(tag=b"\x66" * 32, details=marked.encode())])
    pair.fed.start(pair.hotline)
    pair.round()
    assert pair.signals() == (4, 5, ["url"])
    (alarm,) = pair.platform.canon(pair.hotline).alarms
    assert alarm.startswith("1 of 5 probe signals of hotline.example/feed/reports are not found")
    assert pair.platform.match("url", OTHER).effect == "enforce"


def test_a_mark_of_a_later_table_is_nothing_to_look_up(pair: Pair) -> None:
    pair.hotline.compare_forms(False)
    pair.fed.stop(pair.hotline)
    marked = json.dumps({probes.MARK_KEY: "reserved/2", "salt": "00" * 16, "stance": "test"}, separators=(",", ":"))
    append(pair.hotline, pair.feed, [Entry(tag=b"\x66" * 32, details=marked.encode())])
    pair.fed.start(pair.hotline)
    pair.round()
    assert pair.signals() == (0, 0, [])


def test_probe_signals_follow_a_community_into_its_next_epoch(pair: Pair) -> None:
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.round()
    rotated = pair.hotline.ask("RotateCommunity", node_pb2.RotateRequest(community="main.hotline.example"))
    pair.round()
    assert pair.signals() == (4, 4, []), "by the tags of the epoch whose key it holds"
    pair.platform.ask("JoinCommunity", node_pb2.JoinRequest(invite=rotated.invites[0].invite))
    pair.round()
    assert pair.signals() == (8, 8, []), "each under both epochs"
    assert pair.platform.match("url", OTHER).effect == "enforce"


def test_a_peer_with_other_rules_is_named_with_the_first_value_it_reads_differently_and_goes_on_counting(
    pair: Pair,
) -> None:
    pair.hotline.rules = replace(
        own_rules(), profiles={**own_rules().profiles, "url/1": b"\x66" * 32}, forms=keeps_gclid
    )
    pair.fed.restart(pair.hotline)
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.fed.settle()
    canon = pair.platform.canon(pair.hotline)
    while not canon.HasField("disagreement"):  # a seed may have no gclid among its probes
        pair.fed.advance(days=2)
        pair.fed.drop(pair.hotline, pair.platform)
        pair.fed.settle()
        canon = pair.platform.canon(pair.hotline)
    assert [(one.profile, one.theirs) for one in canon.differ] == [("url/1", "66" * 32)]
    first = canon.disagreement
    assert "gclid" in first.text.lower()
    assert "gclid" in first.theirs.lower()
    assert "gclid" not in first.ours.lower()
    assert first.type == "url"
    assert len(canon.alarms) == 2
    assert "hotline.example makes other canonical forms" in " ".join(pair.platform.status().warnings)
    assert pair.hotline.canon(pair.platform).differ, "each side says so of the other"
    assert pair.platform.match("url", OTHER).effect == "enforce", "what does match is as good as ever"


def test_a_peer_that_tells_other_digests_and_then_ours_again_is_named_only_so_long(pair: Pair) -> None:
    pair.fed.lie(pair.hotline, told({"url/1": "66" * 32}))
    pair.fed.settle()
    pair.fed.drop(pair.hotline, pair.platform)
    pair.fed.settle()
    assert [one.profile for one in pair.platform.canon(pair.hotline).differ] == ["url/1"]
    pair.fed.lie(pair.hotline, None)
    pair.fed.drop(pair.hotline, pair.platform)
    pair.fed.settle()
    assert not pair.platform.canon(pair.hotline).alarms


def test_a_peer_of_an_earlier_version_is_not_probed_and_that_is_no_alarm(pair: Pair) -> None:
    pair.fed.lie(pair.hotline, told({}, features=()))
    pair.fed.restart(pair.platform)
    pair.fed.settle()
    canon = pair.platform.canon(pair.hotline)
    assert canon.not_probed == "its version has no fresh probes"
    assert not canon.alarms
    assert not canon.same


def test_nonsense_about_probes_is_no_agreement_and_stops_nothing(pair: Pair) -> None:
    def lie(message: Message, _: str) -> Iterable[Message]:
        yield pb.ProbeResponse(nonce=b"short") if isinstance(message, pb.ProbeResponse) else message

    pair.fed.lie(pair.hotline, lie)
    pair.fed.restart(pair.platform)
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.fed.settle()
    assert "5 bytes in the nonce" in pair.platform.canon(pair.hotline).not_probed
    assert pair.platform.match("url", OTHER).effect == "enforce"


def test_fresh_probes_are_tried_once_a_day_however_often_sessions_begin(pair: Pair) -> None:
    pair.fed.settle()
    first = pair.platform.canon(pair.hotline).probed_at
    pair.fed.advance(hours=3)
    pair.fed.drop(pair.hotline, pair.platform)
    pair.fed.settle()
    assert pair.platform.canon(pair.hotline).probed_at == first
    pair.fed.advance(hours=22)
    pair.fed.drop(pair.hotline, pair.platform)
    pair.fed.settle()
    assert pair.platform.canon(pair.hotline).probed_at > first


def test_a_node_that_does_not_want_to_neither_keeps_nor_asks_and_still_answers(pair: Pair) -> None:
    pair.hotline.compare_forms(False)
    pair.fed.restart(pair.hotline)
    pair.hotline.publish(pair.feed, "url", BAD)
    pair.round()
    assert sizes(pair.hotline) == {pair.feed: 2}
    assert not pair.hotline.canon(pair.platform).probed_at
    assert pair.platform.canon(pair.hotline).probes
    (one,) = pair.platform.canon(pair.hotline).signals
    assert (one.expected, one.why) == (0, "it has no probe signals yet, or its publisher keeps none")


def keeps_gclid(tried: Iterable[probes.Fresh]) -> tuple[str, ...]:
    """What software makes of probes that does not know one of the tracking parameters."""
    found: list[str] = []
    for one in tried:
        renamed = one._replace(text=one.text.replace("gclid", "gcliX").replace("GCLID", "gcliX"))
        (form,) = probes.forms([renamed])
        found.append(form.replace("gcliX", "gclid"))
    return tuple(found)


def told(profiles: Mapping[str, str], *, features: Iterable[str] | None = None) -> Lie:
    """A lie: other digests and features in every Hello."""

    def lie(message: Message, _: str) -> Iterable[Message]:
        if isinstance(message, pb.HelloResponse):
            message.hello.profile_digests.update(profiles)
            if features is not None:
                message.hello.ClearField("profile_digests")
                message.hello.features[:] = features
        yield message

    return lie


def sizes(member: Member) -> dict[str, int]:
    """Entries of every feed."""
    return {origin: size for origin, (size, _) in member.logs().items()}


def events(member: Member) -> set[str]:
    """What its audit log tells of."""
    with member.store() as store, store.read() as session:
        return {json.loads(row[0])["ev"] for row in session.all("SELECT envelope FROM audit_entry")}
