"""The counters of look-ups: exact against a plain set, bounded, and never in anybody's way."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tocsin_node.guard.keyed import expression, subject_key, value_key
from tocsin_node.guard.radius import DAY_MS, Pair, Radius
from tocsin_node.limits import RADIUS_SUBJECTS, RADIUS_WAITING


class Day:
    """A clock in whole days."""

    def __init__(self) -> None:
        self.day = 20_000

    def __call__(self) -> int:
        return self.day * DAY_MS


Make = Callable[..., Radius]


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def make(tmp_path: Path, day: Day) -> Make:
    def radius(days: int = 30, **kinds: int) -> Radius:
        return Radius(tmp_path / "radius.db", days=lambda: days, clock=day, **kinds)

    return radius


async def see(radius: Radius, *pairs: Pair) -> None:
    radius.saw(pairs)
    await radius.flush()


def count(radius: Radius, *expressions: int) -> list[int]:
    return asyncio.run(radius.users(expressions))


def test_distinct_users_are_counted_and_survive_a_restart(make: Make, tmp_path: Path) -> None:
    radius = make()
    assert count(radius, 1) == [0]
    assert not (tmp_path / "radius.db").exists()
    radius.saw([(1, 10), (1, 11), (1, 10), (2, 10)])
    assert count(radius, 1, 2, 3) == [2, 1, 0]
    radius.close()
    again = make()
    assert count(again, 1, 2) == [2, 1]
    assert again.rows() == 3
    again.close()


def test_a_user_counts_for_as_many_days_as_configured_since_the_last_look_up(make: Make, day: Day) -> None:
    radius = make(days=3)
    asyncio.run(see(radius, (1, 10), (1, 11)))
    day.day += 2
    asyncio.run(see(radius, (1, 10)))
    assert count(radius, 1) == [2]
    day.day += 1
    assert count(radius, 1) == [1]
    day.day += 2
    assert count(radius, 1) == [0]
    asyncio.run(see(radius, (2, 1)))
    assert radius.rows() == 1
    radius.close()


def test_an_expression_of_very_many_users_stops_growing_but_not_counting(make: Make, day: Day) -> None:
    radius = make()
    asyncio.run(see(radius, *((1, user) for user in range(RADIUS_SUBJECTS + 50))))
    assert count(radius, 1) == [RADIUS_SUBJECTS]
    assert radius.rows() == RADIUS_SUBJECTS
    asyncio.run(see(radius, *((1, user) for user in range(1000, 2000))))
    assert radius.rows() == RADIUS_SUBJECTS
    day.day += 29
    asyncio.run(see(radius, (1, 9998), (1, 9999)))
    assert count(radius, 1) == [RADIUS_SUBJECTS]
    day.day += 1
    assert count(radius, 1) == [2]
    asyncio.run(see(radius, *((1, user) for user in range(5000, 5010))))
    assert count(radius, 1) == [12]
    radius.close()


def test_without_room_the_oldest_day_goes_and_never_today(make: Make, day: Day) -> None:
    radius = make(most_rows=100)
    asyncio.run(see(radius, *((place, 1) for place in range(60))))
    day.day += 1
    asyncio.run(see(radius, *((place, 1) for place in range(100, 160))))
    assert (radius.rows(), radius.dropped) == (100, 20)
    asyncio.run(see(radius, *((place, 1) for place in range(200, 210))))
    assert (radius.rows(), radius.dropped) == (50, 20)
    asyncio.run(see(radius, *((place, 1) for place in range(300, 400))))
    assert (radius.rows(), radius.dropped) == (100, 70)
    asyncio.run(see(radius, (999, 1)))
    assert (radius.rows(), radius.dropped) == (100, 71)
    radius.close()


def test_what_waits_in_memory_is_bounded(make: Make) -> None:
    radius = make()
    radius.saw((place, 1) for place in range(RADIUS_WAITING))
    radius.saw([(-1, 1)])
    assert radius.dropped == 1


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100])
def test_a_damaged_file_is_begun_anew(make: Make, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "radius.db").write_bytes(damage)
    radius = make()
    assert count(radius, 1) == [0]
    asyncio.run(see(radius, (1, 10)))
    assert count(radius, 1) == [1]
    radius.close()


def test_a_file_damaged_in_the_middle_costs_counts_and_nothing_else(make: Make, tmp_path: Path) -> None:
    radius = make()
    asyncio.run(see(radius, *((place, 1) for place in range(5000))))
    radius.close()
    path = tmp_path / "radius.db"
    data = bytearray(path.read_bytes())
    data[4096:] = random.Random(1).randbytes(len(data) - 4096)
    path.write_bytes(data)
    radius = make()
    assert count(radius, 1) in ([0], [1])
    asyncio.run(see(radius, (1, 10)))
    asyncio.run(see(radius, (1, 10)))
    assert count(radius, 1) == [1]
    radius.close()


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6))))))
def test_the_counts_are_those_of_a_plain_table(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, list[Pair]]]
) -> None:
    clock, last = Day(), dict[Pair, int]()
    radius = Radius(tmp_path_factory.mktemp("radius") / "r.db", days=lambda: 4, clock=clock)
    for later, pairs in steps:
        clock.day += later
        radius.saw(pairs)
        last.update(dict.fromkeys(pairs, clock.day))
        slow = [sum(day > clock.day - 4 for (found, _), day in last.items() if found == one) for one in range(5)]
        assert count(radius, *range(5)) == slow
    radius.close()


def test_keys_say_nothing_without_the_nodes_key_and_differ_by_type() -> None:
    one = value_key(b"\x01" * 32, 0x0101, "bad.example/")
    assert one == value_key(b"\x01" * 32, 0x0101, "bad.example/")
    assert one != value_key(b"\x02" * 32, 0x0101, "bad.example/")
    assert one != value_key(b"\x01" * 32, 0x0103, "bad.example/")
    assert subject_key(b"\x01" * 32, "x") != subject_key(b"\x02" * 32, "x")
    assert -(2**63) <= expression(one) < 2**63
