"""An open-addressing table in one numpy array: fingerprint -> head, the number of the first row of a chain.

Rules
- A slot is one uint64: fingerprint << 32 | head; heads are 1 and up, so 0 is an empty slot.
- The home of a fingerprint is fingerprint * size >> 32: any size will do, and homes keep the order of fingerprints, so
  the whole table can be laid out again from its sorted slots with one running maximum instead of probing.
- Linear probing without wrap-around: a tail lies behind the last home and its end is always empty, so a search needs no
  bounds check. Probes are one slot at a time while many search, then a window at a time: numpy's cost is per call.
- Nothing is ever taken out; the index builds a new table instead.

Growing makes new arrays and publishes them in one assignment, so it needs no lock against readers; `put` changes slots
in place and does.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_EMPTY = np.uint64(0)
MAX_LOAD = 0.75  # linear probing: an absent fingerprint costs 8.5 slots on average here, 3.6 at 0.6
GROWTH = 1.25  # load stays within 0.6..0.75; each fingerprint is laid out about four times again as the table grows
_SLICE = 1 << 18  # slots laid out anew at a time: 8 MiB of temporaries, not several times the table
_MIN_SIZE = 1 << 12
_WINDOW = np.arange(16, dtype=np.int64)
_FEW = 512  # so many searches or fewer look at a window each
_TAIL = 1 << 10


class FingerprintTable:
    """Fingerprint -> head. One writer; readers must not run during `put`."""

    def __init__(self) -> None:
        self._slots: NDArray[np.uint64] = np.zeros(_MIN_SIZE + _TAIL, dtype=np.uint64)
        self._size = _MIN_SIZE  # homes are 0 .. size - 1
        self._view: tuple[NDArray[np.uint64], int] = (self._slots, _MIN_SIZE)  # what readers take, in one step
        self._used = 0

    @property
    def nbytes(self) -> int:
        """Bytes held by the slots."""
        return self._slots.nbytes

    def find(self, fingerprints: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the head for each fingerprint, 0 where there is none."""
        return self.locate(fingerprints)[1]

    def locate(self, fingerprints: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (position, head) for each fingerprint; positions are for `put` and good until the table changes."""
        slots, size = self._view
        positions = _search(slots, fingerprints, _homes(fingerprints, size))
        return positions, (slots[positions] & _LOW).astype(np.int64)

    def find_one(self, fingerprint: int) -> int:
        """Return the head of one fingerprint, 0 when there is none."""
        slots, size = self._view
        position = fingerprint * size >> 32
        while found := slots.item(position):
            if found >> 32 == fingerprint:
                return found & 0xFFFFFFFF
            position += 1
        return 0

    def reserve(self, more: int) -> None:
        """Make room for `more` further fingerprints."""
        need = self._used + more
        if need > self._size * MAX_LOAD:
            size = max(int(need / MAX_LOAD) + 1, int(self._size * GROWTH))
            self._lay_out(_in_order(self._slots), size)

    def put(self, positions: NDArray[np.int64], fingerprints: NDArray[np.uint64], heads: NDArray[np.int64]) -> None:
        """Set the head of each of these distinct fingerprints, new or known; `reserve` first, then `locate` them."""
        entries = fingerprints << _HALF | heads.astype(np.uint64)
        if entries.shape[0] > self._used:  # most slots are about to change: laying out beats probing
            self._merge(entries)
            return
        slots = self._slots
        end = slots.shape[0] - _WINDOW.shape[0]
        while entries.size:
            if int(positions.max()) >= end:  # only fingerprints crowded at the very top come here
                self._merge(entries)
                return
            self._used += int(np.count_nonzero(slots[positions] == _EMPTY))
            slots[positions] = entries  # several may want one empty slot: the last written has it
            lost = np.flatnonzero(slots[positions] != entries)
            self._used -= lost.shape[0]
            entries = entries[lost]
            positions = _search(slots, entries >> _HALF, positions[lost])

    def _merge(self, entries: NDArray[np.uint64]) -> None:
        merged = np.concatenate((self._slots[self._slots != _EMPTY], entries))
        merged.sort(kind="stable")
        newest = np.append(merged[1:] >> _HALF != merged[:-1] >> _HALF, True)  # heads only ever rise
        self._lay_out([merged[newest]], self._size)

    def _lay_out(self, parts: Iterable[NDArray[np.uint64]], size: int) -> None:
        """Replace the table by one of `size` homes holding these distinct fingerprints, in rising order."""
        slots = np.empty(size + _TAIL, dtype=np.uint64)  # not `zeros`: see `states.grown`
        slots.fill(0)
        used = end = 0
        for entries in parts:
            step = np.arange(entries.shape[0], dtype=np.int64)
            positions = _homes(entries >> _HALF, size)
            positions -= step
            np.maximum(positions, end, out=positions)
            np.maximum.accumulate(positions, out=positions)
            positions += step
            used, end = used + entries.shape[0], int(positions[-1]) + 1
            if end > slots.shape[0] - _TAIL:  # only fingerprints crowded at the very top come here
                slots = np.append(slots, np.zeros(end + _TAIL - slots.shape[0], dtype=np.uint64))
            slots[positions] = entries
        self._slots, self._size, self._used = slots, size, used
        self._view = (slots, size)


def _in_order(slots: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """The entries of a table in rising order, some at a time: cut at empty slots, which no fingerprint ever passed."""
    start = 0
    while start < slots.shape[0]:
        stop = min(start + _SLICE, slots.shape[0])
        while stop < slots.shape[0] and slots.item(stop):
            stop += 1
        entries = slots[start:stop]
        entries = entries[entries != _EMPTY]
        entries.sort(kind="stable")  # they come in nearly sorted, which this sort is 13 times faster on
        if entries.size:
            yield entries
        start = stop


def _homes(fingerprints: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    return ((fingerprints * np.uint64(size)) >> _HALF).astype(np.int64)


def _search(
    slots: NDArray[np.uint64], fingerprints: NDArray[np.uint64], positions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where each fingerprint is, or the first empty slot in its place, from `positions` on."""
    found = slots[positions]
    onward = np.flatnonzero((found != _EMPTY) & (found >> _HALF != fingerprints))
    if not onward.size:
        return positions
    positions = positions.copy()
    wanted, here = fingerprints[onward], positions[onward] + 1
    while onward.size > _FEW:
        found = slots[here]
        positions[onward] = here
        more = np.flatnonzero((found != _EMPTY) & (found >> _HALF != wanted))
        onward, wanted, here = onward[more], wanted[more], here[more] + 1
    while onward.size:
        window = slots[here[:, np.newaxis] + _WINDOW]
        stop = (window == _EMPTY) | (window >> _HALF == wanted[:, np.newaxis])
        first = stop.argmax(axis=1)
        ended = stop[np.arange(first.shape[0]), first]
        positions[onward] = here + first
        more = np.flatnonzero(~ended)
        onward, wanted, here = onward[more], wanted[more], here[more] + _WINDOW.shape[0]
    return positions
