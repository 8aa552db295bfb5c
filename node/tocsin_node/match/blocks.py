"""The two column sets that cross the match index's border: a block of signals going in, the hits coming out.

Both are plain numpy columns of equal length; there is no object per signal on the way in and none on the way out of a
batch look-up. Times are milliseconds UTC. Whoever makes a `SignalBlock` has verified the segment it comes from.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# 128 segments. Bounds the temporary memory of one call (about 150 bytes a row), not the size of the index.
MAX_BLOCK_ROWS = 1 << 20
TAG_BYTES = 32

_COLUMNS = {
    "types": np.dtype(np.uint16),
    "epochs": np.dtype(np.uint32),
    "details": np.dtype(np.uint32),
    "issued_at": np.dtype(np.uint64),
    "valid_until": np.dtype(np.uint64),
    "signals": np.dtype(np.uint64),
}


def check_tags(tags: NDArray[np.uint8]) -> int:
    """Return the number of tags in a C-contiguous uint8 array (n, 32); ValueError for any other shape."""
    if tags.dtype != np.uint8 or tags.ndim != 2 or tags.shape[1] != TAG_BYTES or not tags.flags.c_contiguous:
        raise ValueError(f"tags must be a C-contiguous uint8 array of shape (n, {TAG_BYTES}), not {tags.shape}")
    return int(tags.shape[0])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SignalBlock:
    """The assert entries, or the retag entries, of one verified run of a feed, in log order.

    `signals` is the id of each row's signal: the own index for assert entries, the ref for retag entries. `details` is
    the small number the node gave to the details digest; of retag entries neither it nor the times count.
    """

    tags: NDArray[np.uint8]
    types: NDArray[np.uint16]
    epochs: NDArray[np.uint32]
    details: NDArray[np.uint32]
    issued_at: NDArray[np.uint64]
    valid_until: NDArray[np.uint64]
    signals: NDArray[np.uint64]

    def __post_init__(self) -> None:
        rows = check_tags(self.tags)
        if rows > MAX_BLOCK_ROWS:
            raise ValueError(f"a block holds at most {MAX_BLOCK_ROWS} rows, not {rows}")
        for name, dtype in _COLUMNS.items():
            column: NDArray[np.generic] = getattr(self, name)
            if column.dtype != dtype or column.shape != (rows,):
                raise ValueError(f"column {name} must be {dtype} of shape ({rows},), not {column.dtype} {column.shape}")

    def __len__(self) -> int:
        return int(self.tags.shape[0])

    def where(self, keep: NDArray[np.bool_]) -> "SignalBlock":
        """Return the rows for which `keep` is true."""
        return SignalBlock(
            tags=np.ascontiguousarray(self.tags[keep]),
            types=self.types[keep],
            epochs=self.epochs[keep],
            details=self.details[keep],
            issued_at=self.issued_at[keep],
            valid_until=self.valid_until[keep],
            signals=self.signals[keep],
        )


class Hit(NamedTuple):
    """One live signal found for one tag."""

    feed: int
    signal: int
    details: int
    issued_at: int
    valid_until: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Hits:
    """The live signals found for a batch: `queries` says which look-up each row answers; rows are in no set order."""

    queries: NDArray[np.int64]
    feeds: NDArray[np.int64]
    signals: NDArray[np.uint64]
    details: NDArray[np.uint32]
    issued_at: NDArray[np.uint64]
    valid_until: NDArray[np.uint64]

    def __len__(self) -> int:
        return int(self.queries.shape[0])
