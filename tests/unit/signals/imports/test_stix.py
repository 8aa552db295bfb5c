import io
import json
from typing import Any, Final

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format
from tocsin_signals.imports.found import ImportFile
from tocsin_signals.imports.stix import open_stix
from tocsin_signals.imports.stix_names import EXTENSION, IDENTIFIER, TLP_2
from tocsin_signals.rowfile import open_rows, passed_over
from tocsin_signals.rows import Expiry, Row, RowReject

RED: Final = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
GREEN: Final = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
STRICT: Final = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"


def bundle(*objects: object, **more: object) -> bytes:
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects, **more}).encode()


def opened(*objects: object) -> ImportFile:
    return open_stix(io.BytesIO(bundle(*objects)))


def read(*objects: object) -> list[Row | RowReject]:
    return list(opened(*objects))


def shown(*objects: object) -> list[str]:
    """`type value` of rows, `place: reason` of refusals."""
    return [
        f"{row.type} {row.value}" if isinstance(row, Row) else f"{row.cells[0]}: {row.reason}" for row in read(*objects)
    ]


def indicator(pattern: str = "[url:value = 'http://a.example/x']", **more: Any) -> dict[str, Any]:
    return {"type": "indicator", "id": "indicator--1", "pattern_type": "stix", "pattern": pattern, **more}


def only(**more: Any) -> Row:
    (row,) = read(indicator(**more))
    assert isinstance(row, Row), row
    return row


def refusal(**more: Any) -> str:
    (row,) = read(indicator(**more))
    assert isinstance(row, RowReject), row
    return row.reason


def test_observed_objects_are_rows_by_their_kind() -> None:
    account = {"type": "user-account", "account_type": "twitter", "account_login": "some_body", "user_id": "77"}
    hashes = {"MD5": "aa", "sha256": "bb", "SHA-512": "cc"}
    assert shown(
        {"type": "url", "value": "http://a.example/"},
        {"type": "domain-name", "value": "b.example"},
        {"type": "ipv4-addr", "value": "198.51.100.7"},
        {"type": "ipv4-addr", "value": "198.51.100.7/32"},
        {"type": "ipv6-addr", "value": "2001:db8::1"},
        {"type": "email-addr", "value": "c@d.example"},
        {"type": "file", "hashes": hashes},
        account,
        {"type": "user-account", "account_type": "phone", "account_login": "+441632960001"},
    ) == [
        "url http://a.example/", "domain b.example", "ip 198.51.100.7", "ip 198.51.100.7/32", "ip 2001:db8::1",
        "email c@d.example", "filehash md5:aa", "filehash sha256:bb", "filehash sha512:cc",
        "username twitter:some_body", "account twitter:77", "phone +441632960001",
    ]  # fmt: skip


def test_what_has_no_type_here_is_refused_with_its_place() -> None:
    assert shown(
        {"type": "process", "pid": 1},
        {"type": "file", "hashes": {"SSDEEP": "3:a"}},
        {"type": "user-account", "account_login": "x"},
        {"type": "user-account", "account_type": "unix", "account_login": "root"},
        {"type": "url"},
        {"type": IDENTIFIER, "value": "x"},
        "text",
        indicator("[network-traffic:dst_port = 'x']"),
        indicator("[url:value LIKE 'x']", id="i2"),
        indicator("alert tcp any", id="i3", pattern_type="snort"),
    ) == [
        "objects[0]: not-representable", "objects[1].hashes.SSDEEP: not-representable",
        "objects[2].account_login: no-platform", "objects[3].account_login: account-type", "objects[4]: not-text",
        "objects[5].value: unknown-type", "objects[6]: not-object", "objects[7].pattern: not-representable",
        "objects[8].pattern: pattern-not-representable", "objects[9].pattern: pattern-type",
    ]  # fmt: skip


def test_types_that_this_program_does_not_know_yet_are_refused_row_by_row_under_one_word() -> None:
    extensions = {EXTENSION: {"extension_type": "property-extension", "type": "no-such-type"}}
    assert shown({"type": IDENTIFIER, "value": "x", "extensions": extensions}, {"type": "url", "value": "u"}) == [
        "objects[0].value: unknown-type",
        "url u",
    ]


def test_every_literal_of_a_pattern_is_a_row_with_the_same_details() -> None:
    rows = read(
        indicator(
            "[url:value IN ('u1', 'u2') OR email-message:from_ref.value = 'a@b.example']",
            confidence=70,
            labels=["grooming", "case 7"],
            indicator_types=["malicious-activity"],
            valid_until="2030-01-02T03:04:05.5Z",
            object_marking_refs=[GREEN],
        )
    )
    assert [(row.type, row.value) for row in rows if isinstance(row, Row)] == [
        ("url", "u1"), ("url", "u2"), ("email", "a@b.example"),
    ]  # fmt: skip
    for number, row in enumerate(rows, 1):
        assert isinstance(row, Row)
        assert row.line == number
        assert row.expires == Expiry(at_ms=1_893_553_445_500)
        assert row.fields == {
            "abuse_types": ["grooming"],
            "tags": ["case 7", "malicious-activity"],
            "stance": "harmful",
            "confidence": 70,
            "tlp": "green",
        }


@pytest.mark.parametrize(
    ("types", "stance"),
    [(["malicious-activity"], "harmful"), (["anomalous-activity"], "suspected"), (["benign"], "benign"),
     (["compromised"], None), ([], None), (["malicious-activity", "attribution"], "harmful")],
)  # fmt: skip
def test_a_stance_is_taken_only_where_the_indicator_takes_one(types: list[str], stance: str | None) -> None:
    assert only(indicator_types=types).fields.get("stance") == stance


def test_a_contradiction_is_refused_not_settled() -> None:
    assert refusal(indicator_types=["benign", "malicious-activity"]) == "stance"


def test_the_strictest_marking_counts_wherever_it_stands_and_red_is_refused() -> None:
    assert only(object_marking_refs=[GREEN, STRICT]).fields["tlp"] == "amber+strict"
    parts = [{"marking_ref": STRICT, "selectors": ["pattern"]}]
    assert only(object_marking_refs=[GREEN], granular_markings=parts).fields["tlp"] == "amber+strict"
    assert refusal(object_marking_refs=[GREEN, RED]) == "tlp-red"
    assert refusal(granular_markings=[{"marking_ref": RED, "selectors": ["name"]}]) == "tlp-red"


def test_markings_defined_in_the_bundle_are_understood_wherever_they_stand() -> None:
    one = {"type": "marking-definition", "id": "m1", "definition_type": "tlp", "definition": {"tlp": "amber"}}
    two = {"type": "marking-definition", "id": "m2", "extensions": {TLP_2: {"tlp_2_0": "red"}}}
    word = {"type": "marking-definition", "id": "m3", "definition_type": "statement", "definition": {"statement": "c"}}
    found = read(
        indicator(id="i1", object_marking_refs=["m1", "m3"]),
        indicator(id="i2", object_marking_refs=["m2"]),
        indicator(id="i3", object_marking_refs=["m4"]),
        indicator(id="i4", object_marking_refs=["m3"]),
        one, two, word,
        {"type": "marking-definition", "id": "m4", "definition_type": "iep", "definition": {}},
    )  # fmt: skip
    assert [row.fields.get("tlp") if isinstance(row, Row) else row.reason for row in found] == [
        "amber", "tlp-red", "marking", None,
    ]  # fmt: skip


def test_a_marking_that_nobody_explains_is_refused_for_it_may_be_a_limit() -> None:
    assert refusal(object_marking_refs=["marking-definition--00000000-0000-4000-8000-000000000000"]) == "marking"


def test_revoked_objects_and_all_but_the_newest_of_an_id_are_refused() -> None:
    assert refusal(revoked=True) == "revoked"
    older, newer = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"
    assert shown(
        indicator("[url:value = 'old']", modified=older),
        indicator("[url:value = 'new']", modified=newer),
        indicator("[url:value = 'same']", modified=newer),
    ) == ["objects[0]: duplicate-id", "url new", "objects[2]: duplicate-id"]


def test_an_observed_object_is_read_through_the_indicator_that_is_based_on_it() -> None:
    link = {
        "type": "relationship",
        "relationship_type": "based-on",
        "source_ref": "indicator--1",
        "target_ref": "url--1",
    }
    file = opened({"type": "url", "id": "url--1", "value": "u"}, indicator("[url:value = 'u']"), link)
    assert [row.line for row in file] == [1]
    assert file.passed == {"url read through its indicator": 1, "relationship": 1}


def test_so_are_the_objects_of_observed_data_that_it_is_based_on() -> None:
    link = {"type": "relationship", "relationship_type": "based-on", "target_ref": "observed-data--1"}
    seen = {"type": "observed-data", "id": "observed-data--1", "object_refs": ["url--1"]}
    file = opened(
        {"type": "url", "id": "url--1", "value": "u"}, {"type": "url", "id": "url--2", "value": "v"}, link, seen
    )
    assert [row.value for row in file if isinstance(row, Row)] == ["v"]


def test_context_is_counted_by_its_kind_and_is_no_row() -> None:
    file = opened({"type": "malware"}, {"type": "identity"}, {"type": "identity"}, {"type": "Who@knows"}, {})
    assert list(file) == []
    assert passed_over(file) == {"malware": 1, "identity": 2, "objects of no type": 2}


def test_what_our_own_extension_says_is_exact() -> None:
    details = {"stance": "suspected", "severity": "high", "x-team": "north"}
    own = {"extension_type": "property-extension", "type": "url-prefix", "details": details}
    row = only(extensions={EXTENSION: own}, indicator_types=["malicious-activity"], confidence=3)
    assert (row.type, row.fields) == ("url-prefix", details)
    own["type"] = "email"
    assert refusal(extensions={EXTENSION: own}) == "type"
    own |= {"type": "url", "details": {"tlp": "red"}}
    assert refusal(extensions={EXTENSION: own}) == "tlp-red"


def test_labels_beyond_what_details_hold_are_counted() -> None:
    file = opened(indicator(labels=[f"tag {number}" for number in range(40)] + ["x" * 300, "grooming"]))
    (row,) = file
    assert isinstance(row, Row)
    assert (len(row.fields["tags"]), row.fields["abuse_types"]) == (32, ["grooming"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert file.passed == {"labels there was no room for": 9}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[]", "not-stix"),
        (b"{}", "not-stix"),
        (b'{"type":"indicator"}', "not-stix"),
        (b"value,type\n", "not-json"),
        (bundle(spec_version="2.0"), "stix-version"),
        (bundle()[:-1], "not-json"),
    ],
)
def test_a_file_that_is_no_bundle_is_refused_before_any_row(data: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        open_rows(io.BytesIO(data), Format.STIX)
    assert caught.value.reason == reason


def test_damage_of_one_object_is_its_own() -> None:
    data = bundle(indicator("[url:value = 'u']"), {"mark": 1}).replace(b'{"mark": 1}', b'{"a":1,"a":2}')
    found = list(open_stix(io.BytesIO(data)))
    assert [getattr(row, "reason", "row") for row in found] == ["row", "duplicate-key"]


def test_rejects_are_json_lines_with_their_place_to_be_corrected_and_published() -> None:
    file = opened(
        indicator("[url:value LIKE 'x']", id="i1"),
        indicator("[url:value = '=1+1']", id="i2", labels=["\ud83d\ude00"], valid_until="2030-01-01T00:00:00Z"),
    )
    out = io.StringIO()
    writer = file.rejects_writer(out)
    for row in file:
        assert isinstance(row, RowReject)
        writer.write(row)
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["place"], first["line"], first["reason"]) == ("objects[0].pattern", 1, "pattern-not-representable")
    assert first["found"]["id"] == "i1"
    assert second["reason"] == "excel-formula"
    corrected = json.dumps({**second, "value": "http://a.example/"}).encode()
    (row,) = open_rows(io.BytesIO(corrected), Format.JSONL)
    assert isinstance(row, Row)
    assert (row.type, row.value, row.fields) == ("url", "http://a.example/", {"tags": ["\U0001f600"]})
    assert row.expires is not None


def test_rejects_with_lone_surrogates_are_written_as_escapes() -> None:
    file = open_stix(io.BytesIO(bundle({"mark": 1}).replace(b'{"mark": 1}', b'{"a":"\\ud800"}')))
    (row,) = file
    assert isinstance(row, RowReject)
    out = io.StringIO()
    file.rejects_writer(out).write(row)
    assert out.getvalue().isascii()
    assert json.loads(out.getvalue())["reason"] == "text"
