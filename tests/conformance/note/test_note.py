"""The notes of ``note.json`` and the checkpoint of ``checkpoint.json``."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tocsin_crypto import note
from tocsin_crypto.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from tocsin_crypto.cosignature import CosignatureVerifier, Cosigner, cosigned_at
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import CryptoError, Malformed
from tocsin_crypto.note import NoteSigner, NoteVerifier

NOTES: dict[str, Any] = json.loads(Path(__file__).with_name("note.json").read_text())
LOG: dict[str, Any] = json.loads(Path(__file__).with_name("checkpoint.json").read_text())


def case(vector: dict[str, str]) -> str:
    return vector["case"]


def note_bytes(vector: dict[str, str]) -> bytes:
    return b64decode(vector["note_base64"]) if "note_base64" in vector else vector["note"].encode()


@pytest.mark.parametrize("vector", NOTES["accepted"], ids=case)
def test_a_note_with_a_good_known_signature_is_accepted(vector: dict[str, str]) -> None:
    verifier = NoteVerifier.from_vkey(NOTES["vkey"])
    opened = note.open_note(note_bytes(vector), [verifier])
    assert opened.text == "This is an example message.\n"
    assert opened.by == (verifier,)
    assert note.parse(note_bytes(vector)).encode() == note_bytes(vector)


@pytest.mark.parametrize("vector", NOTES["refused"], ids=case)
def test_a_note_against_the_rules_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(CryptoError):
        note.open_note(note_bytes(vector), [NoteVerifier.from_vkey(NOTES["vkey"])])


def test_verifier_keys_are_written_as_they_are_read() -> None:
    key = SigningKey(bytes.fromhex(LOG["log"]["seed"]))
    assert NoteVerifier(LOG["origin"], key.public).vkey == LOG["log"]["vkey"]
    assert NoteVerifier.from_vkey(NOTES["vkey"]).vkey == NOTES["vkey"]
    witness = SigningKey(bytes.fromhex(LOG["witness"]["seed"]))
    assert CosignatureVerifier(LOG["witness"]["name"], witness.public).vkey == LOG["witness"]["vkey"]


def test_the_checkpoint_signature_line_is_exact() -> None:
    signer = NoteSigner(LOG["origin"], SigningKey(bytes.fromhex(LOG["log"]["seed"])))
    signed = sign_checkpoint(LOG["origin"], LOG["size"], bytes.fromhex(LOG["root"]), signer)
    assert signed.decode().split("\n")[-2] == f"\u2014 {LOG['origin']} {LOG['log']['signature']}"
    assert open_checkpoint(signed, LOG["origin"], signer.verifier).size == LOG["size"]


def test_the_witness_signature_line_is_exact() -> None:
    witness = Cosigner(
        LOG["witness"]["name"], SigningKey(bytes.fromhex(LOG["witness"]["seed"])), LOG["witness"]["time"]
    )
    text = Checkpoint(LOG["origin"], LOG["size"], bytes.fromhex(LOG["root"])).text()
    line = note.sign(text, [witness]).decode().split("\n")[-2]
    assert line == f"\u2014 {LOG['witness']['name']} {LOG['witness']['signature']}"


def test_the_cosigned_checkpoint_opens_for_log_and_witness() -> None:
    data = LOG["note"].encode()
    checkpoint = open_checkpoint(data, LOG["origin"], NoteVerifier.from_vkey(LOG["log"]["vkey"]))
    assert checkpoint == Checkpoint(LOG["origin"], LOG["size"], bytes.fromhex(LOG["root"]))
    assert cosigned_at(data, CosignatureVerifier.from_vkey(LOG["witness"]["vkey"])) == LOG["witness"]["time"]


@pytest.mark.parametrize("vector", LOG["accepted"], ids=case)
def test_a_checkpoint_text_of_the_format_is_accepted(vector: dict[str, str]) -> None:
    assert parse_checkpoint(vector["text"]).text() == vector["text"]


@pytest.mark.parametrize("vector", LOG["refused"], ids=case)
def test_a_checkpoint_text_against_the_rules_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(vector["text"])
