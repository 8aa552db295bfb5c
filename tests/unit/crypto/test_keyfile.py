"""Secrets at rest: what opens, what does not, and who may read the file."""

import stat
import struct
from pathlib import Path

import pytest

from tocsin_crypto.errors import CryptoError, Locked, Malformed, Refused
from tocsin_crypto.keyfile import MAX_BLOB, Cost, Passphrase, RawKey, read_private, seal, unseal, write_private

CHEAP = Cost(operations=1, memory_kib=64)
WORDS = Passphrase("open sesame", CHEAP)
RAW = RawKey(b"\x07" * 32)
SECRETS = {"root": bytes(32), "tls": b"-----BEGIN", "empty": b""}


@pytest.mark.parametrize("lock", [WORDS, RAW])
def test_what_was_sealed_opens(lock: Passphrase | RawKey) -> None:
    assert unseal(seal(SECRETS, lock), lock) == SECRETS


def test_sealing_twice_gives_different_bytes() -> None:
    assert seal(SECRETS, RAW) != seal(SECRETS, RAW)
    assert seal(SECRETS, RAW, random=bytes) == seal(SECRETS, RAW, random=bytes)


def test_the_wrong_passphrase_or_key_is_locked() -> None:
    with pytest.raises(Locked, match="passphrase does not open"):
        unseal(seal(SECRETS, WORDS), Passphrase("open says me", CHEAP))
    with pytest.raises(Locked, match="raw key does not open"):
        unseal(seal(SECRETS, RAW), RawKey(bytes(32)))


def test_the_other_kind_of_lock_is_locked() -> None:
    with pytest.raises(Locked, match="with a passphrase, not"):
        unseal(seal(SECRETS, WORDS), RAW)
    with pytest.raises(Locked, match="with a raw key, not"):
        unseal(seal(SECRETS, RAW), WORDS)


def test_every_flipped_byte_and_every_cut_is_noticed() -> None:
    blob = seal(SECRETS, RAW)
    for i in range(len(blob)):
        with pytest.raises(CryptoError):
            unseal(blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :], RAW)
        with pytest.raises(CryptoError):
            unseal(blob[:i], RAW)


@pytest.mark.parametrize(("operations", "memory_kib"), [(17, 64), (0, 64), (1, 7), (1, (1 << 20) + 1), (2**32 - 1, 64)])
def test_a_cost_out_of_bounds_is_refused_before_it_is_spent(operations: int, memory_kib: int) -> None:
    blob = bytearray(seal(SECRETS, WORDS))
    struct.pack_into(">II", blob, 9, operations, memory_kib)
    with pytest.raises(Malformed, match="Argon2id"):
        unseal(bytes(blob), WORDS)


@pytest.mark.parametrize("blob", [b"", b"TOCSINK", b"x" * 100, bytes(MAX_BLOB + 1)])
def test_other_bytes_are_not_a_key_file(blob: bytes) -> None:
    with pytest.raises(Malformed, match="not a sealed key file"):
        unseal(blob, RAW)


def test_locks_are_checked_when_made_and_do_not_show_themselves() -> None:
    with pytest.raises(Malformed, match="empty"):
        Passphrase("")
    with pytest.raises(Malformed, match="32 bytes"):
        RawKey(bytes(31))
    assert "sesame" not in repr(WORDS)
    assert "\\x07" not in repr(RAW)


def test_too_many_secrets_are_refused() -> None:
    with pytest.raises(Malformed, match="more than"):
        seal({"big": bytes(MAX_BLOB)}, RAW)


def test_a_private_file_is_its_owners_only_and_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write_private(path, b"one")
    write_private(path, b"two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private(path) == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "keys"
    target.mkdir()
    with pytest.raises(OSError, match="keys"):
        write_private(target, b"one")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    write_private(path, b"one")
    path.chmod(mode)
    with pytest.raises(Refused, match=f"mode {mode:04o}"):
        read_private(path)


def test_a_file_that_is_too_large_or_not_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write_private(path, bytes(MAX_BLOB + 1))
    with pytest.raises(Refused, match="more than"):
        read_private(path)
    with pytest.raises(Refused, match="regular"):
        read_private(Path("/dev/null"))
