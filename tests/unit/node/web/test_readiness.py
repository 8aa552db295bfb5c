"""Readiness over a real writer: what is wrong is named, and noticed to be over."""

import asyncio
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tocsin_node.errors import Unsound
from tocsin_node.limits import FREE_BYTES
from tocsin_node.log.writer import Commit
from tocsin_node.testing.core import Core, open_core
from tocsin_node.web.readiness import Readiness


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with open_core(tmp_path) as found:
        yield found


def wrong(readiness: Readiness) -> dict[str, str]:
    return {check.name: check.why for check in asyncio.run(readiness.checks()) if not check.ok}


def loaded(core: Core, *, free: int = FREE_BYTES, answer_s: float = 5.0) -> Readiness:
    readiness = Readiness(writer=core.writer, free_bytes=lambda: free, problems=tuple, answer_s=answer_s)
    readiness.loaded = True
    return readiness


def test_a_node_that_still_reads_its_signals_is_not_ready(core: Core) -> None:
    assert wrong(Readiness(writer=core.writer, free_bytes=lambda: FREE_BYTES, problems=tuple)) == {
        "index": "the stored signals are still being read"
    }
    assert wrong(loaded(core)) == {}


def test_a_full_disk_is_told_with_both_numbers(core: Core) -> None:
    found = wrong(loaded(core, free=FREE_BYTES - 1))
    assert list(found) == ["space"]
    assert str(FREE_BYTES) in found["space"]


def test_a_writer_that_does_not_answer_is_told(core: Core) -> None:
    go, held = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        go.wait(30)

    threading.Thread(target=lambda: core.writer.call(hold)).start()
    assert held.wait(30)
    assert list(wrong(loaded(core, answer_s=0.1))) == ["writer"]
    go.set()
    assert wrong(loaded(core)) == {}


def test_a_store_that_fails_is_told_until_it_takes_a_write_again(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Commit | None] = []
    core.writer.observe_commits(told.append)
    write = core.store.write
    broken = True

    @contextmanager
    def failing() -> Generator[object]:
        with write() as session:
            yield session
            if broken:
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(core.store, "write", failing)
    with pytest.raises(Unsound, match="nothing of it happened"):
        core.writer.call(lambda tx: tx.audit("node.started"))
    assert list(wrong(loaded(core))) == ["store"]
    broken = False
    assert wrong(loaded(core)) == {}
    assert wrong(loaded(core)) == {}
    core.writer.call(lambda tx: tx.audit("node.started"))
    assert core.events() == ["node.started"]
    with core.store.read() as session:
        assert session.all("SELECT * FROM community") == []
    assert [one is None for one in told] == [True, True, False]  # looks that wrote nothing of worth are not counted


def test_looking_writes_nothing_while_all_is_well(core: Core, tmp_path: Path) -> None:
    core.writer.call(lambda tx: tx.audit("node.started"))
    before = (tmp_path / "tocsin.db-wal").read_bytes()
    assert wrong(loaded(core)) == {}
    assert (tmp_path / "tocsin.db-wal").read_bytes() == before
