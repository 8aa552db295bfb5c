"""A publisher restored from an old copy gets its feed back from its followers, or nothing more is signed."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tocsin.v1 import exchange_pb2, node_pb2 as pb, signals_pb2
from tocsin_node.build import wall_clock
from tocsin_node.exchange import wire
from tocsin_node.home import Home
from tocsin_node.restore import restore as restore_backup
from tocsin_node.segment import codec
from tocsin_node.segment.verify import run_leaves
from tocsin_node.testing.town import Town, until

ORIGIN = "a.example/feed/urls"


@pytest.fixture
def town(tmp_path: Path) -> Generator[Town]:
    """`a` publishes the feed `urls`, `b` and `d` follow it."""
    with Town(tmp_path, "abd") as made:
        made.introduce(("a", "b"), ("a", "d"))
        made.found("a")
        made.feed("a", "urls")
        for follower in "bd":
            made.policy("a", follower, send=["urls"])
            made.policy(follower, "a")
        yield made


def restore(town: Town, copy: Path) -> None:
    town.stop("a")
    town.start("a", copy)


def recover(town: Town, feed: str = "urls", peer: str = "") -> pb.RecoveredFeed:
    *moves, last = town.node("a").RecoverFeed(pb.RecoverFeedRequest(feed=feed, peer=peer))
    assert all(move.HasField("progress") for move in moves)
    return last.result


def everywhere(town: Town, size: int, names: str = "bd") -> None:
    until(lambda: all(town.followed(name, ORIGIN).size == size for name in names))


def frozen(town: Town, origin: str = ORIGIN) -> bool:
    return town.own("a", origin).state == "frozen"


def shown(town: Town, signal: int) -> pb.ShowSignalResponse:
    return town.node("a").ShowSignal(pb.ShowSignalRequest(feed="urls", signal=signal))


@pytest.mark.timeout(120)
def test_what_was_published_after_the_backup_comes_back_and_the_feed_goes_on(town: Town) -> None:
    town.publish("a", "urls", ["https://first.example/", "https://second.example/"])
    copy = town.snapshot("a", "copy")
    later = [f"https://later-{number}.example/" for number in range(300)]
    ids = list(town.publish("a", "urls", later).signals)
    town.publish("a", "urls", ["https://first.example/"], b'{"stance":"suspected"}')
    town.withdraw("a", "urls", 2, ids[7])
    everywhere(town, 306)
    restore(town, copy)
    until(lambda: frozen(town))
    assert "tocsin feed recover urls" in town.own("a", ORIGIN).why
    with pytest.raises(grpc.RpcError, match="restored from an old copy"):
        town.publish("a", "urls", ["https://other.example/"])
    result = recover(town)
    assert (result.open, result.returned, result.size) == (True, 303, 306)
    assert result.without_identifier == 299
    assert sum(one.returned for one in result.asked) == 303
    assert town.own("a", ORIGIN).state == "open"
    assert len(town.envelopes("a", "feed.returned")) > 0

    assert (shown(town, 1).state, shown(town, 1).identifier) == ("live", "first.example/")
    assert [event.kind for event in shown(town, 1).events] == ["assert", "revise"]
    assert shown(town, 2).state == shown(town, ids[7]).state == "withdrawn"
    assert (shown(town, ids[8]).state, shown(town, ids[8]).identifier) == ("live", "")

    again = town.publish("a", "urls", later)
    assert (again.published, again.unchanged) == (1, 299), "only the withdrawn one is new"
    assert shown(town, ids[8]).identifier == "later-8.example/"
    assert list(town.withdraw("a", "urls", ids[9]).withdrawn) == [ids[9]]
    town.publish("a", "urls", [f"https://after-{number}.example/" for number in range(300)])
    everywhere(town, 306 + 1 + 1 + 300)
    until(lambda: town.matches("b", "https://after-299.example/"))
    assert not town.matches("b", "https://later-9.example/")
    assert [town.findings(name) for name in "abd"] == [[], [], []]


@pytest.mark.timeout(120)
def test_a_signal_that_lost_its_identifier_is_found_again_under_a_later_epoch(town: Town) -> None:
    copy = town.snapshot("a", "copy")
    town.publish("a", "urls", ["https://later.example/", "https://forgotten.example/"])
    everywhere(town, 3)
    restore(town, copy)
    until(lambda: frozen(town))
    assert recover(town).open
    town.node("a").RotateCommunity(pb.RotateRequest(community="c.a.example"))
    assert town.publish("a", "urls", ["https://later.example/"]).unchanged == 1
    assert [(event.kind, event.epoch) for event in shown(town, 1).events] == [("assert", 1), ("retag", 2)]
    assert [event.kind for event in shown(town, 2).events] == ["assert"]


@pytest.mark.timeout(120)
def test_a_feed_opened_after_the_backup_is_not_opened_twice_but_comes_back(town: Town) -> None:
    copy = town.snapshot("a", "copy")
    origin = town.feed("a", "more", relay=True)
    town.policy("a", "b", send=["urls", "more"])
    town.publish("a", "more", ["https://later.example/"])
    until(lambda: town.followed("b", origin).size == 2)
    restore(town, copy)
    until(lambda: frozen(town, origin))
    with pytest.raises(grpc.RpcError, match="exists already"):
        town.feed("a", "more")
    assert recover(town, "more").open
    assert (town.own("a", origin).community, town.own("a", origin).audience) == ("c.a.example", "all")
    assert town.own("a", origin).relay
    assert town.publish("a", "more", ["https://later.example/"]).unchanged == 1


@pytest.mark.timeout(120)
def test_a_lying_follower_is_passed_over_with_evidence(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = town.snapshot("a", "copy")
    town.publish("a", "urls", ["https://later.example/"])
    everywhere(town, 2)
    restore(town, copy)
    until(lambda: frozen(town))
    honest: Any = wire.to_delivery
    lies: list[int] = []

    def lying(segment: signals_pb2.Segment, note: bytes, exchange: bytes) -> exchange_pb2.FollowResponse:
        if not lies:
            lies.append(segment.first)
            segment.tags = bytes([segment.tags[0] ^ 1]) + segment.tags[1:]
        return honest(segment, note, exchange)

    monkeypatch.setattr(wire, "to_delivery", lying)
    result = recover(town)
    assert lies == [1]
    assert (result.open, result.size) == (True, 2)
    assert sorted(one.returned for one in result.asked) == [0, 1]
    liar = next(one.organisation for one in result.asked if not one.returned)
    assert (ORIGIN, liar, "wrong-root") in town.evidence("a")
    assert town.findings("a") == []


@pytest.mark.timeout(120)
def test_a_recovery_that_is_broken_off_goes_on_where_it_was(town: Town) -> None:
    copy = town.snapshot("a", "copy")
    for number in range(30):
        town.publish("a", "urls", [f"https://later-{number}.example/"])
    everywhere(town, 31)
    restore(town, copy)
    until(lambda: frozen(town))
    call: Any = town.node("a").RecoverFeed(pb.RecoverFeedRequest(feed="urls"))
    reached = next(call).progress.done
    call.cancel()
    assert 1 < reached <= 31
    found: list[pb.RecoveredFeed] = []

    def recovered() -> bool:
        try:
            found.append(recover(town))
        except grpc.RpcError as error:
            if "is being recovered already" not in str(error):  # the one that was broken off may still be ending
                raise
        return bool(found)

    until(recovered)
    assert (found[0].open, found[0].size) == (True, 31)
    assert town.findings("a") == []


@pytest.mark.timeout(120)
def test_a_feed_stays_frozen_while_nobody_holds_what_was_signed(town: Town) -> None:
    copy = town.snapshot("a", "copy")
    town.publish("a", "urls", ["https://later.example/"])
    everywhere(town, 2)
    restore(town, copy)
    until(lambda: frozen(town))
    for follower in "bd":
        town.stop(follower)
    result = recover(town)
    assert not result.open
    missing = "1 of the entries that this node has signed is still missing; not served by b.example, d.example."
    assert result.why.startswith(missing)
    restore(town, copy)
    assert frozen(town)
    town.start("d")
    until(lambda: recover(town, peer="d.example").open)
    assert recover(town).open, "a feed that lacks nothing stays open"
    assert recover(town).returned == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("more", [0, 2])
def test_two_histories_under_our_own_signature_are_never_joined(town: Town, more: int) -> None:
    first, second = town.snapshot("a", "first"), town.snapshot("a", "second")
    everywhere(town, 1)
    town.stop("d")
    town.publish("a", "urls", ["https://one.example/"])
    everywhere(town, 2, "b")
    town.stop("b")
    restore(town, first)
    town.start("d")
    town.publish("a", "urls", ["https://two.example/"])
    town.publish("a", "urls", [f"https://two-{number}.example/" for number in range(more)])
    everywhere(town, 2 + more, "d")
    restore(town, second)
    town.start("b")
    for _ in range(2):
        with pytest.raises(grpc.RpcError, match="is forked"):
            recover(town)
        assert frozen(town)
    kept = {peer for origin, peer, code in town.evidence("a") if (origin, code) == (ORIGIN, "rollback")}
    assert kept == {"b.example", "d.example"}
    restore(town, second)
    assert frozen(town)
    with pytest.raises(grpc.RpcError):
        town.publish("a", "urls", ["https://three.example/"])


@pytest.mark.timeout(120)
def test_a_follower_that_withholds_gives_nothing_back_and_one_that_does_not_does(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = town.snapshot("a", "copy")
    town.publish("a", "urls", ["https://later.example/"])
    everywhere(town, 2)
    restore(town, copy)
    until(lambda: frozen(town))
    honest: Any = wire.to_delivery

    def withholding(segment: signals_pb2.Segment, note: bytes, exchange: bytes) -> exchange_pb2.FollowResponse:
        run = codec.decode(segment)
        gone = [codec.Absent(0, run_leaves(run))]
        return honest(codec.encode(run.first, run.rows[:0], run.numbers[:0], [], {}, gone), note, exchange)

    with monkeypatch.context() as patched:
        patched.setattr(wire, "to_delivery", withholding)
        result = recover(town)
    assert (result.open, result.returned) == (False, 0)
    assert all("withheld" in one.why for one in result.asked)
    assert frozen(town)
    assert recover(town).open
    assert town.publish("a", "urls", ["https://later.example/"]).unchanged == 1
    assert town.findings("a") == []


@pytest.mark.timeout(120)
def test_a_home_restored_from_a_backup_freezes_its_feeds_and_recovers_them_from_its_followers(
    town: Town, tmp_path: Path
) -> None:
    town.publish("a", "urls", ["https://first.example/"])
    backup = tmp_path / "backup"
    list(town.node("a").Backup(pb.BackupRequest(directory=str(backup))))
    town.publish("a", "urls", ["https://later.example/"])
    everywhere(town, 3)
    lost = Home(town.homes["a"])
    again = Home(tmp_path / "again")
    town.stop("a")
    restore_backup(
        backup,
        again,
        environment={},
        unlock_key=lost.unlock_key.read_bytes(),
        clock=wall_clock,
        progress=lambda _what, _done, _total: None,
    )
    town.start("a", again.root)
    assert frozen(town), "before anybody was heard: a backup may always be older than what was signed"
    with pytest.raises(grpc.RpcError):
        town.publish("a", "urls", ["https://other.example/"])
    result = recover(town)
    assert (result.open, result.size, result.without_identifier) == (True, 3, 1)
    assert town.publish("a", "urls", ["https://later.example/", "https://other.example/"]).published == 1
    everywhere(town, 4)
    until(lambda: town.matches("b", "https://other.example/"))
    assert [town.findings(name) for name in "abd"] == [[], [], []]
