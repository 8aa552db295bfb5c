"""What this node holds of a community: signed epochs with their keys. Values, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin_crypto.epoch import EpochDescriptor, SignedEpoch
from tocsin_crypto.tag import EpochKey
from tocsin_signals.entry import MAX_AHEAD_MS


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch this node holds the key of."""

    signed: SignedEpoch
    key: EpochKey

    @property
    def descriptor(self) -> EpochDescriptor:
        """What the founder said."""
        return self.signed.descriptor

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return self.descriptor.number

    def matched(self, now: int) -> bool:
        """Whether look-ups still try it at `now` (ms UTC)."""
        return now < self.descriptor.match_until


@dataclass(frozen=True, slots=True)
class Community:
    """A community and the epochs held, oldest first; at least one."""

    id: str
    founder: str
    epochs: tuple[Epoch, ...]

    @property
    def newest(self) -> Epoch:
        """The epoch of the highest number."""
        return self.epochs[-1]

    def publishing(self, now: int) -> Epoch | None:
        """The newest epoch whose publish window contains `now` (ms UTC).

        It opens as much earlier as honest clocks differ: a member behind its founder publishes at once.
        """
        latest = now + MAX_AHEAD_MS
        windows = ((epoch, epoch.descriptor) for epoch in reversed(self.epochs))
        return next(
            (epoch for epoch, said in windows if said.publish_from <= latest and now < said.publish_until), None
        )

    def matching(self, now: int) -> tuple[Epoch, ...]:
        """The epochs that look-ups try at `now` (ms UTC), oldest first."""
        return tuple(epoch for epoch in self.epochs if epoch.matched(now))

    def epoch(self, number: int) -> Epoch | None:
        """One epoch, or None."""
        return next((epoch for epoch in self.epochs if epoch.number == number), None)

    def with_epochs(self, epochs: Sequence[Epoch]) -> "Community":
        """The community with further epochs."""
        return Community(self.id, self.founder, tuple(sorted((*self.epochs, *epochs), key=lambda e: e.number)))


@dataclass(frozen=True, slots=True)
class MadeInvite:
    """An invite for one organisation; `not_after` in ms UTC."""

    organisation: str
    note: bytes
    invite_id: str
    not_after: int
