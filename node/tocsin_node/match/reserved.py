"""Looking up the probe signals of followed feeds, each in another spelling than it was published in.

The way of every look-up, up to the policy: canonicalise, expand, tag under every live epoch, ask the index. There is no
verdict, no total, no audit entry: a probe is nobody's identifier.

What a feed is expected to have is read off the feed itself: its live signals whose details carry the mark of the table
known here, of types this node may look up, under epochs whose keys are held. So feeds of earlier versions, and types or
tables of later ones, are no alarm.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tocsin_crypto.tag import EpochKey
from tocsin_node.limits import PROBE_DETAILS, PROBE_DETAILS_BYTES, PROBE_ROWS
from tocsin_node.match.blocks import TAG_BYTES
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.query import Query
from tocsin_node.match.service import MatchKeys, Profiles, tag_queries
from tocsin_node.store.protocol import Store
from tocsin_signals.details import decode
from tocsin_signals.errors import Rejected
from tocsin_signals.probes import MARK, MARK_KEY, RESERVED, reserved_for
from tocsin_signals.types import by_code, by_name

_MARKED: Final = f"{json.dumps(MARK_KEY)}:{json.dumps(MARK)}".encode()
_QUERY: Final = "SELECT id, blob FROM details WHERE length(blob) <= ? AND instr(blob, ?) > 0 ORDER BY id LIMIT ?"
_NONE: Final = "it has no probe signals yet, or its publisher keeps none"
_NO_KEY: Final = "this node holds no key of its community's live epochs"


@dataclass(frozen=True, slots=True)
class FoundProbes:
    """One followed feed: rows expected and found at `at` (ms UTC), the types missed, and why none are expected."""

    origin: str
    at: int
    expected: int
    found: int
    missed: tuple[str, ...] = ()
    why: str = ""


Row = tuple[int, int, int, int]
"""(feed, signal, type, epoch) of one row of the index."""


class ReservedLookup:
    """Looks them up; blocking, in a thread."""

    def __init__(
        self,
        *,
        index: MatchIndex,
        feeds: FeedBook,
        keys: MatchKeys,
        profiles: Profiles,
        store: Store,
        clock: Callable[[], int],
    ) -> None:
        self._index = index
        self._feeds = feeds
        self._keys = keys
        self._profiles = profiles
        self._store = store
        self._clock = clock

    def look(self) -> dict[str, tuple[FoundProbes, ...]]:
        """Of every followed feed: what was found, by publisher."""
        now = self._clock()
        keys = self._keys.matching(now)
        feeds = {one.log: one for one in self._feeds.all() if self._tagged(one)}
        marked = self._index.with_details(self._numbers(), most=PROBE_ROWS, now_ms=now)
        types = {by_name(one).code for one in RESERVED.keys() - self._profiles.refused().keys()}
        expected = {row for row in marked if row[0] in feeds and row[2] in types}
        found = self._found(keys, expected, now)
        result: dict[str, list[FoundProbes]] = defaultdict(list)
        for facts in feeds.values():
            result[facts.publisher].append(_counted(facts, keys, expected, found, now))
        return {publisher: tuple(some) for publisher, some in result.items()}

    def _tagged(self, facts: FeedFacts) -> bool:
        """Whether a feed is followed, counts, and carries tags: one without community travels in clear."""
        return (facts.kind, bool(facts.community)) == ("followed", True) and self._feeds.counts(facts)

    def _numbers(self) -> list[int]:
        """The details ids that carry the mark."""
        with self._store.read() as session:
            records = session.all(_QUERY, (PROBE_DETAILS_BYTES, _MARKED, PROBE_DETAILS))
        return [int(number) for number, blob in records if _is_mark(bytes(blob))]

    def _found(self, keys: Sequence[EpochKey], expected: set[Row], now: int) -> set[Row]:
        """Those of the expected rows that the other spellings lead to."""
        values = reserved_for({code for _, _, code, _ in expected})
        queries = [Query(one.as_type or one.type_name, one.looked_up, one.looked_up_region) for one in values]
        codes = [by_name(one.type_name).code for one in values]
        found: set[Row] = set()
        for key in keys:  # one at a time: two communities may have epochs of one number
            tagged = tag_queries(queries, [key], set(codes))
            tags = np.frombuffer(tagged.probes.tags, np.uint8).reshape(-1, TAG_BYTES)
            hits = self._index.lookup(tags, tagged.probes.types, tagged.probes.epochs, now_ms=now)
            wanted = tagged.probes.queries[hits.queries]
            types = tagged.probes.types[hits.queries].tolist()
            for query, code, feed, signal in zip(
                wanted.tolist(), types, hits.feeds.tolist(), hits.signals.tolist(), strict=True
            ):
                if code == codes[query]:
                    found.add((feed, signal, code, key.epoch))
        return found & expected


def _counted(facts: FeedFacts, keys: Sequence[EpochKey], expected: set[Row], found: set[Row], now: int) -> FoundProbes:
    held = {key.epoch for key in keys if key.community == facts.community}
    if not held:
        return FoundProbes(facts.origin, now, 0, 0, why=_NO_KEY)
    mine = [row for row in expected if row[0] == facts.log and row[3] in held]
    hit = [row for row in mine if row in found]
    lost = Counter(_name(code) for _, _, code, _ in mine) - Counter(_name(code) for _, _, code, _ in hit)
    return FoundProbes(facts.origin, now, len(mine), len(hit), tuple(sorted(lost)), "" if mine else _NONE)


def _name(code: int) -> str:
    kind = by_code(code)
    return "" if kind is None else kind.name


def _is_mark(blob: bytes) -> bool:
    try:
        return decode(blob).get(MARK_KEY) == MARK
    except Rejected:
        return False
