"""How columns of the match index grow: into new arrays that are published whole, by doubling, and by widening."""

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Narrow: TypeAlias = NDArray[np.uint16 | np.uint32]
"""Small numbers: two bytes each until one does not fit."""

T = TypeVar("T", bound=np.generic)


def grown(column: NDArray[T], used: int, need: int) -> NDArray[T]:
    """Return the column itself if it holds `need` rows, else a copy of its `used` rows with room for twice as many.

    The room is not zeroed: numpy asks for huge pages for `empty` but not for `zeros`, and first touch costs a tenth.
    """
    if need <= column.shape[0]:
        return column
    larger = np.empty((max(need, 2 * column.shape[0]), *column.shape[1:]), dtype=column.dtype)
    larger[:used] = column[:used]
    return larger


def widened(column: Narrow, used: int, top: int) -> Narrow:
    """Return the column itself if it can hold the number `top`, else a copy of its `used` rows in four bytes each."""
    if top <= np.iinfo(column.dtype).max:
        return column
    wider = np.empty(column.shape, dtype=np.uint32)
    wider[:used] = column[:used]
    return wider
