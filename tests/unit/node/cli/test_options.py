import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from tocsin.v1 import node_pb2
from tocsin_node.cli.exits import TABLE, VERIFY_TABLE
from tocsin_node.cli.invocation import command
from tocsin_node.cli.main import app

Tocsin = Callable[..., Result]

COMMANDS = {
    *("demo", "init", "serve", "status", "reload", "backup", "restore", "canon", "publish", "export"),
    *("match", "withdraw"),
    *("card export", "card show", "card renew", "audit verify"),
    *("signal show", "signal revise", "signal prove", "signal verify"),
    *("peer add", "peer list", "peer status", "peer check", "peer pause", "peer resume", "peer remove"),
    *("peer evidence list", "peer evidence export", "peer evidence verify", "policy explain"),
    *("community create", "community invite", "community join", "community rotate"),
    *("feed create", "feed list", "feed recipients", "feed recover", "feed relay", "feed trust"),
    *("policy check", "policy apply", "policy show"),
    *("guard status", "guard ask", "guard pending", "guard approve", "guard refuse", "guard withdraw"),
    *("token add", "token list", "token revoke"),
}


def leaves(group: Any, before: str = "") -> set[str]:
    found: set[str] = set()
    for name, inner in group.commands.items():
        path = f"{before} {name}".strip()
        found |= leaves(inner, path) if hasattr(inner, "commands") else {path}
    return found


def test_there_are_these_commands_and_no_other() -> None:
    assert leaves(typer.main.get_command(app)) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does_with_one_example_within_80_columns(tocsin: Tocsin, name: str) -> None:
    result = tocsin(*name.split(), "--help")
    assert result.exit_code == 0
    assert result.stdout.count("Example: tocsin ") == 1
    assert "--json" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout


def test_the_root_help_prints_every_exit_status(tocsin: Tocsin) -> None:
    text = tocsin("--help").stdout
    for code, meaning in TABLE:
        assert re.search(rf"^ +{int(code)}  {re.escape(meaning)}", text, re.MULTILINE)
    text = tocsin("audit", "verify", "--help").stdout
    for code, meaning in VERIFY_TABLE:
        assert re.search(rf"^ +{int(code)}  {re.escape(meaning)}", text, re.MULTILINE)


def test_the_version_is_one_line(tocsin: Tocsin) -> None:
    result = tocsin("--version", with_home=False)
    assert re.fullmatch(r"tocsin \d\S*\n", result.stdout)


def test_usage_errors_are_status_2_on_stderr(tocsin: Tocsin) -> None:
    for args in (["nosuch"], ["publish"], ["token", "add", "x"], ["withdraw"], ["status", "--nosuch"], ["signal"]):
        result = tocsin(*args)
        assert result.exit_code == 2, args
        assert result.stdout == "" or args == ["signal"]


def test_a_home_must_be_named(tocsin: Tocsin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOCSIN_HOME", raising=False)
    result = tocsin("status", with_home=False)
    assert result.exit_code == 2
    assert result.stderr == "error: name the node's home with --home DIR or TOCSIN_HOME\n"


def test_home_token_and_json_are_taken_before_or_after_the_command_or_from_the_environment(
    tocsin: Tocsin, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.answers["Status"] = node_pb2.StatusResponse(organisation="hotline.example")
    home = str(fake.home)
    assert json.loads(tocsin("status", "--json", "--home", home, with_home=False).stdout)["organisation"]
    assert json.loads(tocsin("--json", "--token", "tcs_b", "status").stdout)["organisation"]
    assert tocsin("--token", "tcs_b", "status", "--token", "tcs_c").exit_code == 0
    monkeypatch.setenv("TOCSIN_HOME", home)
    monkeypatch.setenv("TOCSIN_TOKEN", "tcs_d")
    assert tocsin("status", with_home=False).exit_code == 0
    tokens = ["operator", "b", "c", "d"]
    assert fake.tokens == [f"Bearer tcs_{token}" for token in tokens]


def test_a_defect_is_one_sentence_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    defective = typer.Typer()

    @command(defective, "fail")
    def fail(_run: Any) -> None:
        raise KeyError("https://secret.example/")

    result = CliRunner().invoke(defective, [])
    assert result.exit_code == 4
    assert re.fullmatch(
        r"error: tocsin met something it does not handle \(KeyError at test_options.py line \d+\); please .*\n",
        result.stderr,
    )


def test_an_interrupt_is_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    interrupted = typer.Typer()

    @command(interrupted, "fail")
    def fail(_run: Any) -> None:
        raise KeyboardInterrupt

    result = CliRunner().invoke(interrupted, [])
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n")


def test_a_reader_that_stops_gets_no_complaint(tmp_path: Path) -> None:
    requests = tmp_path / "requests"
    requests.write_text('{"type":"domain","in":"a.zz"}\n' * 100_000)
    command = f"{sys.executable} -m tocsin_node canon --jsonl {requests} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b'{"out":"a.zz"}\n', b"")


def test_arguments_that_are_not_utf8_are_one_sentence(home: Path) -> None:
    command = [sys.executable, "-m", "tocsin_node", "canon", "--type", "url", b"http://\xff.example/"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: not-utf8: ")
