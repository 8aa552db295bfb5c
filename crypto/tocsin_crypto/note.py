"""C2SP signed-note: a UTF-8 text with the signature lines of named keys below it.

Layout: text ending in LF, one empty line, then lines of U+2014, space, key name, space, base64(key id, signature).
Text and signatures part at the *last* empty line. Reading is strict: any malformed line spoils the whole note, also
one of an unknown key. Verifying ignores lines of unknown (name, id) pairs, rejects the note when a known pair's
signature fails, and rejects a note that no known key signed.

It does not know what a text means: see ``checkpoint`` and ``statement``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from tocsin_crypto._encoding import from_base64, to_base64
from tocsin_crypto.ed25519 import KEY_ID_BYTES, PublicKey, SigningKey, check_key_name, key_id, parse_vkey, vkey
from tocsin_crypto.errors import Forged, Malformed

MAX_SIGNATURES = 100
"""Signature lines in one note: the limit of the Go reader, so a note that passes here passes there."""
MAX_NOTE = 1_000_000
"""Bytes of one note unless the caller sets less: a hundred post-quantum lines fit, an endless one does not."""

_DASH = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Signer(Protocol):
    """A named key that signs note texts: from a file, an HSM or a KMS."""

    @property
    def name(self) -> str:
        """Key name on the signature line."""
        ...

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id."""
        ...

    def sign(self, text: bytes) -> bytes:
        """The bytes that follow the key id on the signature line."""
        ...


class Verifier(Protocol):
    """A named key that checks signature lines."""

    @property
    def name(self) -> str:
        """Key name on the signature line."""
        ...

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id."""
        ...

    def verify(self, text: bytes, signature: bytes) -> None:
        """Return when the bytes after the key id are this key's over ``text``, else raise ``Forged``."""
        ...


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """An Ed25519 key (type 01) under a name."""

    name: str
    key: PublicKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @classmethod
    def from_vkey(cls, text: str) -> Self:
        """From verifier key text."""
        return cls(*parse_vkey(text))

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id."""
        return key_id(self.name, self.key)

    @property
    def vkey(self) -> str:
        """The verifier key text."""
        return vkey(self.name, self.key)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Return when ``signature`` is this key's over ``text``, else raise ``Forged``."""
        self.key.verify(text, signature, f"the note by key {self.name}")


@dataclass(frozen=True, slots=True, eq=False)
class NoteSigner:
    """An Ed25519 private key (type 01) under a name."""

    name: str
    key: SigningKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id."""
        return key_id(self.name, self.key.public)

    @property
    def verifier(self) -> NoteVerifier:
        """The public side."""
        return NoteVerifier(self.name, self.key.public)

    def sign(self, text: bytes) -> bytes:
        """The 64-byte signature of ``text``."""
        return self.key.sign(text)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: key name, 4-byte key id, and what follows the id."""

    name: str
    key_id: bytes
    payload: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.payload:
            raise Malformed("a note signature has no 4-byte key id or nothing after it")

    def encode(self) -> str:
        """The line, with its LF."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.payload)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines, none of them verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _check_text(self.text, "a note text")
        if not self.text.endswith("\n"):
            raise Malformed("a note text does not end in a line feed")
        if not 0 < len(self.signatures) <= MAX_SIGNATURES:
            raise Malformed(f"a note has {len(self.signatures)} signatures instead of 1 to {MAX_SIGNATURES}")

    def encode(self) -> bytes:
        """The note as it travels."""
        return f"{self.text}\n{''.join(line.encode() for line in self.signatures)}".encode()


@dataclass(frozen=True, slots=True)
class Verified:
    """A text and the verifiers whose signatures on it hold, in the order of the lines."""

    text: str
    by: tuple[Verifier, ...]


def parse(data: bytes, *, max_size: int = MAX_NOTE, what: str = "note") -> Note:
    """Read a note without verifying it; ``what`` names the thing in errors."""
    if len(data) > max_size:
        raise Malformed(f"the {what} has {len(data)} bytes, more than {max_size}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"the {what} is not UTF-8") from None
    _check_text(whole, f"the {what}")
    if not whole.endswith("\n"):
        raise Malformed(f"the {what} does not end in a line feed")
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail:
        raise Malformed(f"the {what} has no signature lines after an empty line")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"the {what} has {len(lines)} signature lines, more than {MAX_SIGNATURES}")
    return Note(text + "\n", tuple(_parse_line(line, i, what) for i, line in enumerate(lines, 1)))


def sign(text: str, signers: Sequence[Signer]) -> bytes:
    """The note of ``text`` (ending in LF) with one signature line per signer."""
    body = text.encode()
    return Note(text, tuple(Signature(s.name, s.key_id, s.sign(body)) for s in signers)).encode()


def open_note(data: bytes, verifiers: Sequence[Verifier], *, max_size: int = MAX_NOTE, what: str = "note") -> Verified:
    """Read a note and verify every line of a known key; ``Forged`` if one fails or none is known."""
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise Malformed(f"two different keys share the name {verifier.name} and one key id")
    note = parse(data, max_size=max_size, what=what)
    body = note.text.encode()
    by: dict[tuple[str, bytes], Verifier] = {}
    for line in note.signatures:
        pair = (line.name, line.key_id)
        if pair in known:
            known[pair].verify(body, line.payload)
            by[pair] = known[pair]
    if not by:
        names = " or ".join(sorted({verifier.name for verifier in verifiers})) or "any known key"
        raise Forged(f"the {what} is not signed by {names} with the expected key")
    return Verified(note.text, tuple(by.values()))


def _check_text(text: str, what: str) -> None:
    if _CONTROL.search(text):
        raise Malformed(f"{what} holds a control character other than the line feed")


def _parse_line(line: str, number: int, what: str) -> Signature:
    where = f"signature line {number} of the {what}"
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2:
        raise Malformed(f"{where} is not an em dash, a key name and base64")
    raw = from_base64(parts[1], where)
    if len(raw) <= KEY_ID_BYTES:
        raise Malformed(f"{where} holds no signature")
    return Signature(parts[0], raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])
