"""One card and one invite, as files whose bytes the tests damage."""

import pytest

from tocsin_crypto import tls
from tocsin_crypto.card import Card, CardKey, CardKeys, sign_card
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.epoch import EpochDescriptor, open_epoch, sign_epoch
from tocsin_crypto.invite import InvitedEpoch, make_invite
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.sealing import SealingKey
from tocsin_crypto.tag import key_id

LIFE = (1_750_000_000_000, 1_760_000_000_000)


@pytest.fixture(scope="session")
def card_file() -> bytes:
    root, signing, audit, witness = (SigningKey(bytes([i]) * 32) for i in range(1, 5))
    card = Card(
        "hotline.example",
        "hotline",
        1,
        *LIFE,
        CardKeys(
            root=CardKey(root.public, *LIFE),
            signing=CardKey(signing.public, *LIFE),
            audit=CardKey(audit.public, *LIFE),
            witness=CardKey(witness.public, *LIFE),
            sealing=CardKey(SealingKey(b"\x05" * 32).public, *LIFE),
        ),
        {"exchange": "hotline.example:7443"},
        (tls.make_identity("hotline.example", now=LIFE[0]).certificate,),
        {"url/1": bytes(32)},
    )
    return sign_card(card, NoteSigner("hotline.example/root", root)).note_bytes


@pytest.fixture(scope="session")
def invite_file() -> bytes:
    node = NoteSigner("hotline.example/node", SigningKey(b"\x02" * 32))
    key = bytes(32)
    descriptor = EpochDescriptor("demo.hotline.example", 1, *LIFE, LIFE[1], key_id(key), {"url": "keyed"})
    epoch = InvitedEpoch(open_epoch(sign_epoch(descriptor, node), node.key.public), key)
    return make_invite(
        [epoch],
        recipient="platform.example",
        recipient_key=SealingKey(b"\x06" * 32).public,
        not_after=LIFE[1],
        founder=node,
    )
