"""Bytes of a stopped node's files changed at random places: it refuses in a sentence, or answers as before.

Whatever a disk does to the database, no look-up gets another verdict than before the damage, no error is a stack trace,
and what changed anything that is signed is found by `audit verify`. The seeds are the test's parameters.
"""

import os
import random
import shutil
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.audit.verify import verify_home
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.cli.errors import CliError
from tocsin_node.errors import NodeError, Unsound
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.serve import run_in_thread

pytestmark = pytest.mark.timeout(240)
SEEDS = range(400 if os.environ.get("SOAK_MINUTES") else 24)
VALUES = tuple(f"https://n{number}.example/page" for number in range(400))
POLICY = b'peer = "self"\n[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n'


@contextmanager
def serving(home: Path) -> Generator[Local]:
    """A node on a home, in this process."""
    running = run_in_thread(home, exchange=False)
    try:
        with connect(home, None, start=False) as local:
            yield local
    finally:
        running.stop()


def asked(home: Path) -> list[tuple[int, int]]:
    """The effect and number of assertions for each value. Errors: those of starting and of the look-up."""
    with serving(home) as local:
        queries = [pb.Query(type="url", value=value) for value in VALUES]
        verdicts = local.node.Match(pb.MatchRequest(queries=queries), timeout=30).verdicts
        return [(verdict.effect, len(verdict.assertions)) for verdict in verdicts]


def findings(home: Path) -> list[str]:
    """What `audit verify` finds; a database that cannot be opened is a finding too."""
    try:
        return [finding for item in verify_home(home) for finding in item.report.findings]
    except NodeError as error:
        return [str(error)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int]]]:
    """A home in use, stopped, and what it answers."""
    root = tmp_path_factory.mktemp("damage") / "home"
    init_home(Home(root), organisation="node.example", role="other", profiles={}, clock=wall_clock)
    config = root / "tocsin.toml"
    config.write_text(config.read_text() + 'all = ["other.example"]\n')
    with serving(root) as local:
        node = local.node
        node.CreateCommunity(pb.CreateCommunityRequest(name="c"))
        node.CreateFeed(pb.CreateFeedRequest(name="x", community="c.node.example", audience="all"))
        node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=POLICY)]))
        fields = [b'{"stance":"harmful"}', b'{"stance":"harmful","confidence":80}', b'{"stance":"benign"}']
        for start in range(0, len(VALUES), 40):
            rows = [
                pb.PublishRow(line=1, type="url", value=value, fields=place % 3)
                for place, value in enumerate(VALUES[start : start + 40])
            ]
            chunk = pb.PublishChunk(fields=fields, rows=rows)
            sent = [pb.PublishRequest(start=pb.PublishStart(feed="x")), pb.PublishRequest(chunk=chunk)]
            assert [response.published for response in node.Publish(iter(sent))] == [40]
        node.Withdraw(pb.WithdrawRequest(feed="x", signals=[5, 6, 7], reason="false_positive", required_action="erase"))
    before = asked(root)
    assert len(set(before)) > 1
    assert findings(root) == []
    return root, before


def copied(root: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(root, home, ignore=shutil.ignore_patterns("node.sock"))
    return home


def outcome(home: Path) -> "list[tuple[int, int]] | str":
    """The answers, or the sentence of the refusal; anything else is a defect and is raised."""
    try:
        return asked(home)
    except (NodeError, CliError) as error:
        return str(error)
    except grpc.RpcError as error:
        if not isinstance(error, grpc.Call) or error.code() is grpc.StatusCode.INTERNAL:
            raise
        return str(error.details())


def flip(path: Path, places: Sequence[int], chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for place in places:
        data[place] ^= chance.randrange(1, 256)
    path.write_bytes(data)


@pytest.mark.parametrize("seed", SEEDS)
def test_flipped_bytes_are_refused_or_change_no_verdict(
    seed: int, whole: tuple[Path, list[tuple[int, int]]], tmp_path: Path
) -> None:
    root, before = whole
    home, chance = copied(root, tmp_path), random.Random(seed)
    size = (home / "tocsin.db").stat().st_size
    flip(home / "tocsin.db", [chance.randrange(size) for _ in range(chance.choice([1, 1, 4, 64]))], chance)
    found = outcome(home)
    if isinstance(found, str):
        assert found
        assert "\n" not in found
    else:
        assert found == before
    findings(home)  # whatever it finds, it ends in reports and not in a trace


def test_every_kind_of_damage_to_what_is_signed_is_found(
    whole: tuple[Path, list[tuple[int, int]]], tmp_path: Path
) -> None:
    root, before = whole
    for table, column in (("segment", "body"), ("segment", "details"), ("details", "blob"), ("checkpoint", "note")):
        home = copied(root, tmp_path / f"{table}-{column}")
        with sqlite3.connect(home / "tocsin.db") as database:
            key, blob = database.execute(f"SELECT rowid, {column} FROM {table} LIMIT 1").fetchone()
            for at in (len(blob) // 3, len(blob) // 2, len(blob) - 2):
                changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, key))
                database.commit()
                assert findings(home), f"byte {at} of {table}.{column}"
            found = outcome(home)
            assert isinstance(found, str) or found == before
        database.close()


@pytest.mark.parametrize("damage", ["cut in half", "cut to nothing", "garbage after it", "garbage in its middle"])
def test_a_damaged_write_ahead_log_loses_no_acknowledged_row_in_silence(
    damage: str, whole: tuple[Path, list[tuple[int, int]]], tmp_path: Path
) -> None:
    root, _ = whole
    home = copied(root, tmp_path)
    with serving(home) as local:
        chunk = pb.PublishChunk(
            fields=[b'{"stance":"harmful"}'], rows=[pb.PublishRow(line=1, type="url", value="https://late.example/")]
        )
        sent = [pb.PublishRequest(start=pb.PublishStart(feed="x")), pb.PublishRequest(chunk=chunk)]
        assert [response.published for response in local.node.Publish(iter(sent))] == [1]
        crashed = copied(home, tmp_path / "crashed")  # as the disk is when the machine stops here
    log, chance = crashed / "tocsin.db-wal", random.Random(damage)
    data = log.read_bytes()
    assert data
    half = len(data) // 2
    log.write_bytes(
        {
            "cut in half": data[:half],
            "cut to nothing": b"",
            "garbage after it": data + chance.randbytes(5000),
            "garbage in its middle": data[:half] + chance.randbytes(64) + data[half + 64 :],
        }[damage]
    )
    if damage != "garbage after it":
        with pytest.raises(Unsound, match=r"restored from an old copy\?"), serving(crashed):
            pass
        return
    with serving(crashed) as local:
        request = pb.MatchRequest(queries=[pb.Query(type="url", value="https://late.example/")])
        assert local.node.Match(request).verdicts[0].effect == pb.EFFECT_ENFORCE, "an acknowledged row is gone"
