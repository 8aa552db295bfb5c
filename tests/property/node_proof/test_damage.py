"""Whatever is done to the bytes of a proof, it shows what was signed or nothing."""

from typing import Final

import pytest
from hypothesis import given, settings, strategies as st

from tocsin_crypto.checkpoint import Checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.merkle import CompactRange, inclusion_proof, leaf_hash
from tocsin_crypto.note import NoteSigner, sign
from tocsin_node.life.state import Event
from tocsin_node.proof import file
from tocsin_node.proof.file import Part
from tocsin_node.proof.verify import verify_proof
from tocsin_signals.details import digest
from tocsin_signals.entry import NO_REF, Entry, Kind

SIGNER: Final = NoteSigner("hotline.example/node", SigningKey(b"\x07" * 32))
WITNESS: Final = NoteSigner("witness.example/w", SigningKey(b"\x09" * 32))
T: Final = 1_750_000_000_000
SAID: Final = b'{"salt":"00000000000000000000000000000000","stance":"harmful"}'
KINDS: Final = (Kind.OPEN, Kind.ASSERT, Kind.ASSERT, Kind.REVISE, Kind.RETAG, Kind.ASSERT, Kind.WITHDRAW)
FEED: Final = [
    Entry(1, kind, 0x0101, 1, bytes([at]) * 32, digest(SAID), T + at, T + 10**9,
          2 if kind in (Kind.REVISE, Kind.RETAG, Kind.WITHDRAW) else NO_REF, bytes([at]) * 16)
    for at, kind in enumerate(KINDS)
]  # fmt: skip
CHOSEN: Final = (2, 3, 4, 6)


def make(*signers: NoteSigner) -> bytes:
    leaves = [leaf_hash(entry.encode()) for entry in FEED]

    def get(level: int, index: int) -> bytes:
        return CompactRange().extend(leaves[index << level : (index + 1) << level]).root()

    root = CompactRange().extend(leaves).root()
    note = sign(Checkpoint("hotline.example/feed/x", len(FEED), root).text(), signers)
    events = [Event(at, FEED[at], SAID) for at in CHOSEN]
    return file.write([Part.make(event, inclusion_proof(event.index, len(FEED), get), note) for event in events])


PLAIN: Final = make(SIGNER)
WITNESSED: Final = make(SIGNER, WITNESS)
TRUTH: Final = verify_proof(PLAIN, SIGNER.verifier)


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, len(PLAIN) - 1), byte=st.integers(1, 255))
def test_any_other_byte_in_any_place_is_detected(place: int, byte: int) -> None:
    spoiled = PLAIN[:place] + bytes([PLAIN[place] ^ byte]) + PLAIN[place + 1 :]
    with pytest.raises(CryptoError):
        verify_proof(spoiled, SIGNER.verifier)


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, len(WITNESSED) - 1), byte=st.integers(1, 255))
def test_a_byte_of_a_strangers_signature_is_detected_or_changes_nothing(place: int, byte: int) -> None:
    spoiled = WITNESSED[:place] + bytes([WITNESSED[place] ^ byte]) + WITNESSED[place + 1 :]
    try:
        found = verify_proof(spoiled, SIGNER.verifier)
    except CryptoError:
        return
    assert found == TRUTH


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_cutting_and_moving_pieces_shows_no_more_than_some_of_what_was_signed(data: st.DataObject) -> None:
    """Whole parts can be left out: that is what verify says it cannot show."""
    places = st.integers(0, len(PLAIN)) | st.sampled_from(
        [at for at in range(len(PLAIN)) if PLAIN[at:].startswith(b"c2sp")]
    )
    start, end, to = data.draw(places), data.draw(places), data.draw(places)
    start, end = sorted((start, end))
    piece, rest = PLAIN[start:end], PLAIN[:start] + PLAIN[end:]
    spoiled = data.draw(st.sampled_from([rest, rest[:to] + piece + rest[to:], PLAIN[:to] + piece + PLAIN[to:]]))
    try:
        found = verify_proof(spoiled, SIGNER.verifier)
    except CryptoError:
        return
    assert found.events[0] == TRUTH.events[0]
    assert [event for event in TRUTH.events if event in found.events] == list(found.events)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: PLAIN[:300] + tail))
def test_no_bytes_at_all_lead_to_anything_but_a_refusal(data: bytes) -> None:
    with pytest.raises(CryptoError):
        verify_proof(data, SIGNER.verifier)
