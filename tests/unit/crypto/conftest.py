"""Keys, a card and an invite made from fixed seeds, for the tests of every signed statement."""

from dataclasses import dataclass

import pytest

from tocsin_crypto import tls
from tocsin_crypto.card import Card, CardKey, CardKeys, SignedCard, sign_card
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.epoch import EpochDescriptor, open_epoch, sign_epoch
from tocsin_crypto.invite import InvitedEpoch, make_invite
from tocsin_crypto.names import node_key_name, root_key_name
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.sealing import SealingKey
from tocsin_crypto.tag import key_id

NOW = 1_750_000_000_000
DAY = 86_400_000


@dataclass(frozen=True)
class Federation:
    """hotline.example founds demo.hotline.example; platform.example joins it."""

    root: NoteSigner
    node: NoteSigner
    card: Card
    member_key: SealingKey

    def signed_card(self) -> SignedCard:
        return sign_card(self.card, self.root)

    def epoch(self, number: int = 1, community: str = "demo.hotline.example") -> InvitedEpoch:
        key = bytes([number]) * 32
        descriptor = EpochDescriptor(
            community=community,
            number=number,
            publish_from=NOW,
            publish_until=NOW + 90 * DAY,
            match_until=NOW + 180 * DAY,
            key_id=key_id(key),
            protection={"url": "keyed", "pdq": "clear"},
        )
        return InvitedEpoch(open_epoch(sign_epoch(descriptor, self.node), self.node.key.public), key)

    def invite(self, *numbers: int, not_after: int = NOW + DAY) -> bytes:
        return make_invite(
            [self.epoch(number) for number in numbers],
            recipient="platform.example",
            recipient_key=self.member_key.public,
            not_after=not_after,
            founder=self.node,
        )


@pytest.fixture(scope="session")
def federation() -> Federation:
    root, node, audit, witness = (SigningKey(bytes([i]) * 32) for i in range(1, 5))
    life = (NOW - DAY, NOW + 300 * DAY)
    identity = tls.make_identity("hotline.example", now=NOW)
    card = Card(
        organisation="hotline.example",
        role="hotline",
        sequence=7,
        not_before=NOW,
        not_after=NOW + 200 * DAY,
        keys=CardKeys(
            root=CardKey(root.public, *life),
            signing=CardKey(node.public, *life),
            audit=CardKey(audit.public, *life),
            witness=CardKey(witness.public, *life),
            sealing=CardKey(SealingKey(b"\x05" * 32).public, *life),
        ),
        endpoints={"exchange": "hotline.example:7443"},
        certificates=(identity.certificate,),
        profiles={"url/1": bytes(32)},
        unknown={"motto": "listen"},
    )
    return Federation(
        root=NoteSigner(root_key_name("hotline.example"), root),
        node=NoteSigner(node_key_name("hotline.example"), node),
        card=card,
        member_key=SealingKey(b"\x06" * 32),
    )
