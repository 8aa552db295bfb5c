"""Notes: limits and key sets that the vector file does not show."""

import pytest

from tocsin_crypto import note
from tocsin_crypto.cosignature import CosignatureVerifier, Cosigner, cosigned_at
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import Forged, Malformed
from tocsin_crypto.note import NoteSigner, NoteVerifier, Signature

ALICE = NoteSigner("alice.example", SigningKey(b"\x01" * 32))
BOB = NoteSigner("bob.example", SigningKey(b"\x02" * 32))
TEXT = "alice.example/log\n1\nqqqq\n"


def test_every_known_signer_is_reported_in_the_order_of_the_lines() -> None:
    signed = note.sign(TEXT, [BOB, ALICE])
    assert note.open_note(signed, [ALICE.verifier, BOB.verifier]).by == (BOB.verifier, ALICE.verifier)
    assert note.open_note(signed, [ALICE.verifier]).by == (ALICE.verifier,)


def test_a_note_nobody_known_signed_is_forged() -> None:
    with pytest.raises(Forged, match=r"alice\.example"):
        note.open_note(note.sign(TEXT, [BOB]), [ALICE.verifier])
    with pytest.raises(Forged, match="any known key"):
        note.open_note(note.sign(TEXT, [BOB]), [])


def test_one_bad_known_signature_rejects_a_note_that_another_key_signed() -> None:
    opened = note.parse(note.sign(TEXT, [ALICE, BOB]))
    bad = Signature("bob.example", BOB.key_id, bytes(64))
    with pytest.raises(Forged, match=r"bob\.example"):
        note.open_note(note.Note(TEXT, (opened.signatures[0], bad)).encode(), [ALICE.verifier, BOB.verifier])


def test_a_note_above_the_size_limit_is_refused_before_it_is_read() -> None:
    signed = note.sign("x" * 1000 + "\n", [ALICE])
    with pytest.raises(Malformed, match="more than 999"):
        note.open_note(signed, [ALICE.verifier], max_size=999)
    with pytest.raises(Malformed, match="more than 1000000"):
        note.parse(b"x" * 1_000_001)


def test_text_with_empty_lines_and_separators_survives() -> None:
    text = "one\n\n\u2028two\u0085\n\n\n"
    assert note.open_note(note.sign(text, [ALICE]), [ALICE.verifier]).text == text


@pytest.mark.parametrize("text", ["no end", "", "tab\there\n", "return\r\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(Malformed):
        note.sign(text, [ALICE])


@pytest.mark.parametrize("count", [0, 101])
def test_a_note_has_one_to_a_hundred_signatures(count: int) -> None:
    with pytest.raises(Malformed, match="instead of 1 to 100"):
        note.sign(TEXT, [ALICE] * count)


def test_two_keys_with_one_name_and_id_are_refused() -> None:
    class Impostor(NoteVerifier):
        @property
        def key_id(self) -> bytes:
            return ALICE.key_id

    with pytest.raises(Malformed, match="two different keys"):
        note.open_note(note.sign(TEXT, [ALICE]), [ALICE.verifier, Impostor("alice.example", BOB.key.public)])


def test_a_cosignature_holds_for_its_text_time_and_name_only() -> None:
    witness = Cosigner("w.example/witness", BOB.key, 1_750_000_000)
    verifier = CosignatureVerifier("w.example/witness", BOB.key.public)
    signed = note.sign(TEXT, [ALICE, witness])
    assert cosigned_at(signed, verifier) == 1_750_000_000
    line = note.parse(signed).signatures[1]
    later = Signature(line.name, line.key_id, (1_750_000_001).to_bytes(8, "big") + line.payload[8:])
    for forged in (
        note.Note(TEXT.replace("\n1\n", "\n2\n"), (line,)),  # another size
        note.Note(TEXT.replace("log", "lag"), (line,)),  # another origin
        note.Note(TEXT, (later,)),  # another time
        note.Note(TEXT, (Signature(line.name, line.key_id, bytes(8) + line.payload[8:]),)),  # no time
        note.Note(TEXT, (Signature(line.name, line.key_id, line.payload[8:]),)),  # a plain signature's length
    ):
        with pytest.raises(Forged, match="cosignature"):
            cosigned_at(forged.encode(), verifier)


def test_plain_signature_and_cosignature_do_not_pass_for_each_other() -> None:
    name = "w.example/witness"
    plain, timed = NoteSigner(name, BOB.key), Cosigner(name, BOB.key, 1)
    verifier = CosignatureVerifier(name, BOB.key.public)
    assert plain.key_id != timed.key_id
    with pytest.raises(Forged):
        note.open_note(note.sign(TEXT, [plain]), [verifier])
    with pytest.raises(Forged):
        note.open_note(note.sign(TEXT, [timed]), [plain.verifier])


@pytest.mark.parametrize("time", [0, -1, 1 << 63])
def test_a_cosigner_needs_a_time(time: int) -> None:
    with pytest.raises(Malformed, match="time"):
        Cosigner("w.example/witness", BOB.key, time)
