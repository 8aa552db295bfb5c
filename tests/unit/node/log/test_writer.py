"""The group commit: durable together, taken back alone, cut and merged without changing an entry."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.merkle import CompactRange, leaf_hash
from tocsin_crypto.note import parse
from tocsin_node.audit.checks import Report, check_store
from tocsin_node.errors import Frozen, Refused, Unsound
from tocsin_node.log.runs import stored_runs
from tocsin_node.log.tx import Tx
from tocsin_node.testing.core import Clock, Core, open_core
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, entry_bytes, tag_column

ORIGIN = "hotline.example/feed/x"
BLOBS = [b'{"a":1}', b'{"b":2}']


def rows(count: int, kind: Kind = Kind.ASSERT) -> Rows:
    made = empty_rows(count)
    made["kind"], made["ref"], made["type"], made["epoch"] = kind, NO_REF, 0x0101, 1
    tag_column(made)[:] = np.frombuffer(os.urandom(32 * count), np.uint8).reshape(-1, 32)
    return made


def create(tx: Tx) -> int:
    log = tx.new_log(ORIGIN, "own", "hotline.example", name="x")
    tx.append(log, rows(1, Kind.OPEN), BLOBS[:1], np.zeros(1, np.uint32))
    tx.audit("feed.created")
    return log


def append(core: Core, log: int, count: int, blobs: list[bytes] | None = None) -> int:
    given = blobs or BLOBS
    numbers = (np.arange(count) % len(given)).astype(np.uint32)
    return core.writer.call(lambda tx: tx.append(log, rows(count), given, numbers))


def entries(core: Core, log: int) -> list[bytes]:
    with core.store.read() as session:
        runs = [run for run, _ in stored_runs(session, log)]
    assert [run.first for run in runs] == list(np.cumsum([0, *(run.count for run in runs)])[:-1])
    return [entry_bytes(run.rows, place) for run in runs for place in range(run.count)]


def test_many_callers_at_once_are_all_durable_in_order(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        with ThreadPoolExecutor(16) as callers:
            waiting = [callers.submit(append, core, log, 1) for _ in range(200)]
            firsts = [one.result() for one in waiting]
        assert sorted(firsts) == list(range(1, 201))
        assert len(entries(core, log)) == 201


def test_an_operation_that_fails_takes_back_only_itself(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        called: list[int] = []

        def fails(tx: Tx) -> None:
            tx.append(log, rows(3), BLOBS, np.zeros(3, np.uint32))
            tx.audit("signal.published")
            tx.after(lambda: called.append(1))
            tx.sql.execute("INSERT INTO community (id, founder) VALUES ('x', 'y')")
            raise Refused("no")

        with pytest.raises(Refused, match="no"):
            core.writer.call(fails)
        append(core, log, 1)
        assert (len(entries(core, log)), called) == (2, [])
        assert core.events().count("signal.published") == 0
        with core.store.read() as session:
            assert session.all("SELECT * FROM community") == []


def test_small_runs_are_merged_without_changing_an_entry_or_a_signed_end(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        for _ in range(300):
            append(core, log, 1)
        found = entries(core, log)
        root = CompactRange().extend([leaf_hash(entry) for entry in found]).root()
        assert core.writer.heads[log].tree.root() == root
        with core.store.read() as session:
            runs = session.all("SELECT first + count FROM segment WHERE log = ?", (log,))
            signed = {size for (size,) in session.all("SELECT size FROM checkpoint WHERE log = ?", (log,))}
            seeds = session.all("SELECT block FROM seed WHERE log = ?", (log,))
        assert len(runs) <= 65
        assert {end for (end,) in runs} <= signed
        assert seeds == [(1,)], "the seed of a whole block is carried by its run"


def test_runs_are_cut_by_count_and_by_bytes_each_with_its_checkpoint(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        append(core, log, 20_000)
        append(core, log, 600, [b'{"n":"%04d%s"}' % (number, b"x" * 3900) for number in range(600)])
        with core.store.read() as session:
            runs = session.all("SELECT first, count, LENGTH(body) FROM segment WHERE log = ? ORDER BY first", (log,))
            notes = dict(session.all("SELECT size, note FROM checkpoint WHERE log = ?", (log,)))
        assert all(count <= 8192 and (first + count - 1) // 8192 == first // 8192 for first, count, _ in runs)
        tree = CompactRange()
        found = entries(core, log)
        for first, count, _ in runs:
            tree = tree.extend([leaf_hash(entry) for entry in found[first : first + count]])
            assert parse_checkpoint(parse(notes[first + count]).text).root == tree.root()
        reports = [item for item in check_store(core.store, {}) if isinstance(item, Report)]
        assert [report.size for report in reports if report.origin == ORIGIN] == [20_601]


def test_time_never_decreases_when_the_clock_goes_back(tmp_path: Path) -> None:
    clock = Clock()
    with open_core(tmp_path, clock=clock) as core:
        log = core.writer.call(create)
        clock.now -= 3_600_000
        append(core, log, 1)
        with core.store.read() as session:
            times = [int(t) for run, _ in stored_runs(session, log) for t in run.rows["issued_at"]]
        assert times == sorted(times)


def test_an_older_copy_of_the_database_freezes_the_feed_or_stops_the_start(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        core.store.backup(old)
        append(core, log, 5)
    for name in ("tocsin.db-wal", "tocsin.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(old, tmp_path / "tocsin.db")
    with open_core(tmp_path) as core:
        with pytest.raises(Frozen, match="restored from an old copy"):
            append(core, log, 1)
        core.writer.call(lambda tx: tx.audit("test"))
    (tmp_path / "tocsin.db").unlink()
    shutil.copy(old, tmp_path / "tocsin.db")
    with pytest.raises(Unsound, match="restored from an old copy"), open_core(tmp_path):
        pass
