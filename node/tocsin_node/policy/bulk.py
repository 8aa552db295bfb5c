"""Decisions on everything in a delivery: what `decide` says, asked as seldom as can be, and counted by effect.

Many details differ only in what no policy looks at, such as a case reference or the salt. So a decision is kept by what
its policy looks at (`decide.looked_at`), and by the blob for those that come again and again. Made where it is used: in
a worker process for deliveries, in the node for look-ups. Nothing here outlives a policy: another one, another decider.
"""

import marshal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from tocsin_node.policy.decide import Decision, decide, looked_at
from tocsin_node.policy.model import Policy
from tocsin_node.segment.codec import Run
from tocsin_signals.details import decode
from tocsin_signals.entry import Kind
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code

_KINDS: Final = 4096  # distinct decisions kept per feed: policies look at few words
_BLOBS: Final = 4096  # decisions kept by blob, of up to 4 kB each
_DECIDERS: Final = 64  # feeds followed at once by one worker, beyond which the oldest starts anew

NOT_UNDERSTOOD: Final = "not-understood"
"""What entries are counted as whose type or details this version does not understand."""


@dataclass(frozen=True, slots=True)
class Question:
    """The policy of a feed, small enough to pass between processes. Equal where feed (local name) and digest are."""

    feed: str
    digest: bytes
    policy: Policy = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the policy makes of a delivery: entries per effect, and the digest of the policy that was asked."""

    effects: Mapping[str, int]
    policy: bytes


class Decider:
    """Decisions on the signals of one feed by one policy. Safe to use from several threads."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._keys = tuple(sorted(looked_at(question.policy)))
        self._kinds: dict[tuple[int, bytes], Decision] = {}
        self._blobs: dict[tuple[int, bytes], Decision | None] = {}

    def on_blob(self, type_code: int, blob: bytes) -> Decision | None:
        """The decision on details as they came; None where type or details are not understood."""
        key, known = (type_code, blob), self._blobs
        with suppress(KeyError):
            return known[key]
        if len(known) >= _BLOBS:
            known.clear()
        found = known[key] = self.on_details(type_code, read(blob))
        return found

    def on_details(self, type_code: int, said: Mapping[str, object] | None) -> Decision | None:
        """The same for details that were read already; None stands for some that could not be."""
        if said is None or (kind := by_code(type_code)) is None:
            return None
        seen = {key: said[key] for key in self._keys if key in said}
        key, known = (type_code, marshal.dumps(seen, 2)), self._kinds  # 2: without references, equal for equal values
        with suppress(KeyError):
            return known[key]
        if len(known) >= _KINDS:
            known.clear()
        question = self._question
        found = known[key] = decide(question.policy, feed=question.feed, type_name=kind.name, details=said)
        return found

    def assess(self, run: Run) -> Assessment:
        """A run's assert entries counted by effect, and its withdrawals: for the audit log."""
        rows = run.rows
        asserts = rows["kind"] == Kind.ASSERT
        counts: Counter[str] = Counter()
        types, numbers = rows["type"][asserts], run.numbers[asserts]
        for code in set(types.tolist()):
            found = np.bincount(numbers[types == code], minlength=1)
            for number in np.flatnonzero(found).tolist():
                decision = self.on_blob(code, run.details[number])
                counts[str(decision.effect) if decision else NOT_UNDERSTOOD] += int(found[number])
        withdrawn = int((rows["kind"] == Kind.WITHDRAW).sum())
        return Assessment(dict(counts) | ({"withdrawn": withdrawn} if withdrawn else {}), self._question.digest)


@lru_cache(maxsize=_DECIDERS)
def decider(question: Question) -> Decider:
    """The decider of a question, one per process."""
    return Decider(question)


def read(blob: bytes) -> Mapping[str, object] | None:
    """What a blob says; None where it is not the JSON it should be."""
    try:
        return decode(blob)
    except Rejected:
        return None
