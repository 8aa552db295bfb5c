import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.card import Card, CardKey, CardKeys, sign_card
from tocsin_crypto.ed25519 import SigningKey, fingerprint
from tocsin_crypto.names import root_key_name
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.sealing import SealingKey
from tocsin_crypto.tls import make_identity

Tocsin = Callable[..., Result]

DAY = 86_400_000
NOW = time.time_ns() // 1_000_000


def make_card(begin: int = NOW - DAY) -> tuple[bytes, str]:
    """A card valid for ten days and the fingerprint of its root key."""
    root, signing, audit, witness = (SigningKey.generate() for _ in range(4))
    end = begin + 10 * DAY
    keys = CardKeys(
        CardKey(root.public, begin, end),
        CardKey(signing.public, begin, end),
        CardKey(audit.public, begin, end),
        CardKey(witness.public, begin, end),
        CardKey(SealingKey.generate().public, begin, end),
    )
    certificate = make_identity("platform.example", now=NOW).certificate
    card = Card("platform.example", "platform", 3, begin, end, keys, {"main": "127.0.0.1:7443"}, (certificate,), {})
    return sign_card(card, NoteSigner(root_key_name("platform.example"), root)).note_bytes, fingerprint(root.public)


@pytest.fixture
def card(tmp_path: Path) -> tuple[Path, str]:
    note, digits = make_card()
    path = tmp_path / "platform.card"
    path.write_bytes(note)
    return path, digits


def test_a_card_is_verified_and_shown_without_a_home(tocsin: Tocsin, card: tuple[Path, str]) -> None:
    path, digits = card
    result = tocsin("card", "show", str(path), with_home=False)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("platform.example", "127.0.0.1:7443", digits[:39], digits[40:], "witness"):
        assert word in result.stdout
    found = json.loads(tocsin("card", "show", "-", "--json", stdin=path.read_bytes()).stdout)
    assert (found["sequence"], found["fingerprint"], found["valid"]) == (3, digits, True)
    assert len(found["keys"]["root"]["public"]) == 64


def test_an_expired_card_is_shown_with_status_1(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "old.card"
    path.write_bytes(make_card(NOW - 100 * DAY)[0])
    result = tocsin("card", "show", str(path))
    assert result.exit_code == 1
    assert "expired" in result.stderr


def test_a_damaged_card_is_one_sentence_and_status_2(tocsin: Tocsin, card: tuple[Path, str]) -> None:
    path, digits = card
    note = path.read_bytes()
    for damaged in (b"", b"x", note[:-40], note.replace(b'"sequence":3', b'"sequence":4'), b"\xff" * 100, note * 30):
        path.write_bytes(damaged)
        for command in (("card", "show", str(path)), ("peer", "add", str(path), "--fingerprint", digits)):
            result = tocsin(*command)
            assert result.exit_code == 2
            assert result.stdout == ""
            assert result.stderr.count("\n") == 1


def test_the_own_card_is_exported_shown_and_renewed(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    note, digits = make_card()
    fake.answers["GetCard"] = pb.CardResponse(card=note, fingerprint=digits, sequence=3, not_after=NOW + DAY)
    fake.answers["RenewCard"] = pb.CardResponse(card=note, fingerprint=digits, sequence=4, not_after=NOW + DAY)
    exported = tocsin("card", "export")
    assert exported.stdout == note.decode()
    assert digits[:39] in exported.stderr
    path = tmp_path / "own.card"
    assert tocsin("card", "export", "-o", str(path)).stdout == ""
    assert path.read_bytes() == note
    assert "platform.example" in tocsin("card", "show").stdout
    assert "Card 4 is valid until" in tocsin("card", "renew", "--endpoint", "a.example:1").stdout
    assert fake.asked[-1].endpoints == ["a.example:1"]


@pytest.mark.parametrize("between", [" ", "", ":", "  "])
def test_a_peer_is_added_by_card_and_fingerprint_however_grouped(
    tocsin: Tocsin, fake: Any, card: tuple[Path, str], between: str
) -> None:
    path, digits = card
    fake.answers["AddPeer"] = pb.PeerResponse(
        peer=pb.PeerStatus(organisation="platform.example", endpoint="b.example:1")
    )
    result = tocsin(
        "peer", "add", str(path), "--fingerprint", digits.upper().replace(" ", between), "--endpoint", "b.example:1"
    )
    assert result.exit_code == 0
    assert "Nothing of it counts yet" in result.stdout
    asked = fake.asked[-1]
    assert (asked.card, asked.fingerprint, asked.endpoint) == (path.read_bytes(), digits, "b.example:1")


def test_a_peer_is_not_added_without_or_with_another_fingerprint(
    tocsin: Tocsin, fake: Any, card: tuple[Path, str]
) -> None:
    path, digits = card
    for given in ([], ["--fingerprint", digits[:39]], ["--fingerprint", "0000 " * 16], ["--fingerprint", "zz"]):
        result = tocsin("peer", "add", str(path), *given)
        assert result.exit_code == 2, given
        assert result.stderr.count("\n") == 1
    assert not fake.asked
