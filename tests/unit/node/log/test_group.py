"""The group commit when something fails, the tiles it leaves, and what it must not touch."""

import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tocsin_crypto.merkle import CompactRange, leaf_hash
from tocsin_node.audit.checks import Report, check_store
from tocsin_node.errors import Exhausted, NodeError, Unsound
from tocsin_node.limits import SEGMENT_BYTES
from tocsin_node.log import writer as writer_module
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.runs import cuts, read_run, stored_runs
from tocsin_node.log.tx import Stored, Tx
from tocsin_node.store.protocol import Session
from tocsin_node.testing.core import Core, open_core
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, entry_bytes

ORIGIN = "hotline.example/feed/x"


def rows(count: int, kind: Kind = Kind.ASSERT) -> Rows:
    made = empty_rows(count)
    made["kind"], made["ref"], made["type"], made["epoch"] = kind, NO_REF, 0x0101, 1
    return made


def create(tx: Tx) -> int:
    log = tx.new_log(ORIGIN, "own", "hotline.example", name="x")
    tx.append(log, rows(1, Kind.OPEN), [b"{}"], np.zeros(1, np.uint32))
    return log


def put(core: Core, log: int, count: int = 1, blob: bytes = b"{}") -> int:
    return core.writer.call(lambda tx: tx.append(log, rows(count), [blob], np.zeros(count, np.uint32)))


def leaves(core: Core, log: int) -> list[bytes]:
    with core.store.read() as session:
        runs = [run for run, _ in stored_runs(session, log)]
    return [leaf_hash(entry_bytes(run.rows, place)) for run in runs for place in range(run.count)]


def sound(core: Core) -> bool:
    reports = [item for item in check_store(core.store, {}) if isinstance(item, Report)]
    findings = [finding for report in reports for finding in report.findings if "no card" not in finding]
    return [finding for finding in findings if "do not hash" in finding or "tiles" in finding or "head says" in finding] == []


@contextmanager
def held(core: Core) -> Generator[None]:
    """Hold the writer's thread, so that everything asked for meanwhile is one group."""
    busy, go = threading.Event(), threading.Event()

    def wait(_: Tx) -> None:
        busy.set()
        go.wait(10)

    blocker = threading.Thread(target=lambda: core.writer.call(wait))
    blocker.start()
    busy.wait(10)
    try:
        yield
    finally:
        go.set()
        blocker.join()


def test_operations_of_one_group_see_each_other_and_share_one_checkpoint(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        with held(core):
            futures = [
                core.writer._enqueue(lambda tx: tx.append(log, rows(2), [b"{}"], np.zeros(2, np.uint32)))
                for _ in range(3)
            ]
        assert [future.result(10) for future in futures] == [1, 3, 5]
        with core.store.read() as session:
            sizes = session.all("SELECT size FROM checkpoint WHERE log = ? ORDER BY size", (log,))
        assert sizes == [(1,), (7,)]


def test_one_failure_within_a_group_leaves_the_others_whole(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        seen: list[Stored] = []
        core.writer.observe(seen.append)

        def fails(tx: Tx) -> int:
            tx.append(log, rows(5), [b'{"lost":1}'], np.zeros(5, np.uint32))
            raise ZeroDivisionError

        def works(tx: Tx) -> int:
            return tx.append(log, rows(1), [b'{"kept":1}'], np.zeros(1, np.uint32))

        with held(core):
            futures = [core.writer._enqueue(operation) for operation in (works, fails, works)]
        assert (futures[0].result(10), futures[2].result(10)) == (1, 2)
        with pytest.raises(ZeroDivisionError):
            futures[1].result(10)
        assert [stored.indices.tolist() for stored in seen] == [[1, 2]]
        with core.store.read() as session:
            assert session.all("SELECT 1 FROM details WHERE blob LIKE '%lost%'") == []
        assert sound(core)


class Failing:
    """A connection whose COMMIT fails a given number of times, as on a full disk."""

    def __init__(self, real: sqlite3.Connection, times: int) -> None:
        self._real = real
        self._times = times

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def execute(self, sql: str, parameters: Sequence[int] = ()) -> object:
        if sql == "COMMIT" and self._times:
            self._times -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(sql, parameters)


def test_a_commit_that_fails_refuses_every_caller_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        before, told = core.writer.heads, list[str]()
        core.writer.observe(lambda _: told.append("stored"))

        def operation(tx: Tx) -> int:
            tx.after(lambda: told.append("after"))
            return tx.append(log, rows(1), [b'{"new":1}'], np.zeros(1, np.uint32))

        real = core.store._writer
        assert real is not None
        monkeypatch.setattr(core.store, "_writer", Failing(real, 1))
        with held(core):
            pass  # the blocker's own group commits, or fails, first
        monkeypatch.setattr(core.store, "_writer", Failing(real, 0))
        with held(core):
            futures = [core.writer._enqueue(operation) for _ in range(3)]
            monkeypatch.setattr(core.store, "_writer", Second(real))
        for future in futures:
            with pytest.raises(Unsound, match="nothing of it happened"):
                future.result(10)
        assert (core.writer.heads, told) == (before, [])
        monkeypatch.setattr(core.store, "_writer", real)
        assert core.writer.call(operation) == 1
        assert told == ["stored", "after"]
        assert sound(core)
        assert len(leaves(core, log)) == 2
