"""Decisions, once per distinct (policy, feed, type, details) and not per signal.

A cache before the pure `policy.decide`; it is emptied when policies change, so no decision outlives its policy.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from tocsin_node.errors import Unsound
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.policy.decide import Decision, decide
from tocsin_node.policy.model import Policy
from tocsin_node.segment.codec import Run
from tocsin_node.store.protocol import Store
from tocsin_signals.details import decode, digest
from tocsin_signals.entry import Kind
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code

_REMEMBERED: Final = 65536  # distinct details and decisions kept in memory, about 1 kB each at most
_ARRIVED: Final = 4096  # decisions on details that just arrived, with their blobs of up to 4 kB

Details = Mapping[str, object]


class Judge:
    """Says what this node makes of a signal's details."""

    def __init__(self, *, store: Store, feeds: FeedBook, policy_of: Callable[[str], Policy]) -> None:
        self._store = store
        self._feeds = feeds
        self._policy_of = policy_of
        self._details: dict[int, tuple[bytes, Details | None]] = {}
        self._decisions: dict[tuple[int, int, int], Decision | None] = {}
        self._arrived: dict[tuple[int, int, bytes], Decision | None] = {}

    def forget_decisions(self) -> None:
        """Policies changed: decide anew."""
        self._decisions, self._arrived = {}, {}

    def policy_digest(self, facts: FeedFacts) -> bytes:
        """The digest of the policy that decides for a feed."""
        return self._policy(facts).digest

    def decision(self, facts: FeedFacts, type_code: int, number: int) -> Decision | None:
        """The decision for details of this number; None where type or details are not understood."""
        key, known = (facts.log, type_code, number), self._decisions
        if key in known:
            return known[key]
        found = self.decide(facts, type_code, self.details(number)[1])
        if len(known) >= _REMEMBERED:
            self._decisions = {}
        known[key] = found  # of the policies that stood when it was asked for: `forget_decisions` makes a new cache
        return found

    def details(self, number: int) -> tuple[bytes, Details | None]:
        """The blob of a details id as signed, and what it says; None where it is not the JSON it should be."""
        found = self._details.get(number)
        if found is None:
            with self._store.read() as session:
                record = session.one("SELECT blob, digest FROM details WHERE id = ?", (number,))
            blob = bytes(record[0]) if record is not None and record[0] is not None else b""
            if record is not None and blob and digest(blob) != record[1]:
                raise Unsound("the stored details of a signal are damaged: stop the node and run `tocsin audit verify`")
            if len(self._details) >= _REMEMBERED:
                self._details = {}
            found = self._details[number] = (blob, _said(blob))
        return found

    def assess(self, log: int, run: Run) -> dict[str, int]:
        """Counts of a run's assert entries by effect, and of its withdrawals: for the audit log."""
        facts = self._feeds.get(log)
        rows = run.rows
        asserts = rows["kind"] == Kind.ASSERT
        pairs = rows["type"][asserts].astype(np.uint64) << np.uint64(32) | run.numbers[asserts]
        counts: Counter[str] = Counter()
        for pair, count in zip(*(column.tolist() for column in np.unique(pairs, return_counts=True)), strict=True):
            decision = self._decision_on(facts, int(pair) >> 32, run.details[int(pair) & 0xFFFFFFFF])
            counts[str(decision.effect) if decision else "not-understood"] += count
        withdrawn = int((rows["kind"] == Kind.WITHDRAW).sum())
        return dict(counts) | ({"withdrawn": withdrawn} if withdrawn else {})

    def _decision_on(self, facts: FeedFacts, type_code: int, blob: bytes) -> Decision | None:
        """The decision on details that arrive and have no number yet; the next delivery often has the same."""
        key, known = (facts.log, type_code, blob), self._arrived
        if key not in known:
            if len(known) >= _ARRIVED:
                known = self._arrived = {}
            known[key] = self.decide(facts, type_code, _said(blob))
        return known[key]

    def _policy(self, facts: FeedFacts) -> Policy:
        return self._policy_of("self" if facts.kind == "own" else facts.publisher)

    def decide(self, facts: FeedFacts, type_code: int, said: Details | None) -> Decision | None:
        """The decision on details of a feed; None where type or details are not understood."""
        kind = by_code(type_code)
        if kind is None or said is None:
            return None
        feed = facts.origin.rpartition("/")[2]
        return decide(self._policy(facts), feed=feed, type_name=kind.name, details=said)


@lru_cache(maxsize=4096)
def _said(blob: bytes) -> Details | None:
    try:
        return decode(blob)
    except Rejected:
        return None
