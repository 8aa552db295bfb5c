"""Keys: what is refused at load, what a signature covers, how a key is named and shown."""

import re

import pytest

from tocsin_crypto.ed25519 import PublicKey, SigningKey, check_key_name, fingerprint, parse_vkey, vkey
from tocsin_crypto.errors import Forged, Malformed

KEY = SigningKey(b"\x01" * 32)
SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)


@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_a_public_key_of_small_order_is_refused(raw: str) -> None:
    with pytest.raises(Malformed, match="valid point"):
        PublicKey(bytes.fromhex(raw))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        PublicKey(bytes(length))
    with pytest.raises(Malformed, match="32 bytes"):
        SigningKey(bytes(length))


def test_a_point_off_the_curve_is_refused() -> None:
    with pytest.raises(Malformed):
        PublicKey(b"\x02" + bytes(31))


def test_a_signature_holds_for_its_message_and_key_only() -> None:
    signature = KEY.sign(b"message")
    KEY.public.verify(b"message", signature)
    with pytest.raises(Forged, match="the receipt"):
        KEY.public.verify(b"massage", signature, "the receipt")
    with pytest.raises(Forged):
        SigningKey(b"\x02" * 32).public.verify(b"message", signature)
    with pytest.raises(Forged, match="63 bytes"):
        KEY.public.verify(b"message", signature[:-1])


def test_a_malleated_signature_is_refused() -> None:
    group_order = 2**252 + 27742317777372353535851937790883648493
    signature = KEY.sign(b"message")
    shifted = (int.from_bytes(signature[32:], "little") + group_order).to_bytes(32, "little")
    with pytest.raises(Forged):
        KEY.public.verify(b"message", signature[:32] + shifted)


def test_a_private_key_does_not_show_itself() -> None:
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY.seed) not in repr(KEY)


def test_a_generated_key_takes_its_seed_from_the_given_source() -> None:
    assert SigningKey.generate(lambda n: b"\x01" * n).public == KEY.public
    assert SigningKey.generate().public != SigningKey.generate().public


def test_a_verifier_key_reads_back() -> None:
    assert parse_vkey(vkey("a.example/root", KEY.public)) == ("a.example/root", KEY.public)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("+", "-", r"name\+id\+key"),
        ("a.example", "b.example", "does not belong"),
        ("D29c", "D29cAAAA", "instead of 33"),
        ("D29c", "D29d", "does not belong|valid point"),
        ("root+", "root+X", "hex"),
    ],
)
def test_a_damaged_verifier_key_is_refused(old: str, new: str, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        parse_vkey(vkey("a.example/root", KEY.public).replace(old, new))


def test_a_verifier_key_of_another_type_is_refused() -> None:
    with pytest.raises(Malformed, match="type 04, not 01"):
        parse_vkey(vkey("a.example/witness", KEY.public, 4))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\ud800", "x" * 256])
def test_a_name_that_a_note_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(Malformed, match="key name"):
        check_key_name(name)


def test_a_fingerprint_is_the_whole_hash_in_sixteen_groups() -> None:
    assert re.fullmatch(r"([0-9a-f]{4} ){15}[0-9a-f]{4}", fingerprint(KEY.public))
