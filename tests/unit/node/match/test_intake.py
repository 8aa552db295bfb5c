"""Intake gives the same index however a feed is cut into runs."""

from itertools import pairwise

import numpy as np
import pytest

from tocsin_node.log.tx import Stored
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, tag_column

URL = 0x0101
ASSERT, RETAG, REVISE, WITHDRAW = Kind.ASSERT, Kind.RETAG, Kind.REVISE, Kind.WITHDRAW


def feed(kinds: list[Kind]) -> Rows:
    """Entry 0 asserts; every later one is about signal 0, all of one time; a retag gives tag n to entry n."""
    rows = empty_rows(len(kinds))
    rows["kind"], rows["type"], rows["epoch"] = kinds, URL, 1
    rows["ref"] = [NO_REF, *([0] * (len(kinds) - 1))]
    rows["issued_at"], rows["valid_until"] = 1000, 2000 + np.arange(len(kinds))
    tag_column(rows)[:, 0] = np.arange(len(kinds))
    return rows


def taken(rows: Rows, cuts: list[int]) -> list[tuple[int, ...]]:
    index, edges = MatchIndex(), [0, *cuts, len(rows)]
    for start, stop in pairwise(edges):
        numbers = np.arange(start, stop, dtype=np.uint64)
        take_in(index, Stored(3, rows[start:stop], numbers, numbers.astype(np.uint32)))
    return [tuple(hit) for tag in tag_column(rows) for hit in index.lookup_one(tag.tobytes(), URL, 1)]


@pytest.mark.parametrize(
    "kinds",
    [
        [ASSERT, RETAG, REVISE],
        [ASSERT, REVISE, RETAG],
        [ASSERT, REVISE, RETAG, REVISE, RETAG],
        [ASSERT, RETAG, WITHDRAW, REVISE, RETAG],
    ],
)
def test_the_cuts_of_a_feed_make_no_difference(kinds: list[Kind]) -> None:
    rows = feed(kinds)
    one_by_one = taken(rows, list(range(1, len(rows))))
    assert taken(rows, []) == one_by_one
    assert taken(rows, [2]) == one_by_one
