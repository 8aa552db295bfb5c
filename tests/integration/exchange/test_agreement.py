"""Two real processes compare their canonical forms: alike, and where one of them was tampered with."""

import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.demo.cast import Player, environment
from tocsin_node.testing.processes import Federation, end, open_federation, publish, until

pytestmark = pytest.mark.timeout(120)

QUICK: Final = """
import sys
from tocsin_node import limits
limits.PROBES_FIRST_S = limits.PROBES_EVERY_S = 1.0
"""
TAMPERED: Final = """
import tocsin_signals.canon
sys.modules["tocsin_signals.canon.url"].TRACKING = frozenset()
"""
SERVE: Final = """
from tocsin_node.cli.main import main
sys.argv = ["tocsin", "--home", sys.argv[1], "serve"]
main()
"""


def restart(player: Player, program: str) -> None:
    """Have another program serve the home: one that does not wait, or not ours any more."""
    end(player)
    with (player.home.parent / f"{player.name}.log").open("ab") as log:
        command = [sys.executable, "-c", program, str(player.home)]
        player.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True, env=environment()
        )
    until((player.home / "run" / "address").exists)


def canon(player: Player) -> pb.CanonAgreement:
    """What a node knows of its one peer's canonical forms."""
    with connect(player.home, None, start=False) as local:
        return local.node.ListPeers(pb.ListPeersRequest()).peers[0].canon


def said(player: Player, *arguments: str, expect: int) -> str:
    """What a command says to people."""
    command = [sys.executable, "-m", "tocsin_node", "--home", str(player.home), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment() | {"COLUMNS": "160"}
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def both(tmp_path: Path) -> Generator[Federation]:
    with open_federation(tmp_path) as made:
        yield made


def test_two_nodes_of_one_version_show_equal_digests_equal_probes_and_every_probe_signal_found(
    both: Federation,
) -> None:
    assert [one.published for one in publish(both.hotline, ["https://bad.example/x"])] == [1]
    for player in both.players():
        restart(player, QUICK + SERVE)
    until(lambda: [(one.found, one.expected) for one in canon(both.platform).signals] == [(4, 4)])
    until(lambda: canon(both.platform).probes > 200)
    found = canon(both.platform)
    assert found.manifest == found.own_manifest
    assert len(found.manifest) == 64
    assert "url/1" in found.same
    assert not found.alarms
    assert not found.not_probed
    text = said(both.platform, "peer", "status", "hotline.example", expect=0)
    for words in ("as ours", "behave as ours on the vectors", "equal, 20", "urls: 4 of 4 found by other spellings"):
        assert words in text
    assert both.effect("http://WWW.bad.example:443/x") == "enforce"
    said(both.platform, "peer", "check", "hotline.example", expect=0)


def test_a_peer_with_a_tampered_tracking_list_is_found_and_the_first_value_it_reads_differently_is_named(
    both: Federation,
) -> None:
    restart(both.hotline, QUICK + TAMPERED + SERVE)
    until(lambda: bool(canon(both.platform).differ))
    checked = said(both.platform, "peer", "check", "hotline.example", expect=1)
    assert "its rules of url/1 are not ours" in checked
    found = canon(both.platform)
    assert [one.profile for one in found.differ] == ["url/1"]
    first = found.disagreement
    assert first.type == "url"
    assert first.theirs != first.ours
    text = said(both.platform, "peer", "status", expect=1)
    for words in ("url/1 DIFFERS", f"the first is url {first.text!a}", f"this node: {first.ours!a}"):
        assert words in text
    status: Any = both.platform.run("peer", "status", expect=(1,))
    assert status["peers"][0]["canon"]["disagreement"]["type"] == "url"
    assert both.link() == "connected", "what agrees is exchanged as ever"
    log = (both.platform.home.parent / "platform.log").read_text()
    assert "canonical forms differ" in log
    assert time.time() * 1000 - found.probed_at < 120_000
