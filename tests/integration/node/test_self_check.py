"""Real nodes on an installation that is not what it should be: what is refused, who is told, and what goes on."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
import phonenumbers
import pytest

import tocsin_signals
from tocsin.v1 import node_pb2 as pb
from tocsin_node.demo.cast import Player, environment

POLICY = 'peer = "self"\n[[rule]]\nname = "own"\neffect = "review"\nstance = ["harmful"]\n'
LOOK_UPS = (("url", "bad.example"), ("email", "BOB@bad.example"))
ROWS = "type,value,stance\nurl,https://bad.example/a?fbclid=1,harmful\nemail,bob@bad.example,harmful\n"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that every process started from here on looks for packages in first."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def copied(packages: Path) -> Path:
    package = Path(tocsin_signals.__file__).parent
    return shutil.copytree(package, packages / package.name, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def node(tmp_path: Path) -> Generator[Player]:
    player = Player("hotline.example", "hotline", tmp_path / "node")
    try:
        yield player
    finally:
        player.stop()


def checked(*arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "tocsin_node", "--json", "canon", "--check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    return done.returncode, {one["profile"]: one for one in json.loads(done.stdout)}


def ready(node: Player) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"{(node.home / 'run' / 'web').read_text().strip()}/readyz", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def metrics(node: Player) -> str:
    with urllib.request.urlopen(f"{(node.home / 'run' / 'web').read_text().strip()}/metrics", timeout=20) as answer:
        return answer.read().decode()


def audited(node: Player, event: str) -> list[dict[str, str]]:
    """What the audit entries of this event are about, read off the database of a node that does not run."""
    with contextlib.closing(sqlite3.connect(node.home / "tocsin.db")) as database:
        found = [json.loads(row[0]) for row in database.execute("SELECT envelope FROM audit_entry ORDER BY idx")]
    return [entry["about"] for entry in found if entry["ev"] == event]


@pytest.mark.timeout(180)
def test_a_node_whose_tracking_list_was_changed_refuses_urls_says_so_everywhere_and_goes_on(
    packages: Path, node: Player, tmp_path: Path
) -> None:
    edit(copied(packages) / "canon" / "url.py", '"fbclid", ', "")
    node.run("init", "--organisation", node.organisation, "--role", node.role)
    config = node.home / "tocsin.toml"
    config.write_text(config.read_text() + 'partners = ["platform.example"]\n[web]\nlisten = "127.0.0.1:0"\n')
    node.start()
    node.run("community", "create", "c")
    node.run("feed", "create", "mixed", "--community", "c.hotline.example", "--audience", "partners")
    policy, rows = tmp_path / "self.toml", tmp_path / "rows.csv"
    policy.write_text(POLICY)
    rows.write_text(ROWS)
    node.run("policy", "apply", str(policy))

    result = node.run("publish", str(rows), "--feed", "mixed", expect=(1,))
    assert (result["published"], result["refused"]) == (1, {"self-check": 1})
    refusals = (tmp_path / "rows.csv.rejects.csv").read_text()
    assert "self-check" in refusals
    assert "url/1 differs from its vectors at url-0006 (ada-url" in refusals

    with node.asked() as local:
        queries = [pb.Query(type=kind, value=value) for kind, value in LOOK_UPS]
        url, email = local.node.Match(pb.MatchRequest(queries=queries, purpose="detect")).verdicts
        status = local.node.Status(pb.StatusRequest())
        with pytest.raises(grpc.RpcError, match="url-0006"):
            local.node.Check(pb.CheckRequest(tags=bytes(32), type="url", epoch=1))
    assert (url.reject, url.effect, email.reject) == ("self-check", pb.EFFECT_IGNORE, "")
    assert len(email.assertions) == 1
    warned = [text for text in status.warnings if "url/1" in text]
    assert len(warned) == 1
    assert "url, url-path, url-prefix" in warned[0]
    assert "url-0006" in warned[0]

    code, said = ready(node)
    assert (code, said["ready"], said["checks"]["profiles"]["ok"]) == (200, True, False)
    assert "url-0006" in said["checks"]["profiles"]["why"]
    assert 'tocsin_profile_holds{profile="url/1"} 0.0' in metrics(node)
    assert 'tocsin_profile_holds{profile="email/1"} 1.0' in metrics(node)
    node.stop()
    assert audited(node, "profile.refused") == [{"profile": "url/1", "row": "url-0006"}]


def test_a_row_that_was_changed_in_the_package_is_found_by_its_name(packages: Path) -> None:
    edit(copied(packages) / "vectors" / "ip.json", '"out": "192.0.2.1"}', '"out": "192.0.2.2"}')
    code, found = checked()
    assert (code, [name for name, one in found.items() if not one["ok"]]) == (4, ["ip/1"])
    assert found["ip/1"]["row"] == "ip-0001"


def test_a_vector_file_with_a_row_less_is_not_the_manifests(packages: Path) -> None:
    path = copied(packages) / "vectors" / "ip.json"
    content = json.loads(path.read_text())
    content["cases"] = content["cases"][:-1]
    path.write_text(json.dumps(content))
    code, found = checked()
    assert (code, found["ip/1"]["problem"]) == (4, "has another vector file ip than its manifest names")


def test_without_its_manifest_no_profile_holds(packages: Path) -> None:
    (copied(packages) / "canon-manifest.json").write_text("{")
    code, found = checked()
    assert (code, {one["problem"] for one in found.values()}) == (
        4,
        {"cannot be checked: canon-manifest.json is missing or damaged"},
    )


def test_phone_data_of_another_line_refuses_phone_numbers_only(packages: Path) -> None:
    copy = shutil.copytree(Path(phonenumbers.__file__).parent, packages / "phonenumbers")
    edit(copy / "__init__.py", f'"{phonenumbers.__version__}"', '"8.13.0"')
    code, found = checked()
    assert (code, [name for name, one in found.items() if not one["ok"]]) == (4, ["phone/1"])
    assert "needs phonenumberslite 9.0.x, and 8.13.0 is installed" in found["phone/1"]["problem"]
    assert "phone-0001" in found["phone/1"]["problem"]


def test_an_old_url_engine_refuses_what_has_hosts_and_nothing_else(packages: Path) -> None:
    info = packages / "ada_url-1.15.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ada-url\nVersion: 1.15.3\n")
    code, found = checked()
    assert (code, [name for name, one in found.items() if not one["ok"]]) == (
        4,
        ["domain/1", "email/1", "mailbox/1", "url/1", "username/1"],
    )
    assert "needs ada-url 1.32 or newer, and 1.15.3 is installed" in found["url/1"]["problem"]
