import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import Result

from tocsin.v1 import node_pb2
from tocsin_node.cli import connect as door
from tocsin_node.cli.connect import connect
from tocsin_node.cli.errors import CliError
from tocsin_node.errors import Misconfigured, Refused

Tocsin = Callable[..., Result]


def test_a_folder_that_is_no_home_is_told_how_to_make_one(tocsin: Tocsin, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        result = tocsin("status", "--home", str(path))
        assert result.exit_code == 2
        assert result.stderr == f"error: {path} is not a node's home: `tocsin init` makes one\n"


def test_where_no_node_runs_its_core_is_started_and_stopped(
    tocsin: Tocsin, fake: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = (home / "run" / "address").read_text().strip()
    events: list[str] = []

    class Running:
        address: str

        def stop(self) -> None:
            events.append("stop")

    def start(path: Path) -> Running:
        events.append(f"start {path}")
        running = Running()
        running.address = address
        return running

    def none(path: Path) -> bool:
        return False

    monkeypatch.setattr(door, "node_runs", none)
    monkeypatch.setattr(door, "_start", start)
    fake.answers["Status"] = node_pb2.StatusResponse()
    assert tocsin("status").exit_code == 0
    assert events == [f"start {home}", "stop"]


def test_reload_does_not_start_a_node(tocsin: Tocsin) -> None:
    result = tocsin("reload")
    assert result.exit_code == 4
    assert "no node runs" in result.stderr


def test_a_core_that_cannot_start_is_one_sentence(tocsin: Tocsin, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(path: Path) -> None:
        raise Refused("the home is in use")

    monkeypatch.setattr(door, "_start", start)
    result = tocsin("status")
    assert (result.exit_code, result.stderr) == (4, "error: the home is in use\n")


def test_a_node_that_holds_the_lock_but_does_not_answer_is_given_up(fake: Any, home: Path) -> None:
    (home / "run" / "address").write_text(f"unix:{home}/run/nothing.sock\n")
    with pytest.raises(CliError, match="does not answer"), connect(home, None, ready_s=0.2):
        pass
    (home / "run" / "address").unlink()
    with pytest.raises(CliError, match="busy starting or stopping"), connect(home, None, ready_s=0.2):
        pass


@pytest.mark.parametrize("address", ["dns:e.example:443", "ipv4:10.0.0.1:443", "unix:relative", "unix:/" + "x" * 300])
def test_only_a_local_address_is_called(fake: Any, home: Path, address: str) -> None:
    (home / "run" / "address").write_text(address)
    with pytest.raises(Misconfigured, match="does not hold a local address"), connect(home, None, ready_s=0.2):
        pass


def test_a_token_that_is_missing_or_odd_is_one_sentence(tocsin: Tocsin, fake: Any, home: Path) -> None:
    fake.answers["Status"] = node_pb2.StatusResponse()
    assert tocsin("status", "--token", "a\nb").exit_code == 4
    assert tocsin("status", "--token", "é").exit_code == 4
    path = home / "run" / "operator.token"
    path.write_bytes(b"\xff")
    assert "does not hold a token" in tocsin("status").stderr
    path.unlink()
    result = tocsin("status")
    assert result.exit_code == 4
    assert "--token or TOCSIN_TOKEN" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_operator_token_says_to_name_an_own_one(tocsin: Tocsin, fake: Any, home: Path) -> None:
    (home / "run" / "operator.token").chmod(0)
    assert "belongs to somebody else" in tocsin("status").stderr


@pytest.mark.parametrize(
    ("status", "details", "code", "said"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "the name is empty", 2, "the name is empty"),
        (grpc.StatusCode.NOT_FOUND, "no such feed", 2, "no such feed"),
        (grpc.StatusCode.PERMISSION_DENIED, "your token may not do this", 4, "your token may not do this"),
        (grpc.StatusCode.FAILED_PRECONDITION, "the feed is frozen", 4, "the feed is frozen"),
        (grpc.StatusCode.UNAVAILABLE, "Connection reset by peer", 4, "the node does not answer"),
        (grpc.StatusCode.UNAVAILABLE, "platform.example cannot be reached", 4, "platform.example cannot be reached"),
        (grpc.StatusCode.UNKNOWN, "Unexpected <class 'KeyError'>: secret", 4, "its log says why"),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", 4, "are the versions the same"),
        (grpc.StatusCode.INTERNAL, "", 4, "INTERNAL without a reason"),
        (grpc.StatusCode.INTERNAL, "x" * 5000, 4, "xxx"),
        (grpc.StatusCode.INTERNAL, "two\nlines \x1b[31m", 4, "two lines"),
    ],
)
def test_every_answer_of_the_node_is_one_sentence_and_a_status(
    tocsin: Tocsin, fake: Any, status: grpc.StatusCode, details: str, code: int, said: str
) -> None:
    fake.refuse("Status", status, details)
    result = tocsin("status", "--json")
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 700
    assert "\x1b" not in result.stderr
    assert "secret" not in result.stderr
