"""Entries of an own feed that come back: stored as they were, under the marks of what was signed, and built upon."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tocsin_crypto.ed25519 import SigningKey
from tocsin_node.audit.checks import Report, check_store
from tocsin_node.errors import Frozen
from tocsin_node.log.runs import read_run, stored_runs
from tocsin_node.log.tx import Tx
from tocsin_node.segment.codec import U32, Run
from tocsin_node.segment.verify import Position, accept
from tocsin_node.testing.core import Core, open_core
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, tag_column

ORIGIN = "hotline.example/feed/x"
KEY = SigningKey(b"\x01" * 32).public.raw


def rows(count: int, kind: Kind = Kind.ASSERT) -> Rows:
    made = empty_rows(count)
    made["kind"], made["ref"], made["type"], made["epoch"] = kind, NO_REF, 0x0101, 1
    tag_column(made)[:, 0] = np.arange(count) % 251
    return made


def append(core: Core, log: int, count: int, kind: Kind = Kind.ASSERT) -> None:
    core.writer.call(lambda tx: tx.append(log, rows(count, kind), [b"{}"], np.zeros(count, np.uint32)))


def held(core: Core, log: int) -> list[tuple[bytes, bytes]]:
    """(segment, checkpoint) of everything stored, as a follower would serve it."""
    found: list[tuple[bytes, bytes]] = []
    reached = 0
    with core.store.read() as session:
        while run := read_run(session, log, reached):
            segment, reached = run
            note = session.one("SELECT note FROM checkpoint WHERE log = ? AND size = ?", (log, reached))
            assert note is not None
            found.append((segment.SerializeToString(), bytes(note[0])))
    return found


def give_back(core: Core, log: int, deliveries: list[tuple[bytes, bytes]]) -> None:
    for segment, note in deliveries:
        head = core.writer.heads[log]
        position = Position(ORIGIN, "hotline.example/node", KEY, head.size, head.tree.to_bytes(), head.last_time)
        accepted = accept(position, segment, note)
        core.writer.call(lambda tx, accepted=accepted: tx.follow(log, accepted))


def create(tx: Tx) -> int:
    log = tx.new_log(ORIGIN, "own", "hotline.example", name="x")
    tx.append(log, rows(1, Kind.OPEN), [b"{}"], np.zeros(1, np.uint32))
    return log


@pytest.mark.parametrize("chunks", [(5,), (255,), (300, 40), (300, 172, 1), (60, 300, 300)])
def test_a_feed_goes_on_from_entries_that_came_back_without_their_seeds(
    tmp_path: Path, chunks: tuple[int, ...]
) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(create)
    shutil.copy(tmp_path / "tocsin.db", tmp_path / "old.db")
    with open_core(tmp_path) as core:
        for count in chunks:
            append(core, log, count)
        lost = held(core, log)[1:]
        entries = b"".join(run.rows.tobytes() for run, _ in _runs(core, log))
    shutil.copy(tmp_path / "old.db", tmp_path / "tocsin.db")
    with open_core(tmp_path) as core:  # only the feed is behind its mark: it was the last to be signed
        assert "tocsin feed recover x" in core.writer.frozen[log]
        with pytest.raises(Frozen, match="restored from an old copy"):
            append(core, log, 1)
        mark = core.writer.marks[ORIGIN]
        give_back(core, log, lost[:1])
        assert core.writer.marks[ORIGIN] == mark, "a mark never goes back"
        give_back(core, log, lost[1:])
        core.writer.call(lambda tx: core.writer.thaw(tx, log))
        assert b"".join(run.rows.tobytes() for run, _ in _runs(core, log)) == entries
        for count in (1, 300, 600):
            append(core, log, count)
        assert _findings(core) == []
    (tmp_path / "follower").mkdir()
    with open_core(tmp_path) as core:
        assert not core.writer.frozen
        assert _findings(core) == []
        with open_core(tmp_path / "follower", "platform.example") as follower:
            copy = follower.writer.call(lambda tx: tx.new_log(ORIGIN, "followed", "hotline.example"))
            give_back(follower, copy, held(core, log))
            assert follower.writer.heads[copy].tree == core.writer.heads[log].tree


def _runs(core: Core, log: int) -> list[tuple[Run, U32]]:
    with core.store.read() as session:
        return list(stored_runs(session, log))


def _findings(core: Core) -> list[str]:
    reports = [one for one in check_store(core.store, core.writer.marks) if isinstance(one, Report)]
    return [finding for one in reports if one.origin == ORIGIN for finding in one.findings if "card" not in finding]
