"""The self-check and the manifest: what holds of this installation, and what a check says of one that differs."""

import hashlib
import json
from typing import Any

import pytest

from tocsin_signals import manifest, selfcheck, types, vectorfile

PROFILES = sorted({entry.profile for entry in types.REGISTRY})


def vectors(type_name: str = "domain", **changes: Any) -> vectorfile.VectorFile:
    content = {"format": vectorfile.FORMAT, "profile": "domain/1", "type": type_name} | changes
    return vectorfile.parse(json.dumps(content).encode())


@pytest.mark.parametrize("profile", PROFILES)
def test_this_installation_passes(profile: str) -> None:
    assert selfcheck.run(profile).sentence == ""


def test_the_manifest_is_the_one_these_vectors_and_tables_make() -> None:
    assert manifest.render() == vectorfile.directory().joinpath("..", manifest.NAME).read_bytes()
    assert manifest.digest() == hashlib.sha256(manifest.render()).hexdigest()
    assert sorted(manifest.load().profiles) == PROFILES


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        ({"cases": [{"id": "a", "in": "A.b", "out": "a.b"}, {"id": "b", "in": "A.b", "out": "A.b"}]}, "b"),
        ({"cases": [{"id": "a", "in": "A.b", "reject": "no"}]}, "a"),
        ({"cases": [{"id": "a", "in": "a", "out": "a"}]}, "a"),
        ({"classes": [{"id": "c", "in": ["a.b", "a.c"]}]}, "c"),
        ({"distinct": [["a.b", "a.c"], ["a.b", "A.b"]]}, "domain-distinct-2"),
        ({"expand": [{"in": "a.b", "expr": [["domain", "b"]]}]}, "domain-expand-1"),
    ],
)
def test_the_first_row_that_differs_is_named(rows: dict[str, Any], first: str) -> None:
    found = selfcheck.check("domain/1", [vectors(**rows)])
    assert (found.ok, found.row) == (False, first)
    assert f"domain/1 differs from its vectors at {first} (ada-url" in found.sentence


def test_the_behaviour_digest_is_over_lengths_and_forms_in_order() -> None:
    rows = [{"id": "a", "in": "A.b", "out": "a.b"}, {"id": "b", "in": "a", "reject": "x"}]
    expected = hashlib.sha256(b"\x00\x03a.b" + b"\x00\x07\x00REJECT").hexdigest()
    assert selfcheck.check("domain/1", [vectors(cases=rows)]).digest == expected
    assert selfcheck.check("domain/1", [vectors(cases=rows[::-1])]).digest != expected


def test_bytes_that_are_no_utf_8_are_rejected_like_any_other_value() -> None:
    rows = [{"id": "a", "in_b64": "//4=", "reject": "not-utf8"}, {"id": "b", "in_b64": "YS5i", "out": "a.b"}]
    assert selfcheck.check("domain/1", [vectors(cases=rows)]).ok
