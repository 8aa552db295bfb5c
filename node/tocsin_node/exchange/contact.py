"""When each peer was last in touch, and how long the way there and back took. In memory, used on the event loop.

A round trip counts only when the answer was verified: a Hello or list of feeds over mutual TLS, or an acknowledgement
of the root this node sent. `called_at` is when the peer last called us: all that shows of one that only follows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Contact:
    """Times in ms UTC since this node started, 0 for never. The duration of an ack includes the peer's commit."""

    trip_at: int = 0
    trip_us: int = 0
    trip_by: str = ""  # hello, list, ack
    called_at: int = 0
    skew_ms: int = 0
    """Its clock against ours, as of its last Hello."""


class Contacts:
    """One `Contact` for every peer."""

    def __init__(self, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._of: dict[str, Contact] = {}

    def of(self, peer: str) -> Contact:
        """What is known of a peer."""
        return self._of.get(peer, Contact())

    def trip(self, peer: str, by: str, seconds: float) -> None:
        """An answer of the peer was verified."""
        us = int(seconds * 1_000_000)
        self._of[peer] = replace(self.of(peer), trip_at=self._clock(), trip_us=us, trip_by=by)

    def called(self, peer: str) -> None:
        """The peer called this node, and was let in."""
        self._of[peer] = replace(self.of(peer), called_at=self._clock())

    def skew(self, peer: str, ms: int) -> None:
        """The peer told its clock."""
        self._of[peer] = replace(self.of(peer), skew_ms=ms)
