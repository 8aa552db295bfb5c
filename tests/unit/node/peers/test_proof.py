"""Evidence files: what they prove to somebody who was not there, and what they do not."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tocsin.v1 import exchange_pb2
from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.epoch import EpochDescriptor, open_epoch, sign_epoch
from tocsin_crypto.invite import InvitedEpoch, make_invite
from tocsin_crypto.tag import EpochKey
from tocsin_node.errors import Invalid
from tocsin_node.limits import EVIDENCE_FILE_BYTES
from tocsin_node.peers.evidence import Kept
from tocsin_node.peers.proof import Judgement, judge, read_evidence_file, write_evidence
from tocsin_node.testing.core import NOW
from tocsin_node.testing.made import Organisation

LIAR = Organisation.make("liar.example")
OTHER = Organisation.make("other.example")
FEED = "liar.example/feed/urls"
KEY = b"\x05" * 32
SIGNER = LIAR.keyring.feed_signer()


def checkpoint(root: bytes, *, size: int = 7, origin: str = FEED, signer: Any = SIGNER) -> bytes:
    return sign_checkpoint(origin, size, root * 32, signer)


def heartbeat(note: bytes) -> bytes:
    return exchange_pb2.FollowResponse(heartbeat=exchange_pb2.Heartbeat(checkpoint=note)).SerializeToString()


def kept(code: str, message: bytes, held: bytes = b"", **changes: Any) -> Kept:
    return replace(
        Kept(
            number=3,
            origin=FEED if code not in ("card_conflict", "bad_card") else "liar.example/root",
            peer="liar.example",
            at=NOW,
            code=code,
            sentence="what was found",
            message=message,
            card=LIAR.card,
            held=held,
        ),
        **changes,
    )


def judged(record: Kept) -> Judgement:
    return judge(read_evidence_file(write_evidence(record, kept_by="we.example", now=NOW)))


def test_two_signed_roots_of_one_size_are_proof() -> None:
    told = judged(kept("fork", heartbeat(checkpoint(b"\x02")), checkpoint(b"\x01")))
    assert told.proved
    assert told.why == f"the same key has signed two different roots for size 7 of {FEED}"
    assert (told.organisation, told.root) == ("liar.example", LIAR.fingerprint)


@pytest.mark.parametrize(
    ("shown", "held"),
    [
        (checkpoint(b"\x01"), checkpoint(b"\x01")),
        (checkpoint(b"\x02", size=8), checkpoint(b"\x01")),
        (checkpoint(b"\x02", origin="liar.example/feed/other"), checkpoint(b"\x01")),
        (checkpoint(b"\x02", signer=OTHER.keyring.feed_signer()), checkpoint(b"\x01")),
        (checkpoint(b"\x02"), checkpoint(b"\x01", signer=OTHER.keyring.feed_signer())),
        (checkpoint(b"\x02"), b""),
        (b"not a note", checkpoint(b"\x01")),
    ],
)
def test_what_does_not_contradict_or_is_not_signed_by_the_key_is_no_proof(shown: bytes, held: bytes) -> None:
    assert not judged(kept("fork", heartbeat(shown), held)).proved


def test_a_fork_seen_in_a_delivery_is_proof_too() -> None:
    delivery = exchange_pb2.Delivery(checkpoint=checkpoint(b"\x02"))
    message = exchange_pb2.FollowResponse(delivery=delivery).SerializeToString()
    assert judged(kept("fork", message, checkpoint(b"\x01"))).proved


def test_two_cards_of_one_sequence_are_proof() -> None:
    told = judged(kept("card_conflict", LIAR.again(sequence=1, role="police").card, LIAR.card))
    assert (told.proved, told.why) == (True, "the same key has signed two different cards of sequence 1")
    assert not judged(kept("card_conflict", LIAR.card, LIAR.card)).proved
    assert not judged(kept("card_conflict", LIAR.again(sequence=2).card, LIAR.card)).proved
    assert not judged(kept("card_conflict", OTHER.card, LIAR.card)).proved


def epoch(number: int = 1, *, match_until: int = NOW + 2000) -> bytes:
    descriptor = EpochDescriptor(
        community="c.liar.example",
        number=number,
        publish_from=NOW,
        publish_until=NOW + 1000,
        match_until=match_until,
        key_id=EpochKey("c.liar.example", number, KEY).key_id,
        protection={"url": "keyed"},
        custodians=(),
    )
    return sign_epoch(descriptor, SIGNER)


def test_two_descriptors_of_one_epoch_are_proof_and_the_one_in_the_invite_is_found() -> None:
    signing = LIAR.signed.card.keys.signing.public
    invited = [InvitedEpoch(open_epoch(note, signing), KEY) for note in (epoch(match_until=NOW + 3000), epoch(2))]
    invite = make_invite(
        invited,
        recipient="we.example",
        recipient_key=OTHER.signed.card.keys.sealing.public,
        not_after=NOW + 1000,
        founder=SIGNER,
    )
    told = judged(kept("epoch_conflict", invite, epoch()))
    assert told.proved
    assert told.why == "the same key has signed two different descriptors of epoch 1 of c.liar.example"


@pytest.mark.parametrize("code", ["bad-signature", "bad_card", "borrowed_key", "wrong-root", "gap", "time", "unheard"])
def test_what_rests_on_our_word_alone_is_said_to(code: str) -> None:
    told = judged(kept(code, b"some bytes"))
    assert not told.proved
    assert any(words in told.why for words in ("anybody", "only"))


def test_without_the_card_nothing_can_be_judged() -> None:
    told = judged(kept("fork", heartbeat(checkpoint(b"\x02")), checkpoint(b"\x01"), card=b""))
    assert (told.proved, told.root) == (False, "")
    assert not judged(kept("fork", heartbeat(checkpoint(b"\x02")), checkpoint(b"\x01"), card=OTHER.card)).proved


def test_a_file_holds_the_message_as_received_and_reads_back() -> None:
    record = kept("wrong-root", bytes(range(256)))
    data = write_evidence(record, kept_by="we.example", now=NOW + 5)
    found = read_evidence_file(data)
    assert (found.message, found.kept_by, found.exported_at, found.number) == (record.message, "we.example", NOW + 5, 3)
    assert found.card == record.card


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": "x"}, "format"),
        ({"message": "%%"}, "message"),
        ({"message": 5}, "message"),
        ({"at": True}, "at"),
        ({"card": None}, "card"),
        ({"statements": ["a", "b", "c"]}, "statements"),
        ({"statements": [1]}, "statements"),
    ],
)
def test_a_damaged_file_says_which_key_is_wrong(change: dict[str, Any], named: str) -> None:
    body = json.loads(write_evidence(kept("fork", b"x"), kept_by="we.example", now=NOW))
    with pytest.raises(Invalid, match=named):
        read_evidence_file(json.dumps(body | change).encode())


def test_what_is_no_evidence_file_at_all_is_refused() -> None:
    for data in (b"", b"[]", b"\xff", b"[" * 100_000, b" " * (EVIDENCE_FILE_BYTES + 1)):
        with pytest.raises(Invalid, match="evidence file"):
            read_evidence_file(data)
