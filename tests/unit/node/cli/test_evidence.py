"""`tocsin peer evidence`: listed, exported for nobody else to read, judged without a node."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tocsin.v1 import exchange_pb2, node_pb2 as pb
from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_node.peers.evidence import Kept
from tocsin_node.peers.proof import write_evidence
from tocsin_node.testing.core import NOW
from tocsin_node.testing.made import Organisation

Tocsin = Callable[..., Result]
LIAR = Organisation.make("liar.example")
FEED = "liar.example/feed/urls"
LISTED = pb.EvidenceStatus(
    id=3, peer="liar.example", origin=FEED, code="fork", sentence="a second root", at=NOW, bytes=2048
)


def note(root: bytes) -> bytes:
    return sign_checkpoint(FEED, 7, root * 32, LIAR.keyring.feed_signer())


def file(code: str = "fork") -> bytes:
    shown = exchange_pb2.FollowResponse(heartbeat=exchange_pb2.Heartbeat(checkpoint=note(b"2"))).SerializeToString()
    kept = Kept(3, FEED, "liar.example", NOW, code, "a second root", shown, LIAR.card, note(b"1"))
    return write_evidence(kept, kept_by="we.example", now=NOW)


def test_bare_and_list_are_the_same_and_take_the_common_options(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["ListEvidence"] = pb.ListEvidenceResponse(evidence=[LISTED])
    bare, named = tocsin("peer", "evidence"), tocsin("peer", "evidence", "list")
    assert bare.stdout == named.stdout
    assert "2.0 KiB" in bare.stdout
    assert tocsin("peer", "evidence", "--json").stdout == tocsin("peer", "evidence", "list", "--json").stdout
    assert json.loads(tocsin("peer", "evidence", "--json").stdout)["evidence"][0]["code"] == "fork"
    tocsin("peer", "evidence", "--peer", "liar.example")
    assert fake.asked[-1].peer == "liar.example"
    fake.answers["ListEvidence"] = pb.ListEvidenceResponse()
    assert tocsin("peer", "evidence").stdout == "No evidence: nothing false was received.\n"


def test_an_export_is_for_its_owner_only_and_says_how_to_go_on(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    fake.answers["ExportEvidence"] = pb.ExportEvidenceResponse(file=file(), evidence=LISTED)
    out = tmp_path / "fork.json"
    result = tocsin("peer", "evidence", "export", "3", "-o", str(out))
    assert (result.exit_code, out.read_bytes()) == (0, file())
    assert out.stat().st_mode & 0o777 == 0o600
    assert f"tocsin peer evidence verify {out}" in " ".join(result.stdout.split())


def test_a_fork_is_proved_and_the_root_key_is_for_comparing(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "fork.json"
    path.write_bytes(file())
    result = tocsin("peer", "evidence", "verify", str(path), with_home=False)
    assert result.exit_code == 0
    assert "Proved: the same key has signed two different roots for size 7" in result.stdout
    assert "compare it" in result.stdout
    result = tocsin("peer", "evidence", "verify", str(path), "--fingerprint", LIAR.fingerprint, with_home=False)
    assert result.exit_code == 0
    assert "compare it" not in result.stdout
    result = tocsin("peer", "evidence", "verify", str(path), "--fingerprint", "ab" * 32, "--json", with_home=False)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["proved"], told["same_root"]) == (False, False)


def test_what_proves_nothing_says_so_plainly(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(file("bad-signature"))
    result = tocsin("peer", "evidence", "verify", str(path), with_home=False)
    assert result.exit_code == 1
    assert "Proves nothing to somebody who was not there: a signature that does not verify binds nobody" in " ".join(
        result.stdout.split()
    )


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_a_file_that_is_no_evidence_is_a_usage_error(tocsin: Tocsin, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    result = tocsin("peer", "evidence", "verify", str(path), with_home=False)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: this is not an evidence file")
