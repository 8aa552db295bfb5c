"""Tags and notes at random: equal to their written definition, and read back as written."""

import hashlib
import hmac

from hypothesis import given, strategies as st

from tocsin_crypto import note
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.keyfile import RawKey, seal, unseal
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.tag import EpochKey, TagRequest, context, tag_batch

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
REQUEST = st.builds(TagRequest, TEXT, TEXT, TEXT)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1), TEXT, st.lists(REQUEST, max_size=5))
def test_a_tag_is_two_keyed_hashes_of_its_context(
    key: bytes, epoch: int, community: str, requests: list[TagRequest]
) -> None:
    outputs = [hmac.digest(key, context(community, epoch, request), hashlib.sha256) for request in requests]
    expected = [hmac.digest(output, b"tocsin/1/id", hashlib.sha256) for output in outputs]
    assert tag_batch(EpochKey(community, epoch, key), requests) == expected


@given(REQUEST, REQUEST, st.integers(0, 3), st.integers(0, 3))
def test_two_contexts_are_equal_only_when_every_part_is(
    one: TagRequest, other: TagRequest, epoch: int, other_epoch: int
) -> None:
    same = (one, epoch) == (other, other_epoch)
    assert (context("c", epoch, one) == context("c", other_epoch, other)) == same


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"])))
def test_any_text_without_control_characters_signs_and_opens(text: str) -> None:
    signer = NoteSigner("alice.example", SigningKey(b"\x01" * 32))
    assert note.open_note(note.sign(text + "\n", [signer]), [signer.verifier]).text == text + "\n"


@given(st.dictionaries(st.text(max_size=10), st.binary(max_size=50), max_size=4))
def test_any_named_secrets_seal_and_open(secrets: dict[str, bytes]) -> None:
    lock = RawKey(b"\x07" * 32)
    assert unseal(seal(secrets, lock), lock) == secrets
