"""Cards: what they carry, whom they prove, and each way they are refused."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tocsin_crypto import statement
from tocsin_crypto.card import KIND, Card, open_card, sign_card
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import CryptoError, Forged, Malformed, Refused
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.tls import make_identity

Change = Callable[[dict[str, Any]], object]

NOW = 1_750_000_000_000
DAY = 86_400_000


def resigned(federation: Any, change: Change) -> bytes:
    body = federation.card.body()
    change(body)
    return statement.sign(KIND, body, federation.root)


def test_a_card_reads_back_with_its_unknown_keys(federation: Any) -> None:
    signed = federation.signed_card()
    opened = open_card(signed.note_bytes)
    assert opened == signed
    assert opened.card == federation.card
    assert opened.card.unknown == {"motto": "listen"}
    assert len(opened.digest) == 32


def test_a_card_is_made_with_the_root_key_it_names_only(federation: Any) -> None:
    with pytest.raises(Forged, match=r"hotline\.example/root"):
        sign_card(federation.card, NoteSigner("hotline.example/root", SigningKey(b"\x09" * 32)))
    with pytest.raises(Forged, match=r"hotline\.example/root"):
        sign_card(federation.card, federation.node)


def test_a_refresh_must_come_from_the_pinned_organisation_and_root(federation: Any) -> None:
    data = federation.signed_card().note_bytes
    pinned = federation.root.key.public
    assert open_card(data, organisation="hotline.example", pinned_root=pinned).card.sequence == 7
    with pytest.raises(Forged, match="another root key than the pinned one"):
        open_card(data, pinned_root=SigningKey(b"\x09" * 32).public)
    with pytest.raises(Forged, match=r"not of platform\.example"):
        open_card(data, organisation="platform.example", pinned_root=pinned)


@pytest.mark.parametrize(
    ("now", "sentence"),
    [(NOW - 1, "not valid before 2025-06-15 15:06:40 UTC"), (NOW + 200 * DAY, "expired at 2026-01-01 15:06:40 UTC")],
)
def test_a_card_counts_from_its_beginning_up_to_its_end(federation: Any, now: int, sentence: str) -> None:
    federation.card.check_valid(NOW)
    federation.card.check_valid(NOW + 200 * DAY - 1)
    with pytest.raises(Refused, match=sentence):
        federation.card.check_valid(now)


def test_a_card_does_not_outlive_its_root_key(federation: Any) -> None:
    root = replace(federation.card.keys.root, not_after=NOW + DAY)
    card: Card = replace(federation.card, keys=replace(federation.card.keys, root=root))
    card.check_valid(NOW)
    with pytest.raises(Refused, match="expired"):
        card.check_valid(NOW + DAY)
    assert not root.holds(NOW + DAY)


CHANGES: list[tuple[Change, str]] = [
    (lambda body: body.update(not_after=body["not_before"] + 401 * DAY), "400 days"),
    (lambda body: body.update(not_after=body["not_before"]), "400 days"),
    (lambda body: body.update(sequence=0), "'sequence'"),
    (lambda body: body.pop("role"), "'role'"),
    (lambda body: body.update(organisation="Hotline.example"), "organisation id"),
    (lambda body: body.update(organisation="other.example"), "certificate of another organisation"),
    (lambda body: body.update(certificates=[]), "0 certificates"),
    (lambda body: body.update(certificates=body["certificates"] * 5), "at most 4"),
    (lambda body: body.update(certificates=["AAAA"]), "damaged"),
    (lambda body: body.update(profiles={"url/1": "00"}), "profile digest"),
    (lambda body: body.update(manifest="00"), "'manifest' of the card"),
    (lambda body: body.update(manifest=None), "'manifest'"),
    (lambda body: body["keys"].update(audit=body["keys"]["signing"]), "two uses"),
    (lambda body: body["keys"].pop("witness"), "'witness'"),
    (lambda body: body["keys"]["signing"].update(key="AAAA"), "instead of 32"),
    (lambda body: body["keys"]["signing"].update(key="A" * 43 + "="), "valid point"),
    (lambda body: body["keys"]["sealing"].update(key="A" * 43 + "="), "small order"),
    (lambda body: body["keys"]["root"].update(not_after=0), "validity of a key"),
    (lambda body: body["endpoints"].update({str(i): "x" for i in range(9)}), "at most 8"),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_a_signed_card_against_the_rules_is_malformed(federation: Any, change: Change, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        open_card(resigned(federation, change))


@pytest.mark.parametrize("junk", [None, True, -1, 1 << 52, "", "\u00e9", "x" * 600, [], [None], {}, {"k": []}])
def test_any_value_in_any_place_of_a_signed_card_gives_a_card_or_one_sentence(
    federation: Any, junk: statement.Json
) -> None:
    for key in federation.card.body():
        with contextlib.suppress(CryptoError):
            open_card(resigned(federation, lambda body, key=key: body.update({key: junk})))
    for name in federation.card.keys.body():
        with pytest.raises(CryptoError):
            open_card(resigned(federation, lambda body, name=name: body["keys"].update({name: junk})))


def test_unknown_keys_deeper_down_are_accepted(federation: Any) -> None:
    opened = open_card(resigned(federation, lambda body: body["keys"].update(later={"key": 1})))
    assert opened.card == federation.card


def test_a_card_names_the_manifest_of_its_canonical_forms_or_none(federation: Any) -> None:
    old = open_card(federation.signed_card().note_bytes).card
    assert old.manifest == b""
    assert "manifest" not in old.body()  # as cards of 0.1.0, to the byte
    card = replace(federation.card, manifest=b"\x07" * 32)
    assert open_card(sign_card(card, federation.root).note_bytes).card == card
    with pytest.raises(Malformed, match="32"):
        replace(federation.card, manifest=b"\x07")


def test_a_card_carries_current_and_next_certificate(federation: Any) -> None:
    second = make_identity("hotline.example", now=NOW + 80 * DAY).certificate
    card = replace(federation.card, certificates=(*federation.card.certificates, second))
    assert open_card(sign_card(card, federation.root).note_bytes).card.certificates == card.certificates
