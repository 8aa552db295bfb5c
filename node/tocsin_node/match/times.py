"""When signals were issued and how long they are valid: pairs of times, numbered, and the number of each slot's pair.

The signals of one commit share their times, so pairs are few: 16 bytes for a run of signals instead of for each. A pair
is added for every run of equal times, and looked for only among the block at hand and the pair added last; pairs that
revisions leave without a slot are dropped when they are many.

Numbers and pairs are published together, so a reader that takes them once needs no lock against `number`.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.columns import Narrow, grown, widened

UNWRITTEN: Final = 0  # the pair (0, 0)
WITHDRAWN: Final = 1  # the pair (all ones, 0): no word is newer, no clock finds it valid
_SPARE: Final = 1 << 16  # pairs without a slot that are not worth a clearing


class _Held(NamedTuple):
    numbers: Narrow  # by slot
    issued: NDArray[np.uint64]  # by number
    until: NDArray[np.uint64]


class Times:
    """The times of every slot. One writer; readers must not run during `set`."""

    def __init__(self) -> None:
        issued = np.array([0, 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
        self._held = _Held(np.zeros(1, dtype=np.uint16), issued, np.zeros(2, dtype=np.uint64))
        self._pairs = 2

    def nbytes(self, slots: int) -> int:
        """Bytes for so many slots."""
        return slots * self._held.numbers.itemsize + self._pairs * 16

    def numbers_of(self, slots: NDArray[np.int64]) -> Narrow:
        """Return the number of each slot's pair."""
        return self._held.numbers[slots]

    def issued_of(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return issued_at of each slot."""
        held = self._held
        return held.issued[held.numbers[slots]]

    def until_of(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return valid_until of each slot."""
        held = self._held
        return held.until[held.numbers[slots]]

    def one(self, slot: int) -> tuple[int, int]:
        """Return (issued_at, valid_until) of one slot."""
        held = self._held
        number = held.numbers.item(slot)
        return held.issued.item(number), held.until.item(number)

    def set(self, slots: NDArray[np.int64] | slice, numbers: NDArray[np.uint32] | int) -> None:
        """Give the slots these pairs; a slot named twice keeps the last."""
        self._held.numbers[slots] = numbers

    def reserve(self, used: int, need: int) -> None:
        """Make room for `need` slots, of which `used` hold something."""
        self._held = self._held._replace(numbers=grown(self._held.numbers, used, need))

    def number(self, used: int, issued: NDArray[np.uint64], until: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Return the number of each pair, adding those that are new; `used` slots hold something."""
        if self._pairs > used + _SPARE:
            self._clear(used)
        issued, until, places = _distinct(issued, until)
        held, last = self._held, self._pairs - 1
        if issued.size == 1 and issued[0] == held.issued[last] and until[0] == held.until[last]:
            return np.full(places.shape, last, dtype=np.uint32)
        end = self._pairs + issued.size
        held = _Held(
            widened(held.numbers, used, end),
            grown(held.issued, self._pairs, end),
            grown(held.until, self._pairs, end),
        )
        held.issued[self._pairs : end] = issued
        held.until[self._pairs : end] = until
        numbers = (places + self._pairs).astype(np.uint32)
        self._held, self._pairs = held, end
        return numbers

    def _clear(self, used: int) -> None:
        """Number anew the pairs that slots have."""
        held = self._held
        named = np.zeros(self._pairs, dtype=np.bool_)
        named[[UNWRITTEN, WITHDRAWN]] = True
        named[held.numbers[:used]] = True
        fresh = (np.cumsum(named) - 1).astype(held.numbers.dtype)
        numbers = np.empty_like(held.numbers)
        numbers[:used] = fresh[held.numbers[:used]]
        kept = np.flatnonzero(named)
        self._held, self._pairs = _Held(numbers, held.issued[kept], held.until[kept]), kept.size


def _distinct(
    issued: NDArray[np.uint64], until: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Return (issued, until, place of each row among them), by runs where they are long, else sorted."""
    differs = (issued[1:] != issued[:-1]) | (until[1:] != until[:-1])
    runs = np.count_nonzero(differs) + 1
    if 2 * runs <= issued.size or issued.size <= 1:
        starts = np.append(issued[:1] == issued[:1], differs)
        return issued[starts], until[starts], np.cumsum(starts) - 1
    order = np.lexsort((until, issued))
    issued, until = issued[order], until[order]
    starts = np.append(True, (issued[1:] != issued[:-1]) | (until[1:] != until[:-1]))
    places = np.empty(order.shape, dtype=np.int64)
    places[order] = np.cumsum(starts) - 1
    return issued[starts], until[starts], places
