"""`audit verify` on a real home: clean it passes, and each change in what is stored is found and named."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_node.audit.verify import verify_home
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import connect
from tocsin_node.errors import Unsound
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.serve import run_in_thread


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("audit") / "home"
    init_home(Home(made), organisation="hotline.example", role="hotline", profiles={}, clock=wall_clock)
    config = made / "tocsin.toml"
    config.write_text(config.read_text() + 'all = ["platform.example"]\n')
    running = run_in_thread(made, exchange=False)
    try:
        with connect(made, None) as local:
            local.node.CreateCommunity(pb.CreateCommunityRequest(name="c"))
            local.node.CreateFeed(pb.CreateFeedRequest(name="x", community="c.hotline.example", audience="all"))
            list(local.node.Publish(iter([pb.PublishRequest(start=pb.PublishStart(feed="x")), *chunks()])))
    finally:
        running.stop()
    return made


def chunks() -> Iterator[pb.PublishRequest]:
    for number in range(280):  # one commit each: more than one Merkle tile of entries in feed and audit log
        row = pb.PublishRow(line=1, type="url", value=f"https://n{number}.example/")
        yield pb.PublishRequest(chunk=pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=[row]))


def reports(home: Path) -> list[audit_pb2.LogReport]:
    return [item.report for item in verify_home(home) if item.HasField("report")]


def test_an_untouched_home_verifies_and_says_what_that_does_not_show(home: Path) -> None:
    found = reports(home)
    assert {report.origin.split("/")[1] for report in found} == {"audit", "feed"}
    assert all(report.ok and report.not_checked for report in found)
    assert min(report.size for report in found) > 256


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_entry SET envelope = CAST(replace(envelope, 'ok', 'no') AS BLOB) WHERE idx = 3", "do not hash"),
        ("DELETE FROM audit_entry WHERE idx = 5", "entry 5 is missing"),
        ("UPDATE details SET blob = CAST(replace(blob, 'harmful', 'benign!') AS BLOB)", "do not hash"),
        ("DELETE FROM segment WHERE first > 0", "the stored head says"),
        ("UPDATE segment SET body = CAST(body || zeroblob(1) AS BLOB) WHERE first = 0", "cannot be read"),
        ("UPDATE log_head SET size = size + 1", "the stored head says"),
        ("UPDATE tile SET hashes = zeroblob(length(hashes))", "the stored tiles differ"),
        ("UPDATE checkpoint SET note = CAST(replace(note, 'hotline', 'hotlinf') AS BLOB) WHERE size = 9", "not verify"),
        ("DELETE FROM checkpoint WHERE size = (SELECT MAX(size) FROM checkpoint)", "no signed checkpoint"),
    ],
)
def test_a_change_in_what_is_stored_is_found_and_named(home: Path, tmp_path: Path, statement: str, says: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    with closing(sqlite3.connect(copy / "tocsin.db")) as database, database:
        assert database.execute(statement).rowcount > 0
    findings = [finding for report in reports(copy) for finding in report.findings]
    assert any(says in finding for finding in findings), findings


def test_a_home_that_is_behind_its_high_water_mark_is_named(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    marks = (copy / "highwater").read_bytes()
    (copy / "highwater").write_bytes(marks.replace(b"/feed/x 281", b"/feed/x 999"))
    findings = [finding for report in reports(copy) for finding in report.findings]
    assert any("restored from an old copy" in finding for finding in findings)


def test_a_file_that_is_no_database_is_one_sentence(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    (copy / "tocsin.db").write_bytes(b"not a database" * 100)
    with pytest.raises(Unsound, match="is damaged or no database"):
        reports(copy)
