import io
import json
from typing import Any, Final

import pymisp
import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.imports.found import ImportFile
from tocsin_signals.imports.misp import open_misp
from tocsin_signals.rows import Row, RowReject

SEEN: Final = "2026-01-02T03:04:05.000000+02:00"


def opened(found: object) -> ImportFile:
    return open_misp(io.BytesIO(json.dumps(found).encode()))


def attribute(kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "to_ids": True, **more}


def event(*attributes: Any, **more: Any) -> dict[str, Any]:
    return {"Event": {"info": "a case", "Attribute": attributes, **more}}


def shown(found: object) -> list[str]:
    return [
        f"{row.type} {row.value}" if isinstance(row, Row) else f"{row.cells[0]}: {row.reason}" for row in opened(found)
    ]


def only(found: object) -> Row | RowReject:
    (row,) = opened(found)
    return row


def tags(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def test_attributes_are_rows_by_their_type() -> None:
    pairs = [
        ("url", "http://a.example/"), ("link", "http://b.example/"), ("domain", "c.example"), ("hostname", "d.example"),
        ("ip-src", "198.51.100.1"), ("ip-dst|port", "198.51.100.2|80"), ("hostname|port", "e.example|443"),
        ("email-src", "a@b.example"), ("phone-number", "+441632960001"), ("md5", "aa"), ("filename|sha256", "a|b|cc"),
        ("malware-sample", "x.exe|dd"), ("twitter-id", "somebody"), ("jabber-id", "a@b.example"),
        ("domain|ip", "f.example|198.51.100.3"),
    ]  # fmt: skip
    assert shown(event(*(attribute(*pair) for pair in pairs))) == [
        "url http://a.example/", "url http://b.example/", "domain c.example", "domain d.example", "ip 198.51.100.1",
        "ip 198.51.100.2", "domain e.example", "email a@b.example", "phone +441632960001", "filehash md5:aa",
        "filehash sha256:cc", "filehash md5:dd", "username x:somebody", "username jabber:a@b.example",
        "domain f.example", "ip 198.51.100.3",
    ]  # fmt: skip


def test_what_is_not_for_detection_is_counted_and_what_no_signal_stands_for_is_refused() -> None:
    file = opened(
        event(
            attribute("url", "http://a.example/", to_ids=False),
            {"type": "comment", "value": "seen before"},
            attribute("ssdeep", "3:a"),
            attribute("bic", "X"),
            attribute("domain|ip", "a.example"),
            attribute("url", ""),
            attribute("url", "http://b.example/", deleted=True),
            "text",
        )
    )
    assert [(row.cells[0], getattr(row, "reason", "")) for row in file] == [
        ("Event.Attribute[2]", "not-representable"), ("Event.Attribute[3]", "not-representable"),
        ("Event.Attribute[4]", "composite"), ("Event.Attribute[5]", "empty-value"), ("Event.Attribute[6]", "deleted"),
        ("Event.Attribute[7]", "not-object"),
    ]  # fmt: skip
    assert file.passed == {"attributes without to_ids": 2}


def test_objects_of_accounts_and_coins_say_what_their_texts_are() -> None:
    def of(name: str, *attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"name": name, "Attribute": attributes, **more}

    def text(relation: str, value: str, *, to_ids: bool = True) -> dict[str, Any]:
        return {"type": "text", "object_relation": relation, "value": value, "to_ids": to_ids}

    found = event(
        Object=[
            of("reddit-account", text("account-name", "some_body"), text("account-id", "5")),
            of("user-account", text("account-type", "Discord", to_ids=False), text("username", "somebody")),
            of("file", attribute("sha1", "ee"), text("pattern-in-file", "x")),
            of("domain-ip", attribute("domain", "g.example"), deleted=True),
        ]
    )
    assert shown(found) == [
        "username reddit:some_body",
        "account reddit:5",
        "username discord:somebody",
        "filehash sha1:ee",
        "Event.Object[2].Attribute[1]: not-representable",
        "Event.Object[3].Attribute[0]: deleted",
    ]


def test_types_that_other_versions_know_are_refused_until_this_one_does() -> None:
    row = only(event(attribute("dash", "X")))
    assert row.type == "wallet" if isinstance(row, Row) else row.reason == "unknown-type"


def test_tags_of_the_event_and_the_attribute_are_the_limit_and_the_tags() -> None:
    found = only(
        {"Event": {
            "Attribute": [attribute("url", "u", Tag=tags("tlp:green", "grooming", "own"), first_seen=SEEN)],
            "Tag": tags("tlp:amber+strict", "case:7"),
        }}
    )  # fmt: skip
    assert isinstance(found, Row)
    assert found.fields == {
        "tags": ["own", "case:7"],
        "abuse_types": ["grooming"],
        "tlp": "amber+strict",
        "first_seen": "2026-01-02T01:04:05Z",
    }


@pytest.mark.parametrize(
    ("more", "attribute_more", "reason"),
    [
        ({"Tag": tags("TLP:RED")}, {}, "tlp-red"),
        ({}, {"Tag": tags("tlp:red")}, "tlp-red"),
        ({"Tag": tags("tlp:violet")}, {}, "tlp"),
        ({"distribution": "0"}, {}, "distribution"),
        ({"distribution": 3}, {"distribution": 0}, "distribution"),
        ({"distribution": [0]}, {}, "distribution"),
        ({}, {"first_seen": "yesterday"}, "time"),
    ],
)
def test_limits_that_forbid_publishing_refuse_the_row(
    more: dict[str, Any], attribute_more: dict[str, Any], reason: str
) -> None:
    row = only(event(attribute("url", "u", **attribute_more), **more))
    assert isinstance(row, RowReject)
    assert row.reason == reason


def test_a_sharing_group_forbids_resharing_wherever_it_is_named_nearest() -> None:
    inherits = attribute("url", "u", distribution="5")
    for found, forbidden in (
        (event(inherits, distribution="4"), ["reshare"]),
        (event(attribute("url", "u", distribution="3"), distribution="4"), None),
        (event(Object=[{"name": "x", "distribution": "4", "Attribute": [inherits]}], distribution="3"), ["reshare"]),
    ):
        row = only(found)
        assert isinstance(row, Row)
        assert row.fields.get("forbidden") == forbidden


def test_the_limits_of_an_event_count_for_it_alone_and_wherever_they_stand_in_it() -> None:
    red = {"Event": {"Tag": tags("tlp:red"), "Attribute": [attribute("url", "one")]}}
    green = {"Event": {"Attribute": [attribute("url", "two")], "Tag": tags("tlp:green")}}
    for found in ([red, green], {"response": [red, green]}):
        assert [line.split(": ")[-1] for line in shown(found)] == ["tlp-red", "url two"]


def test_answers_of_an_attribute_search_and_bare_events_are_read() -> None:
    assert shown({"response": {"Attribute": [attribute("url", "u")]}}) == ["url u"]
    assert shown(event(attribute("url", "u"))["Event"]) == ["url u"]


def test_a_uuid_counts_once() -> None:
    one = attribute("url", "u", uuid="5F0c7a3e-0000-4000-8000-000000000001")
    assert shown(event(one, {**one, "uuid": one["uuid"].lower(), "value": "v"})) == [
        "url u",
        "Event.Attribute[1]: duplicate-id",
    ]


@pytest.mark.parametrize(
    "found", [{}, [], {"type": "bundle", "objects": []}, {"5f0c": {"info": "x"}}, 7, {"response": []}]
)
def test_a_file_without_events_is_refused(found: object) -> None:
    with pytest.raises(Rejected, match="no MISP event"):
        opened(found)


def test_an_event_written_by_pymisp_is_read() -> None:
    made: Any = pymisp.MISPEvent()  # its types are partial
    made.info = "A case"
    made.distribution = 3
    made.Orgc = pymisp.MISPOrganisation()
    made.Orgc.name, made.Orgc.uuid = "hotline.example", "5f0c7a3e-0000-4000-8000-000000000001"
    made.add_tag("tlp:amber")
    made.add_attribute("url", "http://a.example/x", to_ids=True)
    made.add_attribute("domain|ip", "b.example|198.51.100.7", to_ids=True, Tag=[{"name": "grooming"}])
    made.add_attribute("comment", "context", to_ids=False)
    gone = made.add_attribute("md5", "d8e8fca2dc0f896fd7cb4cb0031ba249", to_ids=True)
    gone.delete()
    thing = made.add_object(name="file", strict=False)
    thing.add_attribute("sha256", type="sha256", value="ab" * 32, to_ids=True)
    for text in (made.to_json(), json.dumps({"Event": json.loads(made.to_json())}), json.dumps(made.to_feed())):
        file = open_misp(io.BytesIO(text.encode()))
        rows = list(file)
        assert [(row.type, row.value) for row in rows if isinstance(row, Row)] == [
            ("url", "http://a.example/x"), ("domain", "b.example"), ("ip", "198.51.100.7"),
            ("filehash", f"sha256:{'ab' * 32}"),
        ]  # fmt: skip
        assert {row.fields["tlp"] for row in rows if isinstance(row, Row)} == {"amber"}
