"""C2SP tlog-cosignature, Ed25519 form (type 04): a witness's word that it saw this checkpoint at this time.

Signed bytes: ``cosignature/v1`` LF, ``time`` and decimal POSIX seconds LF, then the whole note text. The line carries
the time as 8 big-endian bytes before the 64-byte signature. The form does not bind the witness's name, so one key
never serves two names. Whether a time is too old or ahead of the clock is the caller's decision.
"""

from dataclasses import dataclass
from typing import Self

from tocsin_crypto import note as notes
from tocsin_crypto._encoding import MAX_SIZE
from tocsin_crypto.checkpoint import MAX_CHECKPOINT
from tocsin_crypto.ed25519 import SIGNATURE_BYTES, PublicKey, SigningKey, check_key_name, key_id, parse_vkey, vkey
from tocsin_crypto.errors import Forged, Malformed

COSIGNATURE_TYPE = 0x04
"""Type byte of a timestamped Ed25519 cosignature."""

_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A witness's public key under its name."""

    name: str
    key: PublicKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @classmethod
    def from_vkey(cls, text: str) -> Self:
        """From verifier key text of type 04."""
        return cls(*parse_vkey(text, COSIGNATURE_TYPE))

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id."""
        return key_id(self.name, self.key, COSIGNATURE_TYPE)

    @property
    def vkey(self) -> str:
        """The verifier key text."""
        return vkey(self.name, self.key, COSIGNATURE_TYPE)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Return when ``signature`` (time, then 64 bytes) is this witness's over ``text``, else raise ``Forged``."""
        if len(signature) != _TIME_BYTES + SIGNATURE_BYTES or not 0 < _time_of(signature) <= MAX_SIZE:
            raise Forged(f"the cosignature by key {self.name} has no time or no 64-byte signature")
        message = _message(_time_of(signature), text)
        self.key.verify(message, signature[_TIME_BYTES:], f"the cosignature by key {self.name}")


@dataclass(frozen=True, slots=True, eq=False)
class Cosigner:
    """A witness's private key under its name, signing as of ``time`` (POSIX seconds)."""

    name: str
    key: SigningKey
    time: int

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if not 0 < self.time <= MAX_SIZE:
            raise Malformed("a cosignature time lies outside 1 to 2^63-1 seconds")

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id."""
        return key_id(self.name, self.key.public, COSIGNATURE_TYPE)

    def sign(self, text: bytes) -> bytes:
        """Time and signature."""
        return self.time.to_bytes(_TIME_BYTES, "big") + self.key.sign(_message(self.time, text))


def cosigned_at(checkpoint: bytes, witness: CosignatureVerifier) -> int:
    """The latest time (POSIX seconds) at which ``witness`` cosigned this checkpoint note, or ``Forged``."""
    notes.open_note(checkpoint, [witness], max_size=MAX_CHECKPOINT, what="checkpoint")
    pair = (witness.name, witness.key_id)
    lines = notes.parse(checkpoint, max_size=MAX_CHECKPOINT, what="checkpoint").signatures
    return max(_time_of(line.payload) for line in lines if (line.name, line.key_id) == pair)


def _time_of(payload: bytes) -> int:
    return int.from_bytes(payload[:_TIME_BYTES], "big")


def _message(time: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text
