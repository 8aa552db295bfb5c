"""Whether each peer makes the same canonical forms as this node: what three checks found. In memory, on one loop.

1. The digests of its profiles, told in every Hello: equal ones mean equal behaviour on the bundled vectors only. Those
   made over other vectors, as of another version, cannot be compared, and are no disagreement.
2. Fresh probes (`probing`), once a session and at most daily: equal digests mean equal forms of values nobody chose.
3. Probe signals of the feeds followed from it, looked up hourly (`match.reserved`): found means that canonical form,
   scope, epoch key and index agree from end to end.

A disagreement makes matches be missed, never made up, since equal bytes decide: so it is an alarm for people, in the
log, the metrics and `peer status`, and stops or caps nothing (docs/adr/0027).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import structlog

from tocsin_node.exchange.wire import Hello
from tocsin_node.match.reserved import FoundProbes
from tocsin_node.rules import Rules

_SHOWN: Final = 100  # characters of a value or form in a sentence
_log: Any = structlog.get_logger("tocsin.exchange")


class Difference(NamedTuple):
    """A profile whose digest is not ours; digests in hex."""

    profile: str
    ours: str
    theirs: str


class Disagreement(NamedTuple):
    """The first probe both sides read differently: a public constant. A form is empty where a side rejects it."""

    type_name: str
    text: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Probed:
    """A run of fresh probes at `at` (ms UTC): how many, the first disagreement; or `why` they could not be tried."""

    at: int = 0
    count: int = 0
    first: Disagreement | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is known of one peer since this node started; `told_at` in ms UTC, 0 for never."""

    told_at: int = 0
    same: tuple[str, ...] = ()
    differ: tuple[Difference, ...] = ()
    other_vectors: tuple[str, ...] = ()
    probed: Probed = Probed()
    signals: tuple[FoundProbes, ...] = ()

    def alarms(self) -> tuple[str, ...]:
        """What disagrees, a sentence each."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        for one in self.differ:
            yield (
                f"its rules of {one.profile} are not ours (digest {one.theirs[:12]}, ours {one.ours[:12]}): "
                "signals of the same value may be missed"
            )
        first = self.probed.first
        if first is not None:
            yield (
                f"it reads the {first.type_name} {_quoted(first.text)} as {_form(first.theirs)}, "
                f"this node as {_form(first.ours)}"
            )
        for found in self.signals:
            if found.missed:
                yield (
                    f"{found.expected - found.found} of {found.expected} probe signals of {found.origin} are not found "
                    f"by their other spellings ({', '.join(found.missed)})"
                )


NOTHING: Final = Agreement()


class Agreements:
    """One `Agreement` for every peer."""

    def __init__(self, *, rules: Rules, clock: Callable[[], int]) -> None:
        self._profiles = {name: digest.hex() for name, digest in rules.profiles.items()}
        self._vectors = {name: digest.hex() for name, digest in rules.vectors.items()}
        self._clock = clock
        self._of: dict[str, Agreement] = {}

    def of(self, peer: str) -> Agreement:
        """What is known of a peer."""
        return self._of.get(peer, NOTHING)

    def all(self) -> Mapping[str, Agreement]:
        """What is known, by peer."""
        return dict(self._of)

    def told(self, peer: str, hello: Hello) -> None:
        """The peer said Hello."""
        shared = sorted(self._profiles.keys() & hello.profiles.keys())
        fit = [name for name in shared if hello.vectors.get(name, "") == self._vectors.get(name)]
        pairs = [(name, self._profiles[name], hello.profiles[name]) for name in fit]
        found = replace(
            self.of(peer),
            told_at=self._clock(),
            same=tuple(name for name, ours, theirs in pairs if ours == theirs),
            differ=tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2]),
            other_vectors=tuple(name for name in shared if name not in fit),
        )
        self._set(peer, found)

    def probed(self, peer: str, found: Probed) -> None:
        """Fresh probes were tried with the peer, or could not be."""
        self._set(peer, replace(self.of(peer), probed=found))

    def looked_up(self, found: Mapping[str, tuple[FoundProbes, ...]]) -> None:
        """The probe signals of every followed feed were looked up; by publisher."""
        for peer in sorted(self._of.keys() | found.keys()):
            self._set(peer, replace(self.of(peer), signals=found.get(peer, ())))

    def _set(self, peer: str, after: Agreement) -> None:
        before = self._of.get(peer, NOTHING).alarms()
        self._of[peer] = after
        now = after.alarms()
        for sentence in now:
            if sentence not in before:
                _log.error("canonical forms differ", peer=peer, what=sentence)
        if before and not now:
            _log.info("canonical forms agree again", peer=peer)


def _form(form: str) -> str:
    return _quoted(form) if form else "no valid value"


def _quoted(text: str) -> str:
    """ASCII, so that what cannot be seen shows; cut."""
    shown = ascii(text[:_SHOWN])
    return f"{shown}..." if len(text) > _SHOWN else shown
