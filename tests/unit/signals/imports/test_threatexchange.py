import io
import json
from typing import Any

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.imports.found import ImportFile
from tocsin_signals.imports.threatexchange import open_threatexchange
from tocsin_signals.rows import Expiry, Row, RowReject


def opened(found: object) -> ImportFile:
    return open_threatexchange(io.BytesIO(json.dumps(found).encode()))


def descriptor(kind: str = "URI", value: str = "http://a.example/", **more: Any) -> dict[str, Any]:
    return {"type": kind, "raw_indicator": value, **more}


def shown(*descriptors: object) -> list[str]:
    return [
        f"{row.type} {row.value}" if isinstance(row, Row) else f"{row.cells[0]}: {row.reason}"
        for row in opened({"data": descriptors, "paging": {"next": "x"}})
    ]


def only(**more: Any) -> Row:
    (row,) = opened([descriptor(**more)])
    assert isinstance(row, Row), row
    return row


def refusal(**more: Any) -> str:
    (row,) = opened([descriptor(**more)])
    assert isinstance(row, RowReject), row
    return row.reason


def test_descriptors_are_rows_by_their_type() -> None:
    assert shown(
        descriptor(),
        descriptor("DOMAIN", "b.example"),
        descriptor("IP_ADDRESS", "198.51.100.7"),
        descriptor("EMAIL_ADDRESS", "a@b.example"),
        descriptor("TELEPHONE", "+441632960001"),
        descriptor("HASH_MD5", "aa"),
        descriptor("HASH_VIDEO_SHA256", "bb"),
        {"type": "URI", "indicator": {"id": "1", "indicator": "http://c.example/", "type": "URI"}},
        {"type": "URI", "indicator": "http://d.example/"},
    ) == [
        "url http://a.example/", "domain b.example", "ip 198.51.100.7", "email a@b.example", "phone +441632960001",
        "filehash md5:aa", "filehash sha256:bb", "url http://c.example/", "url http://d.example/",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("[h]ttp://a.example/x", "http://a.example/x"),
        ("[h]ttps://a[.]example/x", "https://a[.]example/x"),
        ("http[:]//a.example/", "http://a.example/"),
        ("https[:]//a.example/", "https://a.example/"),
        ("hxxp://a.example/", "hxxp://a.example/"),
        ("a.example/[h]ttp", "a.example/[h]ttp"),
    ],
)
def test_unclickable_urls_are_urls_again(text: str, url: str) -> None:
    assert shown(descriptor("UNCLICKABLE_URL", text)) == [f"url {url}"]


def test_what_cannot_be_a_signal_is_refused_with_its_place() -> None:
    assert shown(
        descriptor("HASH_URL_MD5", "aa"),
        descriptor("TEXT_STRING", "x"),
        descriptor("HASH_TMK", "x"),
        descriptor("NEW_TYPE", "x"),
        descriptor("URI", ""),
        descriptor(should_delete=True),
        [],
    ) == [
        "data[0]: opaque", "data[1]: not-representable", "data[2]: not-representable", "data[3]: unknown-type",
        "data[4]: empty-value", "data[5]: deleted", "data[6]: not-object",
    ]  # fmt: skip


def test_statuses_levels_and_times_become_details() -> None:
    row = only(
        status="SUSPICIOUS", severity="SEVERE", confidence=60, review_status="REVIEWED_MANUALLY", share_level="AMBER",
        privacy_type="HAS_PRIVACY_GROUP", tags={"data": [{"id": "1", "text": "grooming"}, {"text": "own"}]},
        expired_on="2030-01-01T00:00:00+0000", first_active=1_700_000_000, last_active="2026-01-01T00:00:00+0100",
    )  # fmt: skip
    assert row.expires == Expiry(at_ms=1_893_456_000_000)
    assert row.fields == {
        "abuse_types": ["grooming"],
        "tags": ["own"],
        "stance": "suspected",
        "severity": "high",
        "confidence": 60,
        "review_level": "one_human",
        "tlp": "amber",
        "forbidden": ["reshare"],
        "first_seen": "2023-11-14T22:13:20Z",
        "last_seen": "2025-12-31T23:00:00Z",
    }


def test_what_is_unknown_takes_no_position_and_visible_sets_no_limit() -> None:
    assert only(status="UNKNOWN", severity="UNKNOWN", privacy_type="VISIBLE", share_level="WHITE").fields == {
        "tlp": "clear"
    }


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"share_level": "RED"}, "tlp-red"),
        ({"share_level": "PURPLE"}, "tlp"),
        ({"privacy_type": "NONE"}, "privacy"),
        ({"status": "BAD"}, "status"),
        ({"severity": "HUGE"}, "severity"),
        ({"expired_on": "soon"}, "time"),
        ({"expired_on": True}, "time"),
        ({"expired_on": 10**30}, "time"),
    ],
)
def test_words_that_have_no_meaning_here_refuse_the_row(more: dict[str, Any], reason: str) -> None:
    assert refusal(**more) == reason


def test_an_id_counts_once() -> None:
    assert shown(descriptor(id="1"), descriptor(id="1"), descriptor(id="2")) == [
        "url http://a.example/", "data[1]: duplicate-id", "url http://a.example/",
    ]  # fmt: skip


@pytest.mark.parametrize("found", [{}, [], {"data": []}, [1], {"type": "URI"}, {"Event": {}}])
def test_a_file_without_descriptors_is_refused(found: object) -> None:
    with pytest.raises(Rejected, match="no ThreatExchange descriptors"):
        opened(found)
