"""The never-share guard on a real node: blocked, asked for, approved by a second token, published, and in the log."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tocsin.v1.audit_pb2 import ReadAuditRequest
from tocsin_node.client import Client, Connection, Denied, Effect, Invalid, NotFound, Query, Refused, Row
from tocsin_node.demo.cast import Player

SAID = {"stance": "harmful", "abuse_types": ["grooming"]}
SITE = "https://www.nytimes.com/"
WHY = "the site itself was taken over, its owner confirms"
AGREED = "seen it, spoke to the owner as well"


def token(node: Player, name: str, *roles: str) -> Connection:
    asked = [part for role in roles for part in ("--role", role)]
    path = node.home.parent / f"{name}.token"
    path.write_text(node.run("token", "add", name, *asked)["token"])
    path.chmod(0o600)
    return Connection.at_home(node.home, str(path))


def blocked(client: Client, value: str = SITE, kind: str = "url") -> str:
    """The word a row comes back with; empty when it was published."""
    result = client.publish("urls", [Row(kind, value, SAID)])
    return result.refused[0].reason if result.refused else ""


def events(node: Player, prefix: str = "guard.") -> list[dict[str, object]]:
    with node.asked() as local:
        found = [json.loads(one.envelope) for one in local.audit.ReadAudit(ReadAuditRequest())]
    return [entry for entry in found if entry["ev"].startswith(prefix)]


def test_a_blocked_row_is_published_once_another_token_approves_and_not_before(node: Player) -> None:
    with (
        Client(token(node, "reports", "publish")) as reports,
        Client(token(node, "second", "approve")) as second,
        Client(token(node, "both", "publish", "approve")) as both,
    ):
        assert blocked(reports) == "guard:top-site"
        (asked,) = reports.guard_ask("urls", [Row("url", SITE, SAID)], reason=WHY)
        assert asked.rules == ("top-site",)
        (again,) = reports.guard_ask("urls", [Row("url", "HTTPS://www.NYTimes.com", SAID)], reason=WHY)
        assert (again.request, again.reason) == (asked.request, "asked-already")
        (fine,) = reports.guard_ask("urls", [Row("url", "https://bad.example/x", SAID)], reason=WHY)
        assert (fine.request, fine.reason) == (0, "not-blocked")
        assert blocked(reports) == "guard:top-site"

        (waiting,) = second.guard_requests()
        assert (waiting.value, waiting.state, waiting.asked_by) == ("nytimes.com/", "pending", "reports")
        with pytest.raises(Denied):
            reports.guard_decide(asked.request, approve=True, reason=AGREED)
        with pytest.raises(Denied):
            second.publish("urls", [Row("url", SITE, SAID)])
        (own,) = both.guard_ask("urls", [Row("domain", "nytimes.com", SAID)], reason=WHY)
        with pytest.raises(Denied, match="another person"):
            both.guard_decide(own.request, approve=True, reason=AGREED)
        with pytest.raises(Invalid, match="other words"):
            second.guard_decide(asked.request, approve=True, reason="www.nytimes.com is bad")
        with pytest.raises(Invalid, match="written reason"):
            second.guard_decide(asked.request, approve=True, reason="ok")

        done = second.guard_decide(asked.request, approve=True, reason=AGREED)
        assert (done.state, done.decided_by) == ("approved", "second")
        result = reports.publish("urls", [Row("url", SITE, SAID)])
        assert (result.published, result.overridden, result.refused) == (1, 1, ())
        assert blocked(reports, "nytimes.com", "domain") == "guard:top-site"
        assert blocked(reports, "https://www.facebook.com/") == "guard:shared-host"
        with pytest.raises(Refused, match="approved already"):
            second.guard_decide(asked.request, approve=True, reason=AGREED)

        node.stop()
        node.start()
    with Client(Connection.at_home(node.home, str(node.home.parent / "reports.token"))) as reports:
        assert blocked(reports) == ""
        assert reports.guard_withdraw(asked.request).state == "withdrawn"
        assert blocked(reports) == "guard:top-site"
        with pytest.raises(Refused, match="withdrawn already"):
            reports.guard_withdraw(asked.request)

    found = events(node)
    assert [entry["ev"] for entry in found] == ["guard.asked", "guard.asked", "guard.approved", "guard.withdrawn"]
    approved = found[2]
    assert approved["act"] == {"kind": "operator", "name": "second"}
    assert approved["about"] == {
        "request": str(asked.request),
        "feed": "urls",
        "type": "url",
        "tag": waiting.tag,
        "rules": "top-site",
        "reason": AGREED,
        "asked_by": "reports",
        "asked_reason": WHY,
    }
    assert {"overridden": 1, "published": 1} in [entry["n"] for entry in events(node, "signal.published")]
    node.stop()
    for path in node.home.rglob("*"):
        if path.is_file():
            assert b"nytimes" not in path.read_bytes(), path
    assert "nytimes" not in (node.home.parent / f"{node.name}.log").read_text()


def test_a_refused_request_stays_blocked_and_unknown_ones_are_not_found(node: Player) -> None:
    with Client(token(node, "reports", "publish")) as reports, Client(token(node, "second", "approve")) as second:
        (asked,) = reports.guard_ask("urls", [Row("url", SITE, SAID)], reason=WHY)
        assert second.guard_decide(asked.request, approve=False, reason="the page is enough").state == "refused"
        assert blocked(reports) == "guard:top-site"
        assert second.guard_requests() == ()
        assert [one.state for one in second.guard_requests(ended=True)] == ["refused"]
        with pytest.raises(NotFound):
            second.guard_decide(99, approve=True, reason=AGREED)
        with pytest.raises(NotFound):
            reports.guard_ask("nowhere", [Row("url", SITE, SAID)], reason=WHY)
        with pytest.raises(Denied):
            second.guard_withdraw(asked.request)
        for row, reason in (
            (Row("url", "no url", SAID), "whatwg"),
            (Row("colour", "red", SAID), "unknown-type"),
            (Row("url", "x" * 9000, SAID), "too-long"),
        ):
            (answer,) = reports.guard_ask("urls", [row], reason=WHY)
            assert (answer.request, answer.reason) == (0, reason)
        (told,) = reports.guard_ask("urls", [Row("url", SITE, SAID)], reason="www.nytimes.com was taken over")
        assert (told.request, told.reason) == (0, "reason")


def test_own_assets_are_blocked_from_the_next_reload_and_a_bad_file_changes_nothing(node: Player) -> None:
    config, assets = node.home / "tocsin.toml", node.home / "guard" / "own-assets.txt"
    assets.parent.mkdir()
    with Client(token(node, "reports", "publish")) as reports:
        assert blocked(reports, "https://chat.mine.example/", "url") == ""
        config.write_text(f'{config.read_text()}\n[guard]\nown = "own-assets.txt"\nblock = ["role-mailbox"]\n')
        with pytest.raises(Exception, match=r"own-assets\.txt cannot be read"):
            node.run("reload")
        assets.write_text("domain mine.example\ndomain not a domain\n")
        with pytest.raises(Exception, match="Line 2"):
            node.run("reload")
        assert blocked(reports, "https://shop.mine.example/", "url") == ""
        assets.write_text("domain mine.example\n")
        assert set(node.run("reload")["changed"]) == {"guard.own", "guard.block"}
        assert blocked(reports, "https://new.mine.example/x", "url") == "guard:own-asset"
        assert blocked(reports, "abuse@bad.example", "email") == "guard:role-mailbox"
        assets.write_text("domain mine.example\nusername x:our_account\n")
        assert node.run("reload")["changed"] == ["guard.own"]
        assert blocked(reports, "x:our_account", "username") == "guard:own-asset"
        many = reports.publish("urls", [Row("url", f"https://{n}.mine.example/x", SAID) for n in range(100)])
        assert {one.reason for one in many.refused} == {"guard:own-asset"}
        assert len(many.refused) == 100
    shown = node.run("guard")
    assert (shown["own"], shown["own_assets"], shown["block"]) == ("own-assets.txt", 2, ["role-mailbox"])
    assert (shown["pack"], shown["pack_stale"]) == ("", False)
    assert len(shown["lists"]) > 30


def test_what_too_many_own_users_looked_up_is_blocked_until_a_second_person_agrees(node: Player) -> None:
    config = node.home / "tocsin.toml"
    config.write_text(f"{config.read_text()}\n[guard]\nradius_limit = 3\n")
    node.run("reload")
    page = "https://popular.example/page"
    with (
        Client(token(node, "reports", "publish")) as reports,
        Client(token(node, "moderation", "match")) as moderation,
    ):
        moderation.match([Query("url", page, subject=f"user-{n % 3}") for n in range(30)])
        moderation.match([Query("url", page) for _ in range(30)])
        moderation.match([Query("url", f"https://popular.example/other/{n}", subject=f"u{n}") for n in range(100)])
        result = reports.publish("urls", [Row("url", page, SAID)])
        assert (result.published, result.most_users) == (1, 3)
        assert blocked(reports, "popular.example", "domain") == "guard:blast-radius"
        assert blocked(reports, "https://popular.example/other/", "url-prefix") == "guard:blast-radius"
        moderation.match([Query("url", page, subject="a-fourth")])
        result = reports.publish("urls", [Row("url", page, SAID), Row("url", "https://rare.example/", SAID)])
        assert [one.sentence for one in result.refused] == [
            "This would hit 4 of your own users by their recent look-ups; 3 is the limit."
        ]
        node.stop()
        node.start()
    with Client(Connection.at_home(node.home, str(node.home.parent / "reports.token"))) as reports:
        assert blocked(reports, page) == "guard:blast-radius"
        (asked,) = reports.guard_ask("urls", [Row("url", page, SAID)], reason="this page alone, all four are victims")
        assert asked.rules == ("blast-radius",)
        with Client(Connection.at_home(node.home, node.home / "run" / "operator.token")) as operator:
            (waiting,) = operator.guard_requests()
            assert waiting.users == 4
            operator.guard_decide(asked.request, approve=True, reason=AGREED)
        result = reports.publish("urls", [Row("url", page, SAID)])
        assert (result.overridden, result.most_users) == (1, 4)
    node.stop()
    with closing(sqlite3.connect(node.home / "radius.db")) as database:
        assert database.execute("SELECT count(DISTINCT subject) FROM seen").fetchone() == (104,)
    assert (node.home / "radius.db").stat().st_mode & 0o777 == 0o600
    assert b"user-1" not in (node.home / "radius.db").read_bytes()


def test_the_command_line_asks_from_a_rejects_file_and_approves(node: Player, tmp_path: Path) -> None:
    rows = tmp_path / "list.csv"
    rows.write_text(f"type,value,stance\nurl,{SITE},harmful\nurl,https://bad.example/x,harmful\nurl,no url,harmful\n")
    said = node.run("publish", str(rows), "--feed", "urls", expect=(3,))
    assert said["blocked"] == {"guard:top-site": 1}
    told = node.run("guard", "ask", said["rejects"], "--feed", "urls", "--reason", WHY, expect=(1,))
    assert [(one["line"], one["id"], one["reason"]) for one in told["rows"]] == [(2, 1, ""), (3, 0, "whatwg")]
    with pytest.raises(Exception, match="another person decides"):
        node.run("guard", "approve", "1", "--reason", AGREED)
    second = token(node, "second", "approve")
    assert second.token is not None
    text = (node.home.parent / "second.token").read_text()
    assert node.run("--token", text, "guard", "pending")["requests"][0]["value"] == "nytimes.com/"
    assert node.run("--token", text, "guard", "approve", "1", "--reason", AGREED, "--days", "2")["state"] == "approved"
    said = node.run("publish", str(rows), "--feed", "urls", expect=(1,))
    assert (said["published"], said["unchanged"], said["overridden"], said["blocked"]) == (1, 1, 1, {})
    with Client(Connection.at_home(node.home, node.home / "run" / "operator.token")) as client:
        assert client.match([Query("url", SITE)])[0].effect is Effect.REVIEW


def test_a_dry_run_tells_blocks_own_assets_approvals_and_reach_as_publishing_does(node: Player, tmp_path: Path) -> None:
    config, assets = node.home / "tocsin.toml", node.home / "guard" / "own-assets.txt"
    assets.parent.mkdir()
    assets.write_text("domain mine.example\n")
    config.write_text(f'{config.read_text()}\n[guard]\nown = "own-assets.txt"\nradius_limit = 2\n')
    node.run("reload")
    crowded, visited = "https://popular.example/page", "https://visited.example/page"
    with Client(token(node, "reports", "publish")) as reports, Client(token(node, "second", "approve")) as second:
        (asked,) = reports.guard_ask("urls", [Row("url", SITE, SAID)], reason=WHY)
        second.guard_decide(asked.request, approve=True, reason=AGREED)
    with Client(token(node, "moderation", "match")) as moderation:
        moderation.match([Query("url", crowded, subject=f"user-{n}") for n in range(3)])
        moderation.match([Query("url", visited, subject=f"user-{n}") for n in range(2)])
    values = (SITE, "https://www.facebook.com/", "https://shop.mine.example/x", crowded, visited, "no url")
    rows = tmp_path / "list.csv"
    rows.write_text("value,stance\n" + "".join(f"{value},harmful\n" for value in values))
    words = ("publish", str(rows), "--feed", "urls", "--type", "url")
    facts = ("refused", "blocked", "warnings", "overridden", "most_users", "most_users_line")

    tried = node.run(*words, "--dry-run", "--rejects", str(tmp_path / "tried.csv"), expect=(3,))
    assert tried["blocked"] == {"guard:shared-host": 1, "guard:own-asset": 1, "guard:blast-radius": 1}
    assert (tried["accepted"], tried["new"], tried["overridden"], tried["refused"]) == (2, 2, 1, {"whatwg": 1})
    assert (tried["most_users"], tried["most_users_line"]) == (3, 5)

    done = node.run(*words, "--rejects", str(tmp_path / "done.csv"), expect=(3,))
    assert {name: done[name] for name in facts} == {name: tried[name] for name in facts}
    assert done["published"] == 2
    assert (tmp_path / "done.csv").read_bytes() == (tmp_path / "tried.csv").read_bytes()

    alone = node.run("publish", str(rows), "--type", "url", "--dry-run", expect=(3,))
    assert alone["blocked"] == {"guard:top-site": 1, "guard:shared-host": 1}
    assert (alone["accepted"], "overridden" in alone, "most_users" in alone) == (3, False, False)
