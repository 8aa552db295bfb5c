"""The group commit when something fails, the tiles it leaves, and what it must not touch."""

# A group whose members are known needs the queue itself.
# pyright: reportPrivateUsage=false

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
from tocsin_node.log.runs import DetailsTable, cuts, read_details, read_run, stored_runs
from tocsin_node.log.tx import Stored, Tx
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
    return not [finding for report in reports for finding in report.findings if "there is no card" not in finding]


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
    """A connection on which one COMMIT fails, as on a full disk."""

    def __init__(self, real: sqlite3.Connection, which: int) -> None:
        self._real = real
        self._left = which

    @property
    def in_transaction(self) -> bool:
        return self._real.in_transaction

    def execute(self, sql: str, parameters: Sequence[int] = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self._left -= 1
            if self._left == 0:
                raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Sequence[Sequence[int]]) -> sqlite3.Cursor:
        return self._real.executemany(sql, parameters)

    def close(self) -> None:
        self._real.close()


def test_a_commit_that_fails_refuses_every_caller_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        before, told = core.writer.heads[log], list[str]()
        core.writer.observe(lambda _: told.append("stored"))

        def operation(tx: Tx) -> int:
            tx.after(lambda: told.append("after"))
            return tx.append(log, rows(1), [b'{"new":1}'], np.zeros(1, np.uint32))

        monkeypatch.setattr(core.store, "_writer", Failing(core.store._writer, 2))  # pyright: ignore[reportArgumentType]
        with held(core):  # its own commit is the first
            futures = [core.writer._enqueue(operation) for _ in range(3)]
        for future in futures:
            with pytest.raises(Unsound, match="nothing of it happened"):
                future.result(10)
        assert (core.writer.heads[log], told) == (before, [])
        assert core.writer.call(operation) == 1
        assert told == ["stored", "after"]
        assert (sound(core), len(leaves(core, log))) == (True, 2)


def test_a_mark_that_cannot_be_written_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        monkeypatch.setattr(HighWater, "write", full)
        assert put(core, log) == 1
        monkeypatch.undo()
        assert put(core, log) == 2


def test_an_observer_that_fails_undoes_nothing(tmp_path: Path) -> None:
    def fails(_: Stored) -> None:
        raise ZeroDivisionError

    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        core.writer.observe(fails)
        assert (put(core, log), put(core, log)) == (1, 2)


def test_nothing_is_done_unlogged(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        core.writer.call(create)
        core.writer._heads = {log: head for log, head in core.writer.heads.items() if head.kind != "audit"}
        with pytest.raises(Unsound, match="no audit log"):
            core.writer.call(lambda tx: tx.audit("test"))


def test_too_much_at_once_and_a_full_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        with pytest.raises(Exhausted, match="65537 entries"):
            put(core, log, 65_537)
        monkeypatch.setattr(writer_module, "FREE_BYTES", 2**80)
        with pytest.raises(Exhausted, match="nearly full"):
            put(core, log)
        monkeypatch.undo()
        monkeypatch.setattr(writer_module, "QUEUE_OPERATIONS", 0)
        with pytest.raises(Exhausted, match="try again later"):
            put(core, log)
        monkeypatch.undo()
        assert put(core, log) == 1


def slow_tiles(found: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """(level, number) -> hashes of every tile above the leaves, by the plain recursive definition."""
    tiles: dict[tuple[int, int], bytes] = {}
    level, hashes = 1, list(found)
    while len(hashes) >= 256:
        whole = len(hashes) // 256
        hashes = [CompactRange().extend(hashes[256 * n : 256 * (n + 1)]).root() for n in range(whole)]
        for n in range(-(-whole // 256)):
            tiles[level, n] = b"".join(hashes[256 * n : 256 * (n + 1)])
        level += 1
    return tiles


@pytest.mark.parametrize("steps", [[255, 1, 256, 3, 700], [65_536 - 1, 65_536, 300]])
def test_tiles_are_those_of_the_slow_reference_however_the_log_grew(tmp_path: Path, steps: list[int]) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        for count in steps:
            put(core, log, count)
        with core.store.read() as session:
            records = session.all("SELECT level, n, hashes FROM tile WHERE log = ?", (log,))
        assert {(level, n): bytes(hashes) for level, n, hashes in records} == slow_tiles(leaves(core, log))


def test_a_run_of_large_details_is_cut_so_that_every_segment_fits(tmp_path: Path) -> None:
    blobs = [b'{"n":"%04d%s"}' % (n, b"x" * 4000) for n in range(700)]
    numbers = np.arange(700, dtype=np.uint32)
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        core.writer.call(lambda tx: tx.append(log, rows(700), blobs, numbers))
        ends = _ends(core, log)
        assert ends[-1] == 701
        assert len(ends) > 3
        assert sound(core)
    assert cuts(0, np.zeros(20_000, np.uint32), [b"{}"]) == [8192, 16_384, 20_000]
    assert cuts(8000, np.zeros(500, np.uint32), [b"{}"]) == [192, 500]


def _ends(core: Core, log: int) -> list[int]:
    """The ends of the stored runs, each read as it would be sent."""
    ends = [0]
    with core.store.read() as session:
        while (found := read_run(session, log, ends[-1])) is not None:
            assert found[0].ByteSize() <= SEGMENT_BYTES
            ends.append(found[1])
    return ends[1:]


def test_merging_large_details_keeps_every_segment_within_its_size(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        for turn in range(70):
            blobs = [b'{"t":%d,"n":"%04d%s"}' % (turn, n, b"x" * 3900) for n in range(8)]
            core.writer.call(lambda tx, b=blobs: tx.append(log, rows(8), b, np.arange(8, dtype=np.uint32)))
        ends = _ends(core, log)
        assert ends[-1] == 561
        assert len(ends) < 20
        assert sound(core)


def test_a_restart_goes_on_where_the_log_ended(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        put(core, log, 300, b'{"a":1}')
        found = leaves(core, log)
    with open_core(tmp_path) as core:
        assert put(core, log, 300, b'{"a":1}') == 301
        assert leaves(core, log)[:301] == found
        assert sound(core)


def test_a_head_without_a_checkpoint_is_signed_at_start(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        with core.store.write() as session:
            session.execute("DELETE FROM checkpoint")
    with open_core(tmp_path) as core, core.store.read() as session:
        assert session.all("SELECT size FROM checkpoint WHERE log = ?", (log,)) == [(1,)]


def test_a_database_that_was_deleted_is_not_begun_anew(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        core.writer.call(create)
    (tmp_path / "tocsin.db").unlink()
    with pytest.raises(NodeError, match="holds 0 entries"), open_core(tmp_path):
        pass


def test_a_mark_that_lags_behind_holds_up_nothing(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        old = (tmp_path / "highwater").read_bytes()
        put(core, log, 5)
    (tmp_path / "highwater").write_bytes(old)
    with open_core(tmp_path) as core:
        assert put(core, log) == 6


def test_a_group_of_more_entries_than_fit_one_commit_becomes_several(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
        with held(core):
            futures = [
                core.writer._enqueue(lambda tx: tx.append(log, rows(40_000), [b"{}"], np.zeros(40_000, np.uint32)))
                for _ in range(3)
            ]
        assert [future.result(20) for future in futures] == [1, 40_001, 80_001]
        assert sound(core)


def test_a_caller_that_gave_up_in_the_queue_is_left_out(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)

        def operation(tx: Tx) -> int:
            return tx.append(log, rows(1), [b"{}"], np.zeros(1, np.uint32))

        with held(core):
            gone, stays = core.writer._enqueue(operation), core.writer._enqueue(operation)
            assert gone.cancel()
        assert stays.result(10) == 1
        assert core.writer.heads[log].size == 2


def test_details_that_are_stored_already_keep_their_id_whatever_comes_with_them(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        first = core.writer.call(lambda tx: DetailsTable().ids(tx.sql, [b"a", b"b"]))
        mixed = core.writer.call(lambda tx: DetailsTable().ids(tx.sql, [b"c", b"b", b"d", b"b"]))
        assert mixed[1] == mixed[3] == first[1]
        assert len({*first, *mixed}) == 4
        with core.store.read() as session:
            ids = np.asarray([mixed[2], first[0], mixed[0], mixed[2]], "<u4").tobytes()
            assert read_details(session, ids) == [b"d", b"a", b"c", b"d"]
            assert read_details(session, np.asarray(first, "<u4").tobytes()) == [b"a", b"b"]
