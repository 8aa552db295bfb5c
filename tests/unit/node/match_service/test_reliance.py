"""Look-ups over followed feeds: silence, stopped feeds, removed peers, and what a publisher may write by mistake."""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tocsin_crypto.tag import EpochKey
from tocsin_node.errors import Invalid
from tocsin_node.limits import CHECK_TAGS, MATCH_QUERIES
from tocsin_node.log.envelope import Actor
from tocsin_node.log.runs import DetailsTable
from tocsin_node.log.tx import Stored, Tx
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_node.match.judge import Judge
from tocsin_node.match.query import Query
from tocsin_node.match.service import Matcher, QueryVerdict, tag_queries
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import parse_policy
from tocsin_node.profiles import Profiles
from tocsin_node.testing.core import NOW, Clock, open_core
from tocsin_node.testing.gate import KEY, NobodyCounted
from tocsin_node.workers import Workers
from tocsin_signals.entry import MAX_LIFETIME_MS, NO_REF, Kind, empty_rows, tag_column

ME = Actor("client", "test")
WEEK_MS = 7 * 86_400_000
URL = 0x0101
KEYS = [EpochKey("c.hotline.example", number, bytes([number]) * 32) for number in (1, 2)]
HARMFUL, SUSPECTED = (
    b'{"salt":"00000000000000000000000000000000","stance":"%s"}' % stance for stance in (b"harmful", b"suspected")
)
QUERY = Query("url", "https://evil.example/")


class Held:
    """Two live epochs."""

    def matching(self, now: int) -> Sequence[EpochKey]:
        assert now > 0
        return KEYS

    def ended(self, epoch: int, now: int) -> Sequence[str]:
        assert (epoch in (1, 2), now > 0) == (True, True)
        return ()


class Counted:
    """Look-ups as they are counted."""

    def add(self, *, actor: Actor, purpose: str, items: int, effects: Sequence[Effect]) -> None:
        assert (actor, purpose) == (ME, "detect")
        assert len(effects) <= items


@dataclass(slots=True)
class Rig:
    """A matcher over one followed feed whose entries a test makes by hand."""

    clock: Clock
    book: FeedBook
    judge: Judge
    index: MatchIndex
    matcher: Matcher
    log: int
    details: dict[bytes, int]
    removed: set[str]
    policy: list[bytes]
    size: int = field(default=1)

    def take(self, kind: int, *, tag: bytes = b"", blob: bytes = HARMFUL, **values: int) -> int:
        """One entry of the feed; returns its index."""
        row = empty_rows(1)
        row["kind"], row["type"], row["epoch"], row["ref"] = kind, URL, 1, NO_REF
        row["issued_at"], row["valid_until"] = NOW, NOW + 30 * 86_400_000
        tag_column(row)[0] = np.frombuffer(tag or tags()[0], np.uint8)
        for name, value in values.items():
            row[name] = np.uint64(value).astype(row.dtype[name])
        details = np.asarray([self.details[blob]], np.uint32)
        take_in(self.index, Stored(self.log, row, np.asarray([self.size], np.uint64), details))
        self.size += 1
        return self.size - 1

    def verdict(self, query: Query = QUERY) -> QueryVerdict:
        return asyncio.run(self.matcher.match([query], purpose="detect", actor=ME))[0]

    def effect(self, query: Query = QUERY) -> Effect:
        return self.verdict(query).verdict.effect


def tags(epoch: int = 1) -> list[bytes]:
    """The tag of the query's url under an epoch."""
    return [probe.tag for probe in tag_queries([QUERY], [KEYS[epoch - 1]]).probes if probe.type == URL]


BLOBS = [HARMFUL, SUSPECTED, b"not json"]


@pytest.fixture
def rig(tmp_path: Path) -> Generator[Rig]:
    clock, removed = Clock(), set[str]()
    policy = [b'peer = "hotline.example"\n[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n']
    with open_core(tmp_path, "platform.example", clock=clock) as core:

        def make(tx: Tx) -> tuple[int, list[int]]:
            log = tx.new_log("hotline.example/feed/x", "followed", "hotline.example", heard_at=NOW)
            return log, DetailsTable().ids(tx.sql, BLOBS)

        log, ids = core.writer.call(make)
        book = FeedBook(store=core.store, counts=lambda peer: peer not in removed, max_silence_ms=lambda: WEEK_MS)
        judge = Judge(store=core.store, feeds=book, policy_of=lambda _: parse_policy(policy[-1], "test"))
        index = MatchIndex()
        matcher = Matcher(
            index=index,
            judge=judge,
            feeds=book,
            keys=Held(),
            profiles=Profiles(),
            workers=Workers(),
            tally=Counted(),
            sightings=NobodyCounted(),
            guard_key=KEY,
            clock=clock,
        )
        yield Rig(clock, book, judge, index, matcher, log, dict(zip(BLOBS, ids, strict=True)), removed, policy)


def test_a_signal_of_a_peer_matches_with_its_origin_number_and_details(rig: Rig) -> None:
    signal = rig.take(Kind.ASSERT)
    found = rig.verdict()
    assert found.verdict.effect is Effect.ENFORCE
    assert dict(found.blobs) == {("hotline.example/feed/x", signal): HARMFUL}


def test_a_feed_not_heard_from_is_capped_at_review_until_it_speaks(rig: Rig) -> None:
    rig.take(Kind.ASSERT)
    rig.clock.now += WEEK_MS
    assert rig.effect() is Effect.ENFORCE
    rig.clock.now += 1
    assert rig.effect() is Effect.REVIEW
    rig.book.heard(rig.log, rig.clock.now)
    assert rig.effect() is Effect.ENFORCE


def test_a_feed_stopped_for_misbehaviour_is_capped_at_review(rig: Rig) -> None:
    rig.take(Kind.ASSERT)
    rig.book.set_state(rig.log, "stopped")
    assert rig.effect() is Effect.REVIEW
    assert any("stopped" in reason for reason in rig.verdict().verdict.reasons)


def test_nothing_of_a_removed_peer_counts(rig: Rig) -> None:
    rig.take(Kind.ASSERT)
    rig.removed.add("hotline.example")
    assert rig.effect() is Effect.IGNORE
    assert rig.verdict().verdict.assertions == ()


def test_a_changed_policy_decides_from_then_on(rig: Rig) -> None:
    rig.take(Kind.ASSERT)
    assert rig.effect() is Effect.ENFORCE
    rig.policy.append(rig.policy[0].replace(b"enforce", b"shadow"))
    rig.judge.forget_decisions()
    assert rig.effect() is Effect.SHADOW


def test_one_signal_under_two_live_epochs_counts_once(rig: Rig) -> None:
    signal = rig.take(Kind.ASSERT)
    rig.take(Kind.RETAG, tag=tags(2)[0], epoch=2, ref=signal)
    assert len(rig.verdict().verdict.assertions) == 1
    rig.take(Kind.WITHDRAW, ref=signal, type=0, epoch=0)
    assert rig.effect() is Effect.IGNORE


def test_a_tag_of_one_epoch_never_matches_in_another(rig: Rig) -> None:
    rig.take(Kind.ASSERT, tag=tags(1)[0], epoch=2)
    rig.take(Kind.ASSERT, tag=tags(1)[0], type=0x0102)
    assert rig.effect() is Effect.IGNORE


def test_a_revision_changes_what_is_said(rig: Rig) -> None:
    signal = rig.take(Kind.ASSERT)
    rig.take(Kind.REVISE, blob=SUSPECTED, ref=signal, issued_at=NOW + 1)
    assert rig.effect() is Effect.IGNORE


@pytest.mark.parametrize("values", [(5, URL, 1), (200, URL, 1), (1, 0xFFFF, 1), (1, URL, 2)])
def test_entries_of_a_later_protocol_never_match(rig: Rig, values: tuple[int, int, int]) -> None:
    kind, code, version = values
    rig.take(kind, type=code, version=version)
    assert rig.effect() is Effect.IGNORE


def test_details_that_are_not_what_they_should_be_never_match(rig: Rig) -> None:
    rig.take(Kind.ASSERT, blob=b"not json")
    assert rig.effect() is Effect.IGNORE


def test_a_signal_issued_in_the_future_waits_for_its_time(rig: Rig) -> None:
    rig.take(Kind.ASSERT, issued_at=NOW + 3_600_000)
    assert rig.effect() is Effect.IGNORE
    rig.clock.now += 3_600_000
    assert rig.effect() is Effect.ENFORCE


def test_no_signal_outlives_five_years_whatever_it_claims(rig: Rig) -> None:
    rig.take(Kind.ASSERT, valid_until=2**64 - 1)
    for left, effect in ((1, Effect.ENFORCE), (0, Effect.IGNORE)):
        rig.clock.now = NOW + MAX_LIFETIME_MS - left
        rig.book.heard(rig.log, rig.clock.now)
        assert rig.effect() is effect


def test_a_time_near_the_end_of_64_bits_does_not_wrap_round(rig: Rig) -> None:
    rig.take(Kind.ASSERT, issued_at=2**63 - 1, valid_until=2**64 - 1)
    assert rig.effect() is Effect.IGNORE


def test_an_address_under_a_published_one_is_not_the_published_one(rig: Rig) -> None:
    rig.take(Kind.ASSERT)
    assert rig.effect(Query("url", "https://evil.example/other")) is Effect.IGNORE


def test_a_check_answers_for_the_tags_that_match_by_position(rig: Rig) -> None:
    rig.take(Kind.ASSERT)
    found = asyncio.run(rig.matcher.check(bytes(32) + tags()[0] + bytes(32), "url", 1, purpose="", actor=ME))
    assert [(one.query, one.verdict.effect) for one in found] == [(1, Effect.ENFORCE)]


def test_requests_beyond_their_limits_are_refused(rig: Rig) -> None:
    for many in ([], [QUERY] * (MATCH_QUERIES + 1)):
        with pytest.raises(Invalid, match="identifiers"):
            asyncio.run(rig.matcher.match(many, purpose="detect", actor=ME))
    for tags_in in (b"", bytes(31), bytes(32 * (CHECK_TAGS + 1))):
        with pytest.raises(Invalid, match="tags of"):
            asyncio.run(rig.matcher.check(tags_in, "url", 1, purpose="detect", actor=ME))
    with pytest.raises(Invalid, match="purpose"):
        asyncio.run(rig.matcher.match([QUERY], purpose="curiosity", actor=ME))
