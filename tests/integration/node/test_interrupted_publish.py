"""A long publish by a real process into a real node, broken off by Ctrl-C and repeated: every row once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.cli.upload import IN_FLIGHT
from tocsin_node.demo.cast import Player, environment
from tocsin_node.demo.rows import write_rows

ROWS: Final = 20_000
BATCH: Final = 256
UNDECIDED: Final = (IN_FLIGHT + 1) * BATCH
"""Rows that may be durable without having been answered in time."""


@pytest.fixture(scope="module")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Generator[Player]:
    folder = tmp_path_factory.mktemp("hotline")
    player = Player("hotline.example", "hotline", folder / "hotline")
    player.run("init", "--organisation", player.organisation, "--role", player.role)
    config = player.home / "tocsin.toml"
    config.write_text(config.read_text() + 'partners = ["platform.example"]\n')
    try:
        player.start()
        player.run("community", "create", "c")
        player.run("feed", "create", "urls", "--community", "c.hotline.example", "--audience", "partners")
        yield player
    finally:
        player.stop()


def size(player: Player) -> int:
    """Entries of the feed, its opening included."""
    with connect(player.home, None, start=False) as local:
        (feed,) = local.node.ListOwnFeeds(pb.ListOwnFeedsRequest()).feeds
        return feed.size


def begin(player: Player, path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tocsin_node", "--home", str(player.home), "publish", str(path), "--feed", "urls"]
    return subprocess.Popen(
        [*command, "--batch", str(BATCH)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def interrupt(player: Player, path: Path, *, at: int) -> int:
    """Begin to publish, press Ctrl-C once the feed holds `at` entries; how many rows it says are durable."""
    with begin(player, path) as process:
        deadline = time.monotonic() + 60
        while size(player) < at:
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < deadline, "it published nothing"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, "")
    told = re.fullmatch(r"error: interrupted; ([0-9,]+) rows are durable; to go on, repeat the command: .*\n", errors)
    assert told is not None, errors
    return int(told[1].replace(",", ""))


def repeated(player: Player, path: Path) -> Any:
    return player.run("publish", str(path), "--feed", "urls", "--batch", str(BATCH), expect=(3,))


@pytest.mark.timeout(240)
def test_a_publish_interrupted_twice_and_repeated_has_every_row_exactly_once(hotline: Player, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, ROWS)

    told = interrupt(hotline, path, at=2_000)
    held = size(hotline) - 1
    assert 0 < told < ROWS
    assert told <= held + 1 <= told + UNDECIDED  # one row says the same as another
    told = interrupt(hotline, path, at=held + 3_000)
    assert held < told < ROWS
    held = size(hotline) - 1
    assert told <= held + 1 <= told + UNDECIDED

    last = repeated(hotline, path)
    refused = sum(last["refused"].values()) + sum(last["blocked"].values())
    assert last["revised"] == 0
    assert last["unchanged"] == held + 1  # the row that says the same as another
    assert last["published"] + last["unchanged"] + refused == ROWS
    assert size(hotline) - 1 == last["published"] + held == ROWS - refused - 1
    assert len(Path(last["rejects"]).read_text().splitlines()) == refused + 1

    same = tmp_path / "rows.jsonl"
    write_rows(same, ROWS)
    again = repeated(hotline, same)
    assert (again["published"], again["revised"], again["unchanged"]) == (0, 0, ROWS - refused)
    assert len([json.loads(line) for line in Path(again["rejects"]).read_text().splitlines()]) == refused
    report = hotline.run("audit", "verify")
    assert all(one["ok"] for one in report)
