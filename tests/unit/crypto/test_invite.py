"""Epoch descriptors and invites: what they hand over, and a sentence for each check."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tocsin_crypto import invite as invites, statement
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.epoch import KIND as EPOCH_KIND, EpochDescriptor, open_epoch, sign_epoch
from tocsin_crypto.errors import CryptoError, Forged, Locked, Malformed, Refused
from tocsin_crypto.invite import InvitedEpoch, claimed_community, make_invite, open_invite
from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.sealing import SealingKey

NOW = 1_750_000_000_000
DAY = 86_400_000


def accept(federation: Any, data: bytes, **changes: Any) -> invites.Invite:
    arguments: dict[str, Any] = {
        "founder_signing_key": federation.node.key.public,
        "organisation": "platform.example",
        "sealing_key": federation.member_key,
        "now": NOW,
    }
    return open_invite(data, **{**arguments, **changes})


def resigned(federation: Any, data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    body = statement.decode(data.decode().split("\n")[1], "invite")
    change(body)
    return statement.sign(invites.KIND, body, federation.node)


def test_a_descriptor_reads_back(federation: Any) -> None:
    signed = federation.epoch(3).signed
    opened = open_epoch(signed.note_bytes, federation.node.key.public)
    assert opened == signed
    assert opened.descriptor.number == 3
    assert opened.descriptor.founder == "hotline.example"
    assert opened.descriptor.protection == {"url": "keyed", "pdq": "clear"}


def test_a_descriptor_of_another_key_is_forged(federation: Any) -> None:
    with pytest.raises(Forged, match=r"hotline\.example/node"):
        open_epoch(federation.epoch().signed.note_bytes, SigningKey(b"\x09" * 32).public)


def test_only_the_founder_signs_descriptors_and_invites(federation: Any) -> None:
    other = NoteSigner(node_key_name("platform.example"), federation.node.key)
    with pytest.raises(Malformed, match=r"must be signed as hotline\.example/node"):
        sign_epoch(federation.epoch().descriptor, other)
    with pytest.raises(Malformed, match=r"must be signed as hotline\.example/node"):
        make_invite(
            [federation.epoch()],
            recipient="platform.example",
            recipient_key=federation.member_key.public,
            not_after=NOW,
            founder=other,
        )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"number": 0}, "epoch number"),
        ({"number": 1 << 32}, "epoch number"),
        ({"publish_until": NOW}, "order"),
        ({"match_until": NOW + 1}, "order"),
        ({"key_id": bytes(15)}, "key id"),
        ({"protection": {}}, "no type"),
        ({"protection": {"url": "oprf"}}, "custodians"),
        ({"custodians": ("a.example",)}, "custodians"),
        ({"protection": {"url": "oprf"}, "custodians": ("a.example", "a.example")}, "twice"),
        ({"community": "hotline.example"}, "community id"),
    ],
)
def test_a_descriptor_is_checked_when_made(federation: Any, changes: dict[str, Any], sentence: str) -> None:
    descriptor: EpochDescriptor = federation.epoch().descriptor
    with pytest.raises(Malformed, match=sentence):
        replace(descriptor, **changes)


def test_a_descriptor_keeps_a_protection_it_does_not_know(federation: Any) -> None:
    descriptor = replace(federation.epoch().descriptor, protection={"url": "later"})
    signed = sign_epoch(descriptor, federation.node)
    assert open_epoch(signed, federation.node.key.public).descriptor == descriptor


@pytest.mark.parametrize("junk", [None, True, -1, "", "x", [], [None], {}, {"k": []}])
def test_any_value_in_any_place_of_a_descriptor_gives_one_sentence(federation: Any, junk: statement.Json) -> None:
    body = federation.epoch().descriptor.body()
    for key in body.keys() - {"custodians"}:
        with pytest.raises(CryptoError):
            open_epoch(statement.sign(EPOCH_KIND, {**body, key: junk}, federation.node), federation.node.key.public)


def test_an_invite_hands_over_every_epoch_and_its_key(federation: Any) -> None:
    data = federation.invite(2, 1)
    assert claimed_community(data) == "demo.hotline.example"
    opened = accept(federation, data)
    assert opened.community == "demo.hotline.example"
    assert opened.not_after == NOW + DAY
    assert [(one.descriptor.number, one.key) for one in opened.epochs] == [(1, b"\x01" * 32), (2, b"\x02" * 32)]


def test_each_invite_has_its_own_id(federation: Any) -> None:
    assert accept(federation, federation.invite(1)).invite_id != accept(federation, federation.invite(1)).invite_id


def test_an_invite_does_not_show_its_keys(federation: Any) -> None:
    data = federation.invite(1)
    assert "AQEBAQEB" not in data.decode()
    assert "\\x01\\x01" not in repr(accept(federation, data).epochs)


def test_an_invite_not_signed_by_the_pinned_founder_is_forged(federation: Any) -> None:
    with pytest.raises(Forged, match=r"hotline\.example/node"):
        accept(federation, federation.invite(1), founder_signing_key=SigningKey(b"\x09" * 32).public)


def test_an_invite_for_another_organisation_is_refused(federation: Any) -> None:
    with pytest.raises(Refused, match=r"for platform\.example, not for third\.example"):
        accept(federation, federation.invite(1), organisation="third.example")


def test_an_expired_invite_is_refused(federation: Any) -> None:
    with pytest.raises(Refused, match="expired at 2025-06-16"):
        accept(federation, federation.invite(1), now=NOW + DAY)


def test_an_invite_to_another_sealing_key_is_refused(federation: Any) -> None:
    with pytest.raises(Refused, match="another key of this organisation"):
        accept(federation, federation.invite(1), sealing_key=SealingKey(b"\x09" * 32))


def test_an_invite_that_ends_before_a_held_epoch_is_refused(federation: Any) -> None:
    assert accept(federation, federation.invite(1, 2), newest_held=2).epochs
    with pytest.raises(Refused, match="epoch 3 is already held"):
        accept(federation, federation.invite(1, 2), newest_held=3)


def test_a_box_moved_from_another_invite_is_forged(federation: Any) -> None:
    box = statement.decode(federation.invite(1).decode().split("\n")[1], "invite")["sealed"]
    with pytest.raises(Forged, match="made for another invite"):
        accept(federation, resigned(federation, federation.invite(1), lambda body: body.update(sealed=box)))


def test_a_box_made_for_another_recipient_is_forged(federation: Any) -> None:
    data = resigned(federation, federation.invite(1), lambda body: body.update(recipient="third.example"))
    with pytest.raises(Forged, match="made for another recipient"):
        accept(federation, data, organisation="third.example")


def test_a_damaged_box_is_locked(federation: Any) -> None:
    data = resigned(federation, federation.invite(1), lambda body: body.update(sealed="AAAA" * 30))
    with pytest.raises(Locked, match="sealed part of the invite"):
        accept(federation, data)


def sealed(federation: Any, inside: bytes) -> bytes:
    box = b64encode(federation.member_key.public.seal(inside)).decode()
    return resigned(federation, federation.invite(1), lambda body: body.update(sealed=box))


@pytest.mark.parametrize("inside", [b"", b"\xff", b"{}", b"[]", b'{"community":"x"}'])
def test_a_box_with_other_content_gives_one_sentence(federation: Any, inside: bytes) -> None:
    with pytest.raises(CryptoError, match="sealed part of the invite"):
        accept(federation, sealed(federation, inside))


def test_a_key_that_is_not_the_descriptors_is_forged(federation: Any) -> None:
    with pytest.raises(Forged, match="key for epoch 1"):
        InvitedEpoch(federation.epoch(1).signed, bytes(32))


@pytest.mark.parametrize("numbers", [(), (2,), (1, 2), (1, 1)])
def test_an_invite_holds_one_key_for_each_epoch(federation: Any, numbers: tuple[int, ...]) -> None:
    notes = [federation.epoch(number).signed.note_bytes.decode() for number in numbers]
    data = resigned(federation, federation.invite(1), lambda body: body.update(epochs=notes))
    with pytest.raises(Malformed, match=r"one key|'1'|'2'"):
        accept(federation, data)


def test_an_invite_with_an_epoch_of_another_community_is_forged(federation: Any) -> None:
    other = federation.epoch(1, "other.hotline.example").signed.note_bytes.decode()
    data = resigned(federation, federation.invite(1), lambda body: body.update(epochs=[other]))
    with pytest.raises(Forged, match="another community"):
        accept(federation, data)
    with pytest.raises(Malformed, match="one community"):
        make_invite(
            [federation.epoch(1), federation.epoch(2, "other.hotline.example")],
            recipient="platform.example",
            recipient_key=federation.member_key.public,
            not_after=NOW,
            founder=federation.node,
        )


def test_an_invite_takes_a_bounded_number_of_different_epochs(federation: Any) -> None:
    for numbers in ((), (1, 1), tuple(range(1, 10))):
        with pytest.raises(Malformed, match="1 to 8 different epochs"):
            federation.invite(*numbers)
    assert len(accept(federation, federation.invite(*range(1, 9))).epochs) == 8


@pytest.mark.parametrize("junk", [None, True, -1, "", "x", [], [None], {}, {"k": []}])
def test_any_value_in_any_place_of_an_invite_gives_one_sentence(federation: Any, junk: statement.Json) -> None:
    data = federation.invite(1)
    for key in ("community", "recipient", "invite_id", "sealing_key_id", "not_after", "epochs", "sealed"):
        with pytest.raises(CryptoError):
            accept(federation, resigned(federation, data, lambda body, key=key: body.update({key: junk})))
