"""Near matches over two real nodes: a clear feed, its hashes at the follower, and what takes them back."""

import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.demo.cast import environment
from tocsin_node.testing.processes import Federation, open_federation, until, verified

PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
NEAR = f"{int(PDQ, 16) ^ ((1 << 31) - 1):064x}"
SEND = b'peer = "platform.example"\n[send]\nfeeds = ["urls", "pictures"]\n'


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Generator[Federation]:
    """The hotline has a clear feed `pictures` with one row of a file in it."""
    with open_federation(tmp_path_factory.mktemp("federation")) as made:
        made.hotline.run("feed", "create", "pictures", "--clear", "--audience", "partners")
        with connect(made.hotline.home, None, start=False) as local:
            local.node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=SEND)]))
        yield made


def asked(federation: Federation, value: str, *more: str) -> list[tuple[int, int]]:
    """(signal, distance) of what the platform's command says of a hash."""
    found: Any = federation.platform.run("match", "--pdq", value, *more)
    return [(one["signal"], one["distance"]) for one in found["assertions"]]


@pytest.mark.timeout(120)
def test_a_hash_is_found_near_until_it_is_withdrawn_and_again_when_published_anew(federation: Federation) -> None:
    rows = federation.folder / "rows.csv"
    rows.write_text(f"value,quality,stance\n{PDQ.upper()},87,harmful\n{NEAR},49,harmful\n")
    refused: Any = federation.hotline.run("publish", str(rows), "--feed", "pictures", "--type", "pdq", expect=(3,))
    assert (refused["published"], refused["blocked"]) == (1, {"guard:quality": 1})
    until(lambda: asked(federation, PDQ) == [(1, 0)])
    assert asked(federation, NEAR) == [(1, 31)]
    assert asked(federation, NEAR, "--distance", "30") == []
    assert federation.effect(NEAR, "pdq") == "enforce"
    proof = str(federation.folder / "proof")
    federation.platform.run("signal", "prove", "hotline.example/feed/pictures", "1", "-o", proof)
    shown: Any = federation.platform.run("signal", "verify", proof, "--peer", "hotline.example")
    assert (shown["holds"], shown["value"]) == (True, PDQ)
    assert not any("keyed hash" in item for item in shown["not_shown"])
    about: Any = federation.platform.run("signal", "verify", proof, "--peer", "hotline.example", "--value", PDQ)
    assert about["about_value"] is True
    withdrawn = ("withdraw", "--feed", "pictures", "--value", PDQ, "--type", "pdq", "--reason", "false_positive")
    federation.hotline.run(*withdrawn)
    until(lambda: asked(federation, PDQ) == [])
    assert asked(federation, NEAR) == []
    rows.write_text(f"value,quality,stance\n{PDQ},,harmful\n")
    federation.hotline.run("publish", str(rows), "--feed", "pictures", "--type", "pdq")
    until(lambda: asked(federation, NEAR) == [(3, 31)])
    exported = federation.folder / "pictures.csv"
    federation.hotline.run("export", "pictures", "-o", str(exported))
    assert PDQ in exported.read_text()
    twins = federation.folder / "twins.csv"
    twins.write_text(f"value,stance\n{PDQ[:-1]}3,harmful\n{PDQ[:-1]}1,harmful\n{PDQ},harmful\n")
    tried: Any = federation.hotline.run("publish", str(twins), "--feed", "pictures", "--type", "pdq", "--dry-run")
    assert (tried["new"], tried["unchanged"], tried["repeated"]) == (2, 1, 0)
    federation.platform.stop()
    federation.platform.start()
    assert asked(federation, NEAR) == [(3, 31)]
    assert verified(federation.hotline)
    assert verified(federation.platform)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("feed", "create", "p", "--audience", "partners"), "--community"),
        (("feed", "create", "p", "--audience", "partners", "--clear", "--relay"), "never served on"),
        (("feed", "create", "p", "--audience", "partners", "--clear", "--community", "c.hotline.example"), "--clear"),
        (("match", "--pdq", PDQ, "https://a.example/", "--type", "url"), "--pdq"),
        (("match", "--pdq", PDQ, "--type", "url"), "--pdq"),
        (("match", "--pdq", PDQ, "--distance", "32"), "--distance"),
        (("match", "https://a.example/"), "--type"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    federation: Federation, arguments: tuple[str, ...], says: str
) -> None:
    command = [sys.executable, "-m", "tocsin_node", "--home", str(federation.hotline.home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
