"""The state of a signal as a truth table: every order of entries that can occur, every boundary to the millisecond."""

from itertools import permutations
from typing import Any, Final

import pytest

from tocsin_node.life.state import Event, Standing, State, fold
from tocsin_signals.entry import MAX_AHEAD_MS, MAX_LIFETIME_MS, NO_REF, Entry, Kind

T: Final = 1_750_000_000_000
DAY: Final = 86_400_000
SIGNAL: Final = 7

LIVE, NOT_YET, TOO_OLD = State.LIVE, State.NOT_YET, State.TOO_OLD
ENDED, EXPIRED, WITHDRAWN = State.EPOCH_ENDED, State.EXPIRED, State.WITHDRAWN


def event(at: int, kind: Kind, issued_at: int, valid_until: int = 0, *, epoch: int = 1, version: int = 1) -> Event:
    ref = NO_REF if kind is Kind.ASSERT else SIGNAL
    said = f"{kind.name} {at}".encode()
    return Event(
        at, Entry(version, kind, 0x0101, epoch, bytes(32), bytes(32), issued_at, valid_until, ref, bytes(16)), said
    )


def story(*kinds: str) -> list[Event]:
    """An assert for ten days at T, then one entry a day: revise (ten days more), retag, withdraw."""
    events = [event(SIGNAL, Kind.ASSERT, T, T + 10 * DAY)]
    for day, word in enumerate(kinds, 1):
        now = T + day * DAY
        until = {"revise": now + 10 * DAY, "shorten": now + 1, "retag": now + 99 * DAY, "withdraw": 0}[word]
        kind = Kind.REVISE if word == "shorten" else Kind[word.upper()]
        events.append(event(SIGNAL + day, kind, now, until, epoch=2 if word == "retag" else 1))
    return events


# What was done each day, then the state at a day, without and with policy's cap of five days.
TABLE: Final = (
    ((), 1, LIVE, LIVE),
    ((), 5, LIVE, TOO_OLD),
    ((), 10, EXPIRED, EXPIRED),
    (("revise",), 6, LIVE, TOO_OLD),
    (("revise",), 5, LIVE, LIVE),
    (("revise",), 10, LIVE, TOO_OLD),
    (("revise",), 11, EXPIRED, EXPIRED),
    (("shorten",), 2, EXPIRED, EXPIRED),
    (("shorten", "revise"), 3, LIVE, LIVE),
    (("revise", "shorten"), 3, EXPIRED, EXPIRED),
    (("retag",), 4, LIVE, LIVE),
    (("retag",), 5, LIVE, TOO_OLD),  # a retag makes nothing young
    (("retag",), 10, EXPIRED, EXPIRED),  # nor longer
    (("retag", "revise"), 6, LIVE, LIVE),
    (("revise", "retag"), 6, LIVE, TOO_OLD),
    (("withdraw",), 2, WITHDRAWN, WITHDRAWN),
    (("withdraw",), 99, WITHDRAWN, WITHDRAWN),
    (("withdraw", "revise"), 3, WITHDRAWN, WITHDRAWN),
    (("withdraw", "retag"), 3, WITHDRAWN, WITHDRAWN),
    (("revise", "withdraw"), 3, WITHDRAWN, WITHDRAWN),
    (("retag", "withdraw"), 3, WITHDRAWN, WITHDRAWN),
    (("shorten", "withdraw"), 3, WITHDRAWN, WITHDRAWN),
)


@pytest.mark.parametrize(("done", "day", "state", "capped"), TABLE)
def test_the_truth_table(done: tuple[str, ...], day: int, state: State, capped: State) -> None:
    standing = fold(story(*done)).standing
    assert standing.state(T + day * DAY) is state
    assert standing.state(T + day * DAY, max_age_ms=5 * DAY) is capped


@pytest.mark.parametrize("done", list(permutations(("revise", "retag", "shorten", "withdraw"))))
def test_in_every_order_the_last_word_before_a_withdrawal_stands_and_a_withdrawal_is_final(
    done: tuple[str, ...],
) -> None:
    found = fold(story(*done))
    before = done[: done.index("withdraw")]
    words = [day for day, word in enumerate(before, 1) if word in ("revise", "shorten")]
    assert found.standing.withdrawn
    assert found.word.index == SIGNAL + (words[-1] if words else 0)
    assert found.withdrawal is not None
    assert found.withdrawal.index == SIGNAL + len(before) + 1
    assert len(found.tagged) == 2


@pytest.mark.parametrize(
    ("standing", "clock", "state"),
    [
        (Standing(T, T + DAY), {"now": T + DAY - 1}, LIVE),
        (Standing(T, T + DAY), {"now": T + DAY}, EXPIRED),
        (Standing(T, T + DAY), {"now": T - MAX_AHEAD_MS}, LIVE),
        (Standing(T, T + DAY), {"now": T - MAX_AHEAD_MS - 1}, NOT_YET),
        (Standing(T, T + 9 * DAY), {"now": T + DAY - 1, "max_age_ms": DAY}, LIVE),
        (Standing(T, T + 9 * DAY), {"now": T + DAY, "max_age_ms": DAY}, TOO_OLD),
        (Standing(T, T + 9 * DAY), {"now": T + DAY - 1, "match_until": T + DAY}, LIVE),
        (Standing(T, T + 9 * DAY), {"now": T + DAY, "match_until": T + DAY}, ENDED),
        (Standing(T, T), {"now": T}, EXPIRED),
        (Standing(T, T + DAY), {"now": T, "superseded": 1}, State.SUPERSEDED),
        (Standing(T, T + DAY), {"now": T + DAY, "superseded": 1}, EXPIRED),
        (Standing(T, T + DAY, withdrawn=True), {"now": T}, WITHDRAWN),
        # Several reasons at once: the first of the list in the module counts.
        (Standing(T, T + DAY, withdrawn=True), {"now": T + DAY, "max_age_ms": 1, "match_until": T}, WITHDRAWN),
        (Standing(T, T + DAY), {"now": T + DAY, "max_age_ms": 1, "match_until": T}, EXPIRED),
        (Standing(T, T + 9 * DAY), {"now": T + DAY, "max_age_ms": 1, "match_until": T}, ENDED),
    ],
)
def test_boundaries_to_the_millisecond_and_precedence(standing: Standing, clock: dict[str, Any], state: State) -> None:
    assert standing.state(**clock) is state


def test_no_word_lasts_longer_than_five_years_from_its_own_time() -> None:
    events = [event(SIGNAL, Kind.ASSERT, T, 2**63), event(9, Kind.REVISE, T + DAY, 2**63)]
    assert fold(events[:1]).standing.valid_until == T + MAX_LIFETIME_MS
    assert fold(events).standing.valid_until == T + DAY + MAX_LIFETIME_MS


def test_entries_of_a_later_version_change_nothing() -> None:
    events = [event(SIGNAL, Kind.ASSERT, T, T + DAY), event(9, Kind.WITHDRAW, T, version=2)]
    assert fold(events).standing == Standing(T, T + DAY)


@pytest.mark.parametrize("events", [[], [event(9, Kind.REVISE, T)], [event(SIGNAL, Kind.ASSERT, T, version=2)]])
def test_what_does_not_begin_with_an_assert_is_no_signal(events: list[Event]) -> None:
    with pytest.raises(ValueError, match="assert"):
        fold(events)
