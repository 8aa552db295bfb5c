"""The evidence file: one false message with all that judges it, and what it shows to somebody who was not there.

A file is one JSON object: what was found, when and by whom, the message as received, the card whose keys judge it, and
for a contradiction the *two signed statements*, readable as they are. `judge` needs nothing else, no node, no network.

What can be proved
- `fork`: two checkpoints of one size, both signed by the publisher's node key, with different roots.
- `card_conflict`: two cards of one sequence, both signed by the organisation's root key.
- `epoch_conflict`: two descriptors of one epoch, both signed by the founder's node key.
Everything else rests on the word of who kept it: the message was not signed as a whole, so anybody could have made it
up. It is worth keeping for talking to the peer's operators, and `judge` says plainly that it proves nothing further.

All of it stands on the root key in the card: who verifies must compare its fingerprint by another channel.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf.message import DecodeError

from tocsin.v1 import exchange_pb2 as pb
from tocsin_crypto.card import SignedCard, open_card
from tocsin_crypto.checkpoint import open_checkpoint
from tocsin_crypto.ed25519 import fingerprint
from tocsin_crypto.epoch import KIND as EPOCH, open_epoch
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.invite import KIND as INVITE, MAX_EPOCHS
from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import NoteVerifier
from tocsin_crypto.statement import MAX_STATEMENT, read as read_statement
from tocsin_node.errors import Invalid
from tocsin_node.limits import EVIDENCE_FILE_BYTES
from tocsin_node.peers.evidence import Kept

FORMAT: Final = "tocsin/1/evidence"
_ONLY_WORD: Final = (
    "the message carries no signature of its own over this: only the node that received it saw who sent it"
)
_NOT_PROVED: Final[Mapping[str, str]] = {
    "bad-signature": "a signature that does not verify binds nobody: anybody could have written these bytes",
    "bad_card": "a card that does not verify binds nobody: anybody could have written these bytes",
    "borrowed_key": "whose the key in this card is, only a comparison with the other organisation's card can show",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an evidence file says; nothing in it is believed before `judge`."""

    number: int
    kept_by: str
    exported_at: int
    origin: str
    peer: str
    at: int
    code: str
    sentence: str
    message: bytes
    card: bytes
    statements: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the file proves the finding to a third party, and why; `root` is the fingerprint all of it stands on."""

    proved: bool
    why: str
    organisation: str
    root: str


def write_evidence(kept: Kept, *, kept_by: str, now: int) -> bytes:
    """The file of a record; `now` in ms UTC."""
    body = {
        "format": FORMAT,
        "number": kept.number,
        "kept_by": kept_by,
        "exported_at": now,
        "origin": kept.origin,
        "peer": kept.peer,
        "at": kept.at,
        "code": kept.code,
        "sentence": kept.sentence,
        "message": base64.b64encode(kept.message).decode(),
        "card": kept.card.decode(errors="replace"),
        "statements": [note.decode(errors="replace") for note in _statements(kept)],
    }
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()


def read_evidence_file(data: bytes) -> Evidence:
    """What a file says. Errors: Invalid, naming the key that is wrong."""
    if len(data) > EVIDENCE_FILE_BYTES:
        raise Invalid(f"an evidence file has at most {EVIDENCE_FILE_BYTES} bytes, this has {len(data)}")
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid("this is not an evidence file: not a JSON object")
    fields = cast("dict[str, Any]", found)
    if fields.get("format") != FORMAT:
        raise Invalid(f"this is not an evidence file: its format is not {FORMAT}")
    statements = _take(fields, "statements", list)
    if len(statements) > 2 or not all(isinstance(one, str) for one in statements):
        raise Invalid("statements in the evidence file is not at most two notes")
    try:
        message = base64.b64decode(_take(fields, "message", str), validate=True)
    except (ValueError, binascii.Error):
        raise Invalid("message in the evidence file is not base64") from None
    words = {key: _take(fields, key, str) for key in ("kept_by", "origin", "peer", "code", "sentence")}
    numbers = {key: _take(fields, key, int) for key in ("number", "exported_at", "at")}
    card = _take(fields, "card", str).encode(errors="replace")
    notes = tuple(str(one).encode(errors="replace") for one in statements)
    return Evidence(**words, **numbers, message=message, card=card, statements=notes)


def judge(evidence: Evidence) -> Judgement:
    """What the file shows by itself. Pure; nothing but its own bytes counts."""
    organisation = evidence.origin.partition("/")[0]
    try:
        card = open_card(evidence.card, organisation=organisation)
    except CryptoError as error:
        return Judgement(
            proved=False, why=f"the card in it cannot be used: {error}", organisation=organisation, root=""
        )
    root = fingerprint(card.card.keys.root.public)
    check = _CHECKS.get(evidence.code)
    if check is None:
        why = _NOT_PROVED.get(evidence.code, _ONLY_WORD)
        return Judgement(proved=False, why=why, organisation=organisation, root=root)
    if len(evidence.statements) != 2:
        return Judgement(proved=False, why="it lacks one of the two statements", organisation=organisation, root=root)
    try:
        proved, why = check(evidence, card)
    except CryptoError as error:
        proved, why = False, f"one of the two statements does not hold: {error}"
    return Judgement(proved=proved, why=why, organisation=organisation, root=root)


def _fork(evidence: Evidence, card: SignedCard) -> tuple[bool, str]:
    verifier = NoteVerifier(node_key_name(card.card.organisation), card.card.keys.signing.public)
    one, other = (open_checkpoint(note, evidence.origin, verifier) for note in evidence.statements)
    same, differs = one.size == other.size, one.root != other.root
    return _both(same, differs, f"two different roots for size {one.size} of {evidence.origin}")


def _cards(evidence: Evidence, card: SignedCard) -> tuple[bool, str]:
    organisation, root = card.card.organisation, card.card.keys.root.public
    one, other = (open_card(note, organisation=organisation, pinned_root=root) for note in evidence.statements)
    same, differs = one.card.sequence == other.card.sequence, one.digest != other.digest
    return _both(same, differs, f"two different cards of sequence {one.card.sequence}")


def _epochs(evidence: Evidence, card: SignedCard) -> tuple[bool, str]:
    one, other = (open_epoch(note, card.card.keys.signing.public) for note in evidence.statements)
    names = [(found.descriptor.community, found.descriptor.number) for found in (one, other)]
    same, differs = names[0] == names[1], one.digest != other.digest
    return _both(same, differs, f"two different descriptors of epoch {names[0][1]} of {names[0][0]}")


def _both(same: bool, differs: bool, what: str) -> tuple[bool, str]:
    if same and differs:
        return True, f"the same key has signed {what}"
    return False, "the two signed statements do not contradict each other"


_CHECKS: Final[Mapping[str, Callable[[Evidence, SignedCard], tuple[bool, str]]]] = {
    "fork": _fork,
    "card_conflict": _cards,
    "epoch_conflict": _epochs,
}


def _statements(kept: Kept) -> tuple[bytes, ...]:
    """The note held and the note shown, where the finding is that they contradict each other."""
    match kept.code:
        case "fork":
            note = _shown_checkpoint(kept)
        case "card_conflict":
            note = kept.message
        case "epoch_conflict":
            note = _shown_epoch(kept)
        case _:
            note = b""
    return (kept.held, note) if kept.held and note else ()


def _shown_checkpoint(kept: Kept) -> bytes:
    try:
        message = pb.FollowResponse.FromString(kept.message)
    except DecodeError:
        return b""
    return message.heartbeat.checkpoint or message.delivery.checkpoint


def _shown_epoch(kept: Kept) -> bytes:
    """The descriptor in an invite that has the number of the one held."""
    try:
        held = read_statement(kept.held, EPOCH)[1].integer("number", least=1)
        for text in read_statement(kept.message, INVITE)[1].texts("epochs", most=MAX_EPOCHS, longest=MAX_STATEMENT):
            if read_statement(text.encode(), EPOCH)[1].integer("number", least=1) == held:
                return text.encode()
    except CryptoError:
        pass
    return b""


def _take(fields: Mapping[str, Any], key: str, kind: type[Any]) -> Any:
    value = fields.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Invalid(f"{key} in the evidence file is missing or of the wrong kind")
    return value
