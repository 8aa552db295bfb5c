"""What an application asks about: a typed identifier; and the tags to look up for it, in columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.blocks import TAG_BYTES


class Query(NamedTuple):
    """One identifier to look up. `region` is a hint for types that need one; `subject` the own user it is about.

    `distance` is the most bits a near match may differ in, of types that have near matches; None: as many as there may.
    """

    type: str
    value: str
    region: str = ""
    distance: int | None = None
    subject: str = ""


class Probe(NamedTuple):
    """One tag to look up for one query."""

    query: int
    tag: bytes
    type: int
    epoch: int
    distance: int


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Tags (32 bytes each, concatenated) with their type and epoch, and the number of the query each is tried for.

    `distances`: in how many bits the tag differs from what was asked; 0 but for near matches.
    """

    queries: NDArray[np.uint32]
    tags: bytes
    types: NDArray[np.uint16]
    epochs: NDArray[np.uint32]
    distances: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.queries.shape[0])

    def and_also(self, more: Sequence[Probe]) -> "Probes":
        """These, and a few more."""
        return Probes(
            queries=np.append(self.queries, np.asarray([one.query for one in more], np.uint32)),
            tags=b"".join([self.tags, *(one.tag for one in more)]),
            types=np.append(self.types, np.asarray([one.type for one in more], np.uint16)),
            epochs=np.append(self.epochs, np.asarray([one.epoch for one in more], np.uint32)),
            distances=np.append(self.distances, np.asarray([one.distance for one in more], np.uint8)),
        )

    def where(self, keep: NDArray[np.bool_]) -> "Probes":
        """Those for which `keep` is true."""
        tags = np.frombuffer(self.tags, np.uint8).reshape(-1, TAG_BYTES)[keep]
        return Probes(self.queries[keep], tags.tobytes(), self.types[keep], self.epochs[keep], self.distances[keep])

    def __iter__(self) -> Iterator[Probe]:
        """One by one: for a few."""
        tags = (self.tags[place : place + TAG_BYTES] for place in range(0, len(self.tags), TAG_BYTES))
        rest = (self.types.tolist(), self.epochs.tolist(), self.distances.tolist())
        return map(Probe, self.queries.tolist(), tags, *rest)
