import hashlib
import json

import pytest

from tocsin_signals import details
from tocsin_signals.details import Details, Withdrawal, decode, digest, encode
from tocsin_signals.errors import Rejected

SALT = bytes(range(16))
SALT_TEXT = SALT.hex().encode()


def reason(caught: pytest.ExceptionInfo[Rejected]) -> str:
    return caught.value.reason


def test_details_survive_the_way_out_and_back() -> None:
    fields: dict[str, object] = {
        "stance": "harmful",
        "abuse_types": ["csam_known", "csam_ai"],
        "severity": "high",
        "confidence": 0,
        "review_level": "two_humans",
        "basis": "hotline_report",
        "tlp": "amber+strict",
        "purposes": ["detect", "block"],
        "forbidden": ["reshare"],
        "permitted_actions": "internally_visible",
        "human_review_required": False,
        "legal_basis": ["gdpr-6-1-f"],
        "jurisdiction": ["DE", "US-CA"],
        "case_ref": "c-17",
        "tags": ["ns:pred=value"],
        "first_seen": "2026-01-31",
        "last_seen": "2026-01-31T12:00:00Z",
        "source": "own report form",
        "x-team": {"later": [1, None, True]},
    }
    made = Details.from_fields(fields)
    back = decode(encode(made.fields(), SALT))
    assert back.pop("salt") == SALT.hex()
    assert back == fields
    assert Details.from_fields(back) == made


def test_what_is_not_said_is_not_written() -> None:
    blob = encode(Details(stance="test").fields(), SALT)
    assert blob == b'{"salt":"' + SALT_TEXT + b'","stance":"test"}'


def test_the_digest_is_domain_separated() -> None:
    assert digest(b"{}") == hashlib.sha256(b"tocsin/1/details\0{}").digest()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stance", "guilty"),
        ("stance", None),
        ("abuse_types", "grooming"),
        ("abuse_types", ["rudeness"]),
        ("abuse_types", ["grooming", "grooming"]),
        ("tags", [str(number) for number in range(33)]),
        ("severity", 3),
        ("confidence", 101),
        ("confidence", True),
        ("tlp", "purple"),
        ("human_review_required", "yes"),
        ("legal_basis", ["GDPR 6"]),
        ("jurisdiction", ["Germany"]),
        ("case_ref", "x" * 257),
        ("first_seen", "yesterday"),
    ],
)
def test_a_wrong_value_is_rejected_under_the_name_of_its_key(key: str, value: object) -> None:
    with pytest.raises(Rejected) as caught:
        Details.from_fields({"stance": "harmful", key: value})
    assert reason(caught) == key
    assert key in str(caught.value)


def test_a_missing_stance_is_rejected() -> None:
    with pytest.raises(Rejected) as caught:
        Details.from_fields({"severity": "low"})
    assert reason(caught) == "stance"


@pytest.mark.parametrize("key", ["salt", "reason", "required_action", "Upper", "", "a" * 65, "a b"])
def test_reserved_and_odd_keys_are_rejected(key: str) -> None:
    with pytest.raises(Rejected) as caught:
        Details.from_fields({"stance": "test", key: "x"})
    assert reason(caught) == "key"


def test_keys_are_ordered_by_utf_16_code_units() -> None:
    # U+FB33 sorts after U+1F600 in UTF-16, before it by code point: the example of RFC 8785, section 3.2.3.
    blob = encode({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4, "\r": 5}, SALT)
    keys = [key for key, _ in json.loads(blob, object_pairs_hook=list)]
    assert keys == ["\r", "1", "salt", "\u20ac", "\U0001f600", "\ufb33"]


def test_texts_are_written_as_rfc_8785_says_and_never_normalised() -> None:
    blob = encode({"x": 'e\u0301\u00e9\x00\x1f\b\t\n\f\r"\\/\x7f\u2028'}, SALT)
    assert '"x":"e\u0301\u00e9\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/\x7f\u2028"' in blob.decode()


def test_the_largest_blob_is_accepted_and_one_byte_more_is_not() -> None:
    spare = details.MAX_BYTES - len(encode({"x": ""}, SALT))
    assert len(decode(encode({"x": "a" * spare}, SALT))["x"]) == spare  # pyright: ignore[reportArgumentType]
    with pytest.raises(Rejected) as caught:
        encode({"x": "a" * (spare + 1)}, SALT)
    assert reason(caught) == "details-size"
    with pytest.raises(Rejected) as caught:
        decode(b" " * (details.MAX_BYTES + 1))
    assert reason(caught) == "details-size"


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def test_sixteen_levels_pass_and_seventeen_do_not() -> None:
    blob = encode({"x": nested(15)}, SALT)
    assert decode(blob)["x"] == nested(15)
    with pytest.raises(Rejected) as caught:
        encode({"x": nested(16)}, SALT)
    assert reason(caught) == "details-depth"
    with pytest.raises(Rejected) as caught:
        decode(blob.replace(b"[1]", b"[[1]]"))
    assert reason(caught) == "details-depth"


@pytest.mark.parametrize("value", [1.5, b"x", object(), {1: 2}, {1, 2}, 2**53, -(2**53), "\ud800", {"\udfff": 1}])
def test_what_json_without_floats_cannot_say_is_not_encoded(value: object) -> None:
    with pytest.raises(Rejected):
        encode({"x": value}, SALT)


def test_a_salt_of_another_size_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        encode({}, b"short")


def test_the_salt_key_belongs_to_the_program() -> None:
    with pytest.raises(Rejected):
        encode({"salt": SALT.hex()}, SALT)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (b'"b":1.0', "details-number"),
        (b'"b":1e3', "details-number"),
        (b'"b":NaN', "details-number"),
        (b'"b":-Infinity', "details-number"),
        (b'"b":9007199254740992', "details-number"),
        (b'"b":1,"b":1', "details-duplicate"),
        (b'"b":{"c":1,"c":2}', "details-duplicate"),
        (b'"b":"\\ud800"', "details-utf8"),
        (b'"b":"\xff"', "details-utf8"),
        (b'"b":"\x01"', "details-json"),
        (b'"b":1,', "details-json"),
        (b'"b":1}{', "details-json"),
        (b'"b":' + b"[" * 500 + b"]" * 500, "details-depth"),
    ],
)
def test_damaged_blobs_are_rejected(inside: bytes, expected: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(b'{"salt":"' + SALT_TEXT + b'",' + inside + b"}")
    assert reason(caught) == expected


def test_brackets_without_end_are_rejected_whatever_the_interpreter_can_stack() -> None:
    with pytest.raises(Rejected):
        decode(b'{"x":' + b"[" * 4000)


@pytest.mark.parametrize("blob", [b"", b"[]", b"1", b"null", b"\xef\xbb\xbf{}", b"{", b"\x00"])
def test_only_one_object_is_details(blob: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        decode(blob)
    assert reason(caught) == "details-json"


@pytest.mark.parametrize("salt", [b"", b'"salt":1', b'"salt":"00"', b'"salt":"' + SALT_TEXT.upper() + b'"'])
def test_a_missing_or_malformed_salt_is_rejected(salt: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        decode(b"{" + salt + b"}")
    assert reason(caught) == "details-salt"


def test_details_of_a_later_version_are_read_as_they_are() -> None:
    blob = b'{ "stance": "unheard-of", "new": {"z": 1, "a": [2]}, "salt": "' + SALT_TEXT + b'" }'
    assert decode(blob) == {"stance": "unheard-of", "new": {"z": 1, "a": [2]}, "salt": SALT.hex()}


def test_a_withdrawal_says_why_and_what_to_do() -> None:
    blob = encode(Withdrawal(reason="false_positive", required_action="erase").fields(), SALT)
    assert decode(blob) == {"reason": "false_positive", "required_action": "erase", "salt": SALT.hex()}
    with pytest.raises(Rejected):
        Withdrawal(reason="changed our mind", required_action="erase")


def test_details_never_show_their_case_reference() -> None:
    assert "c-17" not in repr(Details(stance="test", case_ref="c-17"))
