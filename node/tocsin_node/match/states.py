"""What the index knows about each signal, whatever tags it has: details, times, and whether it was withdrawn.

Signals of a feed are numbered densely from 0, so a state is found by arithmetic, not by search: each feed maps pages of
4,096 signal numbers to pages of the shared columns. A row of the index names a *slot* (page, offset); a signal that is
retagged under further epochs has several rows and one slot, and so one word withdraws or revises all of them.

Rules
- A state never goes back: a word with an earlier issued_at than the one held is passed over (issued_at never decreases
  in a feed), equal times are taken in the order given.
- Withdrawn is final. It is kept as issued_at = all ones, valid_until = 0: no later word can be newer, no clock finds it
  valid. A slot never written has valid_until 0 too, so "live" is the one comparison valid_until > now.
- A dropped feed's pages lose their owner at once and are reused after `release`.

- Times are kept once per run of equal ones: the signals of one commit share theirs, so a slot holds the number of its
  pair of times (`times`). Numbers of details and of times take two bytes until they no longer fit.

Columns grow by doubling into memory the system only backs once it is touched (in steps of 2 MiB).
"""

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.columns import Narrow, grown, widened
from tocsin_node.match.times import UNWRITTEN, WITHDRAWN, Times

PAGE_BITS = 12
PAGE = (
    1 << PAGE_BITS
)  # 16 to 32 KiB of columns: small enough for many small feeds, large enough to keep page maps short
MAX_FEED = (1 << 16) - 1  # feed numbers the node gives out, one per feed it follows
MAX_SIGNAL = (1 << 32) - 1  # highest signal number in one feed; bounds the page map of a feed at 4 MiB
MAX_PAGES = 1 << 20  # slots fit in 32 bits
_OFFSET = PAGE - 1
_NO_PAGE = -1


class SignalStates:
    """Slots of signals in shared columns. One writer; readers must not run during `put`, `withdraw` and `revise`."""

    def __init__(self) -> None:
        self.details: Narrow = np.zeros(PAGE, dtype=np.uint16)
        self._times = Times()
        self._owner: NDArray[np.int64] = np.full(1, _NO_PAGE, dtype=np.int64)  # page -> feed, or none
        self._first: NDArray[np.int64] = np.zeros(1, dtype=np.int64)  # page -> its first signal
        self._feeds: dict[int, NDArray[np.int64]] = {}  # feed -> page per 4,096 signals
        self._free: list[int] = []
        self._orphans: list[int] = []  # pages of dropped feeds that rows may still name
        self._pages = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the pages in use."""
        return self._pages * PAGE * self.details.itemsize + self._times.nbytes(self._pages * PAGE)

    def issued_of(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return issued_at of each slot."""
        return self._times.issued_of(slots)

    def until_of(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return valid_until of each slot; 0 where it was withdrawn or never written."""
        return self._times.until_of(slots)

    def feeds_of(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the feed of each slot, -1 where the feed was dropped."""
        return self._owner[slots >> PAGE_BITS]

    def signals_of(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the signal number of each slot."""
        return (self._first[slots >> PAGE_BITS] + (slots & _OFFSET)).astype(np.uint64)

    def slot_one(self, slot: int) -> tuple[int, int, int, int, int]:
        """Return (feed or -1, signal, details, issued_at, valid_until) of one slot."""
        page = slot >> PAGE_BITS
        return (
            self._owner.item(page),
            self._first.item(page) + (slot & _OFFSET),
            self.details.item(slot),
            *self._times.one(slot),
        )

    def allot(self, feed: int, signals: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the slots of these signals, making pages where there are none; ValueError beyond MAX_SIGNAL."""
        if not signals.size:
            return np.zeros(0, dtype=np.int64)
        if int(signals.max()) > MAX_SIGNAL:
            raise ValueError(f"a signal number is above {MAX_SIGNAL}")
        numbers = signals.astype(np.int64)
        wanted = numbers >> PAGE_BITS
        pages = self._feeds.get(feed, np.zeros(0, dtype=np.int64))
        top = int(wanted.max()) + 1
        if top > pages.shape[0]:
            longer = np.full(max(top, 2 * pages.shape[0]), _NO_PAGE, dtype=np.int64)
            longer[: pages.shape[0]] = pages
            pages = self._feeds[feed] = longer
        mapped = pages[wanted]
        missing = mapped == _NO_PAGE
        if missing.any():
            needed = np.zeros(top, dtype=np.bool_)
            needed[wanted[missing]] = True
            for page in np.flatnonzero(needed).tolist():
                pages[page] = self._new_page(feed, page)
            mapped = pages[wanted]
        return (mapped << PAGE_BITS) | (numbers & _OFFSET)

    def find(self, feed: int, signals: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (which of these signals have a slot, their slots), in order."""
        pages = self._feeds.get(feed, np.zeros(0, dtype=np.int64))
        which = np.flatnonzero(signals < np.uint64(pages.shape[0] << PAGE_BITS))
        numbers = signals[which].astype(np.int64)
        mapped = pages[numbers >> PAGE_BITS]
        held = np.flatnonzero(mapped != _NO_PAGE)
        return which[held], (mapped[held] << PAGE_BITS) | (numbers[held] & _OFFSET)

    def prepare(
        self, details: NDArray[np.uint32], issued_at: NDArray[np.uint64], valid_until: NDArray[np.uint64]
    ) -> NDArray[np.uint32]:
        """Return the numbers of these pairs of times, for `put`; makes room for them. Needs no lock against readers."""
        used = self._pages << PAGE_BITS
        if details.size:
            self.details = widened(self.details, used, int(details.max()))
        return self._times.number(used, issued_at, valid_until)

    def put(
        self,
        slots: NDArray[np.int64],
        details: NDArray[np.uint32],
        issued_at: NDArray[np.uint64],
        times: NDArray[np.uint32],
    ) -> None:
        """Take these words, given in log order, where they are not older than what is held."""
        news = issued_at >= self.issued_of(slots)
        if not news.all():
            slots, details, times = slots[news], details[news], times[news]
        self.details[slots] = details  # a slot named twice keeps the last value
        self._times.set(slots, times)

    def known(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which slots hold a signal, live or withdrawn."""
        return (self.issued_of(slots) != 0) | (self.until_of(slots) != 0)

    def withdraw(self, slots: NDArray[np.int64]) -> None:
        """End these signals for good."""
        self._times.set(slots, WITHDRAWN)

    def withdrawn(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which slots hold a withdrawn signal."""
        return self._times.numbers_of(slots) == WITHDRAWN

    def drop(self, feed: int) -> None:
        """Take the feed's pages away from it: one write per 4,096 signals."""
        pages = self._feeds.pop(feed, None)
        if pages is not None:
            owned = pages[pages != _NO_PAGE]
            self._owner[owned] = _NO_PAGE
            self._orphans.extend(owned.tolist())

    def release(self) -> None:
        """Make the pages of dropped feeds usable again, once no row names them."""
        self._free.extend(self._orphans)
        self._orphans = []

    def _new_page(self, feed: int, number: int) -> int:
        if self._free:
            page = self._free.pop()
        else:
            page = self._pages
            if page == MAX_PAGES:
                raise ValueError(f"the match index is full: {MAX_PAGES} pages of {PAGE} signals")
            self._pages += 1
            rows, need = page << PAGE_BITS, self._pages << PAGE_BITS
            self.details = grown(self.details, rows, need)
            self._times.reserve(rows, need)
            self._owner = grown(self._owner, page, self._pages)
            self._first = grown(self._first, page, self._pages)
        here = slice(page << PAGE_BITS, (page + 1) << PAGE_BITS)
        self.details[here] = 0
        self._times.set(here, UNWRITTEN)
        self._owner[page] = feed
        self._first[page] = number << PAGE_BITS
        return page
