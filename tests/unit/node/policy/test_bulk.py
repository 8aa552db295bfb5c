"""What is counted of a delivery, and that a policy replaced meanwhile is asked again."""

import pickle

import numpy as np

from tocsin_node.exchange.checking import Looked, attempt
from tocsin_node.policy.bulk import Question, decider
from tocsin_node.policy.model import parse_policy
from tocsin_node.segment import codec
from tocsin_signals.details import digest, encode
from tocsin_signals.entry import NO_REF, Kind, details_column, empty_rows

URL, UNKNOWN_TYPE = 0x0101, 0xFFF0


def question(effect: str = "review") -> Question:
    text = f'peer = "hotline.example"\n[[rule]]\neffect = "{effect}"\nstance = ["harmful"]\n'
    policy = parse_policy(text.encode(), "p.toml")
    return Question("urls", policy.digest, policy)


def segment() -> bytes:
    """Two harmful, one of a type nobody knows, one without readable details, one benign; one withdrawn."""
    blobs = [
        encode({"stance": "harmful"}, bytes(16)),
        b"no JSON",
        encode({"stance": "benign"}, bytes(16)),
        encode({"reason": "false_positive"}, bytes(16)),
    ]
    numbers = np.asarray([0, 0, 0, 1, 2, 3], np.uint32)
    rows = empty_rows(len(numbers))
    rows["kind"], rows["type"], rows["ref"] = Kind.ASSERT, URL, NO_REF
    rows["type"][2] = UNKNOWN_TYPE
    rows["kind"][5], rows["type"][5], rows["ref"][5] = Kind.WITHDRAW, 0, 7
    details_column(rows)[:] = np.frombuffer(b"".join(map(digest, blobs)), np.uint8).reshape(-1, 32)[numbers]
    return codec.encode(7, rows, numbers, blobs, {}).SerializeToString()


def test_entries_are_counted_by_effect_where_they_are_examined() -> None:
    looked = attempt(segment(), question())
    assert isinstance(looked, Looked)
    assert looked.found is not None
    assert looked.found.effects == {"review": 2, "not-understood": 2, "ignore": 1, "withdrawn": 1}
    assert looked.found.policy == question().digest


def test_nothing_is_decided_where_nothing_is_asked() -> None:
    looked = attempt(segment())
    assert isinstance(looked, Looked)
    assert looked.found is None


def test_a_question_finds_its_decider_again_on_the_other_side_of_a_process_and_another_policy_does_not() -> None:
    sent = pickle.loads(pickle.dumps(question()))
    assert decider(sent) is decider(question())
    assert decider(question("shadow")) is not decider(question())
