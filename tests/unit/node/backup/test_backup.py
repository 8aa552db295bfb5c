import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tocsin_node import backup as module
from tocsin_node.backup import read_manifest
from tocsin_node.errors import Misconfigured, NodeError, Refused
from tocsin_node.home import Home
from tocsin_node.log.envelope import Actor
from tocsin_node.store import sqlite
from tocsin_node.testing.core import NOW, Core, open_core

OPERATOR = Actor("operator", "operator")


def unheard(_done: int, _total: int) -> None:
    pass


def backup(home: Home, core: Core, directory: Path, progress: Callable[[int, int], None] = unheard) -> int:
    return module.backup(
        home,
        core.store,
        core.writer,
        directory,
        organisation=core.organisation,
        clock=core.clock,
        actor=OPERATOR,
        progress=progress,
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    for folder in (home.root, home.keys, home.epochs, home.run, home.policies):
        folder.mkdir(mode=0o700)
    for file in (
        home.node_key,
        home.config,
        home.operator_token,
        home.policies / "peer.toml",
        home.lock_file,
        home.unlock_key,
    ):
        file.write_text(file.name)
        file.chmod(0o600)
    (home.run / "address").write_text("unix:/x")
    return home


@pytest.fixture
def core(home: Home) -> Iterator[Core]:
    with open_core(home.root) as found:
        yield found


def test_a_copy_holds_what_a_home_needs_and_nothing_of_the_one_that_signed_last(
    home: Home, core: Core, tmp_path: Path
) -> None:
    core.writer.call(lambda tx: tx.audit("feed.created"))
    target = Home(tmp_path / "copy")
    size = backup(home, core, target.root)
    found = {str(path.relative_to(target.root)) for path in target.root.rglob("*") if path.is_file()}
    listed = {"tocsin.db", "tocsin.toml", "keys/node.key", "policies/peer.toml", "run/operator.token"}
    assert found == {*listed, "backup.json"}
    manifest = read_manifest(target.root)
    assert (manifest.organisation, manifest.made_at, manifest.files.keys()) == (core.organisation, NOW, listed)
    assert size == sum((target.root / name).stat().st_size for name in found)
    assert all(stat.S_IMODE((target.root / name).stat().st_mode) == 0o600 for name in found)
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in (target.root, target.keys, target.run))
    assert core.audit()[-1]["ev"] == "backup.done"
    with open_core(target.root) as restored:
        assert restored.events() == ["feed.created"]
        restored.writer.call(lambda tx: tx.audit("node.started"))
        assert restored.events() == ["feed.created", "node.started"]


def test_an_empty_folder_will_do(home: Home, core: Core, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    target.mkdir()
    backup(home, core, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert (target / "tocsin.db").is_file()


@pytest.mark.parametrize(
    ("place", "family", "sentence"),
    [
        ("full", Refused, "exists and is not empty"),
        ("file", Refused, "exists and is not a folder"),
        ("link", Refused, "exists and is not a folder"),
        ("home/keys/copy", Misconfigured, "is inside the home"),
        ("none/copy", Misconfigured, "in a folder that exists"),
    ],
)
def test_a_place_that_will_not_do_is_named_and_nothing_is_written(
    place: str, family: type[NodeError], sentence: str, home: Home, core: Core, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "full")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(family, match=sentence):
        backup(home, core, tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before
    assert core.events() == []


def test_a_relative_path_is_refused_because_only_the_caller_knows_from_where(home: Home, core: Core) -> None:
    with pytest.raises(Misconfigured, match="is not an absolute path"):
        backup(home, core, Path("copy"))


def test_a_copy_that_breaks_off_leaves_nothing_and_is_not_logged_as_done(
    home: Home, core: Core, tmp_path: Path
) -> None:
    home.config.unlink()
    with pytest.raises(Refused, match="could not be written: no such file or directory"):
        backup(home, core, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert core.events() == []


def test_a_backup_is_one_moment_however_much_is_written_meanwhile(
    home: Home, core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BACKUP_PAGES", 1)
    for number in range(50):
        core.writer.call(lambda tx, number=number: tx.audit("feed.created", about={"text": f"{number}" * 500}))
    before, moves = len(core.events()), list[tuple[int, int]]()

    def writes(done: int, total: int) -> None:
        moves.append((done, total))
        thread = threading.Thread(target=lambda: core.writer.call(lambda tx: tx.audit("node.started")))
        thread.start()  # the copying thread holds a read transaction; another one writes
        thread.join()

    backup(home, core, tmp_path / "copy", writes)
    assert len(moves) > 10
    assert [done for done, _ in moves] == sorted(done for done, _ in moves)
    assert moves[-1][0] == moves[-1][1]
    with open_core(tmp_path / "copy") as copied:
        assert len(copied.events()) == before


def test_a_backup_that_is_broken_off_leaves_nothing(home: Home, core: Core, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(home, core, tmp_path / "copy", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    core.writer.call(lambda tx: tx.audit("node.started"))  # the store goes on
    assert core.events() == ["node.started"]


def test_a_backup_is_not_taken_for_a_home(home: Home, core: Core, tmp_path: Path) -> None:
    backup(home, core, tmp_path / "copy")
    with pytest.raises(Misconfigured, match="is a backup: `tocsin restore` makes a home of it"):
        Home(tmp_path / "copy").require()
