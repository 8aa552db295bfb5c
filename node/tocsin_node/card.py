"""This node's own card: made at `init`, renewed by the operator, shown to peers at every Hello.

Rules:

1. A renewal takes the next sequence, keeps the root key's validity, and extends the others to the card's end.
2. TLS keys overlap: a renewal adds a certificate when the newest has less than half its life left and drops those that
   ended. Peers that have seen the card know the next certificate long before the node shows it.
3. New TLS keys are on disk before the database has the card that names them; a key no card names is never shown.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tocsin_crypto import tls
from tocsin_crypto.card import Card, CardKey, CardKeys, SignedCard, open_card, sign_card
from tocsin_crypto.ed25519 import PublicKey, fingerprint
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.tls import TlsIdentity
from tocsin_node.config import DAY_MS, Address
from tocsin_node.errors import Invalid, Refused, Unsound
from tocsin_node.home import Home
from tocsin_node.keys import Keyring, Unlock, load_root
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.store.protocol import Store

CARD_MS: Final = 400 * DAY_MS  # a node that stops renewing drops out within about a year
WARN_MS: Final = 30 * DAY_MS  # before the card ends: time to bring an offline root key
ROOT_MS: Final = 5 * 365 * DAY_MS  # life of a root key
CERTIFICATE_DAYS: Final = 430  # a certificate outlives the card it came with, so that a late renewal finds one in use
BACKDATE_MS: Final = 10 * 60 * 1000  # clocks of peers may be this far behind
EXCHANGE: Final = "exchange"  # the listener's name among a card's endpoints; further ones are exchange-2, exchange-3…


@dataclass(frozen=True, slots=True)
class CardContent:
    """What a card says beside keys and times."""

    role: str
    endpoints: tuple[Address, ...]
    profiles: Mapping[str, bytes]
    manifest: bytes = b""


def card_endpoints(card: Card) -> tuple[Address, ...]:
    """Where a card says its exchange listens, first choice first; what is no address is passed over."""
    names = sorted((name for name in card.endpoints if name.partition("-")[0] == EXCHANGE), key=lambda n: (len(n), n))
    found: list[Address] = []
    for name in names:
        try:
            found.append(Address.parse(card.endpoints[name]))
        except ValueError:
            continue
    return tuple(found)


def card_fingerprint(card: Card) -> str:
    """The root key's fingerprint, for two people to compare."""
    return fingerprint(card.keys.root.public)


def first_card(keyring: Keyring, root: NoteSigner, content: CardContent, *, now: int) -> SignedCard:
    """The card of sequence 1."""
    start = now - BACKDATE_MS
    return _signed(keyring, root, content, sequence=1, start=start, root_key=(root.key.public, start, start + ROOT_MS))


def next_card(held: Card, keyring: Keyring, root: NoteSigner, content: CardContent, *, now: int) -> SignedCard:
    """The card that follows `held`; Refused when the root key's life is over or `root` is another key."""
    old = held.keys.root
    if root.key.public != old.public:
        raise Refused("the root key here is not the one that signed the card")
    if now >= old.not_after:
        raise Refused("the root key has ended: this organisation needs a new identity")
    root_key = (old.public, old.not_before, old.not_after)
    return _signed(keyring, root, content, sequence=held.sequence + 1, start=now - BACKDATE_MS, root_key=root_key)


def next_identities(
    identities: Sequence[TlsIdentity], organisation: str, *, now: int
) -> tuple[tuple[TlsIdentity, ...], bool]:
    """The TLS identities of the next card, oldest first, and whether a fresh one is among them."""
    kept = [identity for identity in identities if identity.certificate.not_after > now]
    if kept and kept[-1].certificate.not_after - now > CERTIFICATE_DAYS * DAY_MS // 2:
        return tuple(kept), False
    return (*kept, tls.make_identity(organisation, now=now, days=CERTIFICATE_DAYS)), True


def insert_card(tx: Tx, signed: SignedCard, actor: Actor) -> None:
    """Keep a card of our own and log it, within a write operation."""
    tx.sql.execute("INSERT INTO own_card (sequence, note) VALUES (?, ?)", (signed.card.sequence, signed.note_bytes))
    tx.audit("card.renewed", actor=actor, counts={"sequence": signed.card.sequence})


class OwnCard:
    """The card in use, and the keys it names."""

    def __init__(
        self, *, home: Home, store: Store, writer: Writer, unlock: Unlock, keyring: Keyring, clock: Callable[[], int]
    ) -> None:
        self._home = home
        self._writer = writer
        self._unlock = unlock
        self._clock = clock
        self._renewing = asyncio.Lock()
        self._observers: list[Callable[[], None]] = []
        with store.read() as session:
            record = session.one("SELECT note FROM own_card ORDER BY sequence DESC LIMIT 1")
        if record is None:
            raise Unsound(f"{home.database} holds no card of this node")
        try:
            self._signed = open_card(bytes(record[0]), organisation=keyring.organisation)
        except CryptoError as error:
            raise Unsound(f"{home.database}: {error}") from error
        self._keyring = self._named(keyring, self._signed.card)

    @property
    def signed(self) -> SignedCard:
        """The card of the highest sequence."""
        return self._signed

    @property
    def card(self) -> Card:
        """What it says."""
        return self._signed.card

    @property
    def keyring(self) -> Keyring:
        """The keys, with the TLS identities that the card names."""
        return self._keyring

    @property
    def fingerprint(self) -> str:
        """What a peer's operator compares."""
        return card_fingerprint(self.card)

    def identity(self) -> TlsIdentity:
        """The TLS identity to show now."""
        return self._keyring.serving(self._clock())

    def warnings(self) -> tuple[str, ...]:
        """A sentence when the card ends soon or has ended."""
        left = self.card.not_after - self._clock()
        if left <= 0:
            return ("the card has expired: peers refuse this node until `tocsin card renew`",)
        if left < WARN_MS:
            return (f"the card ends in {left // DAY_MS} days: run `tocsin card renew`",)
        return ()

    def on_change(self, observer: Callable[[], None]) -> None:
        """Call on the event loop after each renewal."""
        self._observers.append(observer)

    async def renew(self, content: CardContent, *, actor: Actor) -> SignedCard:
        """Sign and keep the next card; Refused when the root key is not here, Invalid when the content is wrong."""
        async with self._renewing:
            signed, keyring = await asyncio.to_thread(self._prepare, content)

            def operation(tx: Tx) -> None:
                insert_card(tx, signed, actor)

            await asyncio.shield(self._adopt(operation, signed, keyring))
        return signed

    async def _adopt(self, operation: Callable[[Tx], None], signed: SignedCard, keyring: Keyring) -> None:
        await self._writer.submit(operation)
        self._signed, self._keyring = signed, self._named(keyring, signed.card)
        for observer in self._observers:
            observer()

    def _prepare(self, content: CardContent) -> tuple[SignedCard, Keyring]:
        now = self._clock()
        root = load_root(self._home, self._unlock, self._keyring.organisation)
        identities, fresh = next_identities(self._keyring.tls, self._keyring.organisation, now=now)
        keyring = self._keyring.with_tls(identities)
        signed = next_card(self.card, keyring, root, content, now=now)
        if fresh:  # beside every key of the card still in use, in case this renewal breaks off
            self._keyring.with_tls((*self._keyring.tls, identities[-1])).save(self._home, self._unlock)
        return signed, keyring

    @staticmethod
    def _named(keyring: Keyring, card: Card) -> Keyring:
        """The keyring without TLS keys that no card names: a renewal that broke off left them."""
        named = {certificate.der for certificate in card.certificates}
        identities = [identity for identity in keyring.tls if identity.certificate.der in named]
        if not identities:
            raise Unsound("the key file holds no key of a certificate in this node's card")
        return keyring.with_tls(identities)


def _signed(
    keyring: Keyring,
    root: NoteSigner,
    content: CardContent,
    *,
    sequence: int,
    start: int,
    root_key: tuple[PublicKey, int, int],
) -> SignedCard:
    end = start + CARD_MS
    public, root_start, root_end = root_key
    names = [EXCHANGE, *(f"{EXCHANGE}-{number}" for number in range(2, len(content.endpoints) + 1))]
    try:
        return sign_card(
            Card(
                organisation=keyring.organisation,
                role=content.role,
                sequence=sequence,
                not_before=start,
                not_after=end,
                keys=CardKeys(
                    root=CardKey(public, root_start, root_end),
                    signing=CardKey(keyring.signing.public, root_start, end),
                    audit=CardKey(keyring.audit.public, root_start, end),
                    witness=CardKey(keyring.witness.public, root_start, end),
                    sealing=CardKey(keyring.sealing.public, root_start, end),
                ),
                endpoints=dict(zip(names, map(str, content.endpoints), strict=False)),
                certificates=tuple(identity.certificate for identity in keyring.tls),
                profiles=content.profiles,
                manifest=content.manifest,
            ),
            root,
        )
    except CryptoError as error:
        raise Invalid(f"the card cannot be signed: {error}") from error
