"""A publisher that lies: refused with the evidence kept, its feed stopped, everything else untouched."""

import json
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tocsin.v1 import exchange_pb2, node_pb2 as pb, signals_pb2
from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.exchange import service, wire
from tocsin_node.exchange.service import Timing
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.keys import Keyring, Unlock
from tocsin_node.peers.proof import judge, read_evidence_file
from tocsin_node.serve import run_in_thread

Lie = Callable[[signals_pb2.Segment, bytes], tuple[signals_pb2.Segment, bytes]]


class Pair:
    """A publisher with the feeds `lies` and `truth`, and a follower; both nodes in this process, over mutual TLS."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.follower_home = folder / "follower"
        homes = {"publisher": folder / "publisher", "follower": self.follower_home}
        for name, home in homes.items():
            init_home(Home(home), organisation=f"{name}.example", role="other", profiles={}, clock=wall_clock)
        config = homes["publisher"] / "tocsin.toml"
        config.write_text(config.read_text() + 'all = ["follower.example"]\n')
        locals_: dict[str, Local] = {}
        for name, home in homes.items():
            running = run_in_thread(home, exchange=True)
            stack.callback(running.stop)
            locals_[name] = stack.enter_context(connect(home, None, start=False))
        self.publisher, self.follower = locals_["publisher"].node, locals_["follower"].node
        self._introduce()

    def _introduce(self) -> None:
        for one, other in ((self.publisher, self.follower), (self.follower, self.publisher)):
            card = other.GetCard(pb.GetCardRequest())
            one.AddPeer(pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint))
        self.publisher.CreateCommunity(pb.CreateCommunityRequest(name="c"))
        invited = pb.InviteRequest(community="c.publisher.example", organisation="follower.example")
        self.follower.JoinCommunity(pb.JoinRequest(invite=self.publisher.InviteToCommunity(invited).invite))
        for feed in ("lies", "truth"):
            made = pb.CreateFeedRequest(name=feed, community="c.publisher.example", audience="all")
            self.publisher.CreateFeed(made)
        send = b'peer = "follower.example"\n[send]\nfeeds = ["lies", "truth"]\n'
        believe = b'peer = "publisher.example"\n[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n'
        for node, text in ((self.publisher, send), (self.follower, believe)):
            assert not node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=text)])).errors

    def publish(self, feed: str, value: str) -> None:
        chunk = pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=[pb.PublishRow(line=1, type="url", value=value)])
        start = pb.PublishRequest(start=pb.PublishStart(feed=feed))
        assert [r.published for r in self.publisher.Publish(iter([start, pb.PublishRequest(chunk=chunk)]))] == [1]

    def followed(self, feed: str) -> pb.FeedStatus:
        found = {one.origin.rpartition("/")[2]: one for one in self.follower.Status(pb.StatusRequest()).followed}
        return found.get(feed, pb.FeedStatus())

    def matches(self, value: str) -> bool:
        request = pb.MatchRequest(queries=[pb.Query(type="url", value=value)])
        return self.follower.Match(request).verdicts[0].effect == pb.EFFECT_ENFORCE

    def looks(self) -> list[str]:
        """Whose evidence was listed, by the follower's audit log."""
        with sqlite3.connect(f"{self.follower_home.as_uri()}/tocsin.db?mode=ro", uri=True) as database:
            found = database.execute("SELECT envelope FROM audit_entry ORDER BY idx").fetchall()
        database.close()
        envelopes = [json.loads(envelope) for (envelope,) in found]
        return [one.get("peer", "") for one in envelopes if one["ev"] == "evidence.viewed"]

    def evidence(self) -> list[tuple[str, str]]:
        with sqlite3.connect(f"{self.follower_home.as_uri()}/tocsin.db?mode=ro", uri=True) as database:
            found = database.execute("SELECT origin, code FROM evidence").fetchall()
        database.close()
        return found


@pytest.fixture
def pair(tmp_path: Path) -> Generator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def wrong_root(segment: signals_pb2.Segment, note: bytes) -> tuple[signals_pb2.Segment, bytes]:
    segment.tags = bytes([segment.tags[0] ^ 1]) + segment.tags[1:]
    return segment, note


def bad_signature(segment: signals_pb2.Segment, note: bytes) -> tuple[signals_pb2.Segment, bytes]:
    at = note.rindex(b" ") + 20
    return segment, note[:at] + (b"A" if note[at : at + 1] != b"A" else b"B") + note[at + 1 :]


def gap(segment: signals_pb2.Segment, note: bytes) -> tuple[signals_pb2.Segment, bytes]:
    segment.first += 1
    return segment, note


def earlier(segment: signals_pb2.Segment, note: bytes) -> tuple[signals_pb2.Segment, bytes]:
    segment.issued_at.base -= 3_600_000
    return segment, note


def oversize(segment: signals_pb2.Segment, note: bytes) -> tuple[signals_pb2.Segment, bytes]:
    segment.details[0] = b"x" * 5000
    return segment, note


def malformed(segment: signals_pb2.Segment, note: bytes) -> tuple[signals_pb2.Segment, bytes]:
    segment.salts = segment.salts[:-1]
    return segment, note


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (wrong_root, "wrong-root"),
        (bad_signature, "bad-signature"),
        (gap, "gap"),
        (earlier, "time"),
        (oversize, "oversize"),
        (malformed, "malformed"),
    ],
)
def test_a_false_delivery_stops_its_feed_with_evidence_and_nothing_else(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, lie: Lie, code: str
) -> None:
    pair.publish("lies", "https://good.example/")
    until(lambda: pair.matches("https://good.example/"))
    honest: Any = wire.to_delivery

    def lying(segment: signals_pb2.Segment, note: bytes, exchange: bytes) -> exchange_pb2.FollowResponse:
        if note.startswith(b"publisher.example/feed/lies\n"):
            segment, note = lie(segment, note)
        return honest(segment, note, exchange)

    monkeypatch.setattr(wire, "to_delivery", lying)
    before = pair.followed("lies").size
    pair.publish("lies", "https://false.example/")
    until(lambda: pair.followed("lies").state == "stopped")
    assert pair.followed("lies").why.startswith(f"{code}:")
    assert pair.evidence() == [("publisher.example/feed/lies", code)]
    assert pair.followed("lies").size == before
    assert not pair.matches("https://false.example/")
    assert not pair.matches("https://good.example/"), "a stopped feed caps at review"
    pair.publish("truth", "https://true.example/")
    until(lambda: pair.matches("https://true.example/"))


@pytest.mark.timeout(90)
def test_a_removed_peer_counts_for_nothing_from_that_moment(pair: Pair) -> None:
    pair.publish("truth", "https://true.example/")
    until(lambda: pair.matches("https://true.example/"))
    pair.follower.SetPeerState(pb.SetPeerStateRequest(organisation="publisher.example", state="removed"))
    assert not pair.matches("https://true.example/")


@pytest.mark.timeout(90)
def test_two_epochs_live_and_signals_are_carried_over(pair: Pair) -> None:
    pair.publish("truth", "https://old.example/")
    until(lambda: pair.matches("https://old.example/"))
    rotated = pair.publisher.RotateCommunity(pb.RotateRequest(community="c.publisher.example"))
    assert rotated.retagged == 1
    assert [epoch.number for epoch in rotated.community.epochs] == [1, 2]
    pair.publish("truth", "https://new.example/")
    until(lambda: pair.followed("truth").size == 4)
    assert pair.matches("https://old.example/")
    assert not pair.matches("https://new.example/"), "without the new key nothing of the new epoch matches"
    pair.follower.JoinCommunity(pb.JoinRequest(invite=rotated.invites[0].invite))
    assert pair.matches("https://new.example/")
    shown = pair.follower.ShowSignal(pb.ShowSignalRequest(feed="publisher.example/feed/truth", signal=1))
    assert [(event.kind, event.epoch) for event in shown.events] == [("assert", 1), ("retag", 2)]


@pytest.mark.timeout(90)
def test_a_second_root_for_one_size_is_proof_in_a_file_that_needs_no_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "Timing", lambda: Timing(heartbeat_s=0.1))
    with ExitStack() as stack:
        pair = Pair(tmp_path, stack)
        pair.publish("lies", "https://good.example/")
        until(lambda: pair.matches("https://good.example/"))
        home, origin = Home(tmp_path / "publisher"), "publisher.example/feed/lies"
        signer = Keyring.load(home, Unlock.find({}, home), "publisher.example").feed_signer()
        forked = sign_checkpoint(origin, 2, b"\x07" * 32, signer)
        honest: Any = wire.to_heartbeat

        def lying(note: bytes) -> exchange_pb2.FollowResponse:
            return honest(forked if note.startswith(f"{origin}\n".encode()) else note)

        monkeypatch.setattr(wire, "to_heartbeat", lying)
        until(lambda: pair.followed("lies").state == "stopped")
        peer = pair.follower.ListPeers(pb.ListPeersRequest()).peers[0]
        assert (peer.link, peer.why.partition(": fork")[0]) == ("stopped", "lies (1 of 2 feeds)")
        listed = pair.follower.ListEvidence(pb.ListEvidenceRequest(peer="publisher.example")).evidence
        assert [(one.code, one.origin) for one in listed] == [("fork", origin)]
        file = pair.follower.ExportEvidence(pb.ExportEvidenceRequest(id=listed[0].id)).file
        told = judge(read_evidence_file(file))
        assert told.proved
        assert told.root == pair.publisher.GetCard(pb.GetCardRequest()).fingerprint
        assert not pair.follower.ListEvidence(pb.ListEvidenceRequest(peer="other.example")).evidence
        assert pair.looks() == ["publisher.example", "other.example"], "who looks is logged, as who exports is"
