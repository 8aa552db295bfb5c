"""A damaged card, invite, proof or key file gives one clear sentence of this package, never another exception."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from tocsin_crypto import note
from tocsin_crypto.card import open_card
from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.ed25519 import SigningKey, parse_vkey
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.invite import claimed_community, open_invite
from tocsin_crypto.keyfile import RawKey, unseal
from tocsin_crypto.sealing import SealingKey
from tocsin_crypto.statement import decode, encode
from tocsin_crypto.tlog_proof import parse_tlog_proof
from tocsin_crypto.tls import parse_certificate, spki_sha256


def accept_invite(data: bytes) -> None:
    open_invite(
        data,
        founder_signing_key=SigningKey(b"\x02" * 32).public,
        organisation="platform.example",
        sealing_key=SealingKey(b"\x06" * 32),
        now=1_750_000_000_000,
    )


def accept_card(data: bytes) -> None:
    open_card(data)


def expect_one_sentence(accept: Callable[[bytes], None], data: bytes) -> None:
    with pytest.raises(CryptoError) as caught:
        accept(data)
    sentence = str(caught.value)
    assert 0 < len(sentence) < 300
    assert "\n" not in sentence


def damage(data: st.DataObject, good: bytes) -> bytes:
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    inserted = good[:at] + data.draw(st.binary(min_size=1, max_size=4)) + good[at:]
    removed = good[:at] + good[at + data.draw(st.integers(1, 50)) :]
    return data.draw(st.sampled_from([flipped, good[:at], inserted, removed]))


@given(data=st.data())
def test_a_damaged_card(data: st.DataObject, card_file: bytes) -> None:
    damaged = damage(data, card_file)
    if damaged != card_file:
        expect_one_sentence(accept_card, damaged)


@given(data=st.data())
def test_a_damaged_invite(data: st.DataObject, invite_file: bytes) -> None:
    damaged = damage(data, invite_file)
    if damaged != invite_file:
        expect_one_sentence(accept_invite, damaged)


def test_every_flipped_byte_and_every_cut(card_file: bytes, invite_file: bytes) -> None:
    for accept, good in ((accept_card, card_file), (accept_invite, invite_file)):
        accept(good)
        for i in range(len(good)):
            expect_one_sentence(accept, good[:i] + bytes([good[i] ^ 0x01]) + good[i + 1 :])
            expect_one_sentence(accept, good[:i])


def test_other_files(card_file: bytes, invite_file: bytes) -> None:
    strangers = (b"", b"\n\n", b"hello", b"\x89PNG\r\n\x1a\n", b"{}", b"\xff\xfe", bytes(100_000))
    for accept, good, other in ((accept_card, card_file, invite_file), (accept_invite, invite_file, card_file)):
        changed = (good.replace(b"\n", b"\r\n"), good + b"\n", b"\xef\xbb\xbf" + good, good * 2, good[::-1])
        for data in (other, *strangers, *changed):
            expect_one_sentence(accept, data)


@given(st.binary(max_size=400))
def test_any_bytes_to_any_reader(data: bytes) -> None:
    readers: tuple[Callable[[bytes], object], ...] = (
        note.parse,
        parse_tlog_proof,
        open_card,
        claimed_community,
        parse_certificate,
        spki_sha256,
        lambda data: unseal(b"TOCSINK" + data, RawKey(bytes(32))),
    )
    for read in readers:
        with contextlib.suppress(CryptoError):
            read(data)


@given(st.text(max_size=200))
def test_any_text_to_any_reader(text: str) -> None:
    readers: tuple[Callable[[str], object], ...] = (parse_checkpoint, parse_vkey, lambda text: decode(text, "card"))
    for read in readers:
        with contextlib.suppress(CryptoError):
            read(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5), JSON, max_size=4))
def test_every_object_has_one_spelling_that_reads_back(body: dict[str, object]) -> None:
    text = encode(body, "card")  # pyright: ignore[reportArgumentType] - the strategy makes JSON values only
    assert decode(text, "card") == body
