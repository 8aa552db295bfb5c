import os
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin_node.errors import Misconfigured, Refused, Unsound
from tocsin_node.home import Home, claim_socket, lock, read_address


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    for folder in (found.root, found.keys, found.run):
        folder.mkdir(mode=0o700)
    found.config.touch()
    return found


def _long(tmp_path: Path) -> Home:
    found = Home(tmp_path / ("h" * 120))
    found.run.mkdir(mode=0o700, parents=True)
    return found


def test_a_home_is_held_by_one_process_at_a_time(home: Home) -> None:
    program = (
        "import sys; from pathlib import Path; from tocsin_node.home import Home, lock\n"
        "with lock(Home(Path(sys.argv[1]))): print('held')"
    )
    with lock(home):
        second = subprocess.run(
            [sys.executable, "-c", program, str(home.root)], capture_output=True, text=True, check=False
        )
        assert second.returncode != 0
        assert f"{home.root} is in use by another process: one node per home" in second.stderr
        with pytest.raises(Refused, match="in use by another process"), lock(home):
            pass
    with lock(home):
        pass


def test_a_folder_without_configuration_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not a node's home"), lock(Home(tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_socket_lies_in_the_home_and_a_left_over_one_goes(home: Home) -> None:
    (home.run / "node.sock").touch()
    path = claim_socket(home, {})
    assert path == home.run / "node.sock"
    assert not path.exists()
    assert read_address(home) == f"unix:{path}"


def test_a_long_home_gets_a_private_folder_for_its_socket(tmp_path: Path) -> None:
    home, place = _long(tmp_path), tmp_path / "r"
    place.mkdir()
    path = claim_socket(home, {"XDG_RUNTIME_DIR": str(place)})
    assert len(os.fsencode(path)) <= 100
    assert path.parent.parent == place
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read_address(home) == f"unix:{path}"
    assert claim_socket(home, {"XDG_RUNTIME_DIR": str(place)}) == path


@pytest.mark.parametrize("trick", ["open", "link", "file"])
def test_a_folder_that_others_could_have_made_is_refused(tmp_path: Path, trick: str) -> None:
    home, place = _long(tmp_path), tmp_path / "r"
    place.mkdir()
    folder = claim_socket(home, {"XDG_RUNTIME_DIR": str(place)}).parent
    if trick == "open":
        folder.chmod(0o755)
    else:
        folder.rmdir()
        folder.symlink_to(home.run) if trick == "link" else folder.touch()
    with pytest.raises(Unsound, match="is not a folder of ours alone"):
        claim_socket(home, {"XDG_RUNTIME_DIR": str(place)})


def test_a_home_where_no_node_ran_has_no_address(home: Home) -> None:
    with pytest.raises(Misconfigured, match="no node has run"):
        read_address(home)
