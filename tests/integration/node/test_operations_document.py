"""docs/operations.md: the drill, as an operator would type it, after a real node lost its disk."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin_node.client import Client, Connection, Query, Refused, Row
from tocsin_node.demo.cast import Player, environment

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SAID = {"stance": "harmful"}


def test_the_drill_gives_the_home_back_and_no_feed_grows_before_its_followers_were_asked(node: Player) -> None:
    folder = node.home.parent
    before, after = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    rows = [Row("url", f"https://kept-{number}.example/page", SAID) for number in range(300)]
    with Client(Connection.at_home(node.home, node.home / "run" / "operator.token")) as client:
        client.publish("urls", rows)
        shell(folder, before)
        client.publish("urls", [Row("url", "https://later.example/", SAID)])
    node.stop()
    shutil.rmtree(node.home)
    said = shell(folder, after)
    assert "hotline.example/feed/urls: ok, 301 entries" in said
    assert "feed recover urls" in said

    again = Player(node.organisation, node.role, folder / "again")
    try:
        again.start()
        with Client(Connection.at_home(again.home, again.home / "run" / "operator.token")) as client:
            kept, later = client.match([Query("url", rows[7].value), Query("url", "https://later.example/")])
            assert (kept.matched, later.matched) == (True, False)
            assert client.show_signal("urls", 8).identifier == "kept-7.example/page"
            assert client.status().own[0].state == "frozen"
            with pytest.raises(Refused, match="restored from a backup"):
                client.publish("urls", [Row("url", "https://other.example/", SAID)])
            assert client.status().own[0].size == 301
    finally:
        again.stop()


def shell(folder: Path, script: str) -> str:
    variables = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
