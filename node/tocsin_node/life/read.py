"""A signal's entries, read back from the stored segments of its feed."""

from collections.abc import Iterator

import numpy as np

from tocsin_node.errors import NotFound
from tocsin_node.life.state import Event, concerns, is_assert
from tocsin_node.log.runs import runs_of_signal
from tocsin_node.segment.codec import Run
from tocsin_node.store.protocol import Session
from tocsin_signals.entry import Entry, entry_bytes

_MOST = 2**63 - 1  # an index as the store keeps it


def life(session: Session, log: int, origin: str, signal: int) -> list[Event]:
    """Every entry of a signal in log order, its assert first. Errors: NotFound when that index is no assert entry."""
    if not 0 <= signal <= _MOST:
        raise NotFound(f"{origin} has no signal {signal}")
    events = [event for run in runs_of_signal(session, log, signal) for event in _of(run, signal)]
    if not events or events[0].index != signal:
        raise NotFound(f"{origin} has no signal {signal}")
    return events


def _of(run: Run, signal: int) -> Iterator[Event]:
    indices, wanted = run.indices(), np.uint64(signal)
    for place in np.flatnonzero((indices == wanted) | (run.rows["ref"] == wanted)).tolist():
        index, entry = int(indices[place]), Entry.read(entry_bytes(run.rows, place))
        if is_assert(entry) if index == signal else concerns(entry, signal):
            yield Event(index, entry, run.details[int(run.numbers[place])])
