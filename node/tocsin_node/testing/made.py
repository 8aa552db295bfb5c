"""A whole home for tests, made as `init` makes it; and other organisations that are only a card and its keys."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from tocsin_crypto import tls
from tocsin_crypto.card import SignedCard, sign_card
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.keyfile import RawKey
from tocsin_crypto.names import root_key_name
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.tls import TlsIdentity
from tocsin_node.card import CardContent, OwnCard, card_fingerprint, first_card
from tocsin_node.config import Address
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.keys import EpochKeys, Keyring, Unlock
from tocsin_node.testing.core import NOW, Clock, Core, open_core

UNLOCK: Final = Unlock(RawKey(b"\x0a" * 32), "the key in TOCSIN_KEY")


@dataclass(frozen=True, slots=True)
class Made:
    """A home in use."""

    home: Home
    core: Core
    keyring: Keyring
    own: OwnCard
    keys: EpochKeys


@contextmanager
def open_made(root: Path, organisation: str = "hotline.example", *, clock: Clock | None = None) -> Generator[Made]:
    """A home at `root`, made when it is not there, with its writer running."""
    home, clock = Home(root), clock or Clock()
    if not root.exists():
        init_home(home, organisation=organisation, role="other", unlock=UNLOCK, profiles={}, clock=clock)
    keyring = Keyring.load(home, UNLOCK, organisation)
    with open_core(root, organisation, clock=clock) as core:
        own = OwnCard(home=home, store=core.store, writer=core.writer, unlock=UNLOCK, keyring=keyring, clock=core.clock)
        yield Made(home, core, keyring, own, EpochKeys(home=home, lock=keyring.epochs_lock()))


@dataclass(frozen=True, slots=True, eq=False)
class Organisation:
    """Somebody else: a root key, a keyring, and the card it shows now."""

    root: NoteSigner
    keyring: Keyring
    signed: SignedCard

    @classmethod
    def make(cls, name: str, *, now: int = NOW) -> Self:
        """Fresh keys and a first card."""
        root = NoteSigner(root_key_name(name), SigningKey.generate())
        keyring = Keyring.generate(name, tls.make_identity(name, now=now, days=430))
        content = CardContent("platform", (Address("127.0.0.1", 7443),), {})
        return cls(root, keyring, first_card(keyring, root, content, now=now))

    @property
    def card(self) -> bytes:
        """The card's note."""
        return self.signed.note_bytes

    @property
    def fingerprint(self) -> str:
        """What operators compare."""
        return card_fingerprint(self.signed.card)

    def again(
        self,
        *,
        sequence: int,
        role: str = "platform",
        identities: Sequence[TlsIdentity] = (),
        not_before: int | None = None,
        not_after: int | None = None,
    ) -> Self:
        """The same organisation with another card, signed by the same root."""
        keyring = self.keyring.with_tls(identities) if identities else self.keyring
        card = self.signed.card
        certificates = tuple(identity.certificate for identity in keyring.tls)
        changed = replace(
            card,
            sequence=sequence,
            role=role,
            certificates=certificates,
            not_before=card.not_before if not_before is None else not_before,
            not_after=card.not_after if not_after is None else not_after,
        )
        return replace(self, keyring=keyring, signed=sign_card(changed, self.root))
