import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tocsin.v1 import node_pb2 as pb

Tocsin = Callable[..., Result]

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000
FEED = "hotline.example/feed/urls"
DETAILS = b'{"abuse_types":["grooming"],"salt":"00","stance":"harmful"}'


def feed(**changes: Any) -> pb.FeedStatus:
    fields: dict[str, Any] = {
        "origin": FEED,
        "publisher": "hotline.example",
        "size": 12345,
        "state": "open",
    }
    fields |= {"community": "demo.hotline.example", "audience": "platforms"} | changes
    return pb.FeedStatus(**fields)


def community() -> pb.CommunityStatus:
    epoch = pb.EpochStatus(number=1, key_id="ab" * 16, publish_from=NOW, publish_until=NOW + HOUR, match_until=0)
    return pb.CommunityStatus(id="demo.hotline.example", founder="hotline.example", epochs=[epoch])


def peer(**changes: Any) -> pb.PeerStatus:
    fields: dict[str, Any] = {
        "organisation": "platform.example",
        "role": "platform",
        "state": "active",
        "fingerprint": " ".join(["0123"] * 16),
        "endpoint": "127.0.0.1:7443",
        "card_sequence": 1,
        "card_not_after": NOW + HOUR,
        "policy": True,
        "link": "live",
        "heard_at": NOW - 3000,
    }
    return pb.PeerStatus(**(fields | changes))


def one_object(result: Result) -> dict[str, Any]:
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def test_status_shows_everything_within_80_columns_and_warnings_are_status_1(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["Status"] = pb.StatusResponse(
        organisation="hotline.example",
        fingerprint=" ".join(["0123"] * 16),
        started_at=NOW - HOUR,
        own=[feed()],
        followed=[feed(origin="a-very-long-platform-name.example/feed/everything", state="stopped", why="bad root")],
        communities=[community()],
        warnings=["the card ends in 3 d"],
        card_not_after=NOW + HOUR,
    )
    result = tocsin("status")
    assert result.exit_code == 1
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("12,345", "1 h ago", "not listening", "Warning: the card ends in 3 d", "0123 0123 0123 0123 0123"):
        assert word in result.stdout
    found = one_object(tocsin("status", "--json"))
    assert found["own"][0]["size"] == 12345
    assert found["started_at"].endswith("Z")
    assert found["followed"][0]["heard_at"] is None
    assert found["communities"][0]["epochs"][0]["match_until"] is None


def test_text_of_peers_cannot_move_the_cursor(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["ListPeers"] = pb.ListPeersResponse(
        peers=[peer(link="refused", why="\x1b[2J\u202eevil [bold]x[/bold]")]
    )
    result = tocsin("peer", "status")
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert "[bold]x[/bold]" in result.stdout


def test_peers_are_listed_shown_and_changed(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["ListPeers"] = pb.ListPeersResponse(peers=[peer(skew_ms=-60_000, feeds=[feed()])])

    def change(request: pb.SetPeerStateRequest) -> pb.PeerResponse:
        return pb.PeerResponse(peer=peer(state=request.state))

    fake.answers["SetPeerState"] = change
    assert " ago" in tocsin("peer", "list").stdout
    status = tocsin("peer", "status", "platform.example")
    assert status.exit_code == 0
    assert "-60 s against ours" in status.stdout
    assert one_object(tocsin("peer", "list", "--json"))["peers"][0]["organisation"] == "platform.example"
    assert "is paused" in tocsin("peer", "pause", "platform.example").stdout
    assert "is active" in tocsin("peer", "resume", "platform.example").stdout
    assert one_object(tocsin("peer", "remove", "platform.example", "--yes", "--json"))["state"] == "removed"


def test_removing_a_peer_needs_a_word_where_nobody_can_be_asked(tocsin: Tocsin, fake: Any) -> None:
    result = tocsin("peer", "remove", "platform.example")
    assert result.exit_code == 2
    assert not fake.asked


def test_an_unknown_peer_is_status_2(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["ListPeers"] = pb.ListPeersResponse()
    assert tocsin("peer", "status", "x.example").exit_code == 2
    assert "No peer yet" in tocsin("peer", "list").stdout


def test_a_peer_check_with_findings_is_status_1(tocsin: Tocsin, fake: Any) -> None:
    wrong = pb.CheckFinding(what="name", sentence="its certificate is for evil.example, not for platform.example")
    fake.answers["CheckPeer"] = pb.CheckPeerResponse(ok=False, findings=[wrong], endpoint="192.0.2.1:7443")
    result = tocsin("peer", "check", "platform.example")
    assert result.exit_code == 1
    assert result.stdout.split("\n")[:2] == ["platform.example at 192.0.2.1:7443:", f"  name  {wrong.sentence}"]
    assert one_object(tocsin("peer", "check", "platform.example", "--json"))["findings"][0]["what"] == "name"
    fake.answers["CheckPeer"] = pb.CheckPeerResponse(ok=True, round_trip_us=2500, notes=["its clock is 20 s ahead"])
    result = tocsin("peer", "check", "platform.example")
    assert "2.5 ms" in result.stdout
    assert "Note: its clock is 20 s ahead." in result.stdout


def test_a_peers_lag_and_what_it_holds_of_ours_show_in_both_tables(tocsin: Tocsin, fake: Any) -> None:
    followed = feed(origin="platform.example/feed/mail", state="behind", why="1,200 entries", size=10)
    followed.behind, followed.behind_since = 1200, time.time_ns() // 1_000_000 - 190_000
    sent = pb.SentFeed(feed=FEED, receives=True, size=40, at=NOW - HOUR, behind=2, behind_since=NOW - HOUR)
    shown = peer(link="behind", why="1,200 entries", feeds=[followed], sent=[sent], trip_us=1500)
    shown.trip_at = shown.heard_at = time.time_ns() // 1_000_000
    fake.answers["ListPeers"] = pb.ListPeersResponse(peers=[shown])
    listed = " ".join(tocsin("peer", "list").stdout.split())
    assert "behind 3 min 10 of 1,210 40 of 42 now" in listed
    status = " ".join(tocsin("peer", "status").stdout.split())
    assert "in 1.5 ms" in status
    assert "1,200 for 3 min" in status
    assert "2 for 1 h" in status
    plain = one_object(tocsin("peer", "status", "--json"))["peers"][0]
    assert plain["sent"][0]["behind_since"].endswith("Z")
    assert plain["called_at"] is None


@pytest.mark.parametrize("word", ["stopped", "silent", "unreachable", "refused"])
def test_a_peer_that_needs_an_operator_is_status_1(tocsin: Tocsin, fake: Any, word: str) -> None:
    fake.answers["ListPeers"] = pb.ListPeersResponse(peers=[peer(), peer(link=word)])
    assert tocsin("peer", "status").exit_code == 1
    assert f"platform.example is {word}. `tocsin peer status" in " ".join(tocsin("peer", "list").stdout.split())
    fake.answers["ListPeers"] = pb.ListPeersResponse(peers=[peer(), peer(link="paused", why="by this node")])
    assert tocsin("peer", "status").exit_code == 0


def test_a_peer_that_makes_other_canonical_forms_is_status_1(tocsin: Tocsin, fake: Any) -> None:
    canon = pb.CanonAgreement(alarms=["its rules of url/1 are not ours"])
    fake.answers["ListPeers"] = pb.ListPeersResponse(peers=[peer(canon=canon)])
    assert tocsin("peer", "status").exit_code == 1
    listed = " ".join(tocsin("peer", "list").stdout.split())
    assert "platform.example is live and makes other canonical forms. `tocsin peer status" in listed


def test_an_explanation_is_a_table_of_steps(tocsin: Tocsin, fake: Any) -> None:
    steps = [
        pb.ExplainStep(stage="rule", name="sure", outcome="no match", why="enforce: min_severity = high: says low"),
        pb.ExplainStep(stage="rule", name="rest", outcome="decides", why="review: stance = harmful"),
    ]
    received = pb.ExplainPolicyResponse(
        feed=FEED, signal=17, peer="hotline.example", direction="received", digest="ab" * 32, steps=steps
    )
    received.effect, received.rule = pb.EFFECT_REVIEW, "rest"
    fake.answers["ExplainPolicy"] = received
    result = tocsin("policy", "explain", FEED, "17", "hotline.example")
    assert result.exit_code == 0
    assert "review, by rest" in result.stdout
    assert result.stdout.index("no match") < result.stdout.index("decides")
    assert (fake.asked[-1].feed, fake.asked[-1].signal, fake.asked[-1].peer) == (FEED, 17, "hotline.example")
    assert one_object(tocsin("policy", "explain", FEED, "17", "self", "--json"))["steps"][1]["outcome"] == "decides"
    sent = pb.ExplainPolicyResponse(feed=FEED, signal=17, peer="platform.example", direction="sent", receives=True)
    sent.delivered.size, sent.delivered.at = 40, NOW
    fake.answers["ExplainPolicy"] = sent
    assert "40 entries of the feed" in tocsin("policy", "explain", "urls", "17", "platform.example").stdout


def test_feeds_are_created_listed_and_their_recipients_explained(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["CreateFeed"] = pb.FeedResponse(feed=feed(size=1))
    fake.answers["ListOwnFeeds"] = pb.ListOwnFeedsResponse(
        feeds=[feed(state="frozen", why="restored from an old copy?")]
    )
    options = ("--community", "demo.hotline.example", "--audience", "platforms")
    assert FEED in tocsin("feed", "create", "urls", *options).stdout
    assert "restored" in tocsin("feed", "list").stdout
    yes = pb.Recipient(organisation="platform.example", receives=True, why="in audience platforms")
    no = pb.Recipient(organisation="other.example", receives=False, why="paused")
    fake.answers["FeedRecipients"] = pb.FeedRecipientsResponse(recipients=[yes, no])
    assert tocsin("feed", "recipients", "urls").exit_code == 0
    fake.answers["FeedRecipients"] = pb.FeedRecipientsResponse(recipients=[no])
    result = tocsin("feed", "recipients", "urls")
    assert result.exit_code == 1
    assert "Nobody receives this feed." in result.stdout


def test_a_recovered_feed_is_told_peer_by_peer_and_a_frozen_one_is_status_1(tocsin: Tocsin, fake: Any) -> None:
    asked = [
        pb.AskedPeer(organisation="platform.example", size=1_300, returned=300),
        pb.AskedPeer(organisation="ngo.example", why="it cannot be reached"),
    ]
    result = pb.RecoveredFeed(feed=FEED, size=1_300, open=True, returned=300, without_identifier=200, asked=asked)
    moves = [pb.RecoverProgress(peer="platform.example", done=done, total=1_300) for done in (1_100, 1_300)]
    answers = [*(pb.RecoverFeedResponse(progress=one) for one in moves), pb.RecoverFeedResponse(result=result)]
    fake.answers["RecoverFeed"] = _always(answers)
    told = tocsin("feed", "recover", "urls", "--from", "platform.example")
    assert told.exit_code == 0
    assert fake.asked == [pb.RecoverFeedRequest(feed="urls", peer="platform.example")]
    for words in ("1,300", "it cannot be reached", "300 entries of", "200 live signals", "The feed is open."):
        assert words in told.stdout
    assert one_object(tocsin("feed", "recover", "urls", "--json"))["returned"] == 300
    frozen = pb.RecoveredFeed(feed=FEED, size=1_300, why="2 of the entries are still missing", asked=asked)
    fake.answers["RecoverFeed"] = _always([pb.RecoverFeedResponse(result=frozen)])
    told = tocsin("feed", "recover", "urls")
    assert told.exit_code == 1
    assert "stays frozen: 2 of the entries are still missing." in told.stdout


def _always(answers: list[pb.RecoverFeedResponse]) -> Callable[[Any], list[pb.RecoverFeedResponse]]:
    def answer(_: Any) -> list[pb.RecoverFeedResponse]:
        return answers

    return answer


def test_serving_a_feed_on_is_switched_on_and_off_never_both(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["RelayFeed"] = pb.FeedResponse(feed=feed())
    assert "is served on." in tocsin("feed", "relay", FEED, "--audience", "platforms").stdout
    assert "to nobody" in tocsin("feed", "relay", FEED, "--off").stdout
    assert [request.audience for request in fake.asked] == ["platforms", ""]
    for options in ((), ("--off", "--audience", "platforms")):
        assert tocsin("feed", "relay", FEED, *options).exit_code == 2
    assert len(fake.asked) == 2


def test_a_relay_that_was_false_is_trusted_again_by_name(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["TrustRelay"] = pb.FeedResponse(feed=feed())
    assert "is taken from b.example again" in tocsin("feed", "trust", FEED, "b.example").stdout
    assert [(request.feed, request.peer) for request in fake.asked] == [(FEED, "b.example")]


def test_invites_go_to_files_whole(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    fake.answers["CreateCommunity"] = pb.CommunityResponse(community=community())
    fake.answers["InviteToCommunity"] = pb.InviteResponse(invite=b"note\n", invite_id="7", not_after=NOW + HOUR)
    fake.answers["JoinCommunity"] = pb.CommunityResponse(community=community())
    invites = [pb.NamedInvite(organisation="../platform.example", invite=b"next\n")]
    fake.answers["RotateCommunity"] = pb.RotateResponse(community=community(), invites=invites, retagged=3)
    assert "demo.hotline.example" in tocsin("community", "create", "demo").stdout
    invite = ("community", "invite", "demo.hotline.example", "platform.example")
    assert tocsin(*invite).stdout == "note\n"
    assert one_object(tocsin(*invite, "--json"))["invite"] == "note\n"
    path = tmp_path / "p.invite"
    assert tocsin(*invite, "-o", str(path)).stdout == ""
    assert path.read_bytes() == b"note\n"
    assert tocsin("community", "join", str(path)).exit_code == 0
    assert fake.asked[-1].invite == b"note\n"
    rotated = tocsin("community", "rotate", "demo.hotline.example", "--remove", "x.example", "-d", str(tmp_path / "n"))
    assert "3 live signals" in rotated.stdout
    assert [path.name for path in (tmp_path / "n").iterdir()] == ["_platform.example.invite"]
    assert fake.asked[-1].remove == ["x.example"]


def test_files_that_cannot_be_read_or_written_are_one_sentence(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    fake.answers["InviteToCommunity"] = pb.InviteResponse(invite=b"note\n")
    missing = tocsin("community", "join", str(tmp_path / "nothing"))
    assert (missing.exit_code, missing.stderr.count("\n")) == (2, 1)
    large = tmp_path / "large"
    large.write_bytes(b"x" * 70_000)
    assert "larger than 65536 bytes" in tocsin("community", "join", str(large)).stderr
    invite = ("community", "invite", "demo.hotline.example", "platform.example", "-o", str(tmp_path / "no" / "file"))
    assert tocsin(*invite).exit_code == 4
    assert list(tmp_path.iterdir()) == [large]


def test_a_token_is_shown_once_on_stdout_alone(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["AddToken"] = pb.AddTokenResponse(token="tcs_new")
    tokens = [pb.TokenStatus(name="moderation", roles=["match"], created_at=NOW, revoked=True)]
    fake.answers["ListTokens"] = pb.ListTokensResponse(tokens=tokens)
    fake.answers["RevokeToken"] = pb.RevokeTokenResponse()
    made = tocsin("token", "add", "moderation", "--role", "match", "--role", "publish")
    assert made.stdout == "tcs_new\n"
    assert fake.asked[-1].roles == ["match", "publish"]
    assert one_object(tocsin("token", "add", "m", "--role", "match", "--json"))["token"] == "tcs_new"
    assert "revoked" in tocsin("token", "list").stdout
    assert tocsin("token", "revoke", "moderation").exit_code == 0


def test_reload_and_backup_say_what_they_did(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    fake.answers["Reload"] = pb.ReloadResponse(changed=["audiences"])

    def backup(request: pb.BackupRequest) -> Iterator[pb.BackupResponse]:
        yield pb.BackupResponse(progress=pb.BackupProgress(done=1, total=3))
        yield pb.BackupResponse(result=pb.BackupResult(directory=request.directory, bytes=3 * 1024 * 1024))

    fake.answers["Backup"] = backup
    assert tocsin("reload").stdout == "changed: audiences\n"
    assert "3.0 MiB" in tocsin("backup", str(tmp_path / "b")).stdout
    assert Path(fake.asked[-1].directory).is_absolute()


def test_a_signal_is_shown_with_its_life(tocsin: Tocsin, fake: Any) -> None:
    events = [
        pb.SignalEvent(index=17, kind="assert", issued_at=NOW - HOUR, valid_until=NOW + HOUR, epoch=1, details=DETAILS),
        pb.SignalEvent(index=20, kind="withdraw", issued_at=NOW, details=b"not json"),
    ]
    fake.answers["ShowSignal"] = pb.ShowSignalResponse(
        feed=FEED,
        publisher="hotline.example",
        signal=17,
        type="url",
        tag="0a1b2c3d",
        state="withdrawn",
        why="taken back",
        tags=[pb.SignalTag(epoch=1, tag="0a1b2c3d", match_until=NOW + HOUR)],
        events=events,
        delivered=[pb.Delivered(peer="platform.example", size=21, at=NOW)],
        identifier="example.com/x",
    )
    text = tocsin("signal", "show", "urls", "17").stdout
    for word in (
        "withdraw at 20",
        "grooming",
        "0a1b2c3d... under epoch 1",
        "withdrawn: taken back",
        "example.com/x",
        "platform.example",
    ):
        assert word in text
    assert "salt" not in text
    found = one_object(tocsin("signal", "show", "urls", "17", "--json"))
    assert found["events"][0]["details"]["stance"] == "harmful"
    assert found["events"][1]["details"] is None
    assert tocsin("signal", "show", "urls", "-1").exit_code == 2
    assert tocsin("signal", "show", "urls", str(2**64)).exit_code == 2


def verdicts(request: pb.MatchRequest) -> pb.MatchResponse:
    assertion = pb.MatchedAssertion(
        feed=FEED,
        publisher="hotline.example",
        signal=17,
        type="url-prefix",
        valid_until=NOW + HOUR,
        details=DETAILS,
        effect=pb.EFFECT_REVIEW,
        rule="rule[0]",
        caps=["human review"],
    )
    found: list[pb.Verdict] = []
    for place, query in enumerate(request.queries):
        if "hit" in query.value:
            found.append(pb.Verdict(query=place, effect=pb.EFFECT_REVIEW, assertions=[assertion], reasons=["because"]))
        elif "bad" in query.value:
            found.append(pb.Verdict(query=place, reject="scheme", sentence="No web address."))
        else:
            found.append(pb.Verdict(query=place))
    return pb.MatchResponse(verdicts=found)


def test_match_shows_what_the_node_makes_of_values_and_is_status_0(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["Match"] = verdicts
    result = tocsin("match", "https://hit.example/", "x.example", "bad:x", "--type", "url", "--purpose", "triage")
    assert result.exit_code == 0
    assert "https://hit.example/: review" in result.stdout
    assert "human review" in result.stdout
    assert "because" in result.stdout
    assert "x.example: no signal" in result.stdout
    assert "bad:x: not looked up, scheme: No web address." in result.stdout
    assert fake.asked[-1].purpose == "triage"
    found = [json.loads(line) for line in tocsin("match", "hit", "x", "--type", "url", "--json").stdout.splitlines()]
    assert [item["effect"] for item in found] == ["review", "ignore"]
    assert found[0]["value"] == "hit"
    assert found[0]["assertions"][0]["effect"] == "review"


def test_values_of_a_file_are_named_by_line_and_never_shown(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    fake.answers["Match"] = verdicts
    path = tmp_path / "values"
    path.write_bytes(b"\xef\xbb\xbfhit.example\r\n\n\xff\xfe\n" + b"x" * 9000 + b"\nmiss.example")
    result = tocsin("match", "--file", str(path), "--type", "url")
    assert result.exit_code == 0
    assert "hit.example" not in result.stdout
    assert "line 1: review" in result.stdout
    assert "line 3: not looked up, not-utf8" in result.stdout
    assert [len(query.value) for query in fake.asked[-1].queries] == [11, 8193, 12]
    assert "1 not looked up, 1 review, 2 without a signal" in result.stdout
    lines = [json.loads(line)["line"] for line in tocsin("match", "--file", "-", "--type", "url", "--json",
             stdin=path.read_bytes()).stdout.splitlines()]  # fmt: skip
    assert lines == [1, 3, 4, 5]


def test_long_files_are_asked_in_batches(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["Match"] = verdicts
    result = tocsin("match", "--file", "-", "--type", "url", "--json", stdin=b"x.example\n" * 2500)
    assert len(result.stdout.splitlines()) == 2500
    assert [len(request.queries) for request in fake.asked] == [1024, 1024, 452]


def test_match_wants_values_or_a_file(tocsin: Tocsin) -> None:
    assert tocsin("match", "--type", "url").exit_code == 2
    assert tocsin("match", "x", "--file", "y", "--type", "url").exit_code == 2
    assert tocsin("match", "--file", "/no/such", "--type", "url").exit_code in (2, 4)


def test_withdraw_takes_ids_or_values(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["Withdraw"] = pb.WithdrawResponse(size=9, withdrawn=[3, 4], already=[5], not_found=1)
    base = ("withdraw", "--feed", "urls", "--reason", "false_positive")
    result = tocsin(*base, "--signal", "3", "--signal", "4")
    assert result.exit_code == 1
    assert "2 withdrawn (signal 3, 4)." in result.stdout
    assert "1 not found" in result.stdout
    assert fake.asked[-1].signals == [3, 4]
    fake.answers["Withdraw"] = pb.WithdrawResponse(size=9, withdrawn=[3])
    assert tocsin(*base, "--value", "x.example", "--type", "domain", "--action", "erase").exit_code == 0
    assert fake.asked[-1].identifiers[0].value == "x.example"
    assert fake.asked[-1].required_action == "erase"
    for wrong in (
        (),
        ("--signal", "1", "--value", "x", "--type", "url"),
        ("--value", "x"),
        ("--signal", "1", "-t", "x"),
    ):
        assert tocsin(*base, *wrong).exit_code == 2, wrong


POLICY = b'peer = "hotline.example"\n\n[[rule]]\neffect = "review"\ntypes = ["url"]\n'


def test_policies_are_checked_without_a_home(tocsin: Tocsin, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_bytes(POLICY)
    result = tocsin("policy", "check", str(good), with_home=False)
    assert result.exit_code == 0
    assert "for hotline.example, 1 rule" in result.stdout
    bad.write_bytes(POLICY + b"nonsense = 1\n")
    result = tocsin("policy", "check", str(tmp_path), with_home=False)
    assert result.exit_code == 1
    assert "bad.toml" in result.stderr
    assert "nonsense" in result.stderr
    found = one_object(tocsin("policy", "check", str(tmp_path), "--json", with_home=False))
    assert len(found["policies"]) == 1
    assert len(found["errors"]) == 1
    bad.write_bytes(POLICY)
    assert "is a policy for hotline.example too" in tocsin("policy", "check", str(tmp_path)).stderr
    assert tocsin("policy", "check", str(tmp_path / "none")).exit_code == 2


def test_policies_are_applied_and_shown(tocsin: Tocsin, fake: Any, tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_bytes(POLICY)
    (tmp_path / "a.toml").write_bytes(b"x")
    applied = pb.PolicyStatus(peer="hotline.example", digest="ab" * 32, applied_at=NOW, toml=POLICY, changed=True)
    fake.answers["ApplyPolicies"] = pb.PoliciesResponse(policies=[applied])
    fake.answers["ShowPolicies"] = pb.PoliciesResponse(policies=[applied])
    assert tocsin("policy", "apply", str(tmp_path)).stdout == "hotline.example: applied\n"
    assert [file.toml for file in fake.asked[-1].files] == [b"x", POLICY]
    assert POLICY.decode() in tocsin("policy", "show").stdout
    assert one_object(tocsin("policy", "show", "--json"))["policies"][0]["toml"] == POLICY.decode()
    fake.answers["ApplyPolicies"] = pb.PoliciesResponse(errors=["a.toml: rule[0].effect is missing"])
    result = tocsin("policy", "apply", str(tmp_path))
    assert result.exit_code == 2
    assert "error: a.toml: rule[0].effect is missing\n" in result.stderr
    (tmp_path / "empty").mkdir()
    assert tocsin("policy", "apply", str(tmp_path / "empty")).exit_code == 2


@pytest.mark.parametrize("name", ["feed list", "token list", "policy show", "peer list", "card export"])
def test_json_output_is_one_object_and_nothing_else(tocsin: Tocsin, fake: Any, name: str) -> None:
    fake.answers |= {
        "ListOwnFeeds": pb.ListOwnFeedsResponse(),
        "ListTokens": pb.ListTokensResponse(),
        "ShowPolicies": pb.PoliciesResponse(),
        "ListPeers": pb.ListPeersResponse(),
        "GetCard": pb.CardResponse(card=b"card\n"),
    }
    result = tocsin(*name.split(), "--json")
    assert result.exit_code == 0
    assert isinstance(one_object(result), dict)
