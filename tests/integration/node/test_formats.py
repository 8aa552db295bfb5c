"""Files of other systems into a real node by the real command line, and out of it again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pymisp
import pytest
import stix2validator

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.demo.cast import Player, environment

OWN_POLICY: Final = b'peer = "self"\n[[rule]]\nname = "own"\neffect = "review"\nstance = ["harmful"]\n'
AMBER: Final = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
RED: Final = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
HASH: Final = "0f" * 32
BUNDLE: Final = {
    "type": "bundle",
    "id": "bundle--1",
    "objects": [
        {"type": "identity", "id": "identity--1", "name": "A hotline", "identity_class": "organization"},
        {
            "type": "indicator", "spec_version": "2.1", "id": "indicator--1", "pattern_type": "stix",
            "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
            "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2029-01-01T00:00:00Z",
            "pattern": "[url:value IN ('https://bad.example/one', 'https://bad.example/it\\'s') "
                       f"OR file:hashes.'SHA-256' = '{HASH}']",
            "indicator_types": ["malicious-activity"], "labels": ["grooming"], "confidence": 90,
            "object_marking_refs": [AMBER],
        },
        {"type": "indicator", "id": "indicator--2", "pattern_type": "stix", "pattern": "[url:value MATCHES '.']"},
        {"type": "indicator", "id": "indicator--3", "pattern_type": "stix", "pattern": "[url:value = 'u.example/1']",
         "indicator_types": ["malicious-activity"], "valid_until": "2020-01-01T00:00:00Z"},
        {"type": "indicator", "id": "indicator--4", "pattern_type": "stix", "pattern": "[url:value = 'u.example/2']",
         "indicator_types": ["malicious-activity"], "revoked": True},
        {"type": "url", "id": "url--1", "value": "https://bad.example/red", "object_marking_refs": [RED]},
        {"type": "user-account", "id": "user-account--1", "account_type": "twitter", "account_login": "some_body"},
    ],
}  # fmt: skip
DESCRIPTORS: Final = {
    "data": [
        {"id": "1", "type": "UNCLICKABLE_URL", "raw_indicator": "[h]ttps://te.example/x", "status": "MALICIOUS",
         "share_level": "GREEN", "severity": "SEVERE", "tags": {"data": [{"text": "sextortion_financial"}]}},
        {"id": "2", "type": "HASH_URL_MD5", "raw_indicator": "00" * 16, "status": "MALICIOUS"},
        {"id": "3", "type": "DOMAIN", "raw_indicator": "te2.example", "status": "SUSPICIOUS"},
    ]
}  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[Player]:
    """A real node that believes what it publishes, with a feed for each test."""
    folder = tmp_path_factory.mktemp("formats")
    player = Player("hotline.example", "hotline", folder / "node")
    try:
        player.run("init", "--organisation", player.organisation, "--role", player.role)
        config = player.home / "tocsin.toml"
        config.write_text(f'{config.read_text()}partners = ["platform.example"]\n')
        player.start()
        with connect(player.home, None, start=False) as local:
            local.node.CreateCommunity(pb.CreateCommunityRequest(name="c"))
            for feed in ("cases", "damaged", "many"):
                asked = pb.CreateFeedRequest(name=feed, community="c.hotline.example", audience="partners")
                local.node.CreateFeed(asked)
            local.node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="self.toml", toml=OWN_POLICY)]))
        yield player
    finally:
        player.stop()


def write(path: Path, found: object) -> str:
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return str(path)


def publish(node: Player, path: str, *options: str, feed: str = "cases") -> Any:
    return node.run("publish", path, "--feed", feed, *options, expect=(0, 1))


def counts(told: Any) -> tuple[int, int, int, dict[str, int]]:
    return told["published"], told["revised"], told["unchanged"], told["refused"]


def event() -> str:
    made: Any = pymisp.MISPEvent()  # its types are partial
    made.info = "A case"
    made.add_tag("tlp:green")
    made.add_attribute("url", "https://misp.example/x", to_ids=True)
    made.add_attribute("domain|ip", "misp2.example|45.33.32.9", to_ids=True)
    made.add_attribute("comment", "context", to_ids=False)
    made.add_attribute("ssdeep", "3:abc:def", to_ids=True)
    return made.to_json()


@pytest.mark.timeout(240)  # some twenty commands, each a process
def test_files_of_other_systems_are_published_once_and_their_rest_is_named(node: Player, tmp_path: Path) -> None:
    stix = write(tmp_path / "case.stix.json", BUNDLE)
    refused = {"pattern-not-representable": 1, "expired": 1, "revoked": 1, "tlp-red": 1}
    told = publish(node, stix, "--set", "stance=suspected")
    assert counts(told) == (4, 0, 0, refused)
    assert told["passed_over"] == {"identity": 1}
    places = [json.loads(line)["place"] for line in Path(told["rejects"]).read_text().splitlines()]
    assert places == ["objects[2].pattern", "objects[3].pattern", "objects[4]", "objects[5]"]
    assert counts(publish(node, stix, "--set", "stance=suspected")) == (0, 0, 4, refused)

    misp = write(tmp_path / "event.misp.json", event())
    told = publish(node, misp, "--set", "stance=harmful")
    assert counts(told) == (3, 0, 0, {"not-representable": 1})
    assert told["passed_over"] == {"attributes without to_ids": 1}
    assert counts(publish(node, misp, "--set", "stance=harmful"))[:3] == (0, 0, 3)

    exchange = write(tmp_path / "list.json", DESCRIPTORS)
    told = publish(node, exchange, "--format", "threatexchange")
    assert counts(told) == (2, 0, 0, {"opaque": 1})
    assert node.run("match", "https://te.example/x", "--type", "url")["effect"] == "review"

    for name in ("out.stix.json", "out.jsonl", "out.csv"):
        path = tmp_path / name
        told = node.run("export", "cases", "-o", str(path))
        assert told["signals"] == 9
        assert path.stat().st_mode & 0o777 == 0o600
        assert counts(publish(node, str(path))) == (0, 0, 9, {}), name
    validator: Any = stix2validator
    found = validator.validate_string(
        (tmp_path / "out.stix.json").read_text(), validator.ValidationOptions(version="2.1")
    )
    assert found.is_valid, [str(error) for error in found.errors]

    sighted = tmp_path / "hits.stix.json"
    node.run("match", "bad.example/one", "good.example/", "--type", "url", "--sightings", str(sighted))
    objects = json.loads(sighted.read_text())["objects"]
    assert [one["value"] for one in objects if one["type"] == "url"] == ["http://bad.example/one"]
    assert sum(one["type"] == "sighting" for one in objects) == 1
    with connect(node.home, None, start=False) as local:
        entries = [json.loads(entry.envelope) for entry in local.audit.ReadAudit(audit_pb2.ReadAuditRequest())]
    assert sum(entry["ev"] == "signal.exported" for entry in entries) == 3


def test_a_damaged_bundle_publishes_nothing(node: Player, tmp_path: Path) -> None:
    path = write(tmp_path / "case.stix.json", json.dumps(BUNDLE)[:-30])
    command = [sys.executable, "-m", "tocsin_node", "--home", str(node.home), "publish", path, "--feed", "damaged"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 2
    assert "is not one JSON document" in done.stderr
    assert "Traceback" not in done.stderr
    with connect(node.home, None, start=False) as local:
        sizes = {
            feed.origin.rpartition("/")[2]: feed.size
            for feed in local.node.ListOwnFeeds(pb.ListOwnFeedsRequest()).feeds
        }
    assert sizes["damaged"] == 1


def test_an_interrupted_export_leaves_no_file(node: Player, tmp_path: Path) -> None:
    rows = tmp_path / "many.csv"
    lines = (f"https://bad.example/{number}" for number in range(8_000))
    rows.write_text("value,type,stance\n" + "".join(f"{line},url,harmful\n" for line in lines))
    assert publish(node, str(rows), feed="many")["published"] == 8_000
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "tocsin_node", "--home", str(node.home), "export", "many"]
    with subprocess.Popen(
        [*command, "-o", str(folder / "out.stix.json")], stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in folder.iterdir()):
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < deadline, "it wrote nothing"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "error: interrupted\n")
    assert list(folder.iterdir()) == []
