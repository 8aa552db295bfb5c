"""`tocsin signal`: what is asked of the node, and proofs checked without one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import Result

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.merkle import CompactRange, leaf_hash, node_hash
from tocsin_crypto.note import NoteSigner
from tocsin_node.life.state import Event
from tocsin_node.proof import file
from tocsin_node.proof.file import Part
from tocsin_node.testing.made import Organisation
from tocsin_signals.details import digest
from tocsin_signals.entry import NO_REF, Entry, Kind

Tocsin = Callable[..., Result]
DAY: Final = 86_400_000
T: Final = 1_750_000_000_000
SAID: Final = b'{"salt":"00000000000000000000000000000000","stance":"harmful","x-note":"a\\u001b[31mred"}'
SIGNER: Final = NoteSigner("hotline.example/node", SigningKey(b"\x07" * 32))


def proof(signer: NoteSigner = SIGNER) -> bytes:
    """Signal 1 of a feed of two entries, valid for a day in 2025."""
    entries = [
        Entry(1, kind, 0x0101 * kind, kind, bytes(32), digest(SAID), T, T + DAY, NO_REF, bytes(16))
        for kind in (Kind.OPEN, Kind.ASSERT)
    ]
    leaves = [leaf_hash(entry.encode()) for entry in entries]
    assert CompactRange().extend(leaves).root() == node_hash(*leaves)
    note = sign_checkpoint("hotline.example/feed/urls", 2, node_hash(*leaves), signer)
    return file.write([Part.make(Event(1, entries[1], SAID), leaves[:1], note)])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "case.tlog-proof"
    path.write_bytes(proof())
    return path


def test_a_revision_sends_what_changes_and_nothing_else(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["ReviseSignals"] = pb.ReviseSignalsResponse(size=9, revised=[17], unchanged=[18, 19])
    result = tocsin(
        *("signal", "revise", "urls", "17", "18", "19", "--set", "severity=high", "--set", "label=grooming|csam_known"),
        *("--unset", "case_ref", "--expires", "2030-01-01"),
    )
    assert result.exit_code == 0
    assert result.stdout == ("1 revised (signal 17).\n2 unchanged: they say so already (signal 18, 19).\n")
    (asked,) = fake.asked
    assert (asked.feed, list(asked.signals), asked.valid_until) == ("urls", [17, 18, 19], 1_893_542_400_000)
    assert json.loads(asked.changes) == {
        "severity": "high",
        "abuse_types": ["grooming", "csam_known"],
        "case_ref": None,
    }


def test_a_revision_by_value_with_a_new_end_alone(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["ReviseSignals"] = pb.ReviseSignalsResponse(size=9, revised=[17])
    result = tocsin(
        "signal", "revise", "urls", "--value", "https://x.example/", "-t", "url", "--expires", "90d", "--json"
    )
    assert json.loads(result.stdout) == {"size": 9, "revised": [17], "unchanged": []}
    (asked,) = fake.asked
    assert (asked.changes, asked.valid_until % DAY) == (b"", 0)
    assert [(item.type, item.value) for item in asked.identifiers] == [("url", "https://x.example/")]


@pytest.mark.parametrize(
    "args",
    [
        ("urls", "--set", "severity=high"),
        ("urls", "--value", "https://x.example/", "--set", "severity=high"),
        ("urls", "1", "--type", "url", "--set", "severity=high"),
        ("urls", "1", "--set", "severity"),
        ("urls", "1", "--set", "nosuch=1"),
        ("urls", "1", "--set", "severity=high", "--unset", "severity"),
        ("urls", "1", "--expires", "soon"),
        ("urls", "1", "--expires", "2030-13-01"),
        ("urls", "-1", "--set", "severity=high"),
    ],
)
def test_a_revision_that_says_nothing_clear_is_a_usage_error(tocsin: Tocsin, fake: Any, args: tuple[str, ...]) -> None:
    result = tocsin("signal", "revise", *args)
    assert (result.exit_code, fake.asked) == (2, [])


def test_a_proof_is_written_whole_and_told(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    answer = audit_pb2.ProveSignalResponse(proof=proof(), entries=2, left_out=3, size=1234)
    fake.answers["ProveSignal"] = answer
    path = tmp_path / "p"
    result = tocsin("signal", "prove", "urls", "1", "-o", str(path))
    assert path.read_bytes() == answer.proof
    for word in ("2 entries about signal 1", "1,234 entries of the feed"):
        assert word in result.stdout
    assert "3 entries" in result.stderr
    found = json.loads(tocsin("signal", "prove", "urls", "1", "-o", str(path), "--json").stdout)
    assert found == {"file": str(path), "entries": 2, "left_out": 3, "size": 1234}
    assert tocsin("signal", "prove", "urls", "1", "-o", str(tmp_path / "no" / "p")).exit_code == 4


def test_a_proof_is_checked_without_node_or_home_and_says_what_it_does_not_show(tocsin: Tocsin, written: Path) -> None:
    result = tocsin("signal", "verify", str(written), "--key", SIGNER.verifier.vkey, with_home=False)
    assert result.exit_code == 0
    for word in (
        "hotline.example said this",
        "feed/urls 1",
        "expired",
        "harmful",
        "Not shown",
        "withdrawal",
        "identifier",
    ):
        assert word in result.stdout
    assert "\x1b" not in result.stdout
    found = json.loads(
        tocsin("signal", "verify", "-", "--key", SIGNER.verifier.vkey, "--json", stdin=proof(), with_home=False).stdout
    )
    assert (found["holds"], found["signal"], found["about_value"], len(found["not_shown"])) == (True, 1, None, 5)


def test_a_card_names_its_fingerprint_for_the_reader_to_compare(tocsin: Tocsin, tmp_path: Path) -> None:
    hotline = Organisation.make("hotline.example")
    (tmp_path / "card").write_bytes(hotline.card)
    (tmp_path / "p").write_bytes(proof(hotline.keyring.feed_signer()))
    result = tocsin("signal", "verify", str(tmp_path / "p"), "--card", str(tmp_path / "card"), with_home=False)
    assert result.exit_code == 0
    assert hotline.fingerprint[:4] in result.stdout
    other = Organisation.make("hotline.example")  # the name alone is nothing
    (tmp_path / "card").write_bytes(other.card)
    result = tocsin("signal", "verify", str(tmp_path / "p"), "--card", str(tmp_path / "card"), with_home=False)
    assert (result.exit_code, "FALSE" in result.stderr) == (1, True)


def test_a_false_proof_is_1_and_what_cannot_be_checked_2(tocsin: Tocsin, written: Path, tmp_path: Path) -> None:
    key = ("--key", SIGNER.verifier.vkey)
    (tmp_path / "false").write_bytes(proof().replace(b"index 1\n", b"index 0\n"))
    (tmp_path / "other").write_bytes(b"no proof")
    result = tocsin("signal", "verify", str(tmp_path / "false"), *key, "--json", with_home=False)
    assert (result.exit_code, json.loads(result.stdout)["holds"]) == (1, False)
    stranger = NoteSigner("platform.example/node", SigningKey(b"\x08" * 32)).verifier.vkey
    assert tocsin("signal", "verify", str(written), "--key", stranger, with_home=False).exit_code == 1
    for args in (
        (str(tmp_path / "other"), *key),
        (str(tmp_path / "missing"), *key),
        (str(written),),
        (str(written), *key, "--peer", "hotline.example"),
        (str(written), "--key", "nonsense"),
        (str(written), "--key", NoteSigner("hotline.example/root", SIGNER.key).verifier.vkey),
        (str(written), "--card", str(written)),
        (str(written), "--peer", "hotline.example"),
        (str(written), *key, "--value", "https://x.example/"),
    ):
        result = tocsin("signal", "verify", *args, with_home=False)
        assert (result.exit_code, result.stdout) == (2, ""), args
        assert result.stderr.startswith("error: ")


def test_a_look_up_says_why_a_signal_does_not_count_and_when_one_stops(tocsin: Tocsin, fake: Any) -> None:
    reason = (
        "hotline.example/feed/urls signal 17 (url): not counted, older than the 30 days that policy allows (rule r)"
    )
    fake.answers["Match"] = pb.MatchResponse(verdicts=[pb.Verdict(reasons=[reason])])
    text = tocsin("match", "https://old.example/", "-t", "url").stdout
    assert "no signal that counts" in text
    assert "older than the 30 days" in text
    assertion = pb.MatchedAssertion(
        feed="f", signal=1, type="url", valid_until=T + 9 * DAY, counts_until=T + DAY, details=SAID
    )
    fake.answers["Match"] = pb.MatchResponse(verdicts=[pb.Verdict(effect=pb.EFFECT_REVIEW, assertions=[assertion])])
    text = tocsin("match", "https://new.example/", "-t", "url").stdout
    assert "counts until" in text
    assert "by policy" in text
