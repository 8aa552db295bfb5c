import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import Result

from tests.unit.signals.workbooks import real
from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.publish import make_defaults
from tocsin_node.cli.upload import DAY_MS, Defaults
from tocsin_signals.rows import Expiry, Row

Tocsin = Callable[..., Result]


def answers(requests: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
    """Publishes everything but values with `bad` (refused) or `guard` (blocked) in them."""
    size = 1
    for request in requests:
        if not request.HasField("chunk"):
            continue
        response = pb.PublishResponse()
        for row in request.chunk.rows:
            if "guard" in row.value:
                response.refused.add(line=row.line, reason="guard:bare-root", sentence="A whole host.")
            elif "bad" in row.value:
                response.refused.add(line=row.line, reason="scheme", sentence="No web address.")
            else:
                response.published += 1
                response.signals.append(size)
                size += 1
                if "warn" in row.value:
                    response.warnings.add(line=row.line, rule="role-mailbox", sentence="A role.")
        response.size = size
        yield response


@pytest.fixture
def sent(fake: Any) -> list[pb.PublishRequest]:
    """What the fake node was sent over Publish."""
    requests: list[pb.PublishRequest] = []

    def record(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishRequest]:
        for request in stream:
            requests.append(request)
            yield request

    def recorded(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        return answers(record(stream))

    fake.answers["Publish"] = recorded
    return requests


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def chunks(sent: list[pb.PublishRequest]) -> list[pb.PublishChunk]:
    return [request.chunk for request in sent if request.HasField("chunk")]


def test_a_file_is_published_with_its_details_shared(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    path = write(tmp_path, "value,type,stance,expires", "a.example/1,,harmful,", "b.example,domain,harmful,30d",
                 "c.example/1,,,")  # fmt: skip
    options = ("--type", "url", "--region", "gb", "--set", "stance=suspected", "--set", "abuse_types=grooming|other")
    result = tocsin("publish", str(path), "--feed", "urls", *options)
    assert result.exit_code == 0
    assert "list.csv into urls" in " ".join(result.stdout.split())
    assert sent[0].start.feed == "urls"
    (chunk,) = chunks(sent)
    assert [(row.line, row.type, row.value, row.region, row.fields) for row in chunk.rows] == [
        (2, "url", "a.example/1", "GB", 0),
        (3, "domain", "b.example", "GB", 0),
        (4, "url", "c.example/1", "GB", 1),
    ]
    assert [json.loads(fields)["stance"] for fields in chunk.fields] == ["harmful", "suspected"]
    assert json.loads(chunk.fields[0])["abuse_types"] == ["grooming", "other"]
    assert chunk.rows[0].valid_until == 0
    assert 30 <= (chunk.rows[1].valid_until / 1000 - time.time()) / 86_400 <= 31
    assert list(tmp_path.iterdir()) == [path]


def test_refused_rows_are_counted_kept_in_order_of_lines_and_are_status_1(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    path = write(tmp_path, "value;type", "bad.example;url", "ok.example;nosuch", ";url", "warn.example;url")
    result = tocsin("publish", str(path), "--feed", "urls", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["published"], found["revised"], found["unchanged"], found["size"]) == (1, 0, 0, 2)
    assert found["refused"] == {"scheme": 1, "unknown-type": 1, "empty-value": 1}
    assert (found["blocked"], found["warnings"]) == ({}, {"role-mailbox": 1})
    rejects = Path(found["rejects"])
    assert rejects == tmp_path / "list.csv.rejects.csv"
    assert rejects.stat().st_mode & 0o777 == 0o600
    lines = rejects.read_text().splitlines()
    assert lines[0] == "value;type;line;reason;sentence"
    assert lines[1] == "bad.example;url;2;scheme;No web address."
    assert [line.split(";")[2] for line in lines[1:]] == ["2", "3", "4"]


def test_rows_blocked_by_the_guard_are_status_3(tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path) -> None:
    path = write(tmp_path, "url", "guard.example", "bad.example", "ok.example")
    rejects = tmp_path / "refused.csv"
    result = tocsin("publish", str(path), "--feed", "urls", "--type", "url", "--rejects", str(rejects))
    assert result.exit_code == 3
    assert "blocked by guard:bare-root" in result.stdout
    assert "refused: scheme" in result.stdout
    assert "guard.example" not in result.stdout + result.stderr
    assert rejects.read_text().count("\n") == 3


def test_a_long_file_goes_in_chunks_with_at_most_two_unanswered(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    path = write(tmp_path, "url", *(f"h{number}.example" for number in range(95)))
    lead: list[int] = []
    received = answered = 0

    def counting(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        nonlocal received, answered

        def watched() -> Iterator[pb.PublishRequest]:
            nonlocal received
            for request in stream:
                received += request.HasField("chunk")
                yield request

        for response in answers(watched()):
            time.sleep(0.02)
            lead.append(received - answered)
            answered += 1
            yield response

    fake.answers["Publish"] = counting
    result = tocsin("publish", str(path), "--feed", "urls", "--type", "url", "--batch", "10", "--json")
    assert json.loads(result.stdout)["published"] == 95
    assert (received, answered) == (10, 10)
    assert max(lead) <= 3


def test_stdin_is_read_and_refusals_need_a_named_file(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    data = b"url\nok.example\nbad.example\n"
    result = tocsin("publish", "-", "--feed", "urls", "--type", "url", stdin=data)
    assert result.exit_code == 1
    assert "name a file for them with --rejects" in result.stdout
    rejects = tmp_path / "r.csv"
    tocsin("publish", "-", "--feed", "urls", "--type", "url", "--rejects", str(rejects), stdin=data)
    assert rejects.exists()


def test_several_files_are_published_one_after_the_other(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    one = write(tmp_path, "url", "a.example")
    two = tmp_path / "two.csv"
    two.write_text("url\nguard.example\n")
    result = tocsin("publish", str(one), str(two), "--feed", "urls", "--type", "url", "--json")
    assert result.exit_code == 3
    assert [json.loads(line)["published"] for line in result.stdout.splitlines()] == [1, 0]


def test_wrong_input_is_one_sentence_and_nothing_is_sent(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    path = write(tmp_path, "url", "a.example")
    base = ("publish", str(path), "--feed", "urls")
    wrong = [
        (*base, "--type", "nosuch"),
        base,
        (*base, "--type", "url", "--set", "stance"),
        (*base, "--type", "url", "--set", "=x"),
        (*base, "--type", "url", "--set", "nosuch=x"),
        (*base, "--type", "url", "--set", "value=x"),
        (*base, "--type", "url", "--set", "expires=90d"),
        (*base, "--type", "url", "--set", "confidence=high"),
        (*base, "--type", "url", "--region", "Britain"),
        (*base, "--type", "url", "--expires", "soon"),
        (*base, "--type", "url", "--rejects", str(path)),
        (*base, str(path), "--type", "url", "--rejects", str(tmp_path / "r")),
        ("publish", str(path), "--type", "url"),
        (*base, "--type", "url", "--set", "stance=harmful", "--set", "stance=test"),
        (*base, "--type", "url", "--map", "value"),
        (*base, "--type", "url", "--map", "value=col1,value=url"),
        (*base, "--type", "url", "--map", "value=Nowhere"),
        (*base, "--type", "url", "--separator", "|"),
        (*base, "--type", "url", "--mapping", str(tmp_path / "nothing")),
        (*base, "--type", "url", "--mapping", str(path)),
        (*base, "--type", "url", "--format", "xlsx"),
        (*base, "--type", "url", "--save-mapping", str(tmp_path / "none" / "m.toml")),
        ("publish", str(tmp_path / "nothing"), "--feed", "urls"),
        ("publish", str(tmp_path), "--feed", "urls"),
        ("publish", str(write(tmp_path, "nonsense,columns", "a,b")), "--feed", "urls"),
    ]
    for args in wrong:
        result = tocsin(*args)
        assert result.exit_code == 2, args
        assert result.stderr.count("\n") == 1, args
    assert not chunks(sent)


def test_a_node_that_refuses_midway_is_told_with_what_is_durable(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    path = write(tmp_path, "url", *(f"h{number}.example" for number in range(100)))

    def breaking(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        for number, response in enumerate(answers(stream)):
            if number == 3:
                raise RuntimeError("the feed is frozen")
            yield response

    fake.answers["Publish"] = breaking
    result = tocsin("publish", str(path), "--feed", "urls", "--type", "url", "--batch", "10")
    assert result.exit_code == 4
    assert result.stderr == (
        "error: the feed is frozen; 30 rows are durable; to go on, repeat the command: it doubles nothing\n"
    )


def test_a_node_that_ends_early_or_refuses_the_feed_is_one_sentence(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    path = write(tmp_path, "url", "a.example")

    def silent(_stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        return iter(())

    fake.answers["Publish"] = silent
    result = tocsin("publish", str(path), "--feed", "urls", "--type", "url")
    assert (result.exit_code, result.stderr.count("\n")) == (4, 1)
    fake.refuse("Publish", grpc.StatusCode.NOT_FOUND, "there is no feed of that name")
    result = tocsin("publish", str(path), "--feed", "urls", "--type", "url")
    assert result.exit_code == 2
    assert "there is no feed of that name; 0 rows are durable" in result.stderr


def test_ctrl_c_says_what_is_durable_and_is_status_130(fake: Any, home: Path, tmp_path: Path) -> None:
    def slowly(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        for response in answers(stream):
            time.sleep(0.05)
            yield response

    fake.answers["Publish"] = slowly
    path = write(tmp_path, "url", *(f"h{number}.example" for number in range(5000)))
    command = [sys.executable, "-m", "tocsin_node", "--home", str(home), "publish", str(path), "--feed", "urls"]
    options = ["--type", "url", "--batch", "10"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while not fake.tokens and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, ""), err
    assert err.startswith("error: interrupted; ")
    durable = int(err.split("; ")[1].split()[0].replace(",", ""))
    assert 0 < durable < 5000
    assert durable % 10 == 0


def test_a_second_ctrl_c_says_what_is_known_to_be_durable_without_the_missing_answer(
    fake: Any, home: Path, tmp_path: Path
) -> None:
    answered = threading.Event()
    release = threading.Event()

    def stuck(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        for number, response in enumerate(answers(stream)):
            if number == 2:
                answered.set()
                release.wait(30)
            yield response

    fake.answers["Publish"] = stuck
    path = write(tmp_path, "url", *(f"h{number}.example" for number in range(500)))
    command = [sys.executable, "-m", "tocsin_node", "--home", str(home), "publish", str(path), "--feed", "urls"]
    try:
        with subprocess.Popen([*command, "-t", "url", "--batch", "10"], stderr=subprocess.PIPE, text=True) as process:
            assert answered.wait(20)
            assert process.stderr
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.5)  # two that arrive as one are the first: the answer is the same, only later
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(30) == 130
            assert process.stderr.read() == (
                "error: interrupted; 20 rows are durable; to go on, repeat the command: it doubles nothing\n"
            )
    finally:
        release.set()


def test_json_lines_are_told_by_suffix_or_option_and_rejects_come_back_as_json_lines(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(
        '{"value": "020 7946 0958", "type": "phone", "region": "gb", "stance": "harmful", "tags": ["a", "b"]}\n'
        '{"value": "bad.example", "type": "url", "stance": "harmful"}\n'
        '{"value": 7, "type": "url"}\n'
    )
    result = tocsin("publish", str(path), "--feed", "urls", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["published"], found["refused"]) == (1, {"scheme": 1, "not-text": 1})
    (chunk,) = chunks(sent)
    assert [(row.line, row.type, row.value, row.region) for row in chunk.rows] == [
        (1, "phone", "020 7946 0958", "GB"),
        (2, "url", "bad.example", ""),
    ]
    assert json.loads(chunk.fields[0])["tags"] == ["a", "b"]
    rejects = tmp_path / "list.jsonl.rejects.jsonl"
    assert found["rejects"] == str(rejects)
    assert rejects.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["reason"] for line in rejects.read_text().splitlines()] == ["scheme", "not-text"]
    data = b'{"url": "ok.example"}\n'
    again = tocsin("publish", "-", "--feed", "urls", "-t", "url", "--format", "jsonl", "--json", stdin=data)
    assert json.loads(again.stdout)["published"] == 1


def test_a_file_of_the_other_format_is_one_sentence_that_names_the_option(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text("type,value\nurl,a.example\n")
    result = tocsin("publish", str(path), "--feed", "urls")
    assert result.exit_code == 2
    assert "Line 1: The line is not one JSON object" in result.stderr
    assert "--format" in result.stderr
    assert tocsin("publish", str(path), "--feed", "urls", "--format", "csv").exit_code == 0
    assert tocsin("publish", str(path), "--feed", "urls", "--format", "xml").exit_code == 2
    assert len(chunks(sent)) == 1


def test_ctrl_c_while_stdin_waits_ends_at_once(fake: Any, home: Path, sent: list[pb.PublishRequest]) -> None:
    command = [sys.executable, "-m", "tocsin_node", "--home", str(home), "publish", "-", "--feed", "urls", "-t", "url"]
    command += ["--batch", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"url\na.example\nb.example\n")
        process.stdin.flush()
        deadline = time.monotonic() + 20
        while len(chunks(sent)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr
        assert process.stderr.read().startswith(b"error: interrupted; 2 rows are durable")


def test_a_file_published_again_is_said_to_hold_nothing_new(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    def unchanged(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        for request in stream:
            if request.HasField("chunk"):
                yield pb.PublishResponse(size=3, unchanged=len(request.chunk.rows))

    fake.answers["Publish"] = unchanged
    path = write(tmp_path, "url", "a.example", "b.example")
    said = tocsin("publish", str(path), "--feed", "urls", "--type", "url").stdout
    assert "Nothing new: every row is in the feed already and says the same." in said
    path = write(tmp_path, "url", "a.example", "=A1")
    said = tocsin("publish", str(path), "--feed", "urls", "--type", "url").stdout
    assert "Nothing new: all other rows are in the feed already and say the same." in said


def test_a_dry_run_without_a_feed_needs_no_home(
    tocsin: Tocsin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOCSIN_HOME", raising=False)
    path = write(tmp_path, "url;label", "https://a.example/x;Grooming", "A.example/x;grooming", "https://google.com/;",
                 "4.42E+11;", "b.example;unheard of", "admin@mail.example;")  # fmt: skip
    base = ("publish", str(path), "--dry-run", "--type", "url", "--set", "stance=harmful")
    result = tocsin(*base, "--json", with_home=False)
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert found == {
        "file": str(path),
        "feed": "",
        "dry_run": True,
        "accepted": 3,
        "changed": 3,
        "repeated": 1,
        "repeated_lines": [3],
        "refused": {"excel-number": 1, "abuse_types": 1},
        "blocked": {"guard:shared-host": 1},
        "warnings": {},
        "left_out": [],
        "rejects": str(tmp_path / "list.csv.rejects.csv"),
    }
    assert [line.split(";")[2] for line in Path(found["rejects"]).read_text().splitlines()[1:]] == ["4", "5", "6"]
    said = " ".join(tocsin(*base, with_home=False).stdout.split())
    for part in ("accepted 3", "changed by canonicalisation 3", "repeated within the file 1", "refused: excel-number 1",
                 "blocked by guard:shared-host 1", "A dry run: nothing was published.", "in line 3"):  # fmt: skip
        assert part in said
    assert "a.example" not in said


def test_a_dry_run_for_a_feed_asks_the_node_and_counts_what_it_says(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    asked: list[pb.PublishStart] = []

    def trying(stream: Iterator[pb.PublishRequest]) -> Iterator[pb.PublishResponse]:
        for request in stream:
            if request.HasField("start"):
                asked.append(request.start)
                continue
            response = pb.PublishResponse()
            response.refused.add(line=2, reason="guard:own-asset", sentence="It is ours.")
            response.warnings.add(line=3, rule="role-mailbox", sentence="A role.")
            outcomes = (pb.OUTCOME_PUBLISH, pb.OUTCOME_REVISE, pb.OUTCOME_UNCHANGED, pb.OUTCOME_UNCHANGED)
            for row, outcome in zip(request.chunk.rows[1:], outcomes, strict=True):
                response.tried.add(line=row.line, outcome=outcome, changed=row.line == 4, key=min(row.line, 5))
            yield response

    fake.answers["Publish"] = trying
    path = write(tmp_path, "url", *(f"h{number}.example" for number in range(5)))
    result = tocsin("publish", str(path), "--feed", "urls", "--type", "url", "--dry-run", "--json")
    found = json.loads(result.stdout)
    assert asked == [pb.PublishStart(feed="urls", dry_run=True)]
    assert result.exit_code == 3
    assert (found["accepted"], found["changed"], found["new"], found["revised"]) == (4, 1, 1, 1)
    assert (found["unchanged"], found["repeated"], found["repeated_lines"]) == (1, 1, [6])
    assert (found["blocked"], found["warnings"]) == ({"guard:own-asset": 1}, {"role-mailbox": 1})


def test_a_mapping_is_given_saved_and_used_again(tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path) -> None:
    path = write(tmp_path, "Adresse;Art;Rang;Notiz", "a.example;url;low;n", "b.example;;high;")
    saved = tmp_path / "m.toml"
    first = ("--map", "value=Adresse,type=col2", "--map", "severity=Rang", "--type", "domain", "--region", "gb",
             "--set", "stance=harmful", "--expires", "30d", "--separator", ";")  # fmt: skip
    result = tocsin("publish", str(path), "--feed", "urls", *first, "--save-mapping", str(saved))
    assert result.exit_code == 0
    assert "Left out, for the mapping does not name them: Notiz" in result.stdout
    again = tocsin("publish", str(path), "--feed", "urls", "--mapping", str(saved), "--json")
    assert json.loads(again.stdout)["left_out"] == ["Notiz"]
    one, other = chunks(sent)
    assert one == other
    assert [(row.type, row.value, row.region) for row in one.rows] == [
        ("url", "a.example", "GB"),
        ("domain", "b.example", "GB"),
    ]
    assert [json.loads(fields)["severity"] for fields in one.fields] == ["low", "high"]
    over = tocsin("publish", str(path), "--feed", "urls", "--mapping", str(saved), "--map", "type=Notiz")
    assert over.exit_code == 1


def test_type_auto_only_suggests_until_a_mapping_says_it(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    path = write(tmp_path, "value;Art", "https://a.example/x;url", "a.example;domain", "nothing at all;url")
    base = ("publish", str(path), "--feed", "urls", "--type", "auto", "--map", "value=value")
    result = tocsin(*base, "--json")
    assert result.exit_code == 2
    assert "Nothing was published" in result.stderr
    found = json.loads(result.stdout)["suggestions"]
    assert sorted((one["types"], one["lines"]) for one in found) == [
        (["domain", "url"], [3]), (["nothing"], [4]), (["url"], [2]),
    ]  # fmt: skip
    shown = tocsin(*base)
    assert (shown.exit_code, "a.example" in shown.stdout) == (2, False)
    assert not sent
    assert tocsin(*base, "--map", "type=Art").exit_code == 0
    assert [row.type for row in chunks(sent)[0].rows] == ["url", "domain", "url"]
    piped = tocsin("publish", "-", "--type", "auto", stdin=b"value\na.example\n")
    assert piped.exit_code == 2


def test_workbooks_and_tabs_are_published_and_their_rejects_come_back_as_tables(
    tocsin: Tocsin, sent: list[pb.PublishRequest], tmp_path: Path
) -> None:
    book = tmp_path / "list.xlsx"
    book.write_bytes(real([("value", "type"), ("a.example", "url"), (442079460958, "phone")]))
    found = json.loads(tocsin("publish", str(book), "--feed", "urls", "--json").stdout)
    assert (found["published"], found["refused"]) == (1, {"excel-number-cell": 1})
    assert found["rejects"] == str(tmp_path / "list.xlsx.rejects.csv")
    tabs = tmp_path / "list.tsv"
    tabs.write_text("value\ttype\na;b,c.example\turl\n=A1\turl\n")
    found = json.loads(tocsin("publish", str(tabs), "--feed", "urls", "--json").stdout)
    assert found["rejects"] == str(tmp_path / "list.tsv.rejects.tsv")
    assert Path(found["rejects"]).read_text().splitlines()[1].startswith("=A1\turl\t3\texcel-formula\t")
    again = tocsin("publish", found["rejects"], "--feed", "urls", "--json")
    assert json.loads(again.stdout)["refused"] == {"excel-formula": 1}


def row(expires: Expiry | None) -> Row:
    return Row(2, "url", "a.example", None, expires, {}, ())


def test_days_end_at_midnight_so_that_a_repeated_run_says_the_same() -> None:
    morning, evening = 20_000 * DAY_MS + 1, 20_000 * DAY_MS + DAY_MS - 1
    ends = {Defaults(now_ms=now).valid_until(row(Expiry(days=90))) for now in (morning, evening)}
    assert ends == {20_091 * DAY_MS}
    longest = Defaults(now_ms=morning).valid_until(row(Expiry(days=5 * 365)))
    assert longest == morning + 5 * 365 * DAY_MS
    assert Defaults(now_ms=morning).valid_until(row(Expiry(at_ms=7))) == 7
    assert Defaults(now_ms=morning).valid_until(row(None)) == 0
    assert Defaults(now_ms=morning, expires=Expiry(at_ms=9)).valid_until(row(None)) == 9


def test_settings_are_read_as_cells_are() -> None:
    found = make_defaults(["labels=grooming|other", "confidence=80", "x-team=7"], "gb", "30d")
    assert dict(found.fields) == {"abuse_types": ["grooming", "other"], "confidence": 80, "x-team": "7"}
    assert (found.region, found.expires) == ("GB", Expiry(days=30))
