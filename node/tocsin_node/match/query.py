"""What an application asks about: a typed identifier; and the tags to look up for it, in columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.blocks import TAG_BYTES


class Query(NamedTuple):
    """One identifier to look up. `region` is a hint for types that need one; `subject` the own user it is about."""

    type: str
    value: str
    region: str = ""
    subject: str = ""


class Probe(NamedTuple):
    """One tag to look up for one query."""

    query: int
    tag: bytes
    type: int
    epoch: int


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Tags (32 bytes each, concatenated) with their type and epoch, and the number of the query each is tried for."""

    queries: NDArray[np.uint32]
    tags: bytes
    types: NDArray[np.uint16]
    epochs: NDArray[np.uint32]

    def __len__(self) -> int:
        return int(self.queries.shape[0])

    def __iter__(self) -> Iterator[Probe]:
        """One by one: for a few."""
        tags = (self.tags[place : place + TAG_BYTES] for place in range(0, len(self.tags), TAG_BYTES))
        rest = (self.types.tolist(), self.epochs.tolist())
        return map(Probe, self.queries.tolist(), tags, *rest)
