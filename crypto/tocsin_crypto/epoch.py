"""Epoch descriptors: what a community's founder says about one epoch (kind ``tocsin/1/epoch``).

A descriptor fixes when signals may be published and matched under the epoch, which key belongs to it (by key id, never
the key), how the tags of each type are protected, and who the custodians are. The founder's node key signs it as
``<founder>/node``; the founder stands in the community's id, its key comes from its pinned card.

Protections are ``keyed``, ``oprf`` and ``clear``; another word is kept, and a node that does not know it cannot tag
that type. A type that is not listed is not used in the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tocsin_crypto import statement
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import Malformed
from tocsin_crypto.names import check_organisation, founder_of, node_key_name
from tocsin_crypto.note import NoteVerifier, Signer
from tocsin_crypto.statement import Fields, Object
from tocsin_crypto.tag import KEY_ID_BYTES, MAX_EPOCH

KIND = "tocsin/1/epoch"
KEYED, OPRF, CLEAR = "keyed", "oprf", "clear"
MAX_TYPES = 256
"""Types in one descriptor: more than the registry holds."""
MAX_CUSTODIANS = 32
"""Custodians of one epoch: each look-up asks several of them."""


@dataclass(frozen=True, slots=True)
class EpochDescriptor:
    """One epoch of a community; times in ms UTC, ends not included, protection by type name."""

    community: str
    number: int
    publish_from: int
    publish_until: int
    match_until: int
    key_id: bytes
    protection: Mapping[str, str]
    custodians: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        founder_of(self.community)
        if not 1 <= self.number <= MAX_EPOCH:
            raise Malformed("an epoch number lies outside 1 to 2^32-1")
        if not 0 <= self.publish_from < self.publish_until <= self.match_until:
            raise Malformed("the times of an epoch are not in the order publish_from, publish_until, match_until")
        if len(self.key_id) != KEY_ID_BYTES:
            raise Malformed(f"the key id of an epoch has {len(self.key_id)} bytes instead of {KEY_ID_BYTES}")
        if not self.protection:
            raise Malformed("an epoch protects no type")
        if (OPRF in self.protection.values()) != bool(self.custodians):
            raise Malformed("an epoch needs custodians exactly when one of its types is protected by oprf")
        if len({check_organisation(custodian) for custodian in self.custodians}) != len(self.custodians):
            raise Malformed("an epoch names a custodian twice")

    @property
    def founder(self) -> str:
        """The organisation that founded the community."""
        return founder_of(self.community)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From the object in a descriptor's note."""
        return cls(
            community=fields.text("community"),
            number=fields.integer("number", least=1, most=MAX_EPOCH),
            publish_from=fields.time("publish_from"),
            publish_until=fields.time("publish_until"),
            match_until=fields.time("match_until"),
            key_id=fields.hex("key_id", length=KEY_ID_BYTES),
            protection=fields.text_map("protection", most=MAX_TYPES),
            custodians=fields.texts("custodians", most=MAX_CUSTODIANS),
        )

    def body(self) -> Object:
        """The object in the descriptor's note."""
        return {
            "community": self.community,
            "number": self.number,
            "publish_from": self.publish_from,
            "publish_until": self.publish_until,
            "match_until": self.match_until,
            "key_id": self.key_id.hex(),
            "protection": dict(self.protection),
            "custodians": list(self.custodians),
        }


@dataclass(frozen=True, slots=True)
class SignedEpoch:
    """A verified descriptor, the note it came in, and the SHA-256 of the note's text."""

    descriptor: EpochDescriptor
    note_bytes: bytes
    digest: bytes


def sign_epoch(descriptor: EpochDescriptor, founder: Signer) -> bytes:
    """The descriptor's note, signed by the founder's node key (named ``<founder>/node``)."""
    if founder.name != node_key_name(descriptor.founder):
        raise Malformed(f"an epoch of {descriptor.community} must be signed as {node_key_name(descriptor.founder)}")
    return statement.sign(KIND, descriptor.body(), founder)


def open_epoch(data: bytes, founder_signing_key: PublicKey) -> SignedEpoch:
    """The descriptor in a note signed by the node key of the founder its community id names."""
    note, fields = statement.read(data, KIND)
    descriptor = EpochDescriptor.read(fields)
    statement.verify(data, KIND, NoteVerifier(node_key_name(descriptor.founder), founder_signing_key))
    return SignedEpoch(descriptor, data, statement.digest(note))
