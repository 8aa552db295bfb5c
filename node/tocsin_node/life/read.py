"""A signal's entries, read back from the stored segments of its feed."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tocsin_node.errors import NotFound
from tocsin_node.life.state import Event, concerns, is_assert
from tocsin_node.limits import LIFE_EVENTS
from tocsin_node.log.runs import runs_of_signal
from tocsin_node.segment.codec import Run
from tocsin_node.store.protocol import Session
from tocsin_signals.entry import Entry, Kind, entry_bytes

_MOST = 2**63 - 1  # an index as the store keeps it


class Found(NamedTuple):
    """A signal's entries in log order, and how many of them were left out for room."""

    events: list[Event]
    left_out: int


def life(session: Session, log: int, origin: str, signal: int, *, most: int = LIFE_EVENTS) -> Found:
    """The entries of a signal, its assert first; of more than `most`, the assert, the withdrawal and the newest.

    A publisher may sign any number of entries about one signal; what stands of it does not hang on those left out.
    Errors: NotFound when that index is no assert entry.
    """
    if not 0 <= signal <= _MOST:
        raise NotFound(f"{origin} has no signal {signal}")
    found = (event for run in runs_of_signal(session, log, signal) for event in _of(run, signal))
    first = next(found, None)
    if first is None or first.index != signal:
        raise NotFound(f"{origin} has no signal {signal}")
    count, withdrawal, newest = 1, list[Event](), deque[Event](maxlen=most - 2)
    for event in found:
        count += 1
        if event.entry.kind == Kind.WITHDRAW and not withdrawal:
            withdrawal.append(event)
        newest.append(event)
    if newest and withdrawal and withdrawal[0].index >= newest[0].index:
        withdrawal = []
    events = [first, *withdrawal, *newest]
    return Found(events, count - len(events))


def _of(run: Run, signal: int) -> Iterator[Event]:
    indices, wanted = run.indices(), np.uint64(signal)
    for place in np.flatnonzero((indices == wanted) | (run.rows["ref"] == wanted)).tolist():
        index, entry = int(indices[place]), Entry.read(entry_bytes(run.rows, place))
        if is_assert(entry) if index == signal else concerns(entry, signal):
            yield Event(index, entry, run.details[int(run.numbers[place])])
