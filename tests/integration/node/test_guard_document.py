"""docs/guard.md, as a reader would type it, against a real node."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tocsin_node.client import Client, Connection, Row
from tocsin_node.demo.cast import Player, environment

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "guard.md").read_text(encoding="utf-8")
SAID = {"stance": "harmful"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def run(folder: Path, *command: str) -> str:
    variables = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_person_approves_as_the_document_says(node: Player) -> None:
    folder = node.home.parent
    (folder / "list.csv").write_text("type,value,stance\nurl,https://www.nytimes.com/,harmful\n")
    (commands,) = blocks("sh")
    said = run(folder, "bash", "-e", "-c", commands)
    assert "blocked by guard:top-site" in said
    assert "Request 1 is approved until" in said
    assert said.count("approved by a second person") == 1


def test_lists_own_assets_and_subjects_work_as_the_document_says(node: Player) -> None:
    folder, config = node.home.parent, node.home / "tocsin.toml"
    block, own = blocks("toml")
    config.write_text(f"{config.read_text()}\n{block}{own.removeprefix('[guard]')}")
    assets = re.search(r"```\n(# HOME/guard/own-assets.*?)```", TEXT, re.DOTALL)
    assert assets is not None
    (node.home / "guard").mkdir()
    (node.home / "guard" / "own-assets.txt").write_text(assets[1])
    assert set(node.run("reload")["changed"]) == {"guard.own", "guard.block"}
    shown = node.run("guard")
    assert (shown["own_assets"], shown["block"]) == (5, ["address-vpn", "address-cloud"])
    (folder / "moderation.token").write_text(node.run("token", "add", "moderation", "--role", "match")["token"])
    (folder / "moderation.token").chmod(0o600)
    (example,) = blocks("python")
    (folder / "example.py").write_text(example)
    run(folder, sys.executable, "example.py")
    rows = [Row("url", "https://bad.example/page", SAID), Row("url", "https://chat.hotline.example/", SAID)]
    with Client(Connection.at_home(node.home, node.home / "run" / "operator.token")) as client:
        result = client.publish("urls", rows)
    assert [one.reason for one in result.refused] == ["guard:blast-radius", "guard:own-asset"]
