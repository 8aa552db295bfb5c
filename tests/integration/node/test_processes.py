"""Nodes as real processes: killed at any moment, doubled on one home, paused, searched byte by byte."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Generator

import grpc
import pytest

from tocsin_node.demo.cast import Player, environment
from tocsin_node.testing.processes import Federation, kill, open_federation, publish, until, verified


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Generator[Federation]:
    with open_federation(tmp_path_factory.mktemp("federation")) as made:
        yield made


@pytest.mark.timeout(240)
def test_a_publisher_killed_while_it_publishes_loses_and_doubles_nothing(federation: Federation) -> None:
    values = [f"https://kill-{number}.example/page" for number in range(120)]
    acknowledged = 0
    for stop_at in (7, 31, 55):
        with contextlib.suppress(grpc.RpcError):  # the stream breaks, as it must
            for response in publish(federation.hotline, values):
                acknowledged = max(acknowledged, response.signals[0])
                if acknowledged >= stop_at and federation.hotline.process is not None:
                    kill(federation.hotline)
        assert federation.hotline.process is None
        federation.hotline.start()
        held = federation.hotline.run("feed", "list")
        assert max(feed["size"] for feed in held["feeds"]) > acknowledged, "an acknowledged signal was lost"
    signals = [response.signals[0] for response in publish(federation.hotline, values)]
    assert len(set(signals)) == len(values)
    assert max(signals) == len(values), "a signal was published twice"
    until(federation.caught_up)
    assert verified(federation.hotline)
    assert verified(federation.platform)


@pytest.mark.timeout(120)
def test_a_follower_killed_while_it_follows_resumes_where_it_was(federation: Federation) -> None:
    stream = publish(federation.hotline, [f"https://more-{number}.example/" for number in range(60)])
    for number, _ in enumerate(stream):
        if number == 20:
            kill(federation.platform)
    federation.platform.start()
    until(federation.caught_up)
    assert federation.effect("https://more-59.example/") == "enforce"
    assert verified(federation.platform)


@pytest.mark.timeout(60)
def test_a_second_node_on_one_home_refuses_in_one_sentence(federation: Federation) -> None:
    command = [sys.executable, "-m", "tocsin_node", "--home", str(federation.hotline.home), "serve"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment())
    assert second.returncode == 4
    assert "in use by another process" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.timeout(60)
def test_a_feed_whose_audience_does_not_hold_the_peer_reaches_nobody(federation: Federation) -> None:
    assert all("hidden" not in feed["origin"] for feed in federation.platform.run("status", expect=(0, 1))["followed"])
    reached = federation.hotline.run("feed", "recipients", "hidden", expect=(0, 1))
    text = json.dumps(reached)
    assert "not in the feed's audience" in text


@pytest.mark.timeout(120)
def test_a_paused_peer_is_cut_off_and_goes_on_when_resumed(federation: Federation) -> None:
    federation.hotline.run("peer", "pause", "platform.example")
    link = until(lambda: federation.link() != "connected", 5)
    assert link < 5
    list(publish(federation.hotline, ["https://while-paused.example/"]))
    assert federation.effect("https://while-paused.example/") == "ignore"
    federation.hotline.run("peer", "resume", "platform.example")
    until(lambda: federation.effect("https://while-paused.example/") == "enforce", 60)


@pytest.mark.timeout(120)
def test_a_withdrawal_stops_matching_and_no_file_holds_an_identifier(federation: Federation) -> None:
    secret = "https://very-secret-name.example/hidden-path-8731"
    list(publish(federation.hotline, [secret]))
    until(lambda: federation.effect(secret) == "enforce")
    federation.hotline.run(
        "withdraw", "--feed", "urls", "--value", secret, "--type", "url", "--reason", "false_positive"
    )
    until(lambda: federation.effect(secret) == "ignore")
    pattern = re.compile(rb"very-secret-name|hidden-path-8731|while-paused", re.IGNORECASE)
    files = [path for path in federation.folder.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    for path in files:
        assert not pattern.search(path.read_bytes()), path.name


@pytest.mark.timeout(120)
def test_a_backup_verifies_becomes_a_home_again_and_shows_a_changed_byte(federation: Federation) -> None:
    copy = Player("hotline.example", "hotline", federation.folder / "copy")
    again = Player("hotline.example", "hotline", federation.folder / "again")
    federation.hotline.run("backup", str(copy.home))
    assert verified(copy)
    again.run("restore", str(copy.home), "--unlock", str(federation.hotline.home / "keys" / "unlock"))
    assert verified(again)
    assert again.run("signal", "show", "urls", "1")["state"] == "live"
    database = copy.home / "tocsin.db"
    data = bytearray(database.read_bytes())
    at = data.find(b'"ev":"feed.created"')
    assert at > 0
    data[at + 8] ^= 1
    database.write_bytes(data)
    reports = copy.run("audit", "verify", expect=(1,))
    assert any("do not hash" in finding for report in reports for finding in report["findings"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("peer", "add", "{bad}", "--fingerprint", "00" * 32), "card"),
        (("community", "join", "{bad}"), "invite"),
        (("policy", "apply", "{bad}"), "bad"),
        (("publish", "{binary}", "--feed", "urls"), "binary"),
        (("publish", "{rows}", "--feed", "no-such-feed"), "no feed"),
        (("match", "x", "--type", "no-such-type", "--purpose", "curiosity"), "purpose"),
        (("token", "revoke", "no-such-token"), "token"),
        (("signal", "show", "urls", "999999999"), "no signal"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_trace(
    federation: Federation, arguments: tuple[str, ...], says: str
) -> None:
    folder = federation.folder
    (folder / "bad").write_bytes(b"tocsin/1/card\nnot = [ at all\n")
    (folder / "binary").write_bytes(bytes(range(256)) * 8)
    (folder / "rows").write_text("type,value,stance\nurl,https://a.example/,harmful\n")
    names = {name: str(folder / name) for name in ("bad", "binary", "rows")}
    words = [word.format(**names) for word in arguments]
    command = [sys.executable, "-m", "tocsin_node", "--home", str(federation.hotline.home), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode in {1, 2, 4}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
