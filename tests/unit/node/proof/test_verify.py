"""What a proof file must be: every rule broken once, by somebody who can sign and by somebody who cannot."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import CryptoError, Forged, Malformed
from tocsin_crypto.merkle import CompactRange, inclusion_proof, leaf_hash
from tocsin_crypto.note import NoteSigner, NoteVerifier
from tocsin_node.life.state import Event, State
from tocsin_node.limits import PROOF_BYTES, PROOF_EVENTS
from tocsin_node.proof import file
from tocsin_node.proof.file import Part
from tocsin_node.proof.verify import publisher_of, verify_proof
from tocsin_signals.details import digest
from tocsin_signals.entry import NO_REF, Entry, Kind

ORIGIN: Final = "hotline.example/feed/x"
SIGNER: Final = NoteSigner("hotline.example/node", SigningKey(b"\x07" * 32))
SAID: Final = b'{"salt":"00000000000000000000000000000000","stance":"harmful"}'
T: Final = 1_750_000_000_000


def entry(kind: int, *, ref: int = 1, at: int = T, details: bytes = SAID, version: int = 1) -> Entry:
    return Entry(version, kind, 0x0101, 1, bytes(32), digest(details), at, T + 10**9, ref, bytes(16))


FEED: Final = (
    entry(Kind.OPEN, ref=NO_REF),
    entry(Kind.ASSERT, ref=NO_REF, at=T + 1),
    entry(Kind.REVISE, at=T + 2),
    entry(Kind.WITHDRAW, at=T + 3),
)


def make(
    feed: Sequence[Entry] = FEED,
    chosen: Sequence[int] = (1, 2, 3),
    *,
    origin: str = ORIGIN,
    signer: NoteSigner = SIGNER,
    details: bytes = SAID,
    size: int = 0,
) -> bytes:
    """The proof of these entries of a feed, signed as asked: the signer may lie about anything."""
    feed = feed[: size or len(feed)]
    leaves = [leaf_hash(one.encode()) for one in feed]

    def get(level: int, index: int) -> bytes:
        return CompactRange().extend(leaves[index << level : (index + 1) << level]).root()

    note = sign_checkpoint(origin, len(feed), CompactRange().extend(leaves).root(), signer)
    return file.write(
        [Part.make(Event(at, feed[at], details), inclusion_proof(at, len(feed), get), note) for at in chosen]
    )


def changed(at: int, **fields: Any) -> list[Entry]:
    return [one._replace(**fields) if place == at else one for place, one in enumerate(FEED)]


def test_a_whole_proof_holds() -> None:
    proven = verify_proof(make(), SIGNER.verifier)
    assert (proven.signal, proven.size, len(proven.events)) == (1, 4, 3)
    assert proven.life.standing.state(T) is State.WITHDRAWN


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (make(chosen=(2, 3)), "begin with the entry that asserts"),
        (make(chosen=(0,)), "begin with the entry that asserts"),
        (make(changed(1, version=2)), "begin with the entry that asserts"),
        (make(changed(1, ref=0)), "begin with the entry that asserts"),
        (make(chosen=(1, 3, 2)), "order"),
        (make(chosen=(1, 2, 2)), "order"),
        (make(changed(2, issued_at=T)), "order"),
        (make(changed(2, ref=0)), "not about signal 1"),
        (make(changed(2, kind=Kind.ASSERT, ref=NO_REF)), "not about signal 1"),
        (make(changed(3, version=2)), "not about signal 1"),
        (make(changed(3, kind=77)), "not about signal 1"),
        (make(details=SAID + b" "), "details of entry 1"),
        (make(origin="platform.example/feed/x"), "not of a feed of hotline.example"),
        (make(origin="hotline.example.evil/feed/x"), "not of a feed of hotline.example"),
        (make(origin="hotline.example/audit/2025"), "not of a feed of hotline.example"),
        (make(signer=NoteSigner("hotline.example/node", SigningKey(b"\x08" * 32))), "not signed by"),
        (make(chosen=(1,)) + make(chosen=(2,), size=3), "different checkpoints"),
    ],
)
def test_a_false_proof_is_told_from_a_true_one(data: bytes, why: str) -> None:
    with pytest.raises(Forged, match=why):
        verify_proof(data, SIGNER.verifier)


WHOLE: Final = make()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin"),
        (b"\n" + WHOLE, "does not begin"),
        (WHOLE.replace(b"index 1\n", b"index 01\n"), "decimal"),
        (WHOLE.replace(b"extra ", b"extra", 1), "index line"),
        (WHOLE.replace(b"index 1\n", b"index 1\nAAAA\n"), "32"),
        (make(chosen=(1,)) + b"\n", "signature line"),
        (WHOLE + bytes(PROOF_BYTES), "more than"),
        (WHOLE * (PROOF_EVENTS // 3 + 1), "entries, more than"),
        (WHOLE.replace(b"\nindex 1", b"=\nindex 1"), "base64"),
        (make(details=bytes(5000)), "at most 4096 of details"),
    ],
)
def test_what_is_no_proof_is_told_apart(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        verify_proof(data, SIGNER.verifier)


@pytest.mark.parametrize("name", ["hotline.example/root", "hotline.example", "node", "Hotline.example/node", "x/node"])
def test_only_a_nodes_signing_key_vouches_for_a_feed(name: str) -> None:
    with pytest.raises(Malformed):
        publisher_of(NoteVerifier(name, SigningKey(b"\x07" * 32).public))


def test_details_that_are_not_understood_are_proved_all_the_same() -> None:
    later = b"\xff not json"
    feed = [one._replace(details=digest(later)) for one in FEED]
    assert verify_proof(make(feed, details=later), SIGNER.verifier).events[0].details == later


def test_a_changed_byte_anywhere_is_detected() -> None:
    data = make()
    for place in range(len(data)):
        spoiled = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(CryptoError):
            verify_proof(spoiled, SIGNER.verifier)


def test_leaving_an_entry_out_is_possible_which_is_why_it_is_said() -> None:
    assert verify_proof(make(chosen=(1, 2)), SIGNER.verifier).life.standing.state(T) is State.LIVE
