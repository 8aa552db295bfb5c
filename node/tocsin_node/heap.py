"""How the C library keeps memory: what a segment takes for a moment is kept for the next one, what is large goes back.

By default glibc maps every larger array anew and hands freed heap back at once, so the kernel clears the same pages for
each segment: a tenth of what replication costs. And its threshold for mapping rises up to 32 MiB by itself, so columns
the match index has grown out of would stay in the heap for good. Elsewhere than on glibc nothing happens.
"""

import ctypes
from typing import Any, Final

_MAPPED_BYTES: Final = 4 * 1024 * 1024  # from this size on, an array is its own mapping: a segment's are below 1 MiB
_KEPT_BYTES: Final = 64 * 1024 * 1024  # of freed heap kept per process: the temporaries of some segments at once
_M_TRIM_THRESHOLD: Final = -1  # from malloc.h
_M_MMAP_THRESHOLD: Final = -3


def keep_small_memory() -> None:
    """Set both thresholds for this process."""
    mallopt: Any = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
