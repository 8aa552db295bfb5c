"""Statements: one spelling only, and names of organisations, communities and keys."""

from collections.abc import Callable

import pytest

from tocsin_crypto import statement
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import Forged, Locked, Malformed
from tocsin_crypto.names import check_organisation, founder_of, node_key_name, root_key_name
from tocsin_crypto.note import NoteSigner, sign
from tocsin_crypto.sealing import SealingKey, SealingPublicKey
from tocsin_crypto.statement import Fields

SIGNER = NoteSigner("hotline.example/node", SigningKey(b"\x01" * 32))


def test_a_statement_is_two_lines_above_its_signature() -> None:
    data = statement.sign("tocsin/1/test", {"b": [1, True, None], "a": {"d": "\u00e9\n", "c": "x"}}, SIGNER)
    kind, body, empty, line, end = data.decode().split("\n")
    assert (kind, empty, end) == ("tocsin/1/test", "", "")
    assert body == '{"a":{"c":"x","d":"\u00e9\\n"},"b":[1,true,null]}'
    assert line.startswith("\u2014 hotline.example/node ")
    statement.verify(data, "tocsin/1/test", SIGNER.verifier)
    _, fields = statement.read(data, "tocsin/1/test")
    assert fields.object("a").text("c") == "x"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1}', "compact"),
        (' {"a":1}', "compact"),
        ('{"b":1,"a":1}', "sorted"),
        ('{"a":1,"a":2}', "twice"),
        ('{"a":1.0}', "not an integer"),
        ('{"a":1e3}', "not an integer"),
        ('{"a":NaN}', "not an integer"),
        ('{"a":-Infinity}', "not an integer"),
        ('{"a":-0}', "compact"),
        ('{"a":01}', "not JSON"),
        ('{"a":9007199254740992}', "2\\^53"),
        (f'{{"a":{"9" * 5000}}}', "not JSON"),
        ('{"a":"\\u00e9"}', "compact"),
        ('{"a":"\\/"}', "compact"),
        ('{"a":"\\ud800"}', "cannot be encoded"),
        ('{"\u00e9":1}', "printable ASCII"),
        ('{"\\n":1}', "printable ASCII"),
        ("[]", "not an object"),
        ("1", "not an object"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"a":1}x', "not JSON"),
        ('{"a":' + "[" * 17 + "]" * 17 + "}", "deeper"),
        ("[" * 60_000, "not JSON"),
    ],
)
def test_every_other_spelling_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        statement.decode(text, "card")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tocsin/1/other\n{}\n", "does not begin with the line tocsin/1/test"),
        ("tocsin/1/test\n", "one line of JSON"),
        ("tocsin/1/test\n{}\n{}\n", "one line of JSON"),
        ("tocsin/1/test\n\n{}\n", "one line of JSON"),
        ("tocsin/1/test\n{}\n\n", "one line of JSON"),
    ],
)
def test_a_note_of_another_shape_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        statement.read(sign(text, [SIGNER]), "tocsin/1/test")


def test_a_statement_has_a_size_limit() -> None:
    with pytest.raises(Malformed, match="more than 65536"):
        statement.sign("tocsin/1/test", {"a": "x" * 65_536}, SIGNER)
    with pytest.raises(Malformed, match="more than 65536"):
        statement.read(bytes(65_537), "tocsin/1/test")


def test_an_added_signature_line_does_not_change_the_digest() -> None:
    data = statement.sign("tocsin/1/test", {"a": 1}, SIGNER)
    added = data + sign("x\n", [NoteSigner("other.example/node", SigningKey(b"\x02" * 32))]).split(b"\n\n")[1]
    notes = [statement.read(one, "tocsin/1/test")[0] for one in (data, added)]
    assert statement.digest(notes[0]) == statement.digest(notes[1])
    with pytest.raises(Forged):
        statement.verify(data, "tocsin/1/test", NoteSigner("x.example/node", SIGNER.key).verifier)


@pytest.mark.parametrize("value", [None, True, -1, 1 << 53, "", "a\nb", "x" * 300, [1], {"k": 1}])
def test_a_value_of_another_form_is_refused_with_the_name_of_its_key(value: statement.Json) -> None:
    fields = Fields("card", {"key": value})
    readers: tuple[Callable[[], object], ...] = (
        lambda: fields.text("key"),
        lambda: fields.integer("key"),
        lambda: fields.time("key"),
        lambda: fields.hex("key", length=2),
        lambda: fields.base64("key", length=2),
        lambda: fields.texts("key", most=5),
        lambda: fields.text_map("key", most=5),
        lambda: fields.integer("other"),
    )
    for read in readers:
        with pytest.raises(Malformed, match=r"'key'|'other'|'k'"):
            read()


@pytest.mark.parametrize("name", ["hotline.example", "a.b", "xn--bcher-kva.example", "a-1.b2.c", "1.2.3.x"])
def test_a_dns_like_name_is_an_organisation(name: str) -> None:
    assert check_organisation(name) == name
    assert root_key_name(name) == f"{name}/root"
    assert node_key_name(name) == f"{name}/node"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "hotline",
            "Hotline.example",
            "hotline.example.",
            ".example",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "h\u00f6.de",
        ),
        *("a.b\n", "a b.c", "127.0.0.1", "a.1", "x" * 64 + ".b", "a." * 100 + "b"),
    ],
)
def test_any_other_name_is_not_an_organisation(name: str) -> None:
    with pytest.raises(Malformed, match="organisation id"):
        check_organisation(name)


def test_a_community_names_its_founder() -> None:
    assert founder_of("demo.hotline.example") == "hotline.example"
    for community in ("hotline.example", "demo", "", "De.hotline.example", ".hotline.example", "a." * 100 + "b"):
        with pytest.raises(Malformed, match="community id"):
            founder_of(community)


def test_a_sealed_box_opens_with_its_key_only() -> None:
    key = SealingKey.generate()
    box = key.public.seal(b"hello")
    assert key.open(box) == b"hello"
    with pytest.raises(Locked, match="the box was sealed to another key"):
        SealingKey.generate().open(box)
    for damaged in (b"", box[:-1], bytes([box[0] ^ 1]) + box[1:], box + b"x"):
        with pytest.raises(Locked):
            key.open(damaged)


@pytest.mark.parametrize("raw", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", bytes(31)])
def test_a_sealing_key_of_small_order_or_length_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed, match="sealing key"):
        SealingPublicKey(raw)


def test_a_sealing_key_does_not_show_itself() -> None:
    assert "\\x05" not in repr(SealingKey(b"\x05" * 32))
    with pytest.raises(Malformed, match="32 bytes"):
        SealingKey(bytes(31))
