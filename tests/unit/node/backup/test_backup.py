import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin_node.backup import backup
from tocsin_node.errors import Misconfigured, NodeError, Refused
from tocsin_node.home import Home
from tocsin_node.log.envelope import Actor
from tocsin_node.testing.core import Core, open_core

OPERATOR = Actor("operator", "operator")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    for folder in (home.root, home.keys, home.epochs, home.run, home.policies):
        folder.mkdir(mode=0o700)
    for file in (home.node_key, home.config, home.operator_token, home.policies / "peer.toml", home.lock_file):
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
    size = backup(home, core.store, core.writer, target.root, actor=OPERATOR)
    found = {str(path.relative_to(target.root)) for path in target.root.rglob("*") if path.is_file()}
    assert found == {"tocsin.db", "tocsin.toml", "keys/node.key", "policies/peer.toml", "run/operator.token"}
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
    backup(home, core.store, core.writer, target, actor=OPERATOR)
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
        backup(home, core.store, core.writer, tmp_path / place, actor=OPERATOR)
    assert sorted(tmp_path.rglob("*")) == before
    assert core.events() == []


def test_a_relative_path_is_refused_because_only_the_caller_knows_from_where(home: Home, core: Core) -> None:
    with pytest.raises(Misconfigured, match="is not an absolute path"):
        backup(home, core.store, core.writer, Path("copy"), actor=OPERATOR)


def test_a_copy_that_breaks_off_leaves_nothing_and_is_not_logged_as_done(
    home: Home, core: Core, tmp_path: Path
) -> None:
    home.config.unlink()
    with pytest.raises(Refused, match="could not be written: no such file or directory"):
        backup(home, core.store, core.writer, tmp_path / "copy", actor=OPERATOR)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert core.events() == []
