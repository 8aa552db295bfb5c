"""The story: a hotline and two platforms meet, publish, replicate, match, withdraw, and are audited.

Every figure printed was measured in this run. A step that goes wrong ends the demo with a sentence and status 1; the
nodes are stopped and their homes removed either way, unless they are to be kept.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import grpc

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_node.cli.errors import CliError, explain
from tocsin_node.cli.wire import effect_word
from tocsin_node.demo.cast import DemoFailed, Player
from tocsin_node.demo.rows import (
    REFUSED_SPELLING,
    REFUSED_TYPE,
    SPELLINGS,
    WITHDRAWN,
    Spelling,
    write_rows,
)

ARRIVE_S = 60.0  # for every signal to reach both platforms
WIDTH = 120  # of a line
COMMUNITY = "childsafety.hotline.example"
FEED = "reports"


def run(*, keep: bool, rows: int) -> int:
    """Tell the story; the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    hotline = Player("hotline.example", "hotline", folder / "hotline")
    chat = Player("chat.example", "platform", folder / "chat")
    video = Player("video.example", "platform", folder / "video")
    players = (hotline, chat, video)
    started = time.monotonic()
    try:
        _meet(folder, hotline, (chat, video))
        _publish(folder, hotline, (chat, video), rows)
        _match(chat, video)
        _withdraw(hotline, (chat, video))
        _audit(folder, players)
    except (DemoFailed, CliError, grpc.RpcError, OSError, subprocess.TimeoutExpired) as error:
        why = error if isinstance(error, DemoFailed) else explain(error)[1]
        sys.stderr.write(f"\nThe demo failed: {why}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130
    finally:
        for player in players:
            player.stop()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    _say(f"\nDone in {time.monotonic() - started:.0f} s.")
    if keep:
        _keep(players)
    else:
        _say("The nodes are stopped and nothing is left behind; `tocsin demo --keep` keeps them.")
    return 0


def _meet(folder: Path, hotline: Player, platforms: Sequence[Player]) -> None:
    _head("1. Three organisations, each with a node of its own")
    everyone = (hotline, *platforms)
    for player in everyone:
        made = player.run("init", "--organisation", player.organisation, "--role", player.role)
        if player is hotline:
            config = player.home / "tocsin.toml"
            members = ", ".join(f'"{one.organisation}"' for one in platforms)
            config.write_text(f"{config.read_text()}platforms = [{members}]\n")
        player.start()
        _say(f"   {player.organisation:16} listens on {made['listen']}, fingerprint {made['fingerprint'][:19]}...")
        player.run("card", "export", "-o", str(folder / f"{player.name}.card"))
    _say("   They exchange cards, compare fingerprints by telephone, and pin each other's keys.")
    for one, other in [(hotline, platform) for platform in platforms] + [(p, hotline) for p in platforms]:
        card = folder / f"{other.name}.card"
        shown = other.run("card", "show")
        one.run("peer", "add", str(card), "--fingerprint", shown["fingerprint"])
    hotline.run("community", "create", "childsafety")
    for platform in platforms:
        invite = folder / f"{platform.name}.invite"
        hotline.run("community", "invite", COMMUNITY, platform.organisation, "-o", str(invite))
        platform.run("community", "join", str(invite))
    _say(f"   The hotline founds the community {COMMUNITY} and invites both; they join.")
    hotline.run("feed", "create", FEED, "--community", COMMUNITY, "--audience", "platforms")
    _policies(folder, hotline, platforms)


def _policies(folder: Path, hotline: Player, platforms: Sequence[Player]) -> None:
    chat, video = platforms
    send = [(hotline, f'peer = "{one.organisation}"\n[send]\nfeeds = ["{FEED}"]\n') for one in platforms]
    from_hotline = f'peer = "{hotline.organisation}"\n\n'
    reviewed = '[[rule]]\nname = "reviewed-by-two"\neffect = "enforce"\nmin_review_level = "two_humans"\n'
    refuses = f'[[refuse]]\nname = "not-our-field"\nabuse_types = ["{REFUSED_TYPE}"]\n\n'
    looks = '[[rule]]\nname = "look-first"\neffect = "review"\nstance = ["harmful"]\n'
    given = [*send, (chat, from_hotline + reviewed), (video, from_hotline + refuses + looks)]
    for number, (player, text) in enumerate(given):
        path = folder / f"policy-{number}.toml"
        path.write_text(text)
        player.run("policy", "apply", str(path))
    _say(f"   Policies: chat enforces what two people reviewed; video reviews first, and refuses {REFUSED_TYPE}.")


def _publish(folder: Path, hotline: Player, platforms: Sequence[Player], rows: int) -> None:
    _head("2. The hotline publishes a file")
    path = folder / "reports.csv"
    write_rows(path, rows)
    started = time.monotonic()
    found = hotline.run("publish", str(path), "--feed", FEED, expect=(3,), show=True)
    took = time.monotonic() - started
    refused, blocked = found["refused"], found["blocked"]
    _say(f"   {rows:,} rows of {len(SPELLINGS)} types in {took:.1f} s: {found['published']:,} published,")
    _say(f"   {found['unchanged']} said the same as another in other words,")
    _list(f"   {sum(refused.values())} refused ({_counts(refused)}),")
    _list(f"   {sum(blocked.values())} blocked by the never-share guard ({_counts(blocked)}).")
    _require(found["published"] + found["unchanged"] + sum(refused.values()) + sum(blocked.values()) == rows, "rows")
    for platform in platforms:
        _wait(lambda platform=platform: _size(platform) == found["size"], f"{platform.name} did not receive the feed")
        effects = _effects(platform)
        _say(f"   {platform.name:6} holds all {found['size']:,} entries; its policy made of them: {_counts(effects)}.")
    for name, seconds in _time_to_match(hotline, platforms).items():
        _say(f"   One more signal: {name} could match it {seconds * 1000:.0f} ms after it was on the hotline's disk.")
    same = folder / "reports.jsonl"
    write_rows(same, rows)
    again = hotline.run("publish", str(same), "--feed", FEED, expect=(3,))
    _require(again["published"] == 0 and again["revised"] == 0, "publishing the rows again changed something")
    _say(f"   Published again, as JSON Lines, the rows change nothing: {again['unchanged']:,} are already there.")


def _match(chat: Player, video: Player) -> None:
    _head("3. The platforms match their own events, in other spellings")
    asked = (*SPELLINGS, REFUSED_SPELLING)
    _say(f"   {'as published by the hotline':43}  {'as the platform saw it':50}chat     video")
    for one, *verdicts in zip(asked, _verdicts(chat, asked), _verdicts(video, asked), strict=True):
        shown = "  ".join(f"{word:7}" for word in verdicts)
        _say(f"   {one.published:43}  {one.asked:50}{shown}")
        _require(verdicts[0] == "enforce", f"chat did not enforce {one.type}")
        _require(verdicts[1] == ("review" if one in SPELLINGS else "ignore"), f"video did not review {one.type}")
    _say("   No identifier left the hotline, and no look-up left a platform.")


def _withdraw(hotline: Player, platforms: Sequence[Player]) -> None:
    _head("4. One entry was wrong: the hotline withdraws it")
    arguments = ("--feed", FEED, "--value", WITHDRAWN.published, "--type", WITHDRAWN.type)
    hotline.run("withdraw", *arguments, "--reason", "false_positive")
    started = time.monotonic()
    for platform in platforms:
        _wait(lambda p=platform: _verdicts(p, [WITHDRAWN]) == ["ignore"], f"{platform.name} still matches")
        _say(f"   {platform.name:6} no longer matches it (seen {time.monotonic() - started:.1f} s later).")
    delivered = hotline.run("status", expect=(0, 1))["own"][0]["delivered"]
    _require(len(delivered) == len(platforms), "a platform has not acknowledged the withdrawal")
    _say("   Both nodes have acknowledged that they hold the withdrawal; the hotline's log says when.")


def _audit(folder: Path, players: Sequence[Player]) -> None:
    _head("5. The auditor checks the logs")
    for player in players:
        reports = _lines(player.run("audit", "verify"))
        _require(all(report["ok"] for report in reports), f"the logs of {player.name} do not verify")
        entries = sum(int(report["size"]) for report in reports)
        _say(f"   {player.name:8} {len(reports)} logs, {entries:,} entries: every byte hashes to what was signed.")
    copy = Player("copy.example", "copy", folder / "copy")
    players[0].run("backup", str(copy.home))
    _change_one_byte(copy.home / "tocsin.db")
    reports = _lines(copy.run("audit", "verify", expect=(1,)))
    findings = [finding for report in reports for finding in report["findings"]]
    _require(bool(findings), "a changed byte was not found")
    _say(f"   In a copy, one byte of the hotline's audit log is changed. The check says: {findings[0]}.")


def _change_one_byte(database: Path) -> None:
    data = bytearray(database.read_bytes())
    at = data.find(b'"ev":"peer.added"')
    _require(at > 0, "the audit log is not where it was expected")
    data[at + 7] ^= 1
    database.write_bytes(data)


def _time_to_match(hotline: Player, platforms: Sequence[Player]) -> dict[str, float]:
    """Publish one more signal and look until each platform matches it, over one open channel each."""
    value = "https://fresh.example/one"
    fields = [b'{"stance":"harmful","review_level":"two_humans"}']
    row = pb.PublishRow(line=1, type="url", value=value)
    requests = [
        pb.PublishRequest(start=pb.PublishStart(feed=FEED)),
        pb.PublishRequest(chunk=pb.PublishChunk(fields=fields, rows=[row])),
    ]
    asked = pb.MatchRequest(queries=[pb.Query(type="url", value=value)])
    found: dict[str, float] = {}
    with ExitStack() as stack:
        publisher = stack.enter_context(hotline.asked())
        nodes = {one.name: stack.enter_context(one.asked()).node for one in platforms}
        for node in nodes.values():
            node.Match(asked)  # the first call opens the channel
        for response in publisher.node.Publish(iter(requests)):
            _require(response.published == 1, "the fresh signal was not published")
        started = time.monotonic()
        while len(found) < len(nodes) and time.monotonic() - started < ARRIVE_S:
            for name in nodes.keys() - found.keys():
                if nodes[name].Match(asked).verdicts[0].assertions:
                    found[name] = time.monotonic() - started
    _require(len(found) == len(platforms), "the fresh signal did not arrive")
    return found


def _verdicts(player: Player, spellings: Sequence[Spelling]) -> list[str]:
    """What the node makes of each spelling, asked as an application asks: all in one request."""
    queries = [pb.Query(type=one.asked_type or one.type, value=one.asked) for one in spellings]
    with player.asked() as local:
        return [effect_word(one.effect) for one in local.node.Match(pb.MatchRequest(queries=queries)).verdicts]


def _size(player: Player) -> int:
    with player.asked() as local:
        feeds = local.node.Status(pb.StatusRequest()).followed
    return feeds[0].size if feeds else 0


def _effects(player: Player) -> dict[str, int]:
    """What the audit log says the policy made of what was received."""
    counts: dict[str, int] = {}
    with player.asked() as local:
        for entry in local.audit.ReadAudit(audit_pb2.ReadAuditRequest()):
            envelope: Any = json.loads(entry.envelope)
            if envelope["ev"] == "feed.replicated":
                for word in ("enforce", "review", "shadow", "ignore"):
                    counts[word] = counts.get(word, 0) + envelope["n"].get(word, 0)
    return {word: count for word, count in counts.items() if count}


def _lines(answer: Any) -> list[Any]:
    """One answer or several, as --json gives them."""
    return cast("list[Any]", answer) if isinstance(answer, list) else [answer]


def _counts(counts: Any) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in counts.items()) or "none"


def _wait(check: Callable[[], bool], sentence: str) -> None:
    deadline = time.monotonic() + ARRIVE_S
    while not check():
        if time.monotonic() > deadline:
            raise DemoFailed(sentence)
        time.sleep(0.05)


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise DemoFailed(sentence)


def _keep(players: Sequence[Player]) -> None:
    _say("The homes are kept. To go on by hand, start a node and ask it something:")
    for player in players:
        _say(f"   tocsin --home {player.home} serve &")
    _say(f"   tocsin --home {players[1].home} match '{SPELLINGS[1].asked}' --type {SPELLINGS[1].type}")


def _head(text: str) -> None:
    _say(f"\n{text}")


def _list(text: str) -> None:
    _say(textwrap.fill(text, WIDTH, subsequent_indent="      "))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
