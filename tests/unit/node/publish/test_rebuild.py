"""Own records made from entries are those that publishing made, but for the identifiers."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import given, settings, strategies as st

from tocsin_crypto.tag import EpochKey
from tocsin_node.log.envelope import Actor
from tocsin_node.log.runs import stored_runs
from tocsin_node.profiles import Profiles
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.prepare import RowIn
from tocsin_node.publish.rebuild import rebuild
from tocsin_node.publish.records import OwnRecord, by_signals
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.service import Publisher
from tocsin_node.testing.core import Core, open_core
from tocsin_node.testing.gate import plain_gate
from tocsin_node.workers import Workers

T = TypeVar("T")
ME = Actor("client", "test")
KEY = b"\x05" * 32
DETAILS = (b'{"stance":"harmful"}', b'{"stance":"suspected"}')
DAY_MS = 86_400_000


class Keys:
    """Epochs of one community; the newest is published under."""

    def __init__(self) -> None:
        self.held = [EpochKey("c.hotline.example", 1, b"\x07" * 32)]

    def rotate(self) -> None:
        epoch = len(self.held) + 1
        self.held.append(EpochKey("c.hotline.example", epoch, bytes([epoch]) * 32))

    def publishing(self, community: str, now: int) -> EpochKey:
        assert (community, now > 0) == ("c.hotline.example", True)
        return self.held[-1]

    def tagging(self, community: str) -> Sequence[EpochKey]:
        assert community == "c.hotline.example"
        return self.held


class Hotline:
    """One feed and whoever publishes on it."""

    def __init__(self, core: Core) -> None:
        self.core, self.keys, self.workers = core, Keys(), Workers()
        self.feeds = Feeds(
            organisation="hotline.example",
            store=core.store,
            writer=core.writer,
            communities=lambda: ("c.hotline.example",),
            audiences=lambda: {"all": ("platform.example",)},
        )
        self.retagger = Retagger(writer=core.writer, workers=self.workers, data_key=KEY, clock=core.clock)
        self.publisher = Publisher(
            feeds=self.feeds,
            writer=core.writer,
            keys=self.keys,
            profiles=Profiles(),
            workers=self.workers,
            retagger=self.retagger,
            gate=plain_gate(core),
            data_key=KEY,
            lifetimes=Lifetimes,
            clock=core.clock,
        )
        self.log = self.run(self.feeds.create(name="x", community="c.hotline.example", audience="all", actor=ME)).log

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def step(self, what: str, number: int) -> None:
        match what:
            case "publish" | "revise":
                row = RowIn(1, "url", f"https://n{number}.example/", "", 0, 0)
                self.run(self.publisher.publish("x", [DETAILS[what == "revise"]], [row], actor=ME))
            case "withdraw":
                self.run(
                    self.publisher.withdraw(
                        "x",
                        signals=[number + 1],
                        identifiers=(),
                        reason="false_positive",
                        required_action="stop_matching",
                        actor=ME,
                    )
                )
            case "rotate":
                self.keys.rotate()
            case _:
                self.core.clock.now += 100 * DAY_MS  # beyond the default lifetime of a URL

    def records(self) -> dict[int, OwnRecord]:
        size = self.core.writer.heads[self.log].size
        with self.core.store.read() as session:
            return by_signals(session, self.log, range(size))

    def forget(self, signals: Sequence[int]) -> None:
        """Drop these own records and make everything from the entries again."""
        with self.core.store.read() as session:
            runs = [run for run, _ in stored_runs(session, self.log)]

        def operation(tx: Any) -> None:
            for signal in signals:
                tx.sql.execute("DELETE FROM own_record WHERE log = ? AND signal = ?", (self.log, signal))
            for run in runs:
                rebuild(tx.sql, self.log, run)

        self.core.writer.call(operation)


STEPS = st.tuples(st.sampled_from(["publish", "publish", "revise", "withdraw", "rotate", "later"]), st.integers(0, 4))


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_records_from_entries_equal_those_from_publishing_but_for_the_identifier(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder, open_core(Path(folder)) as core:
        hotline = Hotline(core)
        for what, number in steps:
            hotline.step(what, number)
        before = hotline.records()
        hotline.forget(list(before))
        assert hotline.records() == {signal: record._replace(sealed=b"") for signal, record in before.items()}


def test_an_identifier_that_is_still_kept_stays(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        hotline = Hotline(core)
        hotline.step("publish", 0)
        hotline.step("publish", 1)
        before = hotline.records()
        hotline.forget([2])
        after = hotline.records()
        assert after[1] == before[1]
        assert after[2] == before[2]._replace(sealed=b"")
