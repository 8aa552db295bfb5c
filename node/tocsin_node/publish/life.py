"""A signal's whole life, read back from its feed's entries."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tocsin_node.errors import NotFound
from tocsin_node.log.runs import stored_runs
from tocsin_node.segment.codec import Run
from tocsin_node.store.protocol import Session
from tocsin_signals.entry import NAMES_SIGNAL, NO_REF, Kind, tag_column


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One entry of a signal. Times are ms UTC; `kind` in words."""

    index: int
    kind: str
    issued_at: int
    valid_until: int
    type: int
    epoch: int
    tag: bytes
    details: bytes


def life(session: Session, log: int, origin: str, signal: int) -> list[LifeEvent]:
    """Every entry of a signal, its assert first. Errors: NotFound when that index is no assert entry."""
    events = [event for run in _runs_from(session, log, signal) for event in _of(run, signal)]
    if not events or events[0].index != signal or events[0].kind != Kind.ASSERT.name.lower():
        raise NotFound(f"{origin} has no signal {signal}")
    return events


def state_of(events: list[LifeEvent], now: int) -> str:
    """What the signal is at `now`, in words: withdrawn, expired, not yet valid, or live."""
    if any(event.kind == "withdraw" for event in events):
        return "withdrawn"
    latest = [event for event in events if event.kind != "withdraw"][-1]
    if latest.valid_until <= now:
        return "expired"
    return "not yet valid" if latest.issued_at > now else "live"


def _runs_from(session: Session, log: int, signal: int) -> Iterator[Run]:
    record = session.one("SELECT MAX(first) FROM segment WHERE log = ? AND first <= ?", (log, signal))
    if record is not None and record[0] is not None:
        for run, _ in stored_runs(session, log, int(record[0])):
            yield run


def _of(run: Run, signal: int) -> Iterator[LifeEvent]:
    indices = run.indices()
    names = np.isin(run.rows["kind"], [int(kind) for kind in NAMES_SIGNAL])
    mine = (indices == np.uint64(signal)) | (names & (run.rows["ref"] == np.uint64(signal)))
    if signal == NO_REF:
        return
    for place in np.flatnonzero(mine).tolist():
        row = run.rows[place]
        kind = int(row["kind"])
        yield LifeEvent(
            index=int(indices[place]),
            kind=Kind(kind).name.lower() if kind in set(Kind) else str(kind),
            issued_at=int(row["issued_at"]),
            valid_until=int(row["valid_until"]),
            type=int(row["type"]),
            epoch=int(row["epoch"]),
            tag=tag_column(run.rows)[place].tobytes(),
            details=run.details[int(run.numbers[place])],
        )
