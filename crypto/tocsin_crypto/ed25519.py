"""Ed25519 keys (RFC 8032) and their C2SP signed-note names: key id, verifier key text, fingerprint.

Rules:

1. Signing and verifying go through PyNaCl (libsodium) only. Other libraries accept small-order keys, and two
   implementations that disagree on one signature split a federation.
2. A public key is checked when made: on the curve, in the main subgroup, not of small order.
3. A key id is the first 4 bytes of SHA-256(name, LF, type byte, public key); it finds a key, it proves nothing.

It does not store keys (``keyfile``) and knows no note text (``note``).
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import nacl.bindings
import nacl.exceptions

from tocsin_crypto._encoding import from_base64, from_hex, to_base64
from tocsin_crypto.errors import Forged, Malformed

KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64
KEY_ID_BYTES = 4
MAX_NAME = 255
"""Longest key name in characters: one length byte in the formats that carry a name."""
NOTE_TYPE = 0x01
"""Type byte of an Ed25519 note signature."""

Random = Callable[[int], bytes]
"""A source of unpredictable bytes: ``random(n)`` gives ``n`` of them."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that passed libsodium's point check; equal when the 32 bytes are."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise Malformed(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}")
        if not nacl.bindings.crypto_core_ed25519_is_valid_point(self.raw):
            raise Malformed("an Ed25519 public key is not a valid point of the main subgroup")

    def verify(self, message: bytes, signature: bytes, what: str = "the message") -> None:
        """Return when ``signature`` (64 bytes) is this key's over ``message``, else ``Forged`` naming ``what``."""
        if len(signature) != SIGNATURE_BYTES:
            raise Forged(f"the signature of {what} has {len(signature)} bytes instead of {SIGNATURE_BYTES}")
        try:
            nacl.bindings.crypto_sign_open(signature + message, self.raw)
        except nacl.exceptions.BadSignatureError:
            raise Forged(f"the signature of {what} does not verify") from None


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A private key made from its 32-byte seed; Python cannot wipe it from memory."""

    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    _secret: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise Malformed(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(self.seed)}")
        public, secret = nacl.bindings.crypto_sign_seed_keypair(self.seed)
        object.__setattr__(self, "public", PublicKey(public))
        object.__setattr__(self, "_secret", secret)

    @classmethod
    def generate(cls, random: Random = secrets.token_bytes) -> Self:
        """A fresh key."""
        return cls(random(SEED_BYTES))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of ``message``; the same each time."""
        return nacl.bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


def check_key_name(name: str) -> str:
    """The name itself when a C2SP note may carry it: not empty, no white space, no plus, no control character."""
    if not 0 < len(name) <= MAX_NAME:
        raise Malformed(f"a key name has {len(name)} characters instead of 1 to {MAX_NAME}")
    if any(char.isspace() or char < " " or char == "+" or "\ud800" <= char <= "\udfff" for char in name):
        raise Malformed("a key name holds white space, a plus sign or a character that text cannot carry")
    return name


def key_id(name: str, public: PublicKey, key_type: int = NOTE_TYPE) -> bytes:
    """The 4-byte key id of signed-note for a named key."""
    body = check_key_name(name).encode() + b"\n" + bytes([key_type]) + public.raw
    return hashlib.sha256(body).digest()[:KEY_ID_BYTES]


def vkey(name: str, public: PublicKey, key_type: int = NOTE_TYPE) -> str:
    """The verifier key text of signed-note: ``name+id+base64(type, key)``."""
    return f"{name}+{key_id(name, public, key_type).hex()}+{to_base64(bytes([key_type]) + public.raw)}"


def parse_vkey(text: str, key_type: int = NOTE_TYPE) -> tuple[str, PublicKey]:
    """Name and key of a verifier key text of exactly ``key_type``, its key id checked."""
    parts = text.split("+", 2)  # base64 may hold further plus signs
    if len(parts) != 3:
        raise Malformed("a verifier key is not of the form name+id+key")
    name, shown_id, body = parts
    raw = from_base64(body, "the key in a verifier key", length=1 + KEY_BYTES)
    if raw[0] != key_type:
        raise Malformed(f"a verifier key is of type {raw[0]:02x}, not {key_type:02x}")
    public = PublicKey(raw[1:])
    if from_hex(shown_id, "the id in a verifier key", length=KEY_ID_BYTES) != key_id(name, public, key_type):
        raise Malformed("the id in a verifier key does not belong to its name and key")
    return name, public


def fingerprint(public_key: PublicKey) -> str:
    """SHA-256 of the 32 key bytes as 16 groups of 4 hex digits, for two people to compare in full."""
    digits = hashlib.sha256(public_key.raw).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
