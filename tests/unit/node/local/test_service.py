"""Every call of the contract on a whole node, as an application makes it over the socket."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_node.build import Node
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.limits import MATCH_QUERIES, PUBLISH_ROWS, WITHDRAW_SIGNALS
from tocsin_node.logging import configure
from tocsin_node.restore import restore
from tocsin_node.testing.core import NOW, Clock
from tocsin_node.testing.made import Organisation

COMMUNITY = "demo.hotline.example"
VALUE = "https://bad.example/very/private?x=1"
HARMFUL = json.dumps({"stance": "harmful", "severity": "high", "abuse_types": ["csam_known"]}).encode()
SELF_POLICY = b'peer = "self"\n[[rule]]\nname = "ours"\neffect = "enforce"\nstance = ["harmful"]\n'

Connect = Callable[[str], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Running:
    home: Home
    clock: Clock
    client: Any
    metadata: tuple[tuple[str, str], ...]

    async def ask(self, method: str, request: Any) -> Any:
        return await getattr(self.client.node, method)(request, metadata=self.metadata)

    async def refused(self, method: str, request: Any) -> tuple[str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.ask(method, request)
        return caught.value.code().name, caught.value.details() or ""

    async def publish(self, *requests: pb.PublishRequest) -> list[pb.PublishResponse]:
        return [answer async for answer in self.client.node.Publish(iter(requests), metadata=self.metadata)]

    async def backup(self, directory: Path) -> list[pb.BackupResponse]:
        call = self.client.node.Backup(pb.BackupRequest(directory=str(directory)), metadata=self.metadata)
        return [answer async for answer in call]

    async def audit(self) -> list[dict[str, Any]]:
        call = self.client.audit.ReadAudit(audit_pb2.ReadAuditRequest(), metadata=self.metadata)
        return [json.loads(entry.envelope) async for entry in call]


@asynccontextmanager
async def run(home: Home, clock: Clock, connect: Connect) -> AsyncGenerator[Running]:
    node = Node(home, environment={}, exchange=False, clock=clock)
    address = await node.start()
    try:
        async with connect(address) as client:
            token = home.operator_token.read_text().strip()
            yield Running(home, clock, client, (("authorization", f"Bearer {token}"),))
    finally:
        await node.stop()


@pytest_asyncio.fixture
async def node(connect: Connect) -> AsyncIterator[Running]:
    root = Path(tempfile.mkdtemp(prefix="t-"))
    home, clock = Home(root / "h"), Clock()
    await asyncio.to_thread(init_home, home, organisation="hotline.example", role="hotline", profiles={}, clock=clock)
    with home.config.open("a") as file:
        file.write('platforms = ["platform.example"]\n')
    try:
        async with run(home, clock, connect) as running:
            yield running
    finally:
        shutil.rmtree(root)


async def _feed(node: Running) -> None:
    await node.ask("CreateCommunity", pb.CreateCommunityRequest(name="demo"))
    await node.ask("CreateFeed", pb.CreateFeedRequest(name="urls", community=COMMUNITY, audience="platforms"))
    await node.ask("ApplyPolicies", pb.PoliciesRequest(files=[pb.PolicyFile(name="self.toml", toml=SELF_POLICY)]))


async def _restored(node: Running) -> Home:
    """A home made from the backup in `copy`, beside the node's."""
    again = Home(node.home.root.with_name("again"))
    await asyncio.to_thread(
        restore,
        again.root.with_name("copy"),
        again,
        environment={},
        unlock_key=node.home.unlock_key.read_bytes(),
        clock=node.clock,
        progress=lambda _what, _done, _total: None,
    )
    return again


def _start(feed: str = "urls") -> pb.PublishRequest:
    return pb.PublishRequest(start=pb.PublishStart(feed=feed))


def _rows(*values: str, first: int = 1, fields: Iterable[bytes] = (HARMFUL,)) -> pb.PublishRequest:
    rows = [pb.PublishRow(line=first + at, type="url", value=value) for at, value in enumerate(values)]
    return pb.PublishRequest(chunk=pb.PublishChunk(fields=fields, rows=rows))


@pytest.mark.asyncio
async def test_publish_match_check_show_and_withdraw(node: Running) -> None:
    await _feed(node)
    first, second = await node.publish(_start(), _rows(VALUE, "https://google.com/"), _rows(VALUE, "no url", first=3))
    assert (first.published, [row.line for row in first.refused], list(first.signals)) == (1, [2], [1])
    assert (second.unchanged, [(row.line, row.reason) for row in second.refused]) == (
        1,
        [(4, second.refused[0].reason)],
    )
    assert (first.size, second.size) == (2, 2)
    assert VALUE not in str(first) + str(second)

    queries = [pb.Query(type="url", value=value) for value in ("https://BAD.example:443/very/private?x=1", "no url")]
    hit, reject = (await node.ask("Match", pb.MatchRequest(queries=queries, purpose="detect"))).verdicts
    assert (hit.query, hit.effect, len(hit.assertions)) == (0, pb.EFFECT_ENFORCE, 1)
    assertion = hit.assertions[0]
    assert (assertion.feed, assertion.signal, assertion.rule) == ("hotline.example/feed/urls", 1, "ours")
    assert json.loads(assertion.details)["stance"] == "harmful"
    assert reject.reject
    assert reject.sentence

    shown = await node.ask("ShowSignal", pb.ShowSignalRequest(feed="urls", signal=1))
    assert (shown.state, shown.type, shown.effect, shown.rule) == ("live", "url", pb.EFFECT_ENFORCE, "ours")
    assert shown.identifier.endswith("bad.example/very/private?x=1")
    assert [event.kind for event in shown.events] == ["assert"]

    withdrawal = pb.WithdrawRequest(
        feed="urls", identifiers=[pb.Query(type="url", value=VALUE)], reason="false_positive", required_action="erase"
    )
    assert list((await node.ask("Withdraw", withdrawal)).withdrawn) == [1]
    assert list((await node.ask("Withdraw", withdrawal)).already) == [1]
    gone = (await node.ask("Match", pb.MatchRequest(queries=queries[:1]))).verdicts[0]
    assert (gone.effect, len(gone.assertions)) == (pb.EFFECT_IGNORE, 0)
    shown = await node.ask("ShowSignal", pb.ShowSignalRequest(feed="hotline.example/feed/urls", signal=1))
    assert (shown.state, [event.kind for event in shown.events]) == ("withdrawn", ["assert", "withdraw"])


PUBLISHED_AND_ASKED = (
    ("phone", "020 0946 0123", "GB", "phone", "+44 (0)20 0946-0123", ""),
    ("phone", "+44 20 0946 0124", "", "phone", "0044 20 0946 0124", "de"),
    ("ip", "4000:bad::7", "", "url", "http://[4000:BAD:0::7]:8080/login", ""),
    ("ip", "4000:bad::8", "", "domain", "[4000:bad::8]", ""),
    ("username", "forum.example:@Stra\u00dfe", "", "username", "FORUM.example:STRASSE", ""),
    ("account", "steam:STEAM_0:1:2147483640", "", "account", "steam:[U:1:4294967281]", ""),
    ("cidr", "4000:bad:9::/48", "", "url", "http://[4000:BAD:9:1::7]:8080/login", ""),
    ("wallet", "ltc:3CDJNfdWX8m2NwuGUV3nhXHXEeLygMXoAj", "", "wallet", "ltc:MJRSgZ3UUFcTBTBAaN38XAXvZLwRe8WVw7", ""),
    ("iban", "DE02 1203 0000 0000 2020 51", "", "iban", "IBAN: de02120300000000202051", ""),
    ("device", "imei:490154203237518", "", "device", "IMEI:49-015420-323751", ""),
    ("filehash", "MD5:5EB63BBBE01EEED093CB22BB8F5ACDC3", "", "filehash", "md5:5eb63bbbe01eeed093cb22bb8f5acdc3", ""),
)


@pytest.mark.asyncio
async def test_every_type_is_matched_in_another_spelling_and_withdrawn_with_its_region(node: Running) -> None:
    await _feed(node)
    rows = [
        pb.PublishRow(line=line, type=kind, value=value, region=region)
        for line, (kind, value, region, *_) in enumerate(PUBLISHED_AND_ASKED, 1)
    ]
    (answer,) = await node.publish(_start(), pb.PublishRequest(chunk=pb.PublishChunk(fields=[HARMFUL], rows=rows)))
    assert (answer.published, list(answer.refused), list(answer.warnings)) == (len(rows), [], [])
    queries = [pb.Query(type=kind, value=asked, region=region) for *_, kind, asked, region in PUBLISHED_AND_ASKED]
    found = (await node.ask("Match", pb.MatchRequest(queries=queries))).verdicts
    assert [[one.type for one in verdict.assertions] for verdict in found] == [[row.type] for row in rows]

    wrong = pb.Query(type="phone", value="020 0946 0123", region="UK")
    refused = (await node.ask("Match", pb.MatchRequest(queries=[wrong]))).verdicts[0]
    assert refused.reject == "region"
    national = pb.Query(type="phone", value="020 0946 0123", region="GB")
    request = pb.WithdrawRequest(feed="urls", identifiers=[national], reason="false_positive", required_action="erase")
    assert list((await node.ask("Withdraw", request)).withdrawn) == [1]
    gone = (await node.ask("Match", pb.MatchRequest(queries=queries[:1]))).verdicts[0]
    assert not gone.assertions


@pytest.mark.asyncio
async def test_an_address_published_for_longer_than_a_week_is_published_with_a_warning(node: Running) -> None:
    await _feed(node)
    until = NOW + 8 * 24 * 3600 * 1000 + 1
    rows = [
        pb.PublishRow(line=1, type="ip", value="4000:bad::1", valid_until=until),
        pb.PublishRow(line=2, type="ip", value="4000:bad::2"),
        pb.PublishRow(line=3, type="ip", value="192.168.1.1"),
    ]
    (answer,) = await node.publish(_start(), pb.PublishRequest(chunk=pb.PublishChunk(fields=[HARMFUL], rows=rows)))
    assert [(row.line, row.rule) for row in answer.warnings] == [(1, "address-lifetime")]
    assert [(row.line, row.reason) for row in answer.refused] == [(3, "guard:address-private")]
    asked = pb.MatchRequest(queries=[pb.Query(type="ip", value="4000:bad::2")])
    (verdict,) = (await node.ask("Match", asked)).verdicts
    assert verdict.assertions[0].valid_until - NOW <= 7 * 24 * 3600 * 1000 + 1000


@pytest.mark.asyncio
async def test_check_finds_tags_by_position_and_only_hits_come_back(node: Running) -> None:
    await _feed(node)
    await node.publish(_start(), _rows(VALUE))
    with closing(sqlite3.connect(node.home.database)) as database:
        ((tag, epoch),) = database.execute("SELECT tag, epoch FROM own_record").fetchall()
    (hit,) = (await node.ask("Check", pb.CheckRequest(tags=bytes(64) + tag, type="url", epoch=epoch))).verdicts
    assert (hit.query, hit.effect, hit.assertions[0].signal) == (2, pb.EFFECT_ENFORCE, 1)
    assert not (await node.ask("Check", pb.CheckRequest(tags=tag, type="url", epoch=epoch + 1))).verdicts
    assert not (await node.ask("Check", pb.CheckRequest(tags=tag, type="domain", epoch=epoch))).verdicts
    refused = await node.refused("Check", pb.CheckRequest(tags=bytes(33), type="url", epoch=1))
    assert refused == ("INVALID_ARGUMENT", "tags of 33 bytes; 1 to 65536 tags of 32 bytes fit a request")


@pytest.mark.asyncio
async def test_no_value_stands_in_any_file_or_log_line(node: Running, capfd: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    await _feed(node)
    await node.publish(_start(), _rows(VALUE, "https://user:pw@private.example:99999/"))
    query = pb.Query(type="url", value=VALUE)
    await node.ask("Match", pb.MatchRequest(queries=[query]))
    await node.refused("Withdraw", pb.WithdrawRequest(feed=VALUE, identifiers=[query], reason="duplicate"))
    await node.refused("Withdraw", pb.WithdrawRequest(feed="urls", identifiers=[query], reason=VALUE))
    await node.refused("CreateFeed", pb.CreateFeedRequest(name="x", community=VALUE, audience="platforms"))
    await node.ask(
        "Withdraw",
        pb.WithdrawRequest(feed="urls", identifiers=[query], reason="duplicate", required_action="erase"),
    )
    logged = capfd.readouterr().err.encode()
    assert b'"event": "refused"' in logged
    stored = {str(path): path.read_bytes() for path in node.home.root.rglob("*") if path.is_file()}
    for name, data in {**stored, "stderr": logged}.items():
        for part in (b"bad.example", b"private", b"user:pw"):
            assert part not in data, name


@pytest.mark.asyncio
async def test_totals_are_written_when_the_node_stops(connect: Connect, node: Running) -> None:
    await node.backup(node.home.root.with_name("copy"))
    other = await _restored(node)
    async with run(other, node.clock, connect) as second:
        await second.ask("Match", pb.MatchRequest(queries=[pb.Query(type="url", value=VALUE)], purpose="detect"))
    async with run(other, node.clock, connect) as second:
        (entry,) = [entry for entry in await second.audit() if entry["ev"] == "lookup.done"]
    assert entry["act"] == {"kind": "client", "name": "operator"}
    assert (entry["n"], entry["about"]["purpose"]) == ({"items": 1}, "detect")


@pytest.mark.asyncio
async def test_a_home_restored_from_a_backup_serves_with_the_same_token_and_its_feeds_are_frozen(
    connect: Connect, node: Running
) -> None:
    await _feed(node)
    await node.publish(_start(), _rows(VALUE))
    copy = node.home.root.with_name("copy")
    answers = await node.backup(copy)
    assert (answers[-1].result.directory, answers[-1].result.bytes > 10_000) == (str(copy), True)
    assert all(0 < one.progress.done <= one.progress.total for one in answers[:-1])
    async with run(await _restored(node), node.clock, connect) as restored:
        match = pb.MatchRequest(queries=[pb.Query(type="url", value=VALUE)])
        assert (await restored.ask("Match", match)).verdicts[0].effect == pb.EFFECT_ENFORCE
        status = await restored.ask("Status", pb.StatusRequest())
        assert status.own[0].state == "frozen"
        assert any("feed recover urls" in warning for warning in status.warnings)
        with pytest.raises(grpc.RpcError, match="restored from a backup"):
            await restored.publish(_start(), _rows("https://other.example/"))
        assert "restore.done" in {entry["ev"] for entry in await restored.audit()}
    assert "backup.done" in {entry["ev"] for entry in await node.audit()}
    with pytest.raises(grpc.RpcError, match="exists and is not empty: a backup is a new folder"):
        await node.backup(copy)


@pytest.mark.asyncio
async def test_a_publish_stream_is_one_start_then_chunks(node: Running) -> None:
    await _feed(node)
    for requests, status in (
        ([_rows(VALUE)], "INVALID_ARGUMENT"),
        ([_start(), _start()], "INVALID_ARGUMENT"),
        ([pb.PublishRequest()], "INVALID_ARGUMENT"),
        ([_start("nothing")], "NOT_FOUND"),
        ([_start(VALUE)], "INVALID_ARGUMENT"),
        ([_start(), _rows(*["x"] * (PUBLISH_ROWS + 1))], "INVALID_ARGUMENT"),
        ([_start(), _rows("x", fields=[b"{}"] * (PUBLISH_ROWS + 1))], "INVALID_ARGUMENT"),
        ([_start(), _rows("x", fields=[])], "INVALID_ARGUMENT"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await node.publish(*requests)
        assert caught.value.code().name == status
        assert VALUE not in (caught.value.details() or "")


@pytest.mark.asyncio
async def test_requests_beyond_their_limits_and_unknown_words_are_refused(node: Running) -> None:
    await _feed(node)
    query = pb.Query(type="url", value=VALUE)
    for method, request in (
        ("Match", pb.MatchRequest(queries=[query] * (MATCH_QUERIES + 1))),
        ("Match", pb.MatchRequest(queries=[query], purpose="curiosity")),
        ("Match", pb.MatchRequest()),
        ("Withdraw", pb.WithdrawRequest(feed="urls", signals=range(WITHDRAW_SIGNALS + 1), reason="duplicate")),
        ("Withdraw", pb.WithdrawRequest(feed="urls", signals=[1], reason="because")),
        ("Withdraw", pb.WithdrawRequest(feed=VALUE, signals=[1], reason="duplicate")),
        ("ShowSignal", pb.ShowSignalRequest(feed="x" * 300, signal=1)),
        ("CreateFeed", pb.CreateFeedRequest(name="Not A Name", community=COMMUNITY, audience="platforms")),
        ("AddToken", pb.AddTokenRequest(name="app", roles=["king"])),
        ("RenewCard", pb.RenewCardRequest(endpoints=["nowhere"])),
    ):
        status, sentence = await node.refused(method, request)
        assert status == "INVALID_ARGUMENT", (method, status, sentence)
        assert sentence
        assert VALUE not in sentence


@pytest.mark.asyncio
async def test_an_answer_stays_short_whatever_was_asked(node: Running) -> None:
    request = pb.CreateFeedRequest(name="urls", community="x" * 100_000, audience="platforms")
    status, sentence = await node.refused("CreateFeed", request)
    assert (status, len(sentence) <= 600) == ("FAILED_PRECONDITION", True)


@pytest.mark.asyncio
async def test_feeds_recipients_and_communities(node: Running) -> None:
    await _feed(node)
    (feed,) = (await node.ask("ListOwnFeeds", pb.ListOwnFeedsRequest())).feeds
    assert (feed.origin, feed.state, feed.size, feed.community) == ("hotline.example/feed/urls", "open", 1, COMMUNITY)
    (recipient,) = (await node.ask("FeedRecipients", pb.FeedRecipientsRequest(feed="urls"))).recipients
    assert (recipient.organisation, recipient.receives) == ("platform.example", False)
    rotated = await node.ask("RotateCommunity", pb.RotateRequest(community=COMMUNITY))
    assert [epoch.number for epoch in rotated.community.epochs] == [1, 2]
    assert (rotated.retagged, list(rotated.invites)) == (0, [])


@pytest.mark.asyncio
async def test_peers_are_added_paused_removed_and_invited(node: Running) -> None:
    await _feed(node)
    platform = Organisation.make("platform.example")
    added = await node.ask("AddPeer", pb.AddPeerRequest(card=platform.card, fingerprint=platform.fingerprint))
    assert (added.peer.organisation, added.peer.state, added.peer.policy) == ("platform.example", "active", False)
    assert (added.peer.link, added.peer.why[:9]) == ("not followed", "no policy")
    invite = await node.ask("InviteToCommunity", pb.InviteRequest(community=COMMUNITY, organisation="platform.example"))
    assert invite.invite.startswith(b"tocsin/1/invite\n")
    for state in ("paused", "active", "removed"):
        request = pb.SetPeerStateRequest(organisation="platform.example", state=state)
        assert (await node.ask("SetPeerState", request)).peer.state == state
    (peer,) = (await node.ask("ListPeers", pb.ListPeersRequest())).peers
    assert peer.fingerprint == platform.fingerprint
    assert (await node.refused("ListPeers", pb.ListPeersRequest(organisation="nobody.example")))[0] == "NOT_FOUND"
    assert (await node.refused("AddPeer", pb.AddPeerRequest(card=b"x", fingerprint="x")))[0] == "INVALID_ARGUMENT"
    check = await node.refused("CheckPeer", pb.CheckPeerRequest(organisation="platform.example"))
    assert check[0] == "FAILED_PRECONDITION"


@pytest.mark.asyncio
async def test_policies_are_checked_applied_together_and_shown(node: Running) -> None:
    good = pb.PolicyFile(name="self.toml", toml=SELF_POLICY)
    bad = pb.PolicyFile(name="/somewhere/bad.toml", toml=b'peer = "self"\nunknown = 1\n')
    for method in ("CheckPolicies", "ApplyPolicies"):
        answer = await node.ask(method, pb.PoliciesRequest(files=[good, bad]))
        assert (list(answer.policies), [error.startswith("bad.toml: ") for error in answer.errors]) == ([], [True])
    (shown,) = (await node.ask("ShowPolicies", pb.ShowPoliciesRequest(peer="self"))).policies
    assert shown.applied_at == 0
    for changed in (True, False):
        (applied,) = (await node.ask("ApplyPolicies", pb.PoliciesRequest(files=[good]))).policies
        assert (applied.peer, applied.toml, applied.changed) == ("self", SELF_POLICY, changed)


@pytest.mark.asyncio
async def test_tokens_are_made_listed_and_revoked_at_once(node: Running) -> None:
    token = (await node.ask("AddToken", pb.AddTokenRequest(name="app", roles=["match", "publish"]))).token
    listed = {one.name: one for one in (await node.ask("ListTokens", pb.ListTokensRequest())).tokens}
    assert list(listed["app"].roles) == ["match", "publish"]
    bearer = (("authorization", f"Bearer {token}"),)
    request = pb.MatchRequest(queries=[pb.Query(type="url", value=VALUE)])
    await node.client.node.Match(request, metadata=bearer)
    await node.ask("RevokeToken", pb.RevokeTokenRequest(name="app"))
    with pytest.raises(grpc.aio.AioRpcError, match="revoked"):
        await node.client.node.Match(request, metadata=bearer)


@pytest.mark.asyncio
async def test_the_card_is_shown_and_renewed(node: Running) -> None:
    card = await node.ask("GetCard", pb.GetCardRequest())
    assert (card.sequence, card.card.startswith(b"tocsin/1/card\n")) == (1, True)
    renewed = await node.ask("RenewCard", pb.RenewCardRequest(endpoints=["node.hotline.example:7443"]))
    assert (renewed.sequence, renewed.fingerprint) == (2, card.fingerprint)
    assert b"node.hotline.example:7443" in renewed.card


@pytest.mark.asyncio
async def test_a_reload_applies_everything_or_nothing_and_names_what_changed(node: Running) -> None:
    assert list((await node.ask("Reload", pb.ReloadRequest())).changed) == []
    text = node.home.config.read_text()
    node.home.config.write_text(text + '[silence]\nmax_silence_days = 3\n[log]\nlevel = "error"\n')
    assert list((await node.ask("Reload", pb.ReloadRequest())).changed) == ["silence.max_silence_days", "log.level"]
    entry = next(entry for entry in await node.audit() if entry["ev"] == "config.changed")
    assert entry["act"] == {"kind": "operator", "name": "operator"}
    assert entry["about"] == {"keys": "silence.max_silence_days log.level"}
    node.home.config.write_text(text.replace("platforms", "others") + '[local]\ntcp = "127.0.0.1:7400"\n')
    status, sentence = await node.refused("Reload", pb.ReloadRequest())
    assert (status, sentence) == ("INVALID_ARGUMENT", f"{node.home.config}: local.tcp changes only at a restart")
    await _feed(node)  # still with the audience that the refused file does not have


@pytest.mark.asyncio
async def test_status_tells_what_needs_attention(node: Running) -> None:
    await _feed(node)
    await node.publish(_start(), _rows(VALUE))
    status = await node.ask("Status", pb.StatusRequest())
    assert (status.organisation, status.signals, status.exchange) == ("hotline.example", 1, "")
    assert [(feed.origin, feed.size) for feed in status.own] == [("hotline.example/feed/urls", 2)]
    assert [community.id for community in status.communities] == [COMMUNITY]
    assert status.started_at == NOW
    assert list(status.warnings) == [
        "hotline.example/feed/urls reaches nobody: see `tocsin feed recipients urls`",
        "no peer is active: nothing is exchanged with anybody",
    ]
    node.clock.now = status.card_not_after - 5 * 86_400_000
    warned = (await node.ask("Status", pb.StatusRequest())).warnings
    assert "the card ends in 5 days: run `tocsin card renew`" in warned


@pytest.mark.asyncio
async def test_the_audit_log_is_verified_and_read_in_parts(node: Running) -> None:
    await _feed(node)
    await node.publish(_start(), _rows(VALUE))
    call = node.client.audit.Verify(audit_pb2.VerifyRequest(), metadata=node.metadata)
    reports = {one.report.origin: one.report async for one in call if one.HasField("report")}
    assert reports.keys() == {"hotline.example/audit/2025", "hotline.example/feed/urls"}
    assert all(report.ok for report in reports.values())
    entries = await node.audit()
    assert [entries[0]["ev"], entries[-1]["ev"]] == ["log.genesis", "audit.viewed"]
    assert "audit.verified" in {entry["ev"] for entry in entries}
    part = node.client.audit.ReadAudit(audit_pb2.ReadAuditRequest(first=2, limit=3), metadata=node.metadata)
    assert [entry.index async for entry in part] == [2, 3, 4]


@pytest.mark.asyncio
async def test_a_verification_nobody_waits_for_ends(node: Running) -> None:
    await _feed(node)
    call = node.client.audit.Verify(audit_pb2.VerifyRequest(), metadata=node.metadata)
    await call.read()
    call.cancel()
    await node.ask("Status", pb.StatusRequest())


@pytest.mark.asyncio
async def test_many_look_ups_at_once_are_answered_in_order(node: Running) -> None:
    await _feed(node)
    await node.publish(_start(), _rows(VALUE))
    values = [VALUE if at % 50 == 0 else f"https://other.example/{at}" for at in range(200)]
    queries = [pb.Query(type="url", value=value) for value in values]
    verdicts = (await node.ask("Match", pb.MatchRequest(queries=queries))).verdicts
    assert [verdict.query for verdict in verdicts] == list(range(200))
    assert [at for at, verdict in enumerate(verdicts) if verdict.effect == pb.EFFECT_ENFORCE] == [0, 50, 100, 150]
