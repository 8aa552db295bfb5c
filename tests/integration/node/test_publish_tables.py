"""Tables into a real node by the real command line: tried, published, published again, broken off and gone on with."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.signals.workbooks import real
from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.demo.cast import Player, environment

ROWS: Final = 3_000
HEADER: Final = ("Link", "Rang", "Bemerkung")


@pytest.fixture(scope="module")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Generator[Player]:
    folder = tmp_path_factory.mktemp("hotline")
    player = Player("hotline.example", "hotline", folder / "hotline")
    player.run("init", "--organisation", player.organisation, "--role", player.role)
    config = player.home / "tocsin.toml"
    config.write_text(config.read_text() + 'partners = ["platform.example"]\n')
    try:
        player.start()
        player.run("community", "create", "c")
        for feed in ("urls", "xlsx", "tsv", "jsonl"):
            player.run("feed", "create", feed, "--community", "c.hotline.example", "--audience", "partners")
        yield player
    finally:
        player.stop()


def size(player: Player, name: str) -> int:
    """Entries of a feed, its opening included."""
    with connect(player.home, None, start=False) as local:
        (feed,) = (
            one
            for one in local.node.ListOwnFeeds(pb.ListOwnFeedsRequest()).feeds
            if one.origin == f"hotline.example/feed/{name}"
        )
        return feed.size


def counts(found: Any, *names: str) -> tuple[int, ...]:
    return tuple(found[name] for name in names)


def test_a_workbook_is_tried_published_mended_and_published_again(hotline: Player, tmp_path: Path) -> None:
    book = tmp_path / "list.xlsx"
    lines = [HEADER, ("https://bad-1.example/x?b=2&a=1", "very bad", "n"), ("http://bad-2.example/", "low", ""),
             ("BAD-2.example", "low", "the same"), (442079460958, "low", ""), ("https://google.com/", "low", ""),
             ("https://bad-3.example/", "unheard of", "")]  # fmt: skip
    book.write_bytes(real(lines))
    mapping = tmp_path / "m.toml"
    mapping.write_text('[words.severity]\n"very bad" = "critical"\n')
    said = ("--map", "value=Link,severity=col2", "--mapping", str(mapping), "--type", "url", "--set", "stance=harmful")
    dry = ("publish", str(book), "--feed", "urls", "--dry-run")

    tried = hotline.run(*dry, *said, "--save-mapping", str(mapping), expect=(3,))
    assert counts(tried, "accepted", "new", "unchanged", "repeated") == (3, 2, 0, 1)
    assert tried["refused"] == {"excel-number-cell": 1, "severity": 1}
    assert tried["blocked"] == {"guard:shared-host": 1}
    assert (tried["left_out"], tried["repeated_lines"], tried["changed"]) == (["Bemerkung"], [4], 3)
    assert size(hotline, "urls") == 1

    saved = ("--feed", "urls", "--mapping", str(mapping))
    done = hotline.run("publish", str(book), *saved, expect=(3,))
    assert counts(done, "published", "unchanged") == (2, 1)
    assert (done["refused"], done["blocked"]) == (tried["refused"], tried["blocked"])
    again = hotline.run(*dry, "--mapping", str(mapping), expect=(3,))
    assert counts(again, "new", "revised", "unchanged", "repeated") == (0, 0, 2, 1)

    rejects = Path(done["rejects"])
    assert rejects == tmp_path / "list.xlsx.rejects.csv"
    text = rejects.read_text()
    assert text.splitlines()[0] == "Link,Rang,Bemerkung,line,reason,sentence"
    mended = text.replace("442079460958", "https://bad-4.example/").replace("unheard of", "low")
    rejects.write_text(mended.replace("https://google.com/,", "https://google.com/maps/place/x,"))
    over = hotline.run("publish", str(rejects), *saved)
    assert counts(over, "published", "unchanged") == (3, 0)
    same = hotline.run("publish", str(rejects), *saved)
    assert counts(same, "published", "revised", "unchanged") == (0, 0, 3)
    assert size(hotline, "urls") == 6


def table(separator: str) -> bytes:
    return "".join(f"https://h{n}.example/{separator}harmful\n" for n in range(ROWS)).encode()


FILES: Final[dict[str, Callable[[], bytes]]] = {
    "xlsx": lambda: real([("url", "stance"), *((f"https://h{n}.example/", "harmful") for n in range(ROWS))]),
    "tsv": lambda: b"url\tstance\n" + table("\t"),
    "jsonl": lambda: "".join(f'{{"url":"https://h{n}.example/","stance":"harmful"}}\n' for n in range(ROWS)).encode(
        "utf-16"
    ),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("written", FILES)
def test_a_publish_of_any_format_is_interrupted_and_goes_on_where_it_was(
    hotline: Player, tmp_path: Path, written: str
) -> None:
    path = tmp_path / f"list.{written}"
    path.write_bytes(FILES[written]())
    command = [sys.executable, "-m", "tocsin_node", "--home", str(hotline.home), "publish", str(path)]
    options = ["--feed", written, "--type", "url", "--batch", "64"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        deadline = time.monotonic() + 60
        while size(hotline, written) < 100:
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < deadline, "it published nothing"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "to go on, repeat the command" in errors
    held = size(hotline, written) - 1
    assert 0 < held < ROWS
    rest = hotline.run("publish", str(path), "--feed", written, "--type", "url")
    assert counts(rest, "published", "revised", "unchanged") == (ROWS - held, 0, held)
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, env=environment())
    assert "Nothing new: every row is in the feed already and says the same." in " ".join(done.stdout.split())
    assert size(hotline, written) == ROWS + 1


def test_a_dry_run_works_without_a_running_node_and_without_a_home(hotline: Player, tmp_path: Path) -> None:
    home = tmp_path / "other"
    player = Player("other.example", "hotline", home)
    player.run("init", "--organisation", player.organisation, "--role", player.role)
    config = home / "tocsin.toml"
    config.write_text(config.read_text() + 'partners = ["platform.example"]\n')
    player.run("community", "create", "c")
    player.run("feed", "create", "urls", "--community", "c.other.example", "--audience", "partners")
    path = tmp_path / "list.csv"
    path.write_text("url,stance\nhttps://a.example/,harmful\njavascript:x,harmful\n")
    tried = player.run("publish", str(path), "--feed", "urls", "--type", "url", "--dry-run", expect=(1,))
    assert counts(tried, "accepted", "new") == (1, 1)
    nowhere = Player("other.example", "hotline", tmp_path / "nowhere")
    tried = nowhere.run("publish", str(path), "--type", "url", "--dry-run", expect=(1,))
    assert (tried["accepted"], "new" in tried) == (1, False)
    assert not (tmp_path / "nowhere").exists()


def test_a_feed_that_is_not_there_is_a_usage_error_of_a_dry_run_too(hotline: Player, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("url\nhttps://a.example/\n")
    hotline.run("publish", str(path), "--feed", "nosuch", "--type", "url", "--dry-run", expect=(2,))
