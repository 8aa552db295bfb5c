"""Cards: a node's signed description of itself (kind ``tocsin/1/card``).

A card names the organisation, its keys with their validity, its endpoints, up to four TLS certificates (current and
next), and what canonical forms it makes: the digests of its manifest and of its profiles, as of signing. Cards from
before there was a manifest name none, and stay valid. The root key named inside signs it as ``<organisation>/root``;
whoever pinned that key accepts later cards of the same organisation and key only. The highest sequence wins; an equal
sequence with another digest is evidence of two faces.

Opening checks form and signature. Whether a card counts *now* is ``Card.check_valid(now)``; whether it replaces the
one held is the caller's comparison of sequences. Unknown keys at the top are kept, unknown keys elsewhere ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from tocsin_crypto import statement, tls
from tocsin_crypto._encoding import from_base64, from_hex, show_time, to_base64
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import Forged, Malformed, Refused
from tocsin_crypto.names import check_organisation, root_key_name
from tocsin_crypto.note import NoteVerifier, Signer
from tocsin_crypto.sealing import SealingPublicKey
from tocsin_crypto.statement import Fields, Json, Object
from tocsin_crypto.tls import Certificate

KIND = "tocsin/1/card"
MAX_VALIDITY_MS = 400 * 86_400_000
"""Longest life of a card in milliseconds (400 days): a node that stops renewing drops out within about a year."""
MAX_CERTIFICATES = 4
"""TLS certificates in a card: current and next, twice over for a move between hosts."""
MAX_ENDPOINTS = 8
"""Endpoints in a card: one per listener that others reach."""
MAX_PROFILES = 256
"""Profile digests in a card: one per registered profile."""

_KNOWN = frozenset(
    (
        *(
            "organisation",
            "role",
            "sequence",
            "not_before",
            "not_after",
            "keys",
            "endpoints",
            "certificates",
            "profiles",
        ),
        "manifest",
    )
)

K = TypeVar("K", PublicKey, SealingPublicKey)


@dataclass(frozen=True, slots=True)
class CardKey(Generic[K]):
    """A public key and its validity: from ``not_before`` up to, not including, ``not_after`` (ms UTC)."""

    public: K
    not_before: int
    not_after: int

    def __post_init__(self) -> None:
        if not 0 <= self.not_before < self.not_after:
            raise Malformed("the validity of a key in a card does not end after it begins")

    def holds(self, now: int) -> bool:
        """Whether the key is valid at ``now`` (ms UTC)."""
        return self.not_before <= now < self.not_after

    def body(self) -> Object:
        """As it stands in the card."""
        return {"key": to_base64(self.public.raw), "not_before": self.not_before, "not_after": self.not_after}


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The five keys of a node; no Ed25519 key serves two of the names."""

    root: CardKey[PublicKey]
    signing: CardKey[PublicKey]
    audit: CardKey[PublicKey]
    witness: CardKey[PublicKey]
    sealing: CardKey[SealingPublicKey]

    def __post_init__(self) -> None:
        if len({key.public.raw for key in (self.root, self.signing, self.audit, self.witness)}) != 4:
            raise Malformed("a card names one Ed25519 key for two uses")

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From the card's ``keys``."""
        return cls(
            root=_read_key(fields, "root", PublicKey),
            signing=_read_key(fields, "signing", PublicKey),
            audit=_read_key(fields, "audit", PublicKey),
            witness=_read_key(fields, "witness", PublicKey),
            sealing=_read_key(fields, "sealing", SealingPublicKey),
        )

    def body(self) -> Object:
        """As they stand in the card."""
        return {
            "root": self.root.body(),
            "signing": self.signing.body(),
            "audit": self.audit.body(),
            "witness": self.witness.body(),
            "sealing": self.sealing.body(),
        }


@dataclass(frozen=True, slots=True)
class Card:
    """What a node says of itself: times in ms UTC, endpoints by listener; digests of 32 bytes, or no manifest."""

    organisation: str
    role: str
    sequence: int
    not_before: int
    not_after: int
    keys: CardKeys
    endpoints: Mapping[str, str]
    certificates: tuple[Certificate, ...]
    profiles: Mapping[str, bytes]
    unknown: Mapping[str, Json] = field(default_factory=dict[str, Json])
    manifest: bytes = b""

    def __post_init__(self) -> None:
        check_organisation(self.organisation)
        if not 0 < self.not_after - self.not_before <= MAX_VALIDITY_MS:
            raise Malformed("a card is not valid for a time of up to 400 days")
        if not 0 < len(self.certificates) <= MAX_CERTIFICATES:
            raise Malformed(f"a card has {len(self.certificates)} certificates instead of 1 to {MAX_CERTIFICATES}")
        if any(certificate.organisation != self.organisation for certificate in self.certificates):
            raise Malformed("a card holds a certificate of another organisation")
        if self.manifest and len(self.manifest) != 32:
            raise Malformed(f"a card has a manifest digest of {len(self.manifest)} bytes instead of 32")
        if _KNOWN & self.unknown.keys():
            raise Malformed("a card repeats a known key among its unknown ones")

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From the object in a card's note."""
        return cls(
            organisation=fields.text("organisation"),
            role=fields.text("role", most=64),
            sequence=fields.integer("sequence", least=1),
            not_before=fields.time("not_before"),
            not_after=fields.time("not_after"),
            keys=CardKeys.read(fields.object("keys")),
            endpoints=fields.text_map("endpoints", most=MAX_ENDPOINTS),
            certificates=tuple(
                tls.parse_certificate(from_base64(text, "a certificate in the card"))
                for text in fields.texts("certificates", most=MAX_CERTIFICATES, longest=2 * tls.MAX_CERTIFICATE)
            ),
            profiles={
                name: from_hex(digest, "a profile digest in the card", length=32)
                for name, digest in fields.text_map("profiles", most=MAX_PROFILES).items()
            },
            manifest=fields.hex("manifest", length=32) if "manifest" in set(fields.keys()) else b"",
            unknown=fields.rest(_KNOWN),
        )

    def body(self) -> Object:
        """The object in the card's note."""
        manifest: Object = {"manifest": self.manifest.hex()} if self.manifest else {}
        return {
            **self.unknown,
            **manifest,
            "organisation": self.organisation,
            "role": self.role,
            "sequence": self.sequence,
            "not_before": self.not_before,
            "not_after": self.not_after,
            "keys": self.keys.body(),
            "endpoints": dict(self.endpoints),
            "certificates": [to_base64(certificate.der) for certificate in self.certificates],
            "profiles": {name: digest.hex() for name, digest in self.profiles.items()},
        }

    def check_valid(self, now: int) -> None:
        """Return when the card and its root key are valid at ``now`` (ms UTC), else ``Refused``."""
        begin = max(self.not_before, self.keys.root.not_before)
        end = min(self.not_after, self.keys.root.not_after)
        if now < begin:
            raise Refused(f"the card of {self.organisation} is not valid before {show_time(begin)}")
        if now >= end:
            raise Refused(f"the card of {self.organisation} expired at {show_time(end)}")


@dataclass(frozen=True, slots=True)
class SignedCard:
    """A verified card, the note it came in, and the SHA-256 of the note's text."""

    card: Card
    note_bytes: bytes
    digest: bytes


def sign_card(card: Card, root: Signer) -> SignedCard:
    """The card signed by the root key it names; ``Forged`` when ``root`` is another key."""
    return open_card(statement.sign(KIND, card.body(), root))


def open_card(data: bytes, *, organisation: str | None = None, pinned_root: PublicKey | None = None) -> SignedCard:
    """The card in a note signed by the root key it names, which must be the pinned one where given.

    Pass both ``organisation`` and ``pinned_root`` on a refresh: otherwise any peer could present itself as another.
    """
    note, fields = statement.read(data, KIND)
    card = Card.read(fields)
    if organisation is not None and card.organisation != organisation:
        raise Forged(f"the card is of {card.organisation}, not of {organisation}")
    root = card.keys.root.public
    if pinned_root is not None and root != pinned_root:
        raise Forged(f"the card of {card.organisation} names another root key than the pinned one")
    statement.verify(data, KIND, NoteVerifier(root_key_name(card.organisation), root))
    return SignedCard(card, data, statement.digest(note))


def _read_key(fields: Fields, name: str, make: type[K]) -> CardKey[K]:
    inner = fields.object(name)
    return CardKey(make(inner.base64("key", length=32)), inner.time("not_before"), inner.time("not_after"))
