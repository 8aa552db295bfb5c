"""The match index from stored segments when a node starts: the intake of arriving entries, several runs at a time."""

import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import structlog

from tocsin_node.log.runs import skimmed_runs
from tocsin_node.log.tx import Stored
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_node.store.protocol import Session, Store

_AT_ONCE: Final = 32768  # entries taken in together: 4 MB of rows; the index works best on large blocks
_REPORT_S: Final = 2.0  # between two lines of progress in the log

_log: Any = structlog.get_logger("tocsin.node")


def rebuild(index: MatchIndex, store: Store) -> None:
    """Take in every feed of the store, in order; says in the log how far it is when that takes long."""
    started = reported = time.monotonic()
    with store.read() as session:
        logs = session.all("SELECT log, SUM(count) FROM segment GROUP BY log ORDER BY log")
        total, done = sum(int(count) for _, count in logs), 0
        index.reserve(total)
        for log, _ in logs:
            for stored in _blocks(session, int(log)):
                take_in(index, stored)
                done += len(stored.rows)
                if time.monotonic() - reported >= _REPORT_S:
                    reported = time.monotonic()
                    _log.info("match index", entries=done, of=total, percent=100 * done // total)
    _log.info("match index ready", entries=total, signals=index.stats().rows, s=round(time.monotonic() - started, 1))


def _blocks(session: Session, log: int) -> Iterator[Stored]:
    waiting: list[Stored] = []
    for run, ids in skimmed_runs(session, log):
        waiting.append(Stored(log, run.rows, run.indices(), ids[run.numbers] if len(ids) else ids))
        if sum(len(stored.rows) for stored in waiting) >= _AT_ONCE:
            yield _together(waiting)
            waiting = []
    if waiting:
        yield _together(waiting)


def _together(parts: list[Stored]) -> Stored:
    rows, indices = np.concatenate([one.rows for one in parts]), np.concatenate([one.indices for one in parts])
    return Stored(parts[0].log, rows, indices, np.concatenate([one.details for one in parts]))
