"""Second persons on a real store and writer: how long requests and approvals live, and what they cover."""

import asyncio
from collections.abc import Coroutine, Generator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tocsin_crypto.tag import EpochKey
from tocsin_node.errors import Denied, Exhausted, Invalid, Refused
from tocsin_node.guard import desk as desks
from tocsin_node.guard.approvals import Approvals
from tocsin_node.guard.desk import DAY_MS, Asked, Desk, Shown
from tocsin_node.guard.gate import Gate
from tocsin_node.guard.sources import Sources
from tocsin_node.log.envelope import Actor
from tocsin_node.profiles import Profiles
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.prepare import RowIn
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.service import Publisher
from tocsin_node.testing.core import Core, open_core
from tocsin_node.testing.gate import KEY, NobodyCounted
from tocsin_node.workers import Workers
from tocsin_signals.probes import RESERVED

T = TypeVar("T")
ONE, OTHER = Actor("client", "one"), Actor("operator", "other")
SITE = ("url", "https://nytimes.com/")
WHY = "the owner confirms it was taken over"
DATA_KEY = b"\x05" * 32


class Keys:
    """One epoch for ever."""

    def __init__(self) -> None:
        self.held = EpochKey("c.hotline.example", 1, b"\x07" * 32)

    def publishing(self, community: str, now: int) -> EpochKey:
        assert (community, now > 0) == ("c.hotline.example", True)
        return self.held

    def tagging(self, community: str) -> Sequence[EpochKey]:
        assert community == "c.hotline.example"
        return [self.held]


class Office:
    """A node's publishing with a desk; lists may be changed."""

    def __init__(self, core: Core) -> None:
        self.core, self.sources = core, Sources()
        feeds = Feeds(
            organisation="hotline.example",
            store=core.store,
            writer=core.writer,
            communities=lambda: ("c.hotline.example",),
            audiences=lambda: {"all": ("platform.example",)},
        )
        workers, keys, approvals = Workers(), Keys(), Approvals(core.store)
        gate = Gate(
            approvals=approvals,
            key=KEY,
            sources=lambda: self.sources,
            radius=NobodyCounted(),
            limit=lambda: 50,
            clock=core.clock,
        )
        self.feeds = feeds
        self.desk = Desk(
            store=core.store,
            writer=core.writer,
            feeds=feeds,
            keys=keys,
            approvals=approvals,
            gate=gate,
            profiles=Profiles(),
            data_key=DATA_KEY,
            clock=core.clock,
        )
        self.publisher = Publisher(
            feeds=feeds,
            writer=core.writer,
            keys=keys,
            profiles=Profiles(),
            workers=workers,
            retagger=Retagger(writer=core.writer, workers=workers, data_key=DATA_KEY, clock=core.clock),
            gate=gate,
            data_key=DATA_KEY,
            lifetimes=Lifetimes,
            clock=core.clock,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def later(self, days: int) -> None:
        self.core.clock.now += days * DAY_MS + 1

    def ask(self, *values: tuple[str, str], feed: str = "x", why: str = WHY) -> list[Asked]:
        rows = [RowIn(line, kind, value, "", 0, 0) for line, (kind, value) in enumerate(values, 1)]
        return self.run(self.desk.ask(feed, rows, why, actor=ONE))

    def decide(self, number: int, *, approve: bool = True, days: int = 0, actor: Actor = OTHER) -> Shown:
        return self.run(self.desk.decide(number, approve=approve, why="seen and agreed", days=days, actor=actor))

    def blocked(self, kind: str = "url", value: str = SITE[1], feed: str = "x") -> str:
        row = RowIn(1, kind, value, "", 0, 0)
        result = self.run(self.publisher.publish(feed, [b'{"stance":"harmful"}'], [row], actor=ONE))
        return result.refused[0].reason if result.refused else ""


@pytest.fixture
def office(tmp_path: Path) -> Generator[Office]:
    with open_core(tmp_path) as core:
        made = Office(core)
        for name in ("x", "y"):
            made.run(made.feeds.create(name=name, community="c.hotline.example", audience="all", actor=ONE))
        yield made


def test_an_approval_lives_as_long_as_it_says_on_its_feed_alone(office: Office) -> None:
    (asked,) = office.ask(SITE)
    shown = office.decide(asked.number, days=2)
    assert (shown.state, shown.request.ends_at) == ("approved", office.core.clock.now + 2 * DAY_MS)
    assert office.blocked() == ""
    assert office.blocked(feed="y") == "guard:top-site"
    assert office.blocked("url-path") == "guard:top-site"
    office.later(2)
    assert office.blocked() == "guard:top-site"
    assert office.desk.counts() == (0, 0)
    assert [one.state for one in office.desk.all(ended=True)] == ["ended"]


def test_an_approval_covers_the_rules_it_was_asked_for_and_no_other(office: Office) -> None:
    (asked,) = office.ask(SITE)
    office.decide(asked.number)
    assert office.blocked() == ""
    office.sources = Sources(own=b"domain nytimes.com\n")
    assert office.blocked() == "guard:own-asset"
    (further,) = office.ask(SITE)
    assert further.rules == ("own-asset",)
    office.decide(further.number)
    assert office.blocked() == ""


def test_a_request_that_nobody_decides_ends_and_its_value_is_dropped(office: Office) -> None:
    (asked,) = office.ask(SITE)
    office.later(desks.PENDING_DAYS)
    assert office.desk.all(ended=False) == []
    with pytest.raises(Refused, match="ended already"):
        office.decide(asked.number)
    (again,) = office.ask(SITE)
    assert again.number != asked.number
    office.later(desks.PENDING_DAYS + desks.KEPT_DAYS + 1)
    office.ask(SITE)
    assert [one.state for one in office.desk.all(ended=True)] == ["pending"]


def test_whoever_asked_neither_approves_nor_refuses_and_nobody_else_withdraws(office: Office) -> None:
    (asked,) = office.ask(SITE)
    for approve in (True, False):
        with pytest.raises(Denied, match="another person"):
            office.decide(asked.number, approve=approve, actor=Actor("operator", "one"))
    with pytest.raises(Denied, match="only the token that asked"):
        office.run(office.desk.withdraw(asked.number, why="", actor=OTHER))
    assert office.decide(asked.number).request.decided_by == "other"
    assert office.decide(asked.number, approve=False).state == "refused"  # an approval is ended so
    assert office.blocked() == "guard:top-site"


def test_what_no_approval_could_let_through_is_not_asked_for(office: Office) -> None:
    reserved = RESERVED["url"][0]
    (asked,) = office.ask(("url", reserved.looked_up))
    assert (asked.number, asked.reason) == (0, "reserved-probe")


def test_the_same_row_twice_is_one_request_and_there_is_a_most(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = office.ask(SITE, ("url", "https://nytimes.com"))
    assert (one.number, two.reason) == (two.number, "asked-already")
    monkeypatch.setattr(desks, "GUARD_OPEN", 2)
    with pytest.raises(Exhausted):
        office.ask(("domain", "nytimes.com"), ("domain", "facebook.com"))
    assert office.desk.counts() == (1, 0)


@pytest.mark.parametrize("why", ["", "short", "x" * 501, "a bell \x07 rings here"])
def test_a_reason_is_some_words_on_a_line(office: Office, why: str) -> None:
    with pytest.raises(Invalid, match="written reason"):
        office.ask(SITE, why=why)
    assert office.ask(SITE, why="two\nlines are one")[0].number == 1
    with pytest.raises(Invalid):
        office.run(office.desk.decide(1, approve=True, why=why, days=0, actor=OTHER))
    with pytest.raises(Invalid, match="1 to 30 days"):
        office.decide(1, days=31)


def test_the_log_and_the_database_never_hold_the_value(office: Office, tmp_path: Path) -> None:
    (asked,) = office.ask(("username", "x:admin"), why="an impostor of nobody")
    office.decide(asked.number)
    told = [entry for entry in office.core.audit() if entry["ev"].startswith("guard.")]
    assert [entry["ev"] for entry in told] == ["guard.asked", "guard.approved"]
    assert all("admin" not in str(entry) for entry in told)
    assert told[1]["about"]["asked_by"] == "one"
    assert told[1]["act"]["name"] == "other"
    assert b"x:admin" not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_approvals_are_there_again_after_a_restart(office: Office) -> None:
    (asked,) = office.ask(SITE)
    office.decide(asked.number)
    assert Office(office.core).blocked() == ""
