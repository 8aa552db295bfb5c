import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import stix2validator

from tocsin_signals import vectorfile
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.exportfile import open_export
from tocsin_signals.exports.bundle import observe
from tocsin_signals.exports.sightings import Hit, SightingsExport
from tocsin_signals.exports.signal import Signal
from tocsin_signals.formats import Format
from tocsin_signals.imports.stix_names import EXTENSION, IDENTIFIER, SIGNAL, identifier
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import Row, RowReject

VECTORS: Final = Path(vectorfile.__file__).parent / "vectors"
NOW: Final = 1_800_000_000_000
END: Final = NOW + 90 * 86_400_000
DETAILS: Final = {
    "stance": "harmful",
    "abuse_types": ["grooming", "other"],
    "severity": "high",
    "confidence": 80,
    "human_review_required": True,
    "tags": ["case 7", "bücher"],
    "tlp": "amber+strict",
    "x-team": {"desk": ["north", None]},
}


def signal(type_: str, value: str, number: int = 1, **more: Any) -> Signal:
    said: dict[str, Any] = {
        "feed": "hotline.example/feed/urls", "signal": number, "type": type_, "value": value, "state": "live",
        "issued_at": NOW - 1000, "valid_until": END, "details": {"stance": "harmful"},
    }  # fmt: skip
    return Signal(**(said | more))


def exported(written: Format, *signals: Signal) -> str:
    out = io.StringIO()
    export = open_export(out, written, feed="hotline.example/feed/urls", publisher="hotline.example", as_of=NOW)
    for one in signals:
        export.write(one)
    export.close()
    return out.getvalue()


def judged(bundle: str) -> tuple[list[str], list[str]]:
    """Errors and warnings of other people's validator, which has no types."""
    validator: Any = stix2validator
    found: Any = validator.validate_string(bundle, validator.ValidationOptions(version="2.1"))
    return list(map(str, found.errors or ())), list(map(str, found.warnings or ()))


def read(text: str, written: Format) -> list[Row | RowReject]:
    return list(open_rows(io.BytesIO(text.encode()), written))


def vectors() -> Iterator[tuple[str, str]]:
    """Every canonical form of the vectors, with its type."""
    for path in sorted(VECTORS.glob("*.json")):
        found: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
        for case in found["cases"]:
            if "out" in case:
                yield str(found["type"]), str(case["out"])


@pytest.mark.parametrize("written", [Format.CSV, Format.JSONL, Format.STIX])
def test_what_is_exported_is_read_again_as_it_was(written: Format) -> None:
    wanted = [signal(type_, value, number) for number, (type_, value) in enumerate(dict.fromkeys(vectors()), 1)]
    assert len(wanted) > 100
    rows = read(exported(written, *wanted), written)
    assert len(rows) == len(wanted)
    for one, row in zip(wanted, rows, strict=True):
        assert isinstance(row, Row), (one, row)
        assert (row.type, canonicalise(row.type, row.value)) == (one.type, one.value)
        assert dict(row.fields) == one.details
        assert row.expires is not None
        assert row.expires.at_ms == END


@pytest.mark.parametrize("written", [Format.JSONL, Format.STIX])
def test_details_come_back_whole(written: Format) -> None:
    (row,) = read(exported(written, signal("url", "a.example/", details=DETAILS)), written)
    assert isinstance(row, Row)
    assert dict(row.fields) == DETAILS


def test_a_column_leaves_out_and_counts_what_it_has_no_room_for() -> None:
    out = io.StringIO()
    export = open_export(out, Format.CSV, feed="f", publisher="p", as_of=NOW)
    export.write(signal("url", "a.example/", details=DETAILS | {"tags": ["fits", "a|b", "c;d", " e"]}))
    assert export.left_out == 4
    (row,) = read(out.getvalue(), Format.CSV)
    assert isinstance(row, Row)
    assert dict(row.fields) == {key: item for key, item in DETAILS.items() if key != "x-team"} | {"tags": ["fits"]}


@pytest.mark.parametrize("written", [Format.CSV, Format.JSONL, Format.STIX])
def test_what_was_withdrawn_is_told_and_not_published_again(written: Format) -> None:
    text = exported(written, signal("url", "a.example/", state="withdrawn"))
    (row,) = read(text, written)
    assert isinstance(row, RowReject)
    assert row.reason == ("revoked" if written is Format.STIX else "state")


def test_a_bundle_passes_the_validator_of_the_standard() -> None:
    signals = [signal(type_, value, number) for number, (type_, value) in enumerate(dict.fromkeys(vectors()), 1)]
    signals += [
        signal("wallet", "btc:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", 9001, details=DETAILS),
        signal("pdq", "ab" * 32, 9002, state="expired", valid_until=NOW - 5),
        signal("url", "b.example/", 9003, state="withdrawn", issued_at=0),
        signal("username", "phone:somebody", 9004, details={"stance": "test", "tlp": "clear"}),
        signal("email", "josé!@ex_ample.com", 9005),
    ]
    errors, warnings = judged(exported(Format.STIX, *signals))
    assert errors == []
    # On purpose: ids are UUIDv5 (103), an indicator is based on an observed object (202), platforms are an open list.
    others = [one for one in warnings if not re.search(r"\{(103|202|244)\}", one)]
    assert others == []


def test_ids_are_the_same_in_every_export() -> None:
    one, two = (json.loads(exported(Format.STIX, signal("url", "a.example/x"))) for _ in range(2))
    assert one == two
    things = {item["type"]: item for item in one["objects"]}
    assert things["indicator"]["pattern"] == "[url:value = 'http://a.example/x']"
    assert things["relationship"]["target_ref"] == things["url"]["id"]


@pytest.mark.parametrize(
    ("type_", "canonical", "ref"),
    [
        ("domain", "example.com", "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"),
        ("ip", "198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
        ("username", "x:some_body", "user-account--394f439d-e920-567e-bbf9-27d797e855b3"),
        ("filehash", f"sha256:{'ab' * 32}", "file--20432b06-75d2-54b6-80ef-6d923b5d925d"),
    ],
)
def test_observed_objects_have_the_ids_that_other_software_derives_for_them(
    type_: str, canonical: str, ref: str
) -> None:
    assert f'"id": "{ref}"' in exported(Format.STIX, signal(type_, canonical))


@pytest.mark.parametrize(
    ("type_", "canonical", "held"),
    [
        ("url", "a.example/it's", "url"),
        ("domain", "a.example", "domain-name"),
        ("ip", "2001:db8::1", "ipv6-addr"),
        ("username", "x:some_body", "user-account"),
        ("username", "phone:somebody", IDENTIFIER),
        ("username", "unix:root", IDENTIFIER),
        ("phone", "+441632960001", "user-account"),
        ("filehash", f"sha256:{'ab' * 32}", "file"),
        ("iban", "GB33BUKB20201555555555", IDENTIFIER),
    ],
)
def test_an_identifier_stands_where_it_is_read_back_as_itself_and_else_in_an_object_of_ours(
    type_: str, canonical: str, held: str
) -> None:
    found = observe(type_, canonical)
    assert found.properties["type"] == held
    if held != IDENTIFIER:
        said = found.pattern.said
        mapped, value = identifier(said.object_type, said.steps, said.values[0], found.pattern.account_type or "")
        assert canonicalise(mapped, value) == canonical


def test_an_empty_feed_is_a_file_of_its_format() -> None:
    assert exported(Format.JSONL) == ""
    assert exported(Format.CSV).startswith("value,type,state,")
    assert [one["type"] for one in json.loads(exported(Format.STIX))["objects"]] == ["identity", "extension-definition"]


def test_other_formats_are_refused() -> None:
    with pytest.raises(Rejected, match="csv, jsonl and stix"):
        exported(Format.MISP)


def test_no_tag_and_no_salt_is_written() -> None:
    text = exported(Format.STIX, signal("url", "a.example/", details=DETAILS))
    own: Mapping[str, Any] = next(one for one in json.loads(text)["objects"] if one["type"] == "indicator")[
        "extensions"
    ]
    assert set(own[EXTENSION]) == {"extension_type", "type", "feed", "signal", "details"}


def test_sightings_name_own_values_and_received_signals_and_nothing_else_of_them() -> None:
    out = io.StringIO()
    export = SightingsExport(out, observer="platform.example", as_of=NOW)
    hit = Hit("hotline.example/feed/urls", "hotline.example", 17, "url-prefix", NOW - 500, "amber")
    export.write("url", "a.example/x", [hit, replace(hit, signal=18, tlp=None)])
    export.write("url", "a.example/y", [hit])
    export.write("url", "a.example/y", [hit])
    export.close()
    assert export.sightings == 3
    assert judged(out.getvalue())[0] == []
    objects = json.loads(out.getvalue())["objects"]
    assert [one["value"] for one in objects if "value" in one] == ["http://a.example/x", "http://a.example/y"]
    signals = {one["id"]: one for one in objects if one["type"] == SIGNAL}
    assert sorted(one["signal"] for one in signals.values()) == [17, 18]
    assert not {"value", "tag", "details", "pattern"} & {key for one in signals.values() for key in one}
    sightings = [one for one in objects if one["type"] == "sighting"]
    assert [signals[one["sighting_of_ref"]]["signal"] for one in sightings] == [17, 18, 17]
    assert [len(one.get("object_marking_refs", ())) for one in sightings] == [1, 0, 1]
    assert len({one["id"] for one in objects}) == len(objects)
