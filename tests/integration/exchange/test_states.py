"""The state of a peer in words, over real nodes: live, behind, out of reach, paused by either side."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import connect
from tocsin_node.exchange.copy import Copy
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.serve import Running, run_in_thread

pytestmark = pytest.mark.timeout(90)
FEED = "publisher.example/feed/urls"


class Two:
    """A publisher of one feed and a follower that believes it, over mutual TLS."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.running: dict[str, Running] = {}
        for name in ("publisher", "follower"):
            home = folder / name
            init_home(Home(home), organisation=f"{name}.example", role="other", profiles={}, clock=wall_clock)
            config = home / "tocsin.toml"
            config.write_text(config.read_text() + 'all = ["follower.example"]\n')
        self.publisher, self.follower = self.start("publisher"), self.start("follower")
        for one, other in ((self.publisher, self.follower), (self.follower, self.publisher)):
            card = other.GetCard(pb.GetCardRequest())
            one.AddPeer(pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint))
        self.publisher.CreateCommunity(pb.CreateCommunityRequest(name="c"))
        made = pb.CreateFeedRequest(name="urls", community="c.publisher.example", audience="all")
        self.publisher.CreateFeed(made)
        apply(self.publisher, b'peer = "follower.example"\n[send]\nfeeds = ["urls"]\n')

    def start(self, name: str) -> Any:
        self.running[name] = run_in_thread(self._folder / name, exchange=True)
        self._stack.callback(self.running[name].stop)
        return self._stack.enter_context(connect(self._folder / name, None, start=False)).node

    def believe(self) -> None:
        apply(self.follower, b'peer = "publisher.example"\n[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n')

    def publish(self, value: str) -> None:
        chunk = pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=[pb.PublishRow(line=1, type="url", value=value)])
        start = pb.PublishRequest(start=pb.PublishStart(feed="urls"))
        assert [one.published for one in self.publisher.Publish(iter([start, pb.PublishRequest(chunk=chunk)]))] == [1]


def apply(node: Any, text: bytes) -> None:
    assert not node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=text)])).errors


def seen(node: Any) -> pb.PeerStatus:
    return node.ListPeers(pb.ListPeersRequest()).peers[0]


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def two(tmp_path: Path) -> Generator[Two]:
    with ExitStack() as stack:
        yield Two(tmp_path, stack)


def test_both_sides_see_what_the_other_holds_and_how_long_it_took(two: Two) -> None:
    assert (seen(two.follower).link, seen(two.follower).trip_at) == ("not followed", 0)
    two.believe()
    two.publish("https://a.example/")
    until(lambda: [feed.size for feed in seen(two.follower).feeds] == [2])
    until(lambda: seen(two.publisher).trip_by == "ack")
    until(lambda: [feed.size for feed in seen(two.publisher).sent] == [2])
    followed, serving = seen(two.follower), seen(two.publisher)
    assert (followed.link, followed.why, followed.feeds[0].state, followed.feeds[0].behind) == ("live", "", "live", 0)
    assert followed.feeds[0].delivered_at > 0
    assert followed.trip_by in ("hello", "list")
    assert 0 < followed.trip_us < 30_000_000
    assert abs(followed.skew_ms) < 10_000
    sent = serving.sent[0]
    assert (sent.feed, sent.receives, sent.behind, sent.behind_since) == (FEED, True, 0, 0)
    assert serving.called_at > 0
    assert serving.link == "live"


def test_a_copy_that_is_slow_to_store_is_behind_by_entries_and_since_a_time(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.believe()
    until(lambda: seen(two.follower).link == "live" and [feed.size for feed in seen(two.follower).feeds] == [1])
    until(lambda: [one.size for one in seen(two.publisher).sent] == [1])  # entry 0 is there, and known to be
    commit, may_go_on = Copy.commit, threading.Event()

    async def slow(self: Copy, *given: Any) -> None:
        await asyncio.to_thread(may_go_on.wait)
        await commit(self, *given)

    monkeypatch.setattr(Copy, "commit", slow)
    before = wall_clock()
    try:
        two.publish("https://a.example/")
        until(lambda: seen(two.follower).link == "behind")
        feed = seen(two.follower).feeds[0]
        assert (feed.state, feed.behind, seen(two.follower).why) == ("behind", 1, "1 entry")
        assert before - 1000 <= feed.behind_since <= wall_clock()
        sent = seen(two.publisher).sent[0]
        assert (sent.size, sent.behind) == (1, 1)
        assert before - 1000 <= sent.behind_since <= wall_clock()
    finally:
        may_go_on.set()
    until(lambda: seen(two.follower).link == "live")
    assert seen(two.follower).feeds[0].behind_since == 0


def test_a_pause_is_told_on_both_sides_with_whose_it_is(two: Two) -> None:
    two.believe()
    until(lambda: seen(two.follower).link == "live")
    two.publisher.SetPeerState(pb.SetPeerStateRequest(organisation="follower.example", state="paused"))
    assert (seen(two.publisher).link, seen(two.publisher).why) == ("paused", "by this node")
    until(lambda: (seen(two.follower).link, seen(two.follower).why) == ("paused", "by the peer"))
    two.publisher.SetPeerState(pb.SetPeerStateRequest(organisation="follower.example", state="active"))
    until(lambda: seen(two.follower).link == "live")


def test_a_publisher_that_went_away_is_unreachable_until_it_is_back(two: Two) -> None:
    two.believe()
    two.publish("https://a.example/")
    until(lambda: [feed.size for feed in seen(two.follower).feeds] == [2])
    two.running["publisher"].stop()
    until(lambda: seen(two.follower).link == "unreachable")
    assert seen(two.follower).feeds[0].state == "unreachable"
    two.publisher = two.start("publisher")
    until(lambda: seen(two.follower).link == "live")


def test_an_explanation_of_a_received_signal_names_its_publisher_policy_and_knows_the_key_is_missing(two: Two) -> None:
    two.believe()
    two.publish("https://a.example/")
    until(lambda: [feed.size for feed in seen(two.follower).feeds] == [2])
    request = pb.ExplainPolicyRequest(feed=FEED, signal=1, peer="publisher.example")
    told = two.follower.ExplainPolicy(request)
    assert (told.direction, told.effect, told.rule) == ("received", pb.EFFECT_ENFORCE, "rule[0]")
    note = next(step.why for step in told.steps if step.name == "key")
    assert note.startswith("this node holds no key of c.publisher.example for epoch 1")
    invited = pb.InviteRequest(community="c.publisher.example", organisation="follower.example")
    two.follower.JoinCommunity(pb.JoinRequest(invite=two.publisher.InviteToCommunity(invited).invite))
    assert not any(step.name == "key" for step in two.follower.ExplainPolicy(request).steps)
    two.follower.SetPeerState(pb.SetPeerStateRequest(organisation="publisher.example", state="removed"))
    told = two.follower.ExplainPolicy(request)
    assert told.effect == pb.EFFECT_IGNORE
    assert any(step.name == "publisher" and step.outcome == "ignores" for step in told.steps)
