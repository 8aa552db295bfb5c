"""Tag spaces: the distinct (type, epoch) pairs tags live in, numbered in the order they appear.

Tags of two spaces are never compared: a look-up names its space, and a caller tries every space its feeds use. The
number of spaces per feed is bounded, because a publisher writes type and epoch freely and each space costs every
look-up a tag.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# 20 types over 200 epochs: more than any feed uses in its life. Rows of further spaces are refused and counted.
MAX_SPACES_PER_FEED = 4096
NO_SPACE = 0xFFFFFFFF
_WIDTH = np.uint64(32)


class Spaces:
    """(type, epoch) <-> number, and which feed has which. One writer; `of_feeds` must not run during `admit`."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}  # type << 32 | epoch -> number; readers look up, the writer adds
        self._feeds: dict[int, set[int]] = {}

    def find(self, types: NDArray[np.uint16], epochs: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the number of each pair, NO_SPACE for pairs no feed ever used."""
        return self._map(types, epochs, self._numbers)

    def find_one(self, type_code: int, epoch: int) -> int | None:
        """Return the number of one pair, None if no feed ever used it."""
        return self._numbers.get(type_code << 32 | epoch)

    def admit(self, feed: int, types: NDArray[np.uint16], epochs: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the number of each pair, adding new ones to the feed; NO_SPACE beyond MAX_SPACES_PER_FEED."""
        mine = self._feeds.setdefault(feed, set())
        allowed: dict[int, int] = {}
        for pair in _distinct(types, epochs):
            number = self._numbers.get(pair)
            if number not in mine:
                if len(mine) == MAX_SPACES_PER_FEED:
                    continue
                number = self._numbers.setdefault(pair, len(self._numbers))
                mine.add(number)
            allowed[pair] = number
        return self._map(types, epochs, allowed)

    def pairs(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """Return the (type, epoch) of each number."""
        known = list(self._numbers)
        return [(known[number] >> 32, known[number] & 0xFFFFFFFF) for number in numbers]

    def of_feeds(self) -> dict[int, frozenset[tuple[int, int]]]:
        """Return feed -> its (type, epoch) pairs."""
        pairs = [(pair >> 32, pair & 0xFFFFFFFF) for pair in self._numbers]
        return {feed: frozenset(pairs[number] for number in mine) for feed, mine in self._feeds.items()}

    def types(self) -> frozenset[int]:
        """Return the types of every pair any feed ever used."""
        return frozenset(pair >> 32 for pair in self._numbers)

    def replace(self, feeds: dict[int, set[int]]) -> None:
        """Set which feed has which numbers."""
        self._feeds = feeds

    def drop(self, feed: int) -> None:
        """Forget the feed; the numbers stay."""
        self._feeds.pop(feed, None)

    @staticmethod
    def _map(types: NDArray[np.uint16], epochs: NDArray[np.uint32], numbers: dict[int, int]) -> NDArray[np.uint32]:
        if not types.size:
            return np.zeros(0, dtype=np.uint32)
        pairs = types.astype(np.uint64) << _WIDTH | epochs
        if (pairs == pairs[0]).all():
            return np.full(types.shape, numbers.get(int(pairs[0]), NO_SPACE), dtype=np.uint32)
        distinct, inverse = np.unique(pairs, return_inverse=True)
        mapped = np.array([numbers.get(pair, NO_SPACE) for pair in distinct.tolist()], dtype=np.uint32)
        return mapped[inverse]


def _distinct(types: NDArray[np.uint16], epochs: NDArray[np.uint32]) -> list[int]:
    if not types.size:
        return []
    pairs = types.astype(np.uint64) << _WIDTH | epochs
    if (pairs == pairs[0]).all():
        return [int(pairs[0])]
    return np.unique(pairs).tolist()
