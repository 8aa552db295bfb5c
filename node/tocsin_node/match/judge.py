"""Decisions, once per distinct (policy, feed, type, details) and not per signal.

A cache before the pure `policy.decide`; it is emptied when policies change, so no decision outlives its policy.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tocsin_node.errors import Unsound
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.policy.bulk import Question, decider, read
from tocsin_node.policy.decide import Decision
from tocsin_node.policy.model import Policy
from tocsin_node.store.protocol import Store
from tocsin_signals.details import digest

_REMEMBERED: Final = 65536  # distinct details and decisions kept in memory, about 1 kB each at most

Details = Mapping[str, object]


class Judge:
    """Says what this node makes of a signal's details."""

    def __init__(self, *, store: Store, feeds: FeedBook, policy_of: Callable[[str], Policy]) -> None:
        self._store = store
        self._feeds = feeds
        self._policy_of = policy_of
        self._details: dict[int, tuple[bytes, Details | None]] = {}
        self._decisions: dict[tuple[int, int, int], Decision | None] = {}

    def forget_decisions(self) -> None:
        """Policies changed: decide anew."""
        self._decisions = {}

    def question(self, facts: FeedFacts) -> Question:
        """The policy that decides for a feed now, as workers are asked it."""
        policy = self._policy_of("self" if facts.kind == "own" else facts.publisher)
        return Question(facts.origin.rpartition("/")[2], policy.digest, policy)

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
            found = self._details[number] = (blob, read(blob))
        return found

    def decide(self, facts: FeedFacts, type_code: int, said: Mapping[str, object] | None) -> Decision | None:
        """The decision on details of a feed; None where type or details are not understood."""
        return decider(self.question(facts)).on_details(type_code, said)
