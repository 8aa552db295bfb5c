"""A follower proves a signal it received; a third party with the publisher's card, and nothing else, checks it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tocsin_node.demo.cast import Player, environment

COMMUNITY: Final = "c.hotline.example"
FEED: Final = "hotline.example/feed/urls"
VALUE: Final = "https://bad.example/page?b=2&a=1"


def until(check: Callable[[], bool], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@dataclass(frozen=True)
class Cast:
    folder: Path
    hotline: Player
    platform: Player

    def events(self) -> list[dict[str, Any]]:
        """The signal's entries at the follower; none while it has not arrived."""
        shown = self.platform.run("signal", "show", FEED, "1", expect=(0, 2))
        return shown["events"] if shown else []


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cast]:
    folder = tmp_path_factory.mktemp("proof")
    hotline = Player("hotline.example", "hotline", folder / "hotline")
    platform = Player("platform.example", "platform", folder / "platform")
    try:
        for player in (hotline, platform):
            player.run("init", "--organisation", player.organisation, "--role", player.role)
        with (hotline.home / "tocsin.toml").open("a") as config:
            config.write('partners = ["platform.example"]\n')
        for player in (hotline, platform):
            player.start()
            player.run("card", "export", "-o", str(folder / f"{player.name}.card"))
        for one, other in ((hotline, platform), (platform, hotline)):
            card = str(folder / f"{other.name}.card")
            one.run("peer", "add", card, "--fingerprint", one.run("card", "show", card)["fingerprint"])
        hotline.run("community", "create", "c")
        hotline.run("community", "invite", COMMUNITY, "platform.example", "-o", str(folder / "invite"))
        platform.run("community", "join", str(folder / "invite"))
        hotline.run("feed", "create", "urls", "--community", COMMUNITY, "--audience", "partners")
        policy = folder / "policy.toml"
        policy.write_text('peer = "platform.example"\n[send]\nfeeds = ["urls"]\n')
        hotline.run("policy", "apply", str(policy))
        policy.write_text('peer = "hotline.example"\n[[rule]]\neffect = "review"\nstance = ["harmful"]\n')
        platform.run("policy", "apply", str(policy))
        (folder / "rows.csv").write_text(f"type,url,stance\nurl,{VALUE},harmful\n")
        hotline.run("publish", str(folder / "rows.csv"), "--feed", "urls")
        yield Cast(folder, hotline, platform)
    finally:
        hotline.stop()
        platform.stop()


def third_party(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `tocsin signal verify` where no home, token or node is known."""
    command = [sys.executable, "-m", "tocsin_node", "signal", "verify", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.timeout(180)
def test_a_followers_proof_is_checked_by_a_third_party_with_the_publishers_card_alone(
    cast: Cast, tmp_path: Path
) -> None:
    until(lambda: len(cast.events()) == 1)
    cast.hotline.run("signal", "revise", "urls", "1", "--set", "severity=high", "--expires", "200d")
    until(lambda: len(cast.events()) == 2)
    proof, card = tmp_path / "case.tlog-proof", cast.folder / "hotline.card"
    made = cast.platform.run("signal", "prove", FEED, "1", "-o", str(proof))
    assert (made["entries"], made["size"]) == (2, 3)
    assert b"bad.example" not in proof.read_bytes()

    code, out, _ = third_party(tmp_path, proof.name, "--card", str(card), "--json")
    said = json.loads(out)
    assert (code, said["publisher"], said["state"], said["type"]) == (0, "hotline.example", "live", "url")
    assert [(entry["kind"], entry["details"].get("severity")) for entry in said["entries"]] == [
        ("assert", None),
        ("revise", "high"),
    ]
    assert any("revision or a withdrawal" in item for item in said["not_shown"])
    assert any("which identifier" in item for item in said["not_shown"])
    assert third_party(tmp_path, proof.name, "--key", said["key"])[0] == 0

    code, _, told = third_party(tmp_path, proof.name, "--card", str(cast.folder / "platform.card"))
    assert (code, "FALSE" in told) == (1, True)
    spoiled = proof.read_bytes().replace(b"index 1\n", b"index 2\n")
    (tmp_path / "spoiled").write_bytes(spoiled)
    assert third_party(tmp_path, "spoiled", "--card", str(card))[0] == 1
    assert third_party(tmp_path, str(card), "--card", str(card))[0] == 2

    for value, code in (("hxxps://BAD[.]example/page?a=1&b=2", 0), ("https://good.example/", 1)):
        member = cast.platform.run(
            "signal", "verify", str(proof), "--peer", "hotline.example", "--value", value, expect=(code,)
        )
        assert member["about_value"] is (code == 0)

    cast.hotline.run("withdraw", "--feed", "urls", "--signal", "1", "--reason", "false_positive")
    until(lambda: len(cast.events()) == 3)
    assert json.loads(third_party(tmp_path, proof.name, "--card", str(card), "--json")[1])["state"] == "live"
    cast.platform.run("signal", "prove", FEED, "1", "-o", str(proof))
    assert json.loads(third_party(tmp_path, proof.name, "--card", str(card), "--json")[1])["state"] == "withdrawn"
    own = cast.hotline.run("signal", "show", "urls", "1")
    until(lambda: cast.hotline.run("signal", "show", "urls", "1")["events"][2]["held_by"] == ["platform.example"])
    assert (own["state"], own["identifier"], "false_positive" in own["why"]) == (
        "withdrawn",
        "bad.example/page?a=1&b=2",
        True,
    )
    assert cast.platform.run("signal", "show", FEED, "1")["identifier"] == ""
