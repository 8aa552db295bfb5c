"""Probe signals in own feeds: kept once, for the types in use, over ends, rotations, withdrawals and other software."""

import asyncio
from collections.abc import Coroutine, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.errors import Invalid, NodeError, Refused
from tocsin_node.log.envelope import Actor
from tocsin_node.match.feeds import FeedFacts
from tocsin_node.publish import records
from tocsin_node.publish.export import Pages
from tocsin_node.publish.feeds import Feeds, OwnFeed
from tocsin_node.publish.lifetimes import DAY_MS, Lifetimes
from tocsin_node.publish.prepare import RowIn
from tocsin_node.publish.records import OwnRecord
from tocsin_node.publish.reserved import LIFE_MS, RENEW_MS, ProbeKeeper
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.service import ChunkResult, Publisher
from tocsin_node.testing.core import Core, open_core
from tocsin_node.testing.gate import plain_gate
from tocsin_node.workers import Workers
from tocsin_signals import probes
from tocsin_signals.types import by_name

T = TypeVar("T")
ME: Final = Actor("client", "test")
KEY: Final = b"\x05" * 32
COMMUNITY: Final = "c.hotline.example"


class Keys:
    """Epochs of one community; the newest is published under, none once closed."""

    def __init__(self) -> None:
        self.held = [EpochKey(COMMUNITY, 1, b"\x07" * 32)]
        self.closed = False

    def publishing(self, community: str, now: int) -> EpochKey:
        assert (community, now > 0) == (COMMUNITY, True)
        if self.closed:
            raise Refused("no epoch is open")
        return self.held[-1]

    def tagging(self, community: str) -> Sequence[EpochKey]:
        assert community == COMMUNITY
        return self.held


class Refusing:
    """Profiles of which some fail their self-check."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def refused(self) -> Mapping[str, str]:
        return self.names


class Hotline:
    """One feed, who publishes on it, and who keeps its probes."""

    def __init__(self, core: Core) -> None:
        self.core, self.keys, self.days, self.profiles = core, Keys(), dict[str, int](), Refusing()
        self.feeds = Feeds(
            organisation="hotline.example",
            store=core.store,
            writer=core.writer,
            communities=lambda: (COMMUNITY,),
            audiences=lambda: {"all": ("platform.example",)},
        )
        workers = Workers()
        self.retagger = Retagger(writer=core.writer, workers=workers, data_key=KEY, clock=core.clock)
        self.publisher = Publisher(
            feeds=self.feeds,
            writer=core.writer,
            keys=self.keys,
            profiles=self.profiles,
            workers=workers,
            retagger=self.retagger,
            gate=plain_gate(core),
            data_key=KEY,
            lifetimes=lambda: Lifetimes(self.days),
            clock=core.clock,
        )
        self.keeper = self.new_keeper()
        self.run(self.feeds.create(name="x", community=COMMUNITY, audience="all", actor=ME))

    def new_keeper(self) -> ProbeKeeper:
        return ProbeKeeper(
            store=self.core.store,
            writer=self.core.writer,
            retagger=self.retagger,
            profiles=self.profiles,
            publishing=self.keys.publishing,
            data_key=KEY,
            clock=self.core.clock,
        )

    @property
    def feed(self) -> OwnFeed:
        return self.feeds.get("x")

    @property
    def size(self) -> int:
        return self.core.writer.heads[self.feed.log].size

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def publish(self, kind: str, value: str, fields: bytes = b'{"stance":"harmful"}') -> ChunkResult:
        return self.run(self.publisher.publish("x", [fields], [RowIn(1, kind, value, "", 0, 0)], actor=ME))

    def keep(self) -> int:
        return self.run(self.keeper.keep(self.feed))

    def record(self, one: probes.Reserved) -> OwnRecord:
        """The own record of a reserved value under the newest key."""
        kind = by_name(one.type_name)
        (tag,) = tag_batch(self.keys.held[-1], [TagRequest(kind.profile, kind.scope, one.canonical)])
        with self.core.store.read() as session:
            return records.by_tags(session, self.feed.log, [(kind.code, tag)])[kind.code, tag]


@pytest.fixture
def hotline(tmp_path: Path) -> Generator[Hotline]:
    with open_core(tmp_path) as core:
        yield Hotline(core)


def test_an_empty_feed_has_none(hotline: Hotline) -> None:
    assert (hotline.keep(), hotline.size, hotline.keeper.count(hotline.feed)) == (0, 1, 0)


def test_each_type_in_use_has_its_four_and_no_other(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.publish("domain", "bad.example")
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (8, 8)
    assert hotline.keep() == 0
    hotline.publish("username", "x:somebody_bad")
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (4, 12)
    assert hotline.core.events().count("probe.published") == 2


def test_they_are_not_exported(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.keep()
    feed = hotline.feed
    facts = FeedFacts(feed.log, feed.origin, "own", "hotline.example", COMMUNITY, "open", 0)
    pages = Pages(facts, data_key=KEY, everything=True)
    with hotline.core.store.read() as session:
        page = pages.read(session, 0, now=hotline.core.clock.now, most=100)
    assert [one.value for one in page.signals] == ["bad.example/x"]
    assert (page.without_identifier, page.looked_at) == (0, 5)


def test_they_outlive_the_last_signal_of_their_type(hotline: Hotline) -> None:
    signal = hotline.publish("url", "https://bad.example/x").signals[0]
    hotline.keep()
    withdraw(hotline, signal)
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (0, 4)


def test_they_are_extended_before_they_end_and_asserted_anew_after_it(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.keep()
    first = hotline.record(probes.RESERVED["url"][0])
    hotline.core.clock.now += LIFE_MS - RENEW_MS + DAY_MS
    assert (hotline.keep(), hotline.keep()) == (4, 0)
    extended = hotline.record(probes.RESERVED["url"][0])
    assert (extended.signal, extended.valid_until) == (first.signal, hotline.core.clock.now + LIFE_MS)
    hotline.core.clock.now += LIFE_MS + DAY_MS
    hotline.publish("url", "https://bad.example/y")
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (4, 4)
    assert hotline.record(probes.RESERVED["url"][0]).signal != first.signal


def test_the_configurations_lifetimes_do_not_shorten_them(hotline: Hotline) -> None:
    hotline.days["url"] = 1
    hotline.publish("url", "https://bad.example/x")
    hotline.keep()
    assert hotline.record(probes.RESERVED["url"][0]).valid_until == hotline.core.clock.now + LIFE_MS


def test_they_move_into_the_next_epoch_with_everything_else(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.keep()
    hotline.keys.held.append(EpochKey(COMMUNITY, 2, b"\x08" * 32))
    before = hotline.size
    assert hotline.keep() == 0, "retagged, not asserted again"
    assert hotline.size == before + 5
    assert hotline.record(probes.RESERVED["url"][0]).epoch == 2
    assert hotline.keeper.count(hotline.feed) == 4


def test_one_withdrawn_by_hand_comes_back_as_another_signal(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.keep()
    signal = hotline.record(probes.RESERVED["url"][0]).signal
    withdraw(hotline, signal)
    assert hotline.keeper.count(hotline.feed) == 3
    assert hotline.keep() == 1
    assert hotline.record(probes.RESERVED["url"][0]).signal > signal


def test_nobody_else_publishes_a_reserved_value_or_revises_it(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.keep()
    value = probes.RESERVED["url"][0]
    (refused,) = hotline.publish("url", value.looked_up).refused
    assert (refused.reason, "tocsin" in refused.sentence) == ("reserved-probe", False)
    signal = hotline.record(value).signal
    with pytest.raises(Invalid, match="the revised details may not be published"):
        hotline.run(
            hotline.publisher.revise(
                "x", signals=[signal], identifiers=[], changes=b'{"stance":"harmful"}', valid_until=0, actor=ME
            )
        )


def test_an_application_cannot_mark_its_own_signals(hotline: Hotline) -> None:
    (refused,) = hotline.publish("url", "https://bad.example/x", b'{"probe":"reserved/1","stance":"test"}').refused
    assert refused.reason == "key"


def test_probes_under_tags_that_other_software_made_are_withdrawn_at_the_next_start(
    hotline: Hotline, monkeypatch: pytest.MonkeyPatch
) -> None:
    hotline.publish("url", "https://bad.example/x")
    with monkeypatch.context() as other:
        other.setattr(probes.Reserved, "canonical", property(lambda one: f"other/{one.published}"))
        assert hotline.keep() == 4
    assert hotline.keeper.count(hotline.feed) == 0
    hotline.keeper = hotline.new_keeper()
    assert hotline.keep() == 8, "four taken back, four asserted"
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (0, 4)
    assert "probe.withdrawn" in hotline.core.events()


def test_a_type_whose_profile_failed_its_self_check_gets_none_and_keeps_what_it_has(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.publish("domain", "bad.example")
    hotline.profiles.names = {"url": "it differs"}
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (4, 4)
    hotline.profiles.names = {}
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (4, 8)
    hotline.profiles.names, hotline.keeper = {"url": "it differs"}, hotline.new_keeper()
    assert (hotline.keep(), hotline.keeper.count(hotline.feed)) == (0, 8)


def test_without_an_open_epoch_they_wait(hotline: Hotline) -> None:
    hotline.publish("url", "https://bad.example/x")
    hotline.keys.closed = True
    with pytest.raises(NodeError, match="no epoch is open"):
        hotline.keep()
    assert hotline.keeper.count(hotline.feed) == 0
    hotline.keys.closed = False
    assert hotline.keep() == 4


def withdraw(hotline: Hotline, signal: int) -> None:
    """Take one signal back by hand."""
    hotline.run(
        hotline.publisher.withdraw(
            "x", signals=[signal], identifiers=[], reason="test_data", required_action="stop_matching", actor=ME
        )
    )
