"""Restore: every byte checked first, all or nothing, and no feed that may have been longer grows."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.audit.verify import verify_home
from tocsin_node.backup import MANIFEST
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import connect
from tocsin_node.errors import Misconfigured, NodeError, Refused, Unsound
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.keys import new_unlock_key
from tocsin_node.restore import Restored, restore
from tocsin_node.serve import run_in_thread

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a feed, and its backup beside it."""
    home = Home(tmp_path_factory.mktemp("lost") / "home")
    init_home(home, organisation="hotline.example", role="hotline", profiles={}, clock=wall_clock)
    home.config.write_text(home.config.read_text() + 'all = ["platform.example"]\n[guard]\nown = "own.txt"\n')
    home.guard.mkdir()
    (home.guard / "own.txt").write_text("domain hotline.example\n")
    running = run_in_thread(home.root, exchange=False)
    try:
        with connect(home.root, None) as local:
            local.node.CreateCommunity(pb.CreateCommunityRequest(name="c"))
            local.node.CreateFeed(pb.CreateFeedRequest(name="x", community="c.hotline.example", audience="all"))
            rows = [pb.PublishRow(line=n, type="url", value=f"https://n{n}.example/") for n in range(300)]
            chunk = pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=rows)
            list(
                local.node.Publish(
                    iter([pb.PublishRequest(start=pb.PublishStart(feed="x")), pb.PublishRequest(chunk=chunk)])
                )
            )
            list(local.node.Backup(pb.BackupRequest(directory=str(home.root.with_name("backup")))))
    finally:
        running.stop()
    return home


@pytest.fixture
def copy(lost: Home, tmp_path: Path) -> Path:
    """A copy of the backup, to be changed."""
    return Path(shutil.copytree(lost.root.with_name("backup"), tmp_path / "backup"))


def unheard(_what: str, _done: int, _total: int) -> None:
    pass


def again(lost: Home, copy: Path, **changes: Any) -> Restored:
    given: dict[str, Any] = {
        "environment": {},
        "unlock_key": lost.unlock_key.read_bytes(),
        "clock": wall_clock,
        "progress": unheard,
    }
    return restore(copy, Home(copy.with_name("again")), **{**given, **changes})


def test_what_was_backed_up_is_a_home_again_with_every_feed_frozen(lost: Home, copy: Path) -> None:
    assert "unlock" not in {path.name for path in copy.rglob("*")}
    moves: list[str] = []

    def hear(what: str, _done: int, _total: int) -> None:
        moves.append(what)

    done = again(lost, copy, progress=hear)
    home = Home(copy.with_name("again"))
    assert (done.organisation, done.feeds) == ("hotline.example", ("hotline.example/feed/x",))
    assert {"copying", "checking the database", "checking hotline.example/feed/x"} <= set(moves)
    assert {path.name for path in copy.parent.iterdir()} == {"backup", "again"}
    assert not (home.root / MANIFEST).exists()
    for path in home.root.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    reports = [item.report for item in verify_home(home.root) if item.HasField("report")]
    assert len(reports) == 2
    assert all(report.ok for report in reports)
    assert not any("high-water" in text for report in reports for text in report.not_checked)  # marks were set anew
    with connect(home.root, None) as local:
        own = local.node.Status(pb.StatusRequest()).own[0]
        assert (own.state, own.size) == ("frozen", 301)
        assert "tocsin feed recover x" in own.why
        assert local.node.ShowSignal(pb.ShowSignalRequest(feed="x", signal=7)).identifier == "n6.example/"


def _flip(name: str, at: int) -> Change:
    def change(copy: Path) -> None:
        data = bytearray((copy / name).read_bytes())
        data[at] ^= 1
        (copy / name).write_bytes(data)

    return change


def _sql(statement: str) -> Change:
    """A change of the database whose digest the list was made to agree with."""

    def change(copy: Path) -> None:
        with closing(sqlite3.connect(copy / "tocsin.db")) as database, database:
            assert database.execute(statement).rowcount > 0
        _relist(copy)

    return change


def _relist(copy: Path) -> None:
    from tocsin_node.backup import digest_of

    said = json.loads((copy / MANIFEST).read_text())
    said["files"]["tocsin.db"] = digest_of(copy / "tocsin.db")
    (copy / MANIFEST).write_text(json.dumps(said))


def _list(name: str) -> Change:
    def change(copy: Path) -> None:
        said = json.loads((copy / MANIFEST).read_text())
        said["files"][name] = "00"
        (copy / MANIFEST).write_text(json.dumps(said))

    return change


def _without(name: str) -> Change:
    return lambda copy: (copy / name).unlink()


def _says(text: str) -> Change:
    return lambda copy: (copy / MANIFEST).write_text(text)


def _cut(copy: Path) -> None:
    data = (copy / "tocsin.db").read_bytes()
    (copy / "tocsin.db").write_bytes(data[:-8192])
    _relist(copy)


@pytest.mark.parametrize(
    ("change", "family", "says"),
    [
        (_flip("tocsin.db", 5000), Unsound, "tocsin.db is not what was backed up"),
        (_flip("keys/node.key", 40), Unsound, "node.key is not what was backed up"),
        (_without("tocsin.toml"), Unsound, "tocsin.toml is listed in the backup and is not there"),
        (_without(MANIFEST), Misconfigured, "is not a backup"),
        (_says("[]"), Misconfigured, "does not say what is in the backup"),
        (_says('{"format":2}'), Misconfigured, "format 2; this program reads 1"),
        (_list("../outside"), Misconfigured, "no file of a home"),
        (_list("keys/../../outside"), Misconfigured, "no file of a home"),
        (_list("/etc/passwd"), Misconfigured, "no file of a home"),
        (_cut, Unsound, "damaged|cannot be read"),
        (_sql("DELETE FROM audit_entry WHERE idx = 5"), Unsound, "does not check: .*entry 5 is missing"),
        (_sql("DELETE FROM checkpoint WHERE size = 301"), Unsound, "no signed checkpoint"),
        (_sql("DELETE FROM log_head WHERE size = 301"), Unsound, "the stored head says 0 entries, 301 were found"),
    ],
)
def test_a_backup_that_is_not_what_was_written_makes_no_home(
    lost: Home, copy: Path, change: Change, family: type[NodeError], says: str
) -> None:
    change(copy)
    with pytest.raises(family, match=says):
        again(lost, copy)
    assert [path.name for path in copy.parent.iterdir()] == ["backup"]


def test_keys_that_do_not_open_make_no_home(lost: Home, copy: Path) -> None:
    with pytest.raises(Misconfigured, match="--unlock names a copy"):
        again(lost, copy, unlock_key=None)
    with pytest.raises(NodeError):
        again(lost, copy, unlock_key=new_unlock_key())
    assert [path.name for path in copy.parent.iterdir()] == ["backup"]


def test_only_a_new_or_empty_place_becomes_a_home_and_a_break_leaves_nothing(lost: Home, copy: Path) -> None:
    def stop(what: str, _done: int, _total: int) -> None:
        if what.startswith("checking hotline"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(lost, copy, progress=stop)
    assert [path.name for path in copy.parent.iterdir()] == ["backup"]
    copy.with_name("again").mkdir()
    assert again(lost, copy).feeds
    with pytest.raises(Refused, match="is not empty"):
        again(lost, copy)
