"""Sealing keys: X25519 boxes that anyone can make and one node can open (libsodium sealed box).

A sealed box proves no sender: whoever relies on one signs around it and repeats the outer ids inside. The ephemeral
key of a box comes from libsodium's own randomness.
"""

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

import nacl.bindings
import nacl.exceptions
from nacl.public import PrivateKey, PublicKey as BoxKey, SealedBox

from tocsin_crypto.ed25519 import Random
from tocsin_crypto.errors import Locked, Malformed

KEY_BYTES = 32
KEY_ID_BYTES = 16

_PROBE = b"\x01" * KEY_BYTES


@dataclass(frozen=True, slots=True)
class SealingPublicKey:
    """The public side; keys of small order are refused, because every box to them could be opened by anyone."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise Malformed(f"a sealing key has {KEY_BYTES} bytes, not {len(self.raw)}")
        try:
            nacl.bindings.crypto_scalarmult(_PROBE, self.raw)
        except nacl.exceptions.RuntimeError:  # libsodium's answer to an all-zero shared secret
            raise Malformed("a sealing key is of small order") from None

    @property
    def key_id(self) -> bytes:
        """The 16 bytes that name this key."""
        return sha256(b"tocsin/1/sealing-key-id\x00" + self.raw).digest()[:KEY_ID_BYTES]

    def seal(self, message: bytes) -> bytes:
        """A box only the private key opens."""
        return SealedBox(BoxKey(self.raw)).encrypt(message)


@dataclass(frozen=True, slots=True, eq=False)
class SealingKey:
    """The private side."""

    private: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.private) != KEY_BYTES:
            raise Malformed(f"a private sealing key has {KEY_BYTES} bytes, not {len(self.private)}")

    @classmethod
    def generate(cls, random: Random = secrets.token_bytes) -> Self:
        """A fresh key."""
        return cls(random(KEY_BYTES))

    @property
    def public(self) -> SealingPublicKey:
        """The public side."""
        return SealingPublicKey(nacl.bindings.crypto_scalarmult_base(self.private))

    def open(self, box: bytes, what: str = "the box") -> bytes:
        """What was sealed to this key, or ``Locked`` naming ``what``."""
        try:
            return SealedBox(PrivateKey(self.private)).decrypt(box)
        except nacl.exceptions.CryptoError:
            raise Locked(f"{what} was sealed to another key, or altered") from None
