import io
import json

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.imports.document import MAX_FILE_BYTES, MAX_NESTING, MAX_PIECE_CHARS, MAX_PIECES, Document, Piece


def pieces(data: bytes) -> list[Piece]:
    """Of a document whose outermost object and its `items` are walked."""
    return list(Document(io.BytesIO(data), walks=lambda path: path in ((), ("items",))).pieces())


def refusal(data: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        pieces(data)
    return caught.value


def test_walked_containers_come_out_piece_by_piece_and_the_rest_whole() -> None:
    data = json.dumps({"a": [1, {"b": None}], "items": [{"c": "ü"}, 2, []], "z": "x" * 20_000}, ensure_ascii=False)
    assert [(path, value) for path, value, _ in pieces(data.encode("utf-8-sig"))] == [
        (("a",), [1, {"b": None}]),
        (("items", 0), {"c": "ü"}),
        (("items", 1), 2),
        (("items", 2), []),
        (("z",), "x" * 20_000),
    ]


def test_a_number_or_text_at_the_edge_of_what_is_decoded_at_once_is_whole() -> None:
    for length in range(4080, 4110):
        text = "x" * length
        data = json.dumps({"items": [text, 12345678901234567890, {"k": text}]}).encode()
        assert [piece.value for piece in pieces(data)] == [text, 12345678901234567890, {"k": text}]


@pytest.mark.parametrize(
    "data",
    [b"", b"  ", b"{", b"[", b'{"items":[{}', b'{"items":[{} {}]}', b'{"a" 1}', b'{"a":}', b"{a:1}", b'{"a":1}x',
     b'{"a":1,}', b'{"items":[1,]}', b"nope", b'{"a":"\x01"}', b'{"a":{"b":tru}}', b'{"\\x":1}'],
)  # fmt: skip
def test_what_is_no_json_refuses_the_file(data: bytes) -> None:
    assert refusal(data).reason == "not-json"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":"\0"}', "nul"),
        (b'{"a":"\xff"}', "not-utf8"),
        (b'{"a":1,"a":2}', "duplicate-key"),
        (b'{"a":' + b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1) + b"}", "nesting"),
        (b'{"a":' + b"[" * 1_000_000, "nesting"),
        (b'{"items":' + b'{"a":' * 200_000, "nesting"),
        (b'{"a":"' + b"x" * (MAX_PIECE_CHARS + 10) + b'"}', "too-large"),
        (b'{"items":[' + b"1," * MAX_PIECES + b"1]}", "too-many"),
    ],
)
def test_what_has_no_place_in_any_file_refuses_it_soon_and_by_name(data: bytes, reason: str) -> None:
    assert refusal(data).reason == reason


def test_a_file_beyond_the_limit_is_refused_before_it_is_read() -> None:
    error = refusal(b" " * (MAX_FILE_BYTES + 1))
    assert (error.reason, "64 MiB" in error.sentence) == ("file-too-large", True)


def test_nesting_up_to_the_limit_is_read() -> None:
    (piece,) = pieces(b'{"a":' + b"[" * MAX_NESTING + b"]" * MAX_NESTING + b"}")
    assert piece.fault is None


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b'{"a":1,"a":2}', "duplicate-key"),
        (b'{"a":' + b"9" * 5000 + b"}", "number"),
        (b'{"a":1.' + b"9" * 5000 + b"}", "number"),
        (b'{"a":NaN}', "number"),
        (b'{"a":[-Infinity]}', "number"),
        (b'{"a":"\\ud800"}', "text"),
        (b'{"a":"\\u0000"}', "text"),
        (b'{"\\udfff":1}', "text"),
    ],
)
def test_what_spoils_one_piece_is_noted_on_it_and_leaves_the_others_alone(item: bytes, reason: str) -> None:
    before, spoilt, after = pieces(b'{"items":[{"x":"y"},' + item + b',{"x":"\\ud83d\\ude00"}]}')
    assert (before.fault, after.fault) == (None, None)
    assert spoilt.fault is not None
    assert spoilt.fault.reason == reason


def test_a_sentence_never_holds_a_key_that_may_be_somebodys_address() -> None:
    error = refusal(b'{"victim@mail.example":' + b"[" * 40 + b"]" * 40 + b"}")
    assert "victim" not in error.sentence
