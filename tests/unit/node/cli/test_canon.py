import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from tocsin_node.cli.lines import CHUNK
from tocsin_signals import manifest, types, vectorfile

Tocsin = Callable[..., Result]


def answers(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def ask(tocsin: Tocsin, *lines: bytes) -> list[dict[str, Any]]:
    result = tocsin("canon", "--jsonl", stdin=b"".join(line + b"\n" for line in lines), with_home=False)
    assert result.exit_code == 0
    assert result.stderr == ""
    found = answers(result)
    assert len(found) == len(lines)
    return found


def test_a_value_is_printed_in_canonical_form(tocsin: Tocsin) -> None:
    result = tocsin("canon", "HXXP://www.Example[.]com/a/", "--type", "url", with_home=False)
    assert (result.exit_code, result.stdout) == (0, "example.com/a\n")


def test_an_explanation_has_the_steps_the_look_ups_the_guard_and_the_tag_context(tocsin: Tocsin) -> None:
    result = tocsin("canon", "hxxp://Google[.]com", "--type", "url", "--explain", with_home=False)
    assert result.exit_code == 1, "the guard blocks it"
    for words in ("refanged", "http://Google.com", "url-prefix", "Guard: BLOCK shared-host", "Secrecy: ", "lp(url/1)"):
        assert words in result.stdout
    (said,) = answers(tocsin("canon", "hxxp://a.zz/x", "--type", "url", "--explain", "--json", with_home=False))
    assert (said["out"], said["guard"]["level"], said["enumerable"]) == ("a.zz/x", "OK", True)
    assert [one["step"] for one in said["steps"]][:2] == ["trimmed", "refanged"]
    refused = tocsin("canon", "a..b", "--type", "domain", "--explain", with_home=False)
    assert (refused.exit_code, "empty-label" in refused.stderr) == (1, True)
    assert tocsin("canon", "x", "--type", "url", "--explain", "--check", with_home=False).exit_code == 2


def test_a_region_reads_a_national_number_for_a_value_and_for_a_request(tocsin: Tocsin) -> None:
    value = ("canon", "020 7946 0958", "--type", "phone")
    assert tocsin(*value, "--region", "GB", with_home=False).stdout == "+442079460958\n"
    refused = tocsin(*value, with_home=False)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "error: parse: The number has no country code" in refused.stderr
    found = ask(
        tocsin,
        b'{"type":"phone","in":"020 7946 0958","hint":{"region":"gb"}}',
        b'{"type":"phone","in":"020 7946 0958"}',
        b'{"type":"phone","in":"020 7946 0958","hint":{"region":"Britain"}}',
    )
    assert found == [{"out": "+442079460958"}, {"reject": "parse"}, {"reject": "region"}]


def test_a_value_without_canonical_form_is_status_1_and_is_not_repeated(tocsin: Tocsin) -> None:
    result = tocsin("canon", "mailto:secret@example.com", "--type", "url", with_home=False)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: scheme: ")
    assert "secret" not in result.stderr


def test_json_after_the_command_gives_one_object(tocsin: Tocsin) -> None:
    good = tocsin("canon", "Page.ZZ", "--type", "domain", "--json", with_home=False)
    bad = tocsin("--json", "canon", "a..b", "--type", "domain", with_home=False)
    assert answers(good) == [{"out": "page.zz"}]
    assert answers(bad)[0]["reject"] == "empty-label"


def test_what_looks_wrong_is_said_beside_the_form_and_changes_neither_it_nor_the_status(tocsin: Tocsin) -> None:
    value = ("canon", "mac:02-1B-63-84-45-E6", "--type", "device")
    shown = tocsin(*value, with_home=False)
    assert (shown.exit_code, shown.stdout) == (0, "mac:021b638445e6\n")
    assert shown.stderr.startswith("warning: mac-local: ")
    assert shown.stderr.count("\n") == 1
    (as_json,) = answers(tocsin(*value, "--json", with_home=False))
    assert as_json["out"] == "mac:021b638445e6"
    assert [warning["word"] for warning in as_json["warnings"]] == ["mac-local"]
    assert as_json["warnings"][0]["sentence"].endswith(".")
    found = ask(tocsin, b'{"type":"domain","in":"p\\u0430y.example"}', b'{"type":"iban","in":"DE02120300000000202051"}')
    assert found[0] == {"out": "xn--py-7kc.example", "warnings": ["mixed-scripts", "reserved-name"]}
    assert found[1] == {"out": "DE02120300000000202051"}


def test_wrong_arguments_are_status_2(tocsin: Tocsin) -> None:
    for args in (["x"], ["x", "--type", "nosuch"], ["--jsonl", "--type", "url"], ["--jsonl", "/no/such/file"], []):
        result = tocsin("canon", *args, with_home=False)
        assert result.exit_code == 2, args
        assert result.stdout == ""
        assert result.stderr


def test_the_filter_answers_every_line_in_order(tocsin: Tocsin) -> None:
    found = ask(
        tocsin,
        b'{"type":"url","in":"https://PAGE.zz/x/","hint":{"region":"GB"}}',
        b'{"type":"url","in":"mailto:a@b.example"}',
        b'{"type":"domain","in":"Page.ZZ."}',
        b'{"type":"email","in":"A@Page.zz"}',
        b'{"type":"email-mailbox","in":"a+b@page.zz","more":1}',
        b'{"type":"nosuch","in":"x"}',
    )
    assert found[0] == {"out": "page.zz/x"}
    assert found[1] == {"reject": "scheme"}
    assert found[2] == {"out": "page.zz"}
    assert found[3] == {"out": "a@page.zz"}
    assert found[4] == {"out": "a@page.zz"}
    assert found[5] == {"reject": "unknown-type"}


def test_what_is_no_request_is_answered_as_such(tocsin: Tocsin) -> None:
    lines = [
        b"",
        b"nonsense",
        b"[]",
        b"7",
        b"{}",
        b'{"type":"url"}',
        b'{"type":1,"in":"x"}',
        b'{"type":"url","in":["x"]}',
        b'{"type":"url","in":"x","hint":7}',
        b'{"type":"url","in":"x","hint":{"region":7}}',
        b'{"type":"url","in_b64":7}',
        b'{"type":"url","in_b64":"*"}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"type":"url","in":"' + b"x" * 1_100_000 + b'"}',
    ]
    assert ask(tocsin, *lines) == [{"reject": "not-a-request"}] * len(lines)


def test_bytes_and_surrogates_that_are_not_utf8_are_rejected(tocsin: Tocsin) -> None:
    found = ask(
        tocsin,
        b'{"type":"url","in_b64":"//4="}',
        b'{"type":"url","in":"http://\\ud800.example/"}',
        b'{"type":"url","in_b64":"UGFnZS5aWg=="}',
    )
    assert found == [{"reject": "not-utf8"}, {"reject": "not-utf8"}, {"out": "page.zz/"}]


def test_a_file_longer_than_a_piece_keeps_order_and_its_unfinished_last_line(tocsin: Tocsin, tmp_path: Path) -> None:
    hosts = [f"h{number}.zz" for number in range(2 * CHUNK // 40)]
    path = tmp_path / "requests.jsonl"
    text = "\r\n".join(json.dumps({"type": "domain", "in": host}) for host in hosts)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    result = tocsin("canon", "--jsonl", str(path), with_home=False)
    assert answers(result) == [{"out": host} for host in hosts]


def test_the_filter_answers_while_the_pipe_stays_open_and_loads_no_grpc() -> None:
    program = (
        "import sys\nfrom tocsin_node.cli.main import main\ntry:\n main()\nfinally:\n assert 'grpc' not in sys.modules"
    )
    command = [sys.executable, "-c", program, "canon", "--jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        for host in (b"a.zz", b"b.zz"):
            process.stdin.write(b'{"type":"domain","in":"' + host + b'"}\n')
            process.stdin.flush()
            assert process.stdout.readline() == b'{"out":"' + host + b'"}\n'
        process.stdin.close()
        assert process.wait() == 0
        assert process.stderr.read() == b""


def test_a_check_shows_every_profile_and_the_manifest(tocsin: Tocsin) -> None:
    result = tocsin("canon", "--check", with_home=False)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("holds") == len({entry.profile for entry in types.REGISTRY})
    assert f"manifest {manifest.digest()}" in result.stdout


def test_a_check_of_a_file_runs_its_rows_and_fails_with_status_4(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    content = {"format": vectorfile.FORMAT, "profile": "domain/1", "type": "domain"}
    rows = [{"id": "d-1", "in": "A.example", "out": "a.example"}, {"id": "d-2", "in": "A.example", "out": "A.example"}]
    path.write_text(json.dumps(content | {"cases": rows[:1]}))
    assert tocsin("canon", "--check", str(path), with_home=False).exit_code == 0
    path.write_text(json.dumps(content | {"cases": rows}))
    failed = tocsin("canon", "--check", str(path), "--json", with_home=False)
    (found,) = json.loads(failed.stdout)
    assert (failed.exit_code, found["row"], found["ok"]) == (4, "d-2", False)
    shown = tocsin("canon", "--check", str(path), with_home=False)
    assert "domain/1 differs from its vectors at d-2 (ada-url" in shown.stderr


def test_a_check_of_what_is_no_vector_file_says_what_it_lacks(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    head = {"format": vectorfile.FORMAT, "profile": "url/2", "type": "url"}
    for content, said in (
        ("[", "is not JSON"),
        ("{}", "has no format"),
        (json.dumps(head), "url is url/1 in this version"),
        (json.dumps(head | {"type": "fax"}), "The type is not known"),
        (json.dumps(head | {"cases": [{"id": "a", "in": "b"}]}), "either out or reject at url-cases-1"),
    ):
        path.write_text(content)
        result = tocsin("canon", "--check", str(path), with_home=False)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
    assert "no such file" in tocsin("canon", "--check", str(tmp_path / "none"), with_home=False).stderr
    assert tocsin("canon", "--check", "--type", "url", with_home=False).exit_code == 2
