"""Over mutual TLS: who is left out of an audience hears withdrawals, and its copy with gaps is sound."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tocsin_node.testing.town import Town, until

ORIGIN = "a.example/feed/urls"
BAD, LATER, AGAIN = (f"https://{name}.example/" for name in ("harmful", "later", "again"))


@pytest.fixture
def town(tmp_path: Path) -> Generator[Town]:
    with Town(tmp_path, "abc") as made:
        made.introduce(("a", "b"), ("a", "c"), ("b", "c"))
        made.found("a")
        made.feed("a", "urls", relay=True)
        for follower in "bc":
            made.policy("a", follower, send=["urls"])
            made.policy(follower, "a")
        made.policy("b", "c", send=[ORIGIN])
        made.policy("c", "b", believe=False)
        yield made


def held(town: Town, names: str, size: int) -> None:
    until(lambda: all(town.followed(name, ORIGIN).size == size for name in names))


@pytest.mark.timeout(120)
def test_a_withdrawal_reaches_who_was_left_out_and_nothing_else_does_even_after_restarts(town: Town) -> None:
    [signal] = town.publish("a", "urls", [BAD]).signals
    held(town, "bc", 2)
    until(lambda: all(one.size == 2 for one in town.own("a", ORIGIN).delivered))
    town.audience("a", "all", ["a", "c"])
    town.publish("a", "urls", [LATER])
    held(town, "bc", 3)
    assert (town.matches("b", BAD), town.matches("b", LATER), town.matches("c", LATER)) == (True, False, True)
    town.stop("b")
    town.withdraw("a", "urls", signal)
    town.start("b")
    held(town, "bc", 4)
    assert not town.matches("b", BAD)
    until(lambda: all(one.size == 4 for one in town.own("a", ORIGIN).delivered))
    sent = [one for one in town.envelopes("a", "signal.delivered") if one["peer"] == "b.example"]
    assert sum(one["n"].get("withheld", 0) for one in sent) == 1
    town.audience("a", "all", ["a", "b", "c"])
    town.publish("a", "urls", [AGAIN])
    held(town, "bc", 5)
    town.stop("b")
    town.start("b")
    assert (town.matches("b", AGAIN), town.matches("b", LATER)) == (True, False)
    assert [town.findings(name) for name in "abc"] == [[], [], []]
