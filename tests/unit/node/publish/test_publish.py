"""Publishing and matching on a real store and writer: natural keys, withdrawal, epochs, expiry."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tocsin_crypto.tag import EpochKey
from tocsin_node.errors import Invalid, NotFound
from tocsin_node.log.envelope import Actor
from tocsin_node.log.runs import stored_runs
from tocsin_node.log.tx import Stored
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_node.match.judge import Judge
from tocsin_node.match.query import Query
from tocsin_node.match.service import Matcher, tag_queries
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import parse_policy
from tocsin_node.profiles import Profiles
from tocsin_node.publish import service
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.prepare import RowIn
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.service import ChunkResult, Publisher, Withdrawn
from tocsin_node.publish.trial import Outcome, TrialResult, try_alone
from tocsin_node.testing.core import Clock, Core, open_core
from tocsin_node.testing.gate import KEY, NobodyCounted, plain_gate
from tocsin_node.workers import Workers

T = TypeVar("T")
ME = Actor("client", "test")
DAY_MS = 86_400_000
HARMFUL = b'{"stance":"harmful"}'
SEVERE = b'{"severity":"high","stance":"harmful"}'
POLICY = parse_policy(b'peer = "self"\n[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n', "test")


class Keys:
    """Epochs of one community; the newest is published under."""

    def __init__(self) -> None:
        self.held = [EpochKey("c.hotline.example", 1, b"\x07" * 32)]

    def publishing(self, community: str, now: int) -> EpochKey:
        assert (community, now > 0) == ("c.hotline.example", True)
        return self.held[-1]

    def matching(self, now: int) -> Sequence[EpochKey]:
        assert now > 0
        return self.held

    def tagging(self, community: str) -> Sequence[EpochKey]:
        assert community == "c.hotline.example"
        return self.held

    def ended(self, epoch: int, now: int) -> Collection[str]:
        assert now > 0
        return () if any(key.epoch == epoch for key in self.held) else ("c.hotline.example",)


class Counted:
    """Look-ups as they are counted."""

    def __init__(self) -> None:
        self.items = 0

    def add(self, *, actor: Actor, purpose: str, items: int, effects: Sequence[Effect]) -> None:
        assert (actor, purpose) == (ME, "detect")
        assert len(effects) <= items
        self.items += items


@dataclass(slots=True)
class Bench:
    core: Core
    clock: Clock
    keys: Keys
    index: MatchIndex
    feeds: Feeds
    publisher: Publisher
    retagger: Retagger
    matcher: Matcher
    book: FeedBook
    judge: Judge
    lifetimes: dict[str, int]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def publish(self, *values: str, fields: bytes = HARMFUL, kind: str = "url", until: int = 0) -> ChunkResult:
        rows = [RowIn(number, kind, value, "", 0, until) for number, value in enumerate(values, 1)]
        return self.run(self.publisher.publish("x", [fields], rows, actor=ME))

    def try_out(self, *values: str, fields: bytes = HARMFUL, kind: str = "url", until: int = 0) -> TrialResult:
        rows = [RowIn(number, kind, value, "", 0, until) for number, value in enumerate(values, 1)]
        return self.run(self.publisher.try_out("x", [fields], rows))

    def withdraw(
        self, *, signals: Sequence[int] = (), identifiers: Sequence[Query] = (), reason: str = "false_positive"
    ) -> Withdrawn:
        work = self.publisher.withdraw(
            "x",
            signals=signals,
            identifiers=identifiers,
            reason=reason,
            required_action="stop_matching",
            actor=ME,
        )
        return self.run(work)

    def effect(self, value: str, kind: str = "url") -> Effect:
        found = self.run(self.matcher.match([Query(kind, value)], purpose="detect", actor=ME))
        return found[0].verdict.effect


@pytest.fixture
def bench(tmp_path: Path) -> Generator[Bench]:
    clock = Clock()
    with open_core(tmp_path, clock=clock) as core:
        made = make(core, clock)
        made.core.writer.observe(lambda stored: take_in(made.index, stored))
        made.run(made.feeds.create(name="x", community="c.hotline.example", audience="all", actor=ME))
        yield made


def make(core: Core, clock: Clock, profiles: Profiles | None = None) -> Bench:
    profiles = profiles or Profiles()
    keys, index, workers, lifetimes = Keys(), MatchIndex(), Workers(), dict[str, int]()
    book = FeedBook(store=core.store, counts=lambda _: True, max_silence_ms=lambda: DAY_MS)
    judge = Judge(store=core.store, feeds=book, policy_of=lambda _: POLICY)
    feeds = Feeds(
        organisation="hotline.example",
        store=core.store,
        writer=core.writer,
        communities=lambda: ("c.hotline.example",),
        audiences=lambda: {"all": ("platform.example",)},
    )
    retagger = Retagger(writer=core.writer, workers=workers, data_key=b"\x05" * 32, clock=clock)
    publisher = Publisher(
        feeds=feeds,
        writer=core.writer,
        keys=keys,
        profiles=profiles,
        workers=workers,
        retagger=retagger,
        gate=plain_gate(core),
        data_key=b"\x05" * 32,
        lifetimes=lambda: Lifetimes(lifetimes),
        clock=clock,
    )
    matcher = Matcher(
        index=index,
        judge=judge,
        feeds=book,
        keys=keys,
        profiles=profiles,
        workers=workers,
        tally=Counted(),
        sightings=NobodyCounted(),
        guard_key=KEY,
        clock=clock,
    )
    return Bench(core, clock, keys, index, feeds, publisher, retagger, matcher, book, judge, lifetimes)


def test_a_row_is_published_once_then_unchanged_then_revised(bench: Bench) -> None:
    first = bench.publish("https://a.example/x?b=2&a=1")
    again = bench.publish("HTTPS://www.A.example/x?a=1&b=2#top")
    other = bench.publish("https://a.example/x?a=1&b=2", fields=SEVERE)
    assert (first.published, again.unchanged, other.revised) == (1, 1, 1)
    assert first.signals == again.signals == other.signals == (1,)


def test_one_signal_twice_in_a_chunk_is_one(bench: Bench) -> None:
    result = bench.publish("https://a.example/", "a.example")
    assert (result.published, result.unchanged, result.signals) == (1, 1, (1, 1))


def test_validity_alone_revises_only_when_asked_for_and_a_day_apart(bench: Bench) -> None:
    until = bench.clock.now + 30 * DAY_MS
    bench.publish("https://a.example/", until=until)
    assert bench.publish("https://a.example/").unchanged == 1
    assert bench.publish("https://a.example/", until=until + DAY_MS // 2).unchanged == 1
    assert bench.publish("https://a.example/", until=until + 2 * DAY_MS).revised == 1


def test_refused_rows_say_why_without_the_value_and_the_others_go_on(bench: Bench) -> None:
    result = bench.publish("https://good.example/", "javascript:secret-thing", "https://google.com/")
    assert result.published == 1
    assert [refusal.reason for refusal in result.refused] == ["scheme", "guard:shared-host"]
    assert not any("secret-thing" in refusal.sentence for refusal in result.refused)
    assert bench.core.audit()[-1]["n"] == {"published": 1, "refused": 2}


@pytest.mark.parametrize(("days", "reason"), [(-1, "expired"), (5 * 365 + 2, "lifetime")])
def test_a_signal_that_is_over_or_lives_too_long_is_refused(bench: Bench, days: int, reason: str) -> None:
    result = bench.publish("https://a.example/", until=bench.clock.now + days * DAY_MS)
    assert [refusal.reason for refusal in result.refused] == [reason]


def test_details_that_are_no_object_or_use_other_words_are_refused(bench: Bench) -> None:
    assert bench.publish("https://a.example/", fields=b"[]").refused[0].reason == "details"
    assert bench.publish("https://a.example/", fields=b'{"stance":"certainly"}').refused[0].reason == "stance"


def test_a_dry_run_says_what_publishing_would_do_and_writes_nothing(bench: Bench) -> None:
    bench.publish("https://a.example/", "https://b.example/")
    size, audit = bench.publish("https://a.example/").size, bench.core.audit()
    values = ("https://new.example/", "a.example/", "javascript:x", "https://google.com/")
    result = bench.try_out(*values)
    assert [(row.line, row.outcome, row.changed) for row in result.tried] == [
        (1, Outcome.PUBLISH, True),
        (2, Outcome.UNCHANGED, False),
    ]
    assert [(one.line, one.reason) for one in result.refused] == [(3, "scheme"), (4, "guard:shared-host")]
    assert [row.outcome for row in bench.try_out("a.example", fields=SEVERE).tried] == [Outcome.REVISE]
    assert bench.try_out("a.example", fields=b"[]").refused[0].reason == "details"
    assert bench.core.audit() == audit
    assert bench.publish("https://a.example/").size == size
    done = bench.publish(*values)
    assert (done.published, done.unchanged) == (1, 1)
    assert [(one.line, one.reason) for one in done.refused] == [(one.line, one.reason) for one in result.refused]


def test_rows_of_one_signal_have_one_key_in_a_dry_run_with_and_without_a_feed(bench: Bench) -> None:
    values = ("https://a.example/", "HTTP://www.A.example:80", "https://b.example/")
    rows = [RowIn(number, "url", value, "", 0, 0) for number, value in enumerate(values, 1)]
    for result in (bench.try_out(*values), try_alone([HARMFUL], rows, now=bench.clock.now)):
        one, same, other = (row.key for row in result.tried)
        assert one == same != other


def test_a_dry_run_without_a_feed_refuses_what_any_node_would(bench: Bench) -> None:
    rows = [
        RowIn(number, "url", value, "", 0, 0) for number, value in enumerate(("javascript:x", "https://google.com/"))
    ]
    alone, asked = try_alone([HARMFUL], rows, now=bench.clock.now), bench.try_out("javascript:x", "https://google.com/")
    assert [(one.reason, one.sentence) for one in alone.refused] == [
        (one.reason, one.sentence) for one in asked.refused
    ]
    assert try_alone([b"[]"], rows, now=bench.clock.now).refused[0].reason == "details"


def test_a_dry_run_knows_withdrawn_expired_and_carried_over_signals(bench: Bench) -> None:
    bench.publish("https://a.example/", "https://b.example/")
    bench.withdraw(signals=[2])
    bench.keys.held.append(EpochKey("c.hotline.example", 2, b"\x08" * 32))
    outcomes = [row.outcome for row in bench.try_out("https://a.example/", "https://b.example/").tried]
    assert outcomes == [Outcome.UNCHANGED, Outcome.PUBLISH]
    done = bench.publish("https://a.example/", "https://b.example/")
    assert (done.unchanged, done.published) == (1, 1)
    bench.clock.now += 91 * DAY_MS
    assert [row.outcome for row in bench.try_out("https://a.example/").tried] == [Outcome.PUBLISH]


def test_a_match_is_found_in_every_expression_of_a_look_up(bench: Bench) -> None:
    bench.publish("evil.example", kind="domain")
    bench.publish("https://other.example/users/7/", kind="url-prefix")
    assert bench.effect("https://cdn.evil.example:8443/any?thing=1") is Effect.ENFORCE
    assert bench.effect("https://other.example/users/7/photo.html") is Effect.ENFORCE
    assert bench.effect("https://other.example/users/8/") is Effect.IGNORE


def test_withdrawn_and_expired_signals_stop_at_once(bench: Bench) -> None:
    bench.publish("https://a.example/", "https://b.example/")
    done = bench.withdraw(identifiers=[Query("url", "a.example")])
    assert (done.withdrawn, done.not_found) == ((1,), 0)
    assert bench.effect("https://a.example/") is Effect.IGNORE
    assert bench.effect("https://b.example/") is Effect.ENFORCE
    bench.clock.now += 91 * DAY_MS
    assert bench.effect("https://b.example/") is Effect.IGNORE


def test_a_withdrawal_is_idempotent_and_says_what_it_did_not_find(bench: Bench) -> None:
    bench.publish("https://a.example/")
    assert bench.withdraw(signals=[1]).withdrawn == (1,)
    again = bench.withdraw(signals=[1, 99])
    assert (again.withdrawn, again.already, again.not_found) == ((), (1,), 1)
    with pytest.raises(Invalid, match="reason"):
        bench.withdraw(signals=[1], reason="because")


def test_what_was_withdrawn_may_be_published_again_as_a_new_signal(bench: Bench) -> None:
    bench.publish("https://a.example/")
    bench.withdraw(signals=[1])
    again = bench.publish("https://a.example/")
    assert (again.published, again.signals) == (1, (3,))
    assert bench.effect("https://a.example/") is Effect.ENFORCE


def test_an_expired_signal_is_published_anew(bench: Bench) -> None:
    bench.publish("https://a.example/")
    bench.clock.now += 91 * DAY_MS
    assert bench.publish("https://a.example/").published == 1


def test_a_new_epoch_carries_live_signals_over_and_doubles_none(bench: Bench) -> None:
    bench.publish("https://a.example/", "https://b.example/")
    bench.withdraw(signals=[2])
    bench.keys.held.append(EpochKey("c.hotline.example", 2, b"\x08" * 32))
    result = bench.publish("https://a.example/")
    assert (result.unchanged, result.signals) == (1, (1,))
    for held in ([bench.keys.held[0]], [bench.keys.held[1]]):
        bench.keys.held = held
        assert bench.effect("https://a.example/") is Effect.ENFORCE
        assert bench.effect("https://b.example/") is Effect.IGNORE


def test_a_withdrawal_by_identifier_takes_the_signal_that_is_live_now(bench: Bench) -> None:
    bench.publish("https://a.example/")
    bench.withdraw(signals=[1])
    bench.keys.held.append(EpochKey("c.hotline.example", 2, b"\x08" * 32))
    assert bench.publish("https://a.example/").signals == (3,)
    assert bench.withdraw(identifiers=[Query("url", "a.example")]).withdrawn == (3,)
    assert bench.effect("https://a.example/") is Effect.IGNORE


def test_a_chunk_overtaken_by_a_new_epoch_is_published_under_that_epoch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.publish("https://a.example/")
    own = bench.feeds.get("x")

    async def rotating(_: Workers, function: Callable[..., object], *args: object) -> object:
        result = function(*args)
        if len(bench.keys.held) == 1:  # the first chunk is tagged, and not yet on its way to the log
            bench.keys.held.append(EpochKey("c.hotline.example", 2, b"\x08" * 32))
            assert await bench.retagger.ensure(own, bench.keys.held[-1]) == 1
        return result

    def many(_: object) -> bool:
        return False

    monkeypatch.setattr(service, "are_few", many)
    monkeypatch.setattr(Workers, "run", rotating)
    assert bench.publish("https://b.example/").published == 1
    assert bench.publish("https://a.example/", "https://b.example/").unchanged == 2
    bench.keys.held = bench.keys.held[1:]
    assert bench.effect("https://b.example/") is Effect.ENFORCE


def test_the_index_loaded_at_start_answers_as_the_one_that_was_fed_live(bench: Bench) -> None:
    bench.publish(*(f"https://n{number}.example/" for number in range(40)))
    bench.publish("https://n3.example/", fields=SEVERE)
    bench.withdraw(signals=[5, 6])
    loaded = MatchIndex()
    with bench.core.store.read() as session:
        for run, ids in stored_runs(session, bench.feeds.get("x").log):
            take_in(loaded, Stored(bench.feeds.get("x").log, run.rows, run.indices(), ids[run.numbers]))
    queries = [Query("url", f"https://n{number}.example/") for number in range(40)]
    for probe in tag_queries(queries, bench.keys.held).probes:
        found = (probe.tag, probe.type, probe.epoch)
        assert loaded.lookup_one(*found) == bench.index.lookup_one(*found)


def test_more_than_a_few_rows_go_through_worker_processes_with_the_same_result(bench: Bench) -> None:
    values = [f"https://many-{number}.example/" for number in range(100)]
    assert bench.publish(*values).published == 100
    queries = [Query("url", value) for value in values]
    found = bench.run(bench.matcher.match(queries, purpose="detect", actor=ME))
    assert {one.verdict.effect for one in found} == {Effect.ENFORCE}


def test_a_value_that_cannot_be_looked_up_is_told_beside_the_others(bench: Bench) -> None:
    bench.publish("https://a.example/")
    queries = [Query("url", "javascript:x"), Query("url", "a.example"), Query("nonsense", "x")]
    found = bench.run(bench.matcher.match(queries, purpose="detect", actor=ME))
    assert [one.reject for one in found] == ["scheme", "", "unknown-type"]
    assert found[1].verdict.effect is Effect.ENFORCE


def test_no_identifier_stands_in_the_database_files(bench: Bench, tmp_path: Path) -> None:
    bench.publish("https://very-secret.example/hidden-path")
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert b"very-secret" not in content
        assert b"hidden-path" not in content


def test_an_unknown_feed_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.run(bench.publisher.publish("nope", [HARMFUL], [RowIn(1, "url", "a.example", "", 0, 0)], actor=ME))
