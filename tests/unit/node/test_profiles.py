"""A refused profile: what it says, and that publishing, taking back, revising and looking up keep to it."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unit.node.publish.test_publish import ME, Bench, make
from tocsin_node.errors import Refused
from tocsin_node.match.intake import take_in
from tocsin_node.match.query import Query
from tocsin_node.policy.effect import Effect
from tocsin_node.profiles import Profiles, check_once
from tocsin_node.publish.prepare import RowIn
from tocsin_node.testing.core import Clock, open_core
from tocsin_signals.selfcheck import Outcome

BROKEN = Outcome("domain/1", 9, "00" * 32, "ada-url 9.9", "differs from its vectors at domain-0007", "domain-0007")


def broken() -> dict[str, Outcome]:
    return check_once() | {"domain/1": BROKEN}


@pytest.fixture
def bench(tmp_path: Path) -> Generator[Bench]:
    clock = Clock()
    with open_core(tmp_path, clock=clock) as core:
        made = make(core, clock, Profiles(broken))
        made.core.writer.observe(lambda stored: take_in(made.index, stored))
        made.run(made.feeds.create(name="x", community="c.hotline.example", audience="all", actor=ME))
        yield made


def test_an_installation_that_holds_refuses_nothing() -> None:
    assert (Profiles().refused(), Profiles().problems()) == ({}, ())
    assert all(one.ok for one in Profiles().outcomes())


def test_a_refused_profile_is_told_with_its_types_row_and_versions() -> None:
    (said,) = Profiles(broken).problems()
    assert said.startswith("nothing is published or looked up as domain: domain/1 differs from its vectors")
    assert "domain-0007" in said
    assert "ada-url 9.9" in said
    assert list(Profiles(broken).refused()) == ["domain"]


def test_every_refused_profile_is_audited_once(bench: Bench) -> None:
    bench.core.writer.call(Profiles(broken).record)
    (entry,) = [entry for entry in bench.core.audit() if entry["ev"] == "profile.refused"]
    assert entry["about"] == {"profile": "domain/1", "row": "domain-0007"}


def test_rows_of_its_types_are_refused_and_others_are_published(bench: Bench) -> None:
    rows = [RowIn(line, kind, "a.example", "", 0, 0) for line, kind in enumerate(("domain", "url"), 1)]
    found = bench.run(bench.publisher.publish("x", [b'{"stance":"harmful"}'], rows, actor=ME))
    assert (found.published, [(one.line, one.reason) for one in found.refused]) == (1, [(1, "self-check")])
    assert "domain-0007" in found.refused[0].sentence


def test_look_ups_of_its_types_are_refused_and_others_leave_them_out(bench: Bench) -> None:
    bench.publish("https://sub.a.example/")
    queries = [Query("domain", "sub.a.example"), Query("url", "sub.a.example")]
    domain, url = bench.run(bench.matcher.match(queries, purpose="detect", actor=ME))
    assert (domain.reject, domain.verdict.effect) == ("self-check", Effect.IGNORE)
    assert (url.reject, url.verdict.effect) == ("", Effect.ENFORCE)
    with pytest.raises(Refused, match="domain-0007"):
        bench.run(bench.matcher.check(bytes(32), "domain", 1, purpose="detect", actor=ME))


def test_many_look_ups_are_refused_alike_in_a_worker_process(bench: Bench) -> None:
    queries = [Query("domain", f"{number}.a.example") for number in range(100)]
    found = bench.run(bench.matcher.match(queries, purpose="detect", actor=ME))
    assert {one.reject for one in found} == {"self-check"}


def test_nothing_is_taken_back_by_a_value_of_its_types(bench: Bench) -> None:
    with pytest.raises(Refused, match="domain-0007"):
        bench.withdraw(identifiers=[Query("domain", "a.example")])


def test_the_outcomes_are_found_out_once() -> None:
    asked: list[int] = []

    def check() -> dict[str, Outcome]:
        asked.append(1)
        return broken()

    profiles = Profiles(check)
    for _ in range(3):
        assert asyncio.run(_refused(profiles)) == ["domain"]
    assert len(asked) == 1


async def _refused(profiles: Profiles) -> list[str]:
    return list(profiles.refused())
