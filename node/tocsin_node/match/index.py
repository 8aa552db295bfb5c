"""The match index: which live signals, of which feeds, assert this tag? Columns in, columns out, no i/o, no clock.

Shape
- A *row* (`rows`) is one distinct (feed, type, epoch, tag): the tag, the number of its space (type, epoch), the slot of
  the newest signal that asserts it, and the next row of its chain. Rows of one chain share a fingerprint (`hashing`);
  `table` leads from a fingerprint to its chain. Whole tags are compared before anything is called a hit.
- What changes about a signal (details, times, withdrawn) is in its slot (`states`), found by arithmetic from its
  number. A signal retagged under further epochs has one slot and several rows: withdrawing or revising is one write.

Rules
- Repeated assertions of one row fold: the signal with the higher number has the row, dead or alive; an older one never
  comes back when the newer is withdrawn.
- The latest word about a signal counts (assert, revise; by issued_at, then the order given). Withdrawn is final.
- A retag is no word: it gives a signal that is known a further row, and changes nothing else (`life.state`).
- A row is live while its signal is neither withdrawn nor expired and its feed was not dropped. Signals issued in the
  future are returned; whether they count is decided with the policy (`tocsin_node.policy.verdict`).
- `compact` forgets withdrawn rows and dropped feeds. Only a publisher that retags an *older* signal onto a tag whose
  newer signal it withdrew could tell the difference.

Threads: one writer, any number of readers in the same process. Hashing, searching and every growth of an array run
outside the lock, on arrays that are published whole; the lock is held for the writes of one call (about a millisecond
per 8,192 rows) and for one look-up, so a reader never sees half a call. `drop_feed` counts from its return.

Chosen by measurement over sorted runs merged like a log-structured tree: at 10 M rows in eight runs, 1,000 look-ups
cost those 3 ms for the keys alone, before any tag is compared.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.blocks import TAG_BYTES, Hit, Hits, SignalBlock, check_tags
from tocsin_node.match.hashing import Fingerprint
from tocsin_node.match.rows import Rows, newest_in_block
from tocsin_node.match.spaces import NO_SPACE, Spaces
from tocsin_node.match.states import MAX_FEED, SignalStates
from tocsin_node.match.table import FingerprintTable

_SCAN = 1 << 17  # rows looked at in one hold of the lock: about a millisecond


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Counts since the index was made, and its size now."""

    rows: int
    withdrawn: int  # signals withdrawn since the last compaction
    dropped_rows: int  # rows of dropped feeds not yet compacted
    refused_rows: int  # rows beyond a feed's limit of tag spaces
    unknown_signals: int  # withdrawals, revisions and retags of signals the index never saw
    nbytes: int  # memory in use, without the head-room of growth


class MatchIndex:
    """Live signals by tag, for every feed this node follows."""

    def __init__(self, *, multipliers: Sequence[int] | None = None) -> None:
        """Make an empty index; `multipliers` fixes the secret fingerprint key (tests), else it is drawn at random."""
        self._fingerprint = Fingerprint(multipliers=multipliers)
        self._lock = Lock()
        self._table = FingerprintTable()
        self._rows = Rows()
        self._states = SignalStates()
        self._spaces = Spaces()
        self._rows_of: dict[int, int] = {}  # feed -> rows; the writer's
        self._withdrawn = self._dropped_rows = self._refused = self._unknown = 0

    def reserve(self, more: int) -> None:
        """Make room for `more` further rows, which the system backs once they are there; saves copies at a start."""
        self._rows.reserve(more, 0)

    def add(self, feed: int, block: SignalBlock) -> None:
        """Add the assert entries of one verified segment, in log order; ValueError beyond a stated limit."""
        self._add(feed, block, words_count=True)

    def retag(self, feed: int, block: SignalBlock) -> None:
        """Add the retag entries of one verified segment: only the tags count, and only of signals there are."""
        which, slots = self._states.find(feed, block.signals)
        known = np.zeros(len(block), dtype=np.bool_)
        known[which] = self._states.known(slots)
        self._unknown += len(block) - int(np.count_nonzero(known))
        self._add(feed, block if known.all() else block.where(known), words_count=False)

    def _add(self, feed: int, block: SignalBlock, *, words_count: bool) -> None:
        if not 0 <= feed <= MAX_FEED:
            raise ValueError(f"a feed number is 0 to {MAX_FEED}, not {feed}")
        with self._lock:
            spaces = self._spaces.admit(feed, block.types, block.epochs)
        if (spaces == NO_SPACE).any():
            admitted = spaces != NO_SPACE
            self._refused += len(block) - int(np.count_nonzero(admitted))
            block, spaces = block.where(admitted), spaces[admitted]
        if not len(block):
            return
        slots = self._states.allot(feed, block.signals)
        words = block.tags.view(np.uint64)
        order, prints = newest_in_block(self._fingerprint.of(block.tags, spaces), words, spaces, block.signals)

        self._table.reserve(order.shape[0])
        positions, heads = self._table.locate(prints)
        held = self._held(feed, order, words, spaces, heads)
        fresh = held < 0
        again, new = order[~fresh], order[fresh]
        self._rows.reserve(new.shape[0], int(spaces.max()))
        times = self._states.prepare(block.details, block.issued_at, block.valid_until)
        with self._lock:
            if words_count:
                self._states.put(slots, block.details, block.issued_at, times)
            self._fold(held[~fresh], slots[again])
            self._rows.append(
                self._table,
                words=words[new],
                spaces=spaces[new],
                slots=slots[new],
                prints=prints[fresh],
                positions=positions[fresh],
                heads=heads[fresh],
            )
        self._rows_of[feed] = self._rows_of.get(feed, 0) + new.shape[0]

    def withdraw(self, feed: int, signals: NDArray[np.uint64]) -> None:
        """End these signals of the feed for good; those never seen are counted as unknown."""
        _, slots = self._states.find(feed, signals)
        slots = slots[self._states.known(slots)]
        self._unknown += signals.shape[0] - slots.shape[0]
        self._withdrawn += np.unique(slots[~self._states.withdrawn(slots)]).shape[0]
        with self._lock:
            self._states.withdraw(slots)

    def revise(
        self,
        feed: int,
        signals: NDArray[np.uint64],
        details: NDArray[np.uint32],
        issued_at: NDArray[np.uint64],
        valid_until: NDArray[np.uint64],
    ) -> None:
        """Set details and times of these signals, given in log order; those never seen are counted as unknown."""
        which, slots = self._states.find(feed, signals)
        known = self._states.known(slots)
        which, slots = which[known], slots[known]
        self._unknown += signals.shape[0] - which.shape[0]
        details, issued_at = details[which], issued_at[which]
        times = self._states.prepare(details, issued_at, valid_until[which])
        with self._lock:
            self._states.put(slots, details, issued_at, times)

    def drop_feed(self, feed: int) -> None:
        """Forget the feed: nothing of it is found from the return of this call; its rows go at the next `compact`."""
        with self._lock:
            self._states.drop(feed)
            self._spaces.drop(feed)
            self._dropped_rows += self._rows_of.pop(feed, 0)

    def lookup(
        self, tags: NDArray[np.uint8], types: NDArray[np.uint16], epochs: NDArray[np.uint32], *, now_ms: int = 0
    ) -> Hits:
        """Return the live rows for each (tag, type, epoch); with `now_ms`, expired ones are left out."""
        if types.shape != (count := check_tags(tags),) or epochs.shape != (count,):
            raise ValueError(f"{count} tags need as many types and epochs")
        spaces = self._spaces.find(types, epochs)
        words = tags.view(np.uint64)
        prints = self._fingerprint.of(tags, spaces)
        with self._lock:
            states = self._states
            queries, rows = self._rows.matches(words, spaces, self._table.find(prints))
            slots = self._rows.slots[rows].astype(np.int64)
            feeds = states.feeds_of(slots)
            live = np.flatnonzero((feeds >= 0) & (states.until_of(slots) > np.uint64(now_ms)))
            slots = slots[live]
            return Hits(
                queries=queries[live],
                feeds=feeds[live],
                signals=states.signals_of(slots),
                details=states.details[slots].astype(np.uint32),
                issued_at=states.issued_of(slots),
                valid_until=states.until_of(slots),
            )

    def lookup_one(self, tag: bytes, type_code: int, epoch: int, *, now_ms: int = 0) -> list[Hit]:
        """Return the live rows for one (tag, type, epoch); the cheap path for a few look-ups at a time."""
        if len(tag) != TAG_BYTES:
            raise ValueError(f"a tag is {TAG_BYTES} bytes, not {len(tag)}")
        space = self._spaces.find_one(type_code, epoch)
        if space is None:
            return []
        fingerprint = self._fingerprint.of_one(tag, space)
        hits: list[Hit] = []
        with self._lock:
            rows = self._rows
            head = self._table.find_one(fingerprint)
            while head:
                row = head - 1
                if rows.tags[row].tobytes() == tag and rows.spaces.item(row) == space:
                    hit = Hit(*self._states.slot_one(rows.slots.item(row)))
                    if hit.feed >= 0 and hit.valid_until > now_ms:
                        hits.append(hit)
                head = rows.nexts.item(row)
        return hits

    def signal_of(self, feed: int, tag: bytes, type_code: int, epoch: int) -> int | None:
        """Return the signal that has this row of the feed, live or not; None where there is no such row."""
        space = self._spaces.find_one(type_code, epoch)
        if space is None:
            return None
        fingerprint = self._fingerprint.of_one(tag, space)
        with self._lock:
            rows = self._rows
            head = self._table.find_one(fingerprint)
            while head:
                row = head - 1
                if rows.tags[row].tobytes() == tag and rows.spaces.item(row) == space:
                    owner, signal, *_ = self._states.slot_one(rows.slots.item(row))
                    if owner == feed:
                        return signal
                head = rows.nexts.item(row)
        return None

    def with_details(self, numbers: Sequence[int], *, most: int, now_ms: int = 0) -> list[tuple[int, int, int, int]]:
        """Return (feed, signal, type, epoch) of live rows whose signals carry one of these details, `most` of a feed.

        A full scan, for a few looks a day: readers wait a millisecond for each _SCAN rows of it.
        """
        wanted = np.asarray(sorted(numbers), dtype=np.uint32)
        found: list[tuple[int, int, int, int]] = []
        held: Counter[int] = Counter()
        for start in range(0, self._rows.count if wanted.size else 0, _SCAN):
            feeds, signals, spaces = self._carrying(wanted, start, now_ms)
            for feed in np.unique(feeds).tolist():
                mine = np.flatnonzero(feeds == feed)[: most - held[feed]]
                pairs = self._spaces.pairs(spaces[mine].tolist())
                found += [(feed, one, *pair) for one, pair in zip(signals[mine].tolist(), pairs, strict=True)]
                held[feed] += mine.size
        return found

    def _carrying(
        self, wanted: NDArray[np.uint32], start: int, now_ms: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint32]]:
        """(feeds, signals, spaces) of the live rows from `start` on that carry these details; a part of a scan."""
        with self._lock:
            rows, states = self._rows, self._states
            part = slice(start, min(start + _SCAN, rows.count))
            slots = rows.slots[part].astype(np.int64)
            feeds = states.feeds_of(slots)
            live = (feeds >= 0) & (states.until_of(slots) > np.uint64(now_ms))
            places = np.flatnonzero(live & np.isin(states.details[slots], wanted))
            return feeds[places], states.signals_of(slots[places]), rows.spaces[part][places].astype(np.uint32)

    def live_spaces(self) -> dict[int, frozenset[tuple[int, int]]]:
        """Return feed -> the (type, epoch) pairs it has signals in: what a look-up has to try."""
        with self._lock:
            return self._spaces.of_feeds()

    def types(self) -> frozenset[int]:
        """Return the types that any feed has signals of."""
        with self._lock:
            return self._spaces.types()

    def compact(self, *, expired_before_ms: int = 0) -> None:
        """Free the rows of withdrawn signals, of dropped feeds, and of signals that expired before the given time.

        A row freed as expired does not come back by a later revision: leave publishers some days.
        """
        old, states = self._rows, self._states
        slots = old.slots[: old.count].astype(np.int64)
        feeds = states.feeds_of(slots)
        keep = np.flatnonzero((feeds >= 0) & (states.until_of(slots) > np.uint64(expired_before_ms)))
        rows, table = old.kept(keep, self._fingerprint)
        used = np.unique(feeds[keep] << 32 | rows.spaces[: rows.count])
        spaces: dict[int, set[int]] = {}
        for pair in used.tolist():
            spaces.setdefault(pair >> 32, set()).add(pair & 0xFFFFFFFF)
        owners, counts = np.unique(feeds[keep], return_counts=True)
        with self._lock:
            self._rows, self._table = rows, table
            self._spaces.replace(spaces)
            states.release()
        self._rows_of = dict(zip(owners.tolist(), counts.tolist(), strict=True))
        self._withdrawn = self._dropped_rows = 0

    def stats(self) -> IndexStats:
        """Return the counters."""
        return IndexStats(
            rows=self._rows.count,
            withdrawn=self._withdrawn,
            dropped_rows=self._dropped_rows,
            refused_rows=self._refused,
            unknown_signals=self._unknown,
            nbytes=self._rows.nbytes + self._table.nbytes + self._states.nbytes,
        )

    def _held(
        self,
        feed: int,
        order: NDArray[np.int64],
        words: NDArray[np.uint64],
        spaces: NDArray[np.uint32],
        heads: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return for each (tag, space), taken in `order`, the row this feed already has for it, -1 if none."""
        held = np.full(heads.shape, -1, dtype=np.int64)
        some = np.flatnonzero(heads)
        if some.size:
            chosen = order[some]
            queries, rows = self._rows.matches(words[chosen], spaces[chosen], heads[some])
            own = self._states.feeds_of(self._rows.slots[rows].astype(np.int64)) == feed
            held[some[queries[own]]] = rows[own]
        return held

    def _fold(self, rows: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        """Give each row to the new slot where that is the newer signal; all are of one feed."""
        before = self._states.signals_of(self._rows.slots[rows].astype(np.int64))
        newer = self._states.signals_of(slots) > before
        self._rows.slots[rows[newer]] = slots[newer].astype(np.uint32)
