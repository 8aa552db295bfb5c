"""What is exported of a signal: what its publisher knows of it, with the identifier."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """One own signal. `value` is the canonical form; times in ms UTC, `issued_at` 0 where nobody knows it any more.

    `details` are as signed, without their salt.
    """

    feed: str
    signal: int
    type: str
    value: str = field(repr=False)
    state: str
    issued_at: int
    valid_until: int
    details: Mapping[str, object] = field(repr=False)


def written(ms: int) -> str:
    """A time in ms UTC as every format here writes it: `2026-01-31T12:00:00.000Z`."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03}Z"
