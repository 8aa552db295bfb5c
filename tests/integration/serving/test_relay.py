"""Feeds served on: the publisher down, its withdrawals underway, false relays, narrowed audiences, a ring."""

from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tocsin.v1 import exchange_pb2, node_pb2 as pb, signals_pb2
from tocsin_node.build import wall_clock
from tocsin_node.exchange import wire
from tocsin_node.testing.town import Town, until

ORIGIN = "a.example/feed/urls"
URL = "https://harmful.example/"


def chain(town: Town, *, direct: str = "bc", relay: bool = True) -> None:
    """`a` publishes `urls` to `direct`; `b` and `c` follow it; `b` serves it on to `c` once its operator says so."""
    town.introduce(("a", "b"), ("a", "c"), ("b", "c"))
    town.found("a")
    town.audience("a", "all", direct)
    town.feed("a", "urls", relay=relay)
    for follower in "bc":
        town.policy("a", follower, send=["urls"])
        town.policy(follower, "a")
    town.policy("b", "c", send=[ORIGIN])
    town.policy("c", "b", believe=False)


@pytest.fixture
def town(tmp_path: Path) -> Generator[Town]:
    with Town(tmp_path, "abc") as made:
        yield made


def serve_on(town: Town, name: str, origin: str = ORIGIN, audience: str = "all") -> pb.FeedStatus:
    return town.node(name).RelayFeed(pb.RelayFeedRequest(feed=origin, audience=audience)).feed


def held(town: Town, names: str, size: int, origin: str = ORIGIN) -> None:
    until(lambda: all(town.followed(name, origin).size == size for name in names))


def listed(town: Town, name: str, peer: str) -> int:
    """When a node last heard from a peer, ms UTC."""
    return town.node(name).ListPeers(pb.ListPeersRequest(organisation=f"{peer}.example")).peers[0].heard_at


def source(town: Town, name: str) -> str:
    return town.followed(name, ORIGIN).source


@pytest.mark.timeout(120)
def test_a_follower_hears_of_withdrawals_from_a_relay_while_the_publisher_is_down(town: Town) -> None:
    chain(town)
    signals = town.publish("a", "urls", [URL, "https://other.example/"]).signals
    held(town, "bc", 3)
    assert source(town, "c") == "a.example", "the publisher's own stream goes before any relay's"
    assert serve_on(town, "b").relayed_to == "all"
    town.stop("c")
    town.publish("a", "urls", ["https://later.example/"])
    town.withdraw("a", "urls", signals[0])
    held(town, "b", 5)
    town.stop("a")
    down = wall_clock()
    town.start("c")
    held(town, "c", 5)
    assert source(town, "c") == "b.example"
    assert not town.matches("c", URL)
    assert town.matches("c", "https://later.example/")
    until(lambda: listed(town, "c", "b") > down + 1500)
    assert town.followed("c", ORIGIN).heard_at < down, "a relay's signs of life are not the publisher's"
    assert [one.peer for one in town.followed("b", ORIGIN).delivered] == ["c.example"]
    town.start("a")
    until(lambda: source(town, "c") == "a.example")
    town.publish("a", "urls", ["https://again.example/"])
    held(town, "bc", 6)
    assert len(town.envelopes("b", "feed.replicated")) == len(town.envelopes("c", "feed.replicated")) > 0
    assert [town.findings(name) for name in "abc"] == [[], [], []]


@pytest.mark.timeout(120)
def test_a_feed_reaches_who_was_never_sent_it_by_its_publisher_until_the_relay_narrows_its_audience(
    town: Town,
) -> None:
    chain(town, direct="b")
    town.publish("a", "urls", [URL])
    held(town, "b", 2)
    serve_on(town, "b")
    held(town, "c", 2)
    assert town.matches("c", URL)
    found = town.node("b").FeedRecipients(pb.FeedRecipientsRequest(feed=ORIGIN)).recipients
    assert {one.organisation: one.receives for one in found}["c.example"]
    town.audience("b", "all", ["a"])
    until(lambda: not source(town, "c"))
    town.publish("a", "urls", ["https://later.example/"])
    held(town, "b", 3)
    assert not town.node("b").FeedRecipients(pb.FeedRecipientsRequest(feed=ORIGIN)).recipients[-1].receives
    assert town.followed("c", ORIGIN).size == 2
    town.audience("b", "all", ["a", "c"])
    held(town, "c", 3)
    serve_on(town, "b", audience="")
    until(lambda: not source(town, "c"))


@pytest.mark.timeout(120)
def test_nothing_is_served_on_without_the_publishers_permission_and_the_operators_word(town: Town) -> None:
    chain(town, direct="b", relay=False)
    town.publish("a", "urls", [URL])
    held(town, "b", 2)
    with pytest.raises(grpc.RpcError, match="does not permit"):
        serve_on(town, "b")
    with pytest.raises(grpc.RpcError, match="follows no feed of that origin"):
        serve_on(town, "b", "a.example/feed/other")
    why = {one.why for one in town.node("b").FeedRecipients(pb.FeedRecipientsRequest(feed=ORIGIN)).recipients}
    assert why == {"it publishes the feed", "the feed's descriptor does not permit that it is served on"}
    permitted = town.feed("a", "free", relay=True)
    town.policy("a", "b", send=["urls", "free"])
    held(town, "b", 1, permitted)
    with pytest.raises(grpc.RpcError, match="names no audience"):
        serve_on(town, "b", permitted, "nobody")
    assert town.followed("c", ORIGIN).origin == town.followed("c", permitted).origin == ""


@pytest.mark.timeout(120)
def test_a_relay_of_an_unknown_publisher_is_not_listened_to(town: Town) -> None:
    chain(town, direct="b")
    town.node("c").SetPeerState(pb.SetPeerStateRequest(organisation="a.example", state="paused"))
    town.publish("a", "urls", [URL])
    held(town, "b", 2)
    serve_on(town, "b")
    until(lambda: len(town.envelopes("b", "feed.relayed")) == 1)
    before = listed(town, "c", "b")
    until(lambda: listed(town, "c", "b") > before)
    assert town.followed("c", ORIGIN).size == 0
    town.node("c").SetPeerState(pb.SetPeerStateRequest(organisation="a.example", state="active"))
    held(town, "c", 2)
    town.node("c").SetPeerState(pb.SetPeerStateRequest(organisation="a.example", state="paused"))
    until(lambda: not source(town, "c"))


@pytest.mark.timeout(120)
def test_false_bytes_stop_their_relay_and_no_other_source(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    chain(town, direct="b")
    town.publish("a", "urls", [URL])
    held(town, "b", 2)
    serve_on(town, "b")
    held(town, "c", 2)
    honest: Any = wire.to_delivery
    lying = True

    def lie(segment: signals_pb2.Segment, note: bytes, exchange: bytes) -> exchange_pb2.FollowResponse:
        false = signals_pb2.Segment()
        false.CopyFrom(segment)
        if lying and segment.first == 3:
            false.tags = bytes([segment.tags[0] ^ 1]) + segment.tags[1:]
        return honest(false, note, exchange)

    town.publish("a", "urls", ["https://later.example/"])
    held(town, "bc", 3)
    town.stop("c")
    town.publish("a", "urls", ["https://false.example/"])
    held(town, "b", 4)
    monkeypatch.setattr(wire, "to_delivery", lie)
    town.start("c")
    until(lambda: town.evidence("c") == [(ORIGIN, "b.example", "wrong-root")])
    until(lambda: any("not taken from b.example" in one for one in warnings(town, "c")))
    assert town.followed("c", ORIGIN).size == 3
    assert town.matches("c", "https://later.example/"), "the feed itself is not stopped"
    lying = False
    town.node("c").TrustRelay(pb.TrustRelayRequest(feed=ORIGIN, peer="b.example"))
    held(town, "c", 4)
    assert source(town, "c") == "b.example"
    assert not any("b.example" in one for one in warnings(town, "c"))
    assert [one["peer"] for one in town.envelopes("c", "feed.source_trusted")] == ["b.example"]
    town.audience("a", "all", ["b", "c"])
    until(lambda: source(town, "c") == "a.example")


def warnings(town: Town, name: str) -> list[str]:
    return list(town.node(name).Status(pb.StatusRequest()).warnings)


@pytest.mark.timeout(120)
def test_two_histories_of_a_publisher_meet_at_a_relay_and_stop_the_feed(town: Town) -> None:
    chain(town)
    held(town, "bc", 1)
    serve_on(town, "b")
    copy = town.snapshot("a", "copy")
    town.stop("c")
    town.publish("a", "urls", ["https://one.example/"])
    held(town, "b", 2)
    town.stop("b")
    town.stop("a")
    town.start("a", copy)
    town.start("c")
    town.publish("a", "urls", ["https://two.example/"])
    held(town, "c", 2)
    town.stop("a")
    town.start("b")
    until(lambda: town.followed("c", ORIGIN).state == "stopped")
    assert town.followed("c", ORIGIN).why.startswith("fork:")
    assert (ORIGIN, "a.example", "fork") in town.evidence("c")


@pytest.mark.timeout(180)
def test_a_ring_of_four_carries_every_entry_once_to_every_node(tmp_path: Path) -> None:
    names = "abcd"
    with Town(tmp_path, names) as ring:
        ring.introduce(*((one, two) for place, one in enumerate(names) for two in names[place + 1 :]))
        ring.found("a")
        origins = {name: ring.feed(name, "urls", founder="a", relay=True) for name in names}
        following = dict(zip(names, f"{names[1:]}{names[0]}", strict=True))
        for name, after in following.items():  # each sends its own and everything it holds to the next one only
            ring.audience(name, "all", [after])
            others = [origin for other, origin in origins.items() if other != name]
            for peer in names.replace(name, ""):
                ring.policy(name, peer, send=["urls", *others])
        rounds = 5
        for number in range(rounds):
            for name in names:
                ring.publish(name, "urls", [f"https://{name}-{number}.example/"])
        size = 1 + rounds
        until(lambda: spread(ring, origins) == {size})
        for name in names:
            entries = entries_replicated(ring, name)
            assert entries == {origin: size for other, origin in origins.items() if other != name}
            assert ring.followed(name, origins[name]).origin == "", "its own feed comes back to nobody"
            assert ring.own(name, origins[name]).size == size
            assert len(ring.envelopes(name, "feed.replicated")) <= 3 * size
            assert ring.findings(name) == []


def spread(ring: Town, origins: dict[str, str]) -> set[int]:
    """The sizes at which every node holds every other's feed; each serves on what has reached it."""
    sizes: set[int] = set()
    for name, origin in origins.items():
        for other in origins:
            if other != name:
                found = ring.followed(other, origin)
                sizes.add(found.size)
                if found.size and not found.relayed_to:
                    serve_on(ring, other, origin)
    return sizes


def entries_replicated(ring: Town, name: str) -> dict[str, int]:
    """Entries by origin over every `feed.replicated` of a node's audit log."""
    counts: Counter[str] = Counter()
    for envelope in ring.envelopes(name, "feed.replicated"):
        counts[envelope["about"]["origin"]] += envelope["n"]["entries"]
    return dict(counts)
