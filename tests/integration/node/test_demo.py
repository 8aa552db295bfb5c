"""The demo as a newcomer runs it: it tells its story, notices when that goes wrong, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tocsin_node.demo.cast import environment
from tocsin_signals.types import REGISTRY


@pytest.fixture
def folder() -> Generator[Path]:
    """Where the demo puts its homes; on a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="td-") as name:
        yield Path(name)


def begin(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tocsin_node", "demo", "--rows", "500"]
    env = {**environment(), "TMPDIR": str(folder)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    )


def nodes(folder: Path) -> dict[str, int]:
    """The demo's node processes, by the name of their home."""
    found: dict[str, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if b"serve" in words and str(folder).encode() in b" ".join(words):
            home = words[words.index(b"--home") + 1].decode()
            found[Path(home).name] = int(entry.name)
    return found


def started(folder: Path, process: "subprocess.Popen[str]", name: str) -> int:
    """The process id of one of the demo's nodes, once it runs."""
    deadline = time.monotonic() + 180
    while name not in (running := nodes(folder)):
        assert process.poll() is None, "the demo ended early"
        assert time.monotonic() < deadline, "the node did not start"
        time.sleep(0.05)
    return running[name]


@pytest.mark.timeout(400)
def test_the_demo_tells_its_story_and_leaves_nothing_behind(folder: Path) -> None:
    with begin(folder) as process:
        output, errors = process.communicate(timeout=360)
    assert process.returncode == 0, errors
    assert f"500 rows of {sum(not kind.clear for kind in REGISTRY)} types" in output
    assert "Done in" in output
    assert list(folder.iterdir()) == []
    assert nodes(folder) == {}


@pytest.mark.timeout(400)
def test_a_demo_whose_node_dies_fails_with_a_sentence_and_leaves_nothing_behind(folder: Path) -> None:
    with begin(folder) as process:
        os.kill(started(folder, process, "video"), signal.SIGKILL)
        _, errors = process.communicate(timeout=360)
    assert process.returncode == 1
    assert "The demo failed: " in errors
    assert "Traceback" not in errors
    assert list(folder.iterdir()) == []
    assert nodes(folder) == {}


@pytest.mark.timeout(400)
def test_an_interrupted_demo_stops_its_nodes_and_leaves_nothing_behind(folder: Path) -> None:
    with begin(folder) as process:
        started(folder, process, "chat")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.endswith("Interrupted.\n")
    assert list(folder.iterdir()) == []
    assert nodes(folder) == {}
