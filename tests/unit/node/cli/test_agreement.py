"""What `tocsin peer status` says of a peer's canonical forms, a line for each check."""

from typing import Any, Final

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.agreement import canon_pairs
from tocsin_node.cli.wire import plain

AT: Final = 1_750_000_000_000
ALIKE: Final = "ab" * 32
OTHER: Final = "cd" * 32


def lines(**said: Any) -> dict[str, str]:
    return dict(canon_pairs(pb.CanonAgreement(own_manifest=ALIKE, **said)))


@pytest.mark.parametrize(
    ("said", "name", "words"),
    [
        ({}, "manifest", "none in its card"),
        ({"manifest": ALIKE}, "manifest", "abababababab, as ours"),
        ({"manifest": OTHER}, "manifest", "cdcdcdcdcdcd, ours is abababababab"),
        ({}, "profiles", "not told since this node started"),
        ({"told_at": AT}, "profiles", "it tells no digests that this node knows"),
        ({"told_at": AT, "same": ["ip/1", "url/1"]}, "profiles", "2 behave as ours on the vectors"),
        ({"told_at": AT, "other_vectors": ["ip/1"]}, "profiles", "1 told over other vectors than ours"),
        ({}, "fresh probes", "not tried since this node started"),
        ({"probed_at": AT, "not_probed": "its version has none"}, "fresh probes", "not tried: its version has none"),
        ({"probed_at": AT, "probes": 264}, "fresh probes", "264 equal, 2025-06-15"),
        ({}, "probe signals", "not looked up yet"),
    ],
)
def test_each_check_has_a_line_whatever_is_known(said: dict[str, Any], name: str, words: str) -> None:
    assert words in lines(**said)[name]


def test_what_differs_is_named_with_both_sides() -> None:
    differ = [pb.ProfileDifference(profile="url/1", ours=ALIKE, theirs=OTHER)]
    first = pb.ProbeDisagreement(type="url", text="https://\u202eb.example", ours="", theirs="b.example/")
    signals = [
        pb.ProbeSignals(feed="a.example/feed/urls", at=AT, expected=8, found=6, missed=["ip", "url"]),
        pb.ProbeSignals(feed="a.example/feed/old", at=AT, why="it has no probe signals yet"),
    ]
    told = lines(told_at=AT, same=["ip/1"], differ=differ, probed_at=AT, probes=9, disagreement=first, signals=signals)
    assert told["profiles"] == "url/1 DIFFERS: cdcdcdcdcdcd, ours abababababab\n1 behave as ours on the vectors"
    found = told["fresh probes"].splitlines()
    assert found[0].startswith("DIFFER, 2025-06-15")
    assert found[1:] == ["the first is url 'https://\\u202eb.example'", "it: 'b.example/'", "this node: rejects it"]
    assert told["probe signals"].splitlines()[0].startswith("urls: 6 of 8 found by other spellings, MISSED: ip, url,")
    assert told["probe signals"].splitlines()[1] == "old: it has no probe signals yet"


def test_machines_get_times_and_everything_that_differs() -> None:
    canon = pb.CanonAgreement(told_at=AT, signals=[pb.ProbeSignals(feed="a.example/feed/urls", at=AT)])
    found: Any = plain(pb.PeerStatus(organisation="a.example", canon=canon))["canon"]
    assert found["told_at"] == "2025-06-15T15:06:40Z"
    assert found["probed_at"] is None
    assert found["signals"][0]["at"] == "2025-06-15T15:06:40Z"
    assert found["alarms"] == []
