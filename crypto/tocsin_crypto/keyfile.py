"""Secrets at rest: sealed blobs, and the private files they lie in.

Blob: magic "TOCSINK", version u8 = 1, kdf u8 (1 passphrase, 2 raw key), Argon2id operations u32, Argon2id memory in
KiB u32, salt 16, nonce 24 (numbers big-endian), then XChaCha20-Poly1305 over the payload with everything before it as
associated data. Payload: one JSON object of name to base64. A raw key leaves the Argon2id fields zero.

A passphrase is stretched with Argon2id (RFC 9106, one lane); the cost read from a file is bounded *before* it is
spent. A raw key is 32 random bytes from an environment or a KMS. Python cannot reliably wipe memory.

The only module of this package that touches files: private ones are written whole or not at all and never read when
group or others could have.
"""

import json
import os
import secrets
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import nacl.bindings
import nacl.exceptions
import nacl.pwhash

from tocsin_crypto._encoding import from_base64, to_base64
from tocsin_crypto.ed25519 import Random
from tocsin_crypto.errors import Locked, Malformed, Refused

MAX_BLOB = 1 << 20
"""Bytes of a sealed blob: a node's keys are a few kilobytes."""
MAX_OPERATIONS = 16
"""Argon2id passes: four times libsodium's strongest preset."""
MAX_MEMORY_KIB = 1 << 20
"""Argon2id memory, 1 GiB: libsodium's strongest preset; a hostile file must not exhaust the host."""
MIN_MEMORY_KIB = 8
"""Argon2id memory: the least that libsodium takes."""

_HEADER = struct.Struct(">7sBBII16s24s")
_MAGIC = b"TOCSINK"
_VERSION = 1
_PASSPHRASE, _RAW = 1, 2
_MAC_BYTES = 16
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id cost: passes over memory, and memory in KiB."""

    operations: int
    memory_kib: int

    def __post_init__(self) -> None:
        if not (1 <= self.operations <= MAX_OPERATIONS and MIN_MEMORY_KIB <= self.memory_kib <= MAX_MEMORY_KIB):
            raise Malformed(
                f"an Argon2id cost lies outside 1 to {MAX_OPERATIONS} passes"
                f" and {MIN_MEMORY_KIB} to {MAX_MEMORY_KIB} KiB"
            )


MODERATE = Cost(operations=3, memory_kib=256 * 1024)
"""libsodium's "moderate": about half a second once per start."""


@dataclass(frozen=True, slots=True, eq=False)
class Passphrase:
    """A lock made of words; ``cost`` counts when sealing, a sealed blob carries its own."""

    text: str = field(repr=False)
    cost: Cost = MODERATE

    def __post_init__(self) -> None:
        if not self.text:
            raise Malformed("a passphrase is empty")


@dataclass(frozen=True, slots=True, eq=False)
class RawKey:
    """A lock that is a 32-byte key."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != _KEY_BYTES:
            raise Malformed(f"a raw key has {_KEY_BYTES} bytes, not {len(self.key)}")


def seal(contents: Mapping[str, bytes], lock: Passphrase | RawKey, *, random: Random = secrets.token_bytes) -> bytes:
    """The blob that holds these named secrets."""
    salt, nonce = random(16), random(24)
    if isinstance(lock, RawKey):
        header = _HEADER.pack(_MAGIC, _VERSION, _RAW, 0, 0, salt, nonce)
        key = lock.key
    else:
        operations, memory_kib = lock.cost.operations, lock.cost.memory_kib
        header = _HEADER.pack(_MAGIC, _VERSION, _PASSPHRASE, operations, memory_kib, salt, nonce)
        key = _stretch(lock.text, salt, lock.cost)
    payload = json.dumps({name: to_base64(value) for name, value in sorted(contents.items())}).encode()
    blob = header + nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(payload, header, nonce, key)
    if len(blob) > MAX_BLOB:
        raise Malformed(f"the secrets to seal take more than {MAX_BLOB} bytes")
    return blob


def unseal(blob: bytes, lock: Passphrase | RawKey) -> dict[str, bytes]:
    """The named secrets of a blob; ``Locked`` when the passphrase or key is another one or the blob was altered."""
    if not _HEADER.size + _MAC_BYTES <= len(blob) <= MAX_BLOB or not blob.startswith(_MAGIC):
        raise Malformed("the key file is not a sealed key file")
    header, sealed = blob[: _HEADER.size], blob[_HEADER.size :]
    fields: tuple[bytes, int, int, int, int, bytes, bytes] = _HEADER.unpack(header)
    _, version, kdf, operations, memory_kib, salt, nonce = fields
    if version != _VERSION:
        raise Malformed(f"the key file is of version {version}, not {_VERSION}")
    key = _unlock(lock, kdf, operations, memory_kib, salt)
    try:
        payload = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, header, nonce, key)
    except nacl.exceptions.CryptoError:
        named = "passphrase" if kdf == _PASSPHRASE else "raw key"
        raise Locked(f"the {named} does not open the key file, or the file was altered") from None
    return _payload(payload)


def write_private(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` with mode 0600, whole or not at all, and durable on return; ``OSError`` as it comes."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_private(path: Path) -> bytes:
    """The bytes of a file only its owner may use; ``Refused`` for any other, ``OSError`` as it comes."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())  # of the open file, so that nobody swaps it in between
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{path} is not a regular file")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise Refused(f"{path} can be used by group or others (mode {mode:04o}): set it to 0600")
        data = file.read(MAX_BLOB + 1)
    if len(data) > MAX_BLOB:
        raise Refused(f"{path} has more than {MAX_BLOB} bytes")
    return data


def _unlock(lock: Passphrase | RawKey, kdf: int, operations: int, memory_kib: int, salt: bytes) -> bytes:
    """The AEAD key for a header's fields, none of them trusted yet."""
    if kdf == _PASSPHRASE:
        cost = Cost(operations, memory_kib)
        if not isinstance(lock, Passphrase):
            raise Locked("the key file is sealed with a passphrase, not with a raw key")
        return _stretch(lock.text, salt, cost)
    if kdf != _RAW or operations or memory_kib:
        raise Malformed("the key file names an unknown key derivation")
    if not isinstance(lock, RawKey):
        raise Locked("the key file is sealed with a raw key, not with a passphrase")
    return lock.key


def _stretch(text: str, salt: bytes, cost: Cost) -> bytes:
    return nacl.pwhash.argon2id.kdf(
        _KEY_BYTES, text.encode(), salt, opslimit=cost.operations, memlimit=cost.memory_kib * 1024
    )


def _payload(payload: bytes) -> dict[str, bytes]:
    """The secrets in a payload; it was authenticated, so only its own writer can have made it wrong."""
    try:
        loaded: object = json.loads(payload)
    except ValueError:
        raise Malformed("the key file holds something other than JSON") from None
    if not isinstance(loaded, dict):
        raise Malformed("the key file does not hold a JSON object")
    contents: dict[str, bytes] = {}
    for name, value in cast("dict[str, object]", loaded).items():
        if not isinstance(value, str):
            raise Malformed("the key file holds a secret that is not base64")
        contents[name] = from_base64(value, "a secret in the key file")
    return contents
