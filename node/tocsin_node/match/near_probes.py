"""Near matches as probes: what a look-up of a type in the clear tries are the values held that are near what was asked.

From there on a near match is a look-up like any other: what was withdrawn, has expired or was dropped is found by
nobody. A feed answers a query with its NEAR_PER_FEED nearest signals at most, so that a publisher with a million hashes
near one another crowds out itself and nobody else.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tocsin_node.clear import CLEAR_CODES, CLEAR_EPOCH
from tocsin_node.limits import NEAR_PER_FEED
from tocsin_node.match.blocks import TAG_BYTES, Hits
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.query import Probes

_CLEAR: Final = np.asarray(sorted(CLEAR_CODES), np.uint16)


def near_probes(index: MatchIndex, asked: Probes) -> Iterator[Probes]:
    """The probes that are tags; then, in place of each value in the clear, every one held that is near it, in parts.

    Of a value `distances` says how far matches may be away; of what is yielded, how far they are. All of one query's
    near matches come together.
    """
    clear = np.isin(asked.types, _CLEAR)
    if not clear.any():
        yield asked
        return
    tags = np.frombuffer(asked.tags, np.uint8).reshape(-1, TAG_BYTES)
    yield asked.where(~clear)
    for code in sorted(CLEAR_CODES & index.types()):
        chosen = np.flatnonzero(asked.types == code)
        for found in index.near(code, np.ascontiguousarray(tags[chosen]), asked.distances[chosen]):
            yield Probes(
                queries=asked.queries[chosen[found.queries]],
                tags=found.words.tobytes(),
                types=np.full(len(found), code, np.uint16),
                epochs=np.full(len(found), CLEAR_EPOCH, np.uint32),
                distances=found.distances.astype(np.uint8),
            )


def nearest(hits: Hits, probes: Probes) -> tuple[NDArray[np.int64], dict[int, int]]:
    """(which hits to keep, how many near ones each query does without): the nearest of each feed, older before newer.

    Hits of tags are all kept.
    """
    near = np.flatnonzero(np.isin(probes.types[hits.queries], _CLEAR))
    if near.size <= NEAR_PER_FEED:
        return np.arange(len(hits)), {}
    asked = hits.queries[near]
    queries, feeds = probes.queries[asked], hits.feeds[near]
    order = np.lexsort((hits.signals[near], probes.distances[asked], feeds, queries))
    fresh = np.ones(order.shape, np.bool_)
    fresh[1:] = (np.diff(queries[order].astype(np.int64)) != 0) | (np.diff(feeds[order]) != 0)
    starts = np.flatnonzero(fresh)
    rank = np.arange(order.size) - np.repeat(starts, np.diff(np.append(starts, order.size)))
    left = near[order[rank >= NEAR_PER_FEED]]
    keep = np.ones(len(hits), np.bool_)
    keep[left] = False
    without, counts = np.unique(probes.queries[hits.queries[left]], return_counts=True)
    return np.flatnonzero(keep), dict(zip(without.tolist(), counts.tolist(), strict=True))
