import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import Result

from tocsin.v1 import node_pb2 as pb

Tocsin = Callable[..., Result]
FEED = "hotline.example/feed/urls"
DETAILS = b'{"abuse_types":["grooming"],"salt":"00000000000000000000000000000000","stance":"harmful"}'


def answers(request: pb.ExportSignalsRequest) -> Iterator[pb.ExportSignalsResponse]:
    """Two live signals and, of all, a withdrawn one; one has lost its identifier."""
    yield pb.ExportSignalsResponse(feed=FEED, total=4)
    states = ["live", "live", *(["withdrawn"] if request.all else [])]
    signals = [
        pb.ExportedSignal(signal=at, type="url", value=f"a.example/{at}", state=state, issued_at=1, valid_until=2**40)
        for at, state in enumerate(states, 1)
    ]
    yield pb.ExportSignalsResponse(feed=FEED, total=4, done=4, details=[DETAILS], signals=signals, without_identifier=1)


@pytest.fixture
def node(fake: Any) -> Any:
    fake.answers["ExportSignals"] = answers
    return fake


@pytest.mark.parametrize("name", ["urls.csv", "urls.jsonl", "urls.stix.json"])
def test_a_feed_becomes_a_file_that_only_its_owner_reads(tocsin: Tocsin, node: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    result = tocsin("export", "urls", "-o", str(path))
    assert result.exit_code == 0
    assert f"{path}: 2 signals of {FEED}" in result.stdout
    assert "Left out: 1 signal without an identifier" in result.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "a.example/2" in text
    assert "salt" not in text
    assert list(tmp_path.iterdir()) == [path]


def test_all_and_the_format_are_options_and_the_result_is_told_to_machines(
    tocsin: Tocsin, node: Any, tmp_path: Path
) -> None:
    path = tmp_path / "urls"
    result = tocsin("export", FEED, "-o", str(path), "--format", "jsonl", "--all", "--json")
    assert json.loads(result.stdout) == {
        "file": str(path), "feed": FEED, "format": "jsonl", "bytes": path.stat().st_size, "signals": 3,
        "without_identifier": 1, "details_left_out": 0,
    }  # fmt: skip
    assert [json.loads(line)["state"] for line in path.read_text().splitlines()] == ["live", "live", "withdrawn"]
    assert (node.asked[-1].feed, node.asked[-1].all) == (FEED, True)


def test_an_export_that_breaks_off_leaves_the_older_file_as_it_was(tocsin: Tocsin, node: Any, tmp_path: Path) -> None:
    def broken(request: pb.ExportSignalsRequest) -> Iterator[pb.ExportSignalsResponse]:
        yield from answers(request)
        raise RuntimeError("the store is unsound")

    node.answers["ExportSignals"] = broken
    path = tmp_path / "urls.csv"
    path.write_text("older")
    result = tocsin("export", "urls", "-o", str(path))
    assert (result.exit_code, result.stderr) == (4, "error: the store is unsound\n")
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_before_the_node_is_asked(tocsin: Tocsin, node: Any, tmp_path: Path) -> None:
    result = tocsin("export", "urls", "-o", str(tmp_path / "none" / "urls.csv"))
    assert (result.exit_code, "no such file or directory" in result.stderr) == (2, True)
    result = tocsin("export", "urls", "-o", str(tmp_path / "urls.misp.json"))
    assert (result.exit_code, "csv, jsonl and stix are written" in result.stderr) == (2, True)
    assert node.asked == []
    node.refuse("ExportSignals", grpc.StatusCode.NOT_FOUND, "this node has no feed of that name")
    result = tocsin("export", "nosuch", "-o", str(tmp_path / "urls.csv"))
    assert (result.exit_code, result.stderr) == (2, "error: this node has no feed of that name\n")
    assert list(tmp_path.iterdir()) == []
