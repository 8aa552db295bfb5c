"""Homes that earlier versions left behind: this version opens each, finds what is in it, and goes on.

`tests/fixtures/make_home.py` makes one and says what it holds.
"""

import asyncio
import json
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.card import open_card
from tocsin_node.build import Node
from tocsin_node.cli.connect import connect
from tocsin_node.client import AsyncClient, Connection, NotFound, Query, Refused, Row, Status, Verdict
from tocsin_node.demo.cast import Player
from tocsin_node.exchange.service import Timing
from tocsin_node.home import Home, lock
from tocsin_node.serve import run_in_thread
from tocsin_signals import manifest

ARCHIVES = sorted((Path(__file__).parents[1] / "fixtures").glob("home-*.tar.xz"))
HOUR_MS = 3_600_000
VERDICTS = (
    ("url", "hxxp://BAD-1[.]example/album/?a=1&b=2", "enforce", "reviewed-by-two", 1),
    ("url", "https://www.bad-2.example/video", "review", "look", 2),  # revised to suspected
    ("domain", "bad-3.example", "review", "look", 3),
    ("email", "PERSON.4@bad-4.example", "enforce", "reviewed-by-two", 4),
    ("url", "https://bad-5.example/users/9/photo.html", "enforce", "reviewed-by-two", 5),
    ("url", "https://www.withdrawn-6.example/page", "ignore", "", 0),
    ("phone", "+49301234567", "enforce", "reviewed-by-two", 7),
    ("username", "tg:bad_person_8", "enforce", "reviewed-by-two", 8),
    ("account", "discord:123456789012345678", "enforce", "reviewed-by-two", 9),
    ("url", "https://93.184.216.34:8443/album", "enforce", "reviewed-by-two", 10),  # by its address
    (
        "filehash",
        "sha256:7470f453f6bbeffbc552727de2e035b21a37ef69c5c8b4105e7a152b32567233",
        "enforce",
        "reviewed-by-two",
        11,
    ),
    ("domain", "note-1.example", "shadow", "look", 1),
    ("url", "https://from-partner.example/a", "review", "from-partner", 1),
    ("domain", "partner-domain.example", "ignore", "", 0),  # refused by the policy for the partner
    ("url", "https://nobody-said.example/", "ignore", "", 0),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept home, unpacked; `made_at` is ms UTC."""

    home: Path
    made_at: int


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path, filter="data")
    home = tmp_path / "home"
    for folder in (home, *(path for path in home.rglob("*") if path.is_dir())):
        folder.chmod(0o700)
    config = home / "tocsin.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if not line.startswith("listen")))  # its port is another's now
    made: Any = json.loads((tmp_path / "made.json").read_text())
    return Kept(home, made["made_at"])


def test_there_is_a_kept_home_of_every_release() -> None:
    assert ARCHIVES


def test_a_kept_home_gives_the_verdicts_it_was_made_with(kept: Kept) -> None:
    async def ask(client: AsyncClient) -> list[Verdict]:
        return await client.match(Query(kind, value) for kind, value, *_ in VERDICTS)

    found = asyncio.run(serving(kept, ask))
    assert [
        (str(verdict.effect), verdict.assertions[0].rule if verdict.matched else "", signal(verdict))
        for verdict in found
    ] == [(effect, rule, number) for _, _, effect, rule, number in VERDICTS]
    assert {one.feed for verdict in found for one in verdict.assertions} == {
        "hotline.example/feed/reports",
        "hotline.example/feed/notes",
        "partner.example/feed/findings",
    }


def test_a_kept_home_has_its_feeds_peers_and_signals_and_goes_on(kept: Kept) -> None:
    async def look(client: AsyncClient) -> Status:
        status = await client.status()
        withdrawn = await client.show_signal("reports", 6)
        assert (withdrawn.state, withdrawn.identifier) == ("withdrawn", "withdrawn-6.example/page")
        revised = await client.show_signal("reports", 2)
        assert [event.kind for event in revised.events] == ["assert", "revise", "retag"]
        with pytest.raises(NotFound):
            await client.show_signal("reports", 999)
        rows = [
            Row("domain", "bad-3.example", {"stance": "suspected"}),
            Row("domain", "new.example", {"stance": "test"}),
        ]
        result = await client.publish("notes", rows)
        assert (result.published, result.refused) == (2, ())
        return status

    status = asyncio.run(serving(kept, look))
    assert [(feed.origin, feed.state) for feed in status.own] == [
        ("hotline.example/feed/notes", "open"),
        ("hotline.example/feed/reports", "open"),
    ]
    assert [(feed.origin, feed.size) for feed in status.followed] == [("partner.example/feed/findings", 3)]
    assert (status.organisation, status.peers_active, status.peers_paused) == ("hotline.example", 1, 0)
    assert {one.peer for feed in status.own for one in feed.delivered} <= {"partner.example"}


def test_a_kept_home_verifies_and_serves_as_a_process_of_its_own(kept: Kept) -> None:
    player = Player("hotline.example", "hotline", kept.home)
    try:
        player.start()
        status = player.run("status", expect=(0, 1))
        assert [feed["origin"] for feed in status["followed"]] == ["partner.example/feed/findings"]
        assert {(token["name"], token["revoked"]) for token in player.run("token", "list")["tokens"]} == {
            ("moderation", False),
            ("operator", False),
            ("reports", True),
        }
        assert {policy["peer"] for policy in player.run("policy", "show")["policies"]} == {"self", "partner.example"}
        reports = player.run("audit", "verify")
        assert len(reports) == 4
        assert all(report["ok"] and not report["findings"] for report in reports)
    finally:
        player.stop()


def signal(verdict: Verdict) -> int:
    return verdict.assertions[0].signal if verdict.matched else 0


async def serving(kept: Kept, ask: Any) -> Any:
    """What `ask` finds at the node, an hour after the home was made; the clock goes on from there."""
    begun = time.monotonic()
    files = Home(kept.home)
    with lock(files):
        node = Node(
            files,
            environment={},
            exchange=False,
            clock=lambda: kept.made_at + HOUR_MS + int((time.monotonic() - begun) * 1000),
        )
        await node.start()
        try:
            async with AsyncClient(Connection.at_home(kept.home, files.operator_token)) as client:
                return await ask(client)
        finally:
            await node.stop()


def test_a_kept_home_gets_probe_signals_and_the_next_card_names_its_canonical_forms(kept: Kept) -> None:
    running = run_in_thread(kept.home, exchange=True, timing=Timing(probes_first_s=0.1, probes_every_s=0.5))
    try:
        with connect(kept.home, None, start=False) as local:
            deadline, probes = time.monotonic() + 30, 0
            while not probes:
                assert time.monotonic() < deadline, "it did not happen in time"
                time.sleep(0.1)
                probes = sum(feed.probes for feed in local.node.Status(pb.StatusRequest()).own)
            assert open_card(local.node.GetCard(pb.GetCardRequest()).card).card.manifest == b""
            renewed = open_card(local.node.RenewCard(pb.RenewCardRequest(endpoints=["127.0.0.1:7443"])).card).card
            assert renewed.manifest.hex() == manifest.digest()
    finally:
        running.stop()


def test_a_program_older_than_a_home_says_so(kept: Kept) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(kept.home / "tocsin.db")) as database, database:
        database.execute("PRAGMA user_version = 9999")
    with pytest.raises(Exception, match="use a newer one") as caught:
        Node(Home(kept.home), environment={}, exchange=False)
    assert not isinstance(caught.value, Refused)
