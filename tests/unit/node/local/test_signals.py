"""A signal as an object, over the calls of a whole node: revised, retagged, aged, proved."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc.aio
import pytest
import pytest_asyncio

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_crypto.card import open_card
from tocsin_crypto.note import NoteVerifier
from tocsin_node.build import Node
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.limits import CHANGES_BYTES, EXPORT_ROWS, REVISE_SIGNALS
from tocsin_node.proof.verify import Proven, verify_proof
from tocsin_node.testing.core import NOW, Clock

COMMUNITY: Final = "demo.hotline.example"
BAD, WORSE, WORST = (f"https://{name}.example/page" for name in ("bad", "worse", "worst"))
HARMFUL: Final = b'{"stance":"harmful","severity":"low","case_ref":"17"}'
DAY: Final = 86_400_000
EPOCH: Final = 104 * DAY  # published under for 90 days and matched for 14 more
YEARS: Final = NOW + 700 * DAY
CAPPED: Final = (
    b'peer = "self"\n[[rule]]\nname = "ours"\neffect = "enforce"\nstance = ["harmful"]\n[cap]\nmax_age_days = 100\n'
)

Connect = Callable[[str], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Running:
    home: Home
    clock: Clock
    client: Any
    metadata: tuple[tuple[str, str], ...]

    async def ask(self, method: str, request: Any) -> Any:
        stub = self.client.audit if method == "ProveSignal" else self.client.node
        return await getattr(stub, method)(request, metadata=self.metadata)

    async def refused(self, method: str, request: Any) -> tuple[str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.ask(method, request)
        return caught.value.code().name, caught.value.details() or ""

    async def publish(self, *values: str, until: int = 0) -> pb.PublishResponse:
        rows = [pb.PublishRow(line=at, type="url", value=value, valid_until=until) for at, value in enumerate(values)]
        chunk = pb.PublishChunk(fields=[HARMFUL], rows=rows)
        requests = [pb.PublishRequest(start=pb.PublishStart(feed="urls")), pb.PublishRequest(chunk=chunk)]
        (answer,) = [one async for one in self.client.node.Publish(iter(requests), metadata=self.metadata)]
        return answer

    async def revise(self, *signals: int, value: str = "", until: int = 0, **changes: object) -> Any:
        return await self.ask("ReviseSignals", revision(*signals, value=value, until=until, **changes))

    async def show(self, signal: int) -> pb.ShowSignalResponse:
        return await self.ask("ShowSignal", pb.ShowSignalRequest(feed="urls", signal=signal))

    async def match(self, value: str) -> pb.Verdict:
        request = pb.MatchRequest(queries=[pb.Query(type="url", value=value)], purpose="detect")
        return (await self.ask("Match", request)).verdicts[0]

    async def check(self, tag: bytes, epoch: int) -> list[dict[str, Any]]:
        """The details of what is found under one tag."""
        found = await self.ask("Check", pb.CheckRequest(tags=tag, type="url", epoch=epoch, purpose="detect"))
        return [json.loads(one.details) for verdict in found.verdicts for one in verdict.assertions]

    async def prove(self, signal: int) -> Proven:
        answer = await self.ask("ProveSignal", audit_pb2.ProveSignalRequest(feed="urls", signal=signal))
        card = open_card((await self.ask("GetCard", pb.GetCardRequest())).card).card
        return verify_proof(answer.proof, NoteVerifier("hotline.example/node", card.keys.signing.public))

    async def rotate(self) -> int:
        return (await self.ask("RotateCommunity", pb.RotateRequest(community=COMMUNITY))).retagged

    async def audit(self, event: str) -> list[dict[str, Any]]:
        call = self.client.audit.ReadAudit(audit_pb2.ReadAuditRequest(), metadata=self.metadata)
        entries = [json.loads(entry.envelope) async for entry in call]
        return [entry for entry in entries if entry["ev"] == event]


def revision(*signals: int, value: str = "", until: int = 0, **changes: object) -> pb.ReviseSignalsRequest:
    identifiers = [pb.Query(type="url", value=value)] if value else []
    said = json.dumps(changes).encode() if changes else b""
    return pb.ReviseSignalsRequest(
        feed="urls", signals=signals, identifiers=identifiers, changes=said, valid_until=until
    )


@pytest_asyncio.fixture
async def node(connect: Connect) -> AsyncIterator[Running]:
    root = Path(tempfile.mkdtemp(prefix="t-"))
    home, clock = Home(root / "h"), Clock()
    await asyncio.to_thread(init_home, home, organisation="hotline.example", role="hotline", profiles={}, clock=clock)
    with home.config.open("a") as file:
        file.write('all = ["platform.example"]\n')
    running = Node(home, environment={}, exchange=False, clock=clock)
    try:
        async with connect(await running.start()) as client:
            token = home.operator_token.read_text().strip()
            found = Running(home, clock, client, (("authorization", f"Bearer {token}"),))
            await found.ask("CreateCommunity", pb.CreateCommunityRequest(name="demo"))
            await found.ask("CreateFeed", pb.CreateFeedRequest(name="urls", community=COMMUNITY, audience="all"))
            await found.ask("ApplyPolicies", pb.PoliciesRequest(files=[pb.PolicyFile(name="self.toml", toml=CAPPED)]))
            yield found
    finally:
        await running.stop()
        shutil.rmtree(root)


@pytest.mark.asyncio
async def test_a_revision_changes_what_it_names_and_leaves_the_rest(node: Running) -> None:
    await node.publish(BAD)
    answer = await node.revise(1, severity="high", case_ref=None)
    assert (answer.size, list(answer.revised), list(answer.unchanged)) == (3, [1], [])
    said = json.loads((await node.match(BAD)).assertions[0].details)
    assert {key: value for key, value in said.items() if key != "salt"} == {"stance": "harmful", "severity": "high"}
    shown = await node.show(1)
    assert [event.kind for event in shown.events] == ["assert", "revise"]
    assert shown.events[1].valid_until == shown.events[0].valid_until

    answer = await node.revise(value="HTTPS://bad.example:443/page", until=YEARS)
    assert list(answer.revised) == [1]
    assert (await node.match(BAD)).assertions[0].valid_until == YEARS
    entries = await node.audit("signal.revised")
    assert [entry["about"]["changed"] for entry in entries] == ["details", "validity"]
    assert "bad.example" not in str(entries)


@pytest.mark.asyncio
async def test_what_stands_already_is_unchanged_and_leaves_no_trace(node: Running) -> None:
    await node.publish(BAD, WORSE)
    until = (await node.show(1)).events[0].valid_until
    answer = await node.revise(1, until=until, severity="low", basis=None)
    assert (answer.size, list(answer.revised), list(answer.unchanged)) == (3, [], [1])
    assert await node.audit("signal.revised") == []
    await node.revise(1, severity="high")
    answer = await node.revise(1, 2, 2, value=BAD, severity="high")
    assert (list(answer.revised), list(answer.unchanged)) == ([2], [1])
    assert (await node.audit("signal.revised"))[-1]["n"] == {"revised": 1, "unchanged": 1}
    assert (await node.publish(WORSE)).revised == 1  # the file says other details: they are what counts now


@pytest.mark.asyncio
async def test_signals_that_are_over_are_refused_and_nothing_else_is_revised(node: Running) -> None:
    await node.publish(BAD)
    await node.publish(WORSE, until=NOW + DAY)
    await node.publish(WORST)
    withdrawal = pb.WithdrawRequest(feed="urls", signals=[1], reason="false_positive", required_action="stop_matching")
    await node.ask("Withdraw", withdrawal)
    code, sentence = await node.refused("ReviseSignals", revision(3, 1, severity="high"))
    assert (code, "signal 1 of hotline.example/feed/urls was withdrawn" in sentence) == ("FAILED_PRECONDITION", True)
    node.clock.now = NOW + DAY - 1
    assert list((await node.revise(2, severity="high")).revised) == [2]
    node.clock.now = NOW + DAY
    code, sentence = await node.refused("ReviseSignals", revision(3, 2, severity="high"))
    assert (code, "signal 2 of hotline.example/feed/urls is expired" in sentence) == ("FAILED_PRECONDITION", True)
    for request in (revision(3, 4, severity="high"), revision(3, value="https://never.example/", severity="high")):
        code, sentence = await node.refused("ReviseSignals", request)
        assert (code, "nothing was revised" in sentence) == ("NOT_FOUND", True)
        assert "never" not in sentence
    assert [event.kind for event in (await node.show(3)).events] == ["assert"]


@pytest.mark.asyncio
async def test_a_revision_is_held_to_the_rules_of_publishing(node: Running) -> None:
    await node.publish(BAD)
    requests = (
        (revision(1), "details, the end, or both"),
        (revision(severity="high"), f"1 to {REVISE_SIGNALS}"),
        (revision(*range(REVISE_SIGNALS + 1), severity="high"), str(REVISE_SIGNALS)),
        (revision(1, severity="awful"), "may not be published: severity"),
        (revision(1, stance=None), "may not be published: stance"),
        (revision(1, salt="00"), "may not be published"),
        (revision(1, until=NOW), "withdraw it"),
        (revision(1, until=NOW + 5 * 366 * DAY), "five years"),
        (revision(value="not a url", severity="high"), "not valid"),
        (pb.ReviseSignalsRequest(feed="urls", signals=[1], changes=b"[1]"), "not a JSON object"),
        (pb.ReviseSignalsRequest(feed="urls", signals=[1], changes=bytes(CHANGES_BYTES + 1)), str(CHANGES_BYTES)),
        (pb.ReviseSignalsRequest(feed="urls", signals=[1], changes=b"[" * CHANGES_BYTES), "not a JSON object"),
    )
    for request, word in requests:
        code, sentence = await node.refused("ReviseSignals", request)
        assert (code, word in sentence) == ("INVALID_ARGUMENT", True), sentence
    assert len((await node.show(1)).events) == 1


@pytest.mark.asyncio
async def test_revisions_and_withdrawals_reach_every_tag_of_a_signal(node: Running) -> None:
    await node.publish(BAD, until=YEARS)
    assert await node.rotate() == 1
    first, second = (event.entry for event in (await node.prove(1)).events)
    assert (first.epoch, second.epoch, first.tag == second.tag) == (1, 2, False)
    await node.revise(1, severity="critical")
    for entry in (first, second):
        assert [said["severity"] for said in await node.check(entry.tag, entry.epoch)] == ["critical"]
    shown = await node.show(1)
    assert [(tag.epoch, tag.match_until) for tag in shown.tags] == [(1, NOW + EPOCH), (2, NOW + EPOCH)]
    assert [event.kind for event in shown.events] == ["assert", "retag", "revise"]
    withdrawal = pb.WithdrawRequest(feed="urls", signals=[1], reason="false_positive", required_action="erase")
    await node.ask("Withdraw", withdrawal)
    for entry in (first, second):
        assert await node.check(entry.tag, entry.epoch) == []
    shown = await node.show(1)
    assert (shown.state, shown.effect) == ("withdrawn", pb.EFFECT_IGNORE)
    assert "false_positive" in shown.why


@pytest.mark.asyncio
async def test_only_what_is_live_is_carried_into_the_next_epoch(node: Running) -> None:
    await node.publish(BAD, until=YEARS)
    await node.publish(WORSE, until=NOW + DAY)
    await node.publish(WORST, until=YEARS)
    withdrawal = pb.WithdrawRequest(feed="urls", signals=[3], reason="false_positive", required_action="stop_matching")
    await node.ask("Withdraw", withdrawal)
    node.clock.now = NOW + DAY
    assert await node.rotate() == 1
    assert [[event.kind for event in (await node.show(signal)).events] for signal in (1, 2, 3)] == [
        ["assert", "retag"],
        ["assert"],
        ["assert", "withdraw"],
    ]


@pytest.mark.asyncio
async def test_an_epoch_that_ended_is_matched_no_more_by_value_by_tag_or_in_show(node: Running) -> None:
    await node.publish(BAD, until=YEARS)
    tag = (await node.prove(1)).events[0].entry.tag
    await node.ask(
        "ApplyPolicies", pb.PoliciesRequest(files=[pb.PolicyFile(name="s", toml=CAPPED[: CAPPED.index(b"[cap")])])
    )
    node.clock.now = NOW + EPOCH - 1
    assert len((await node.match(BAD)).assertions) == 1
    assert len(await node.check(tag, 1)) == 1
    assert (await node.show(1)).state == "live"
    node.clock.now = NOW + EPOCH
    assert len((await node.match(BAD)).assertions) == 0
    assert await node.check(tag, 1) == []
    shown = await node.show(1)
    assert (shown.state, shown.effect, "stopped being matched" in shown.why) == ("epoch ended", pb.EFFECT_IGNORE, True)
    assert await node.rotate() == 1
    assert len((await node.match(BAD)).assertions) == 1


@pytest.mark.asyncio
async def test_a_signal_whose_epoch_ended_is_still_found_by_its_publisher(node: Running) -> None:
    await node.publish(BAD, until=YEARS)
    node.clock.now = NOW + EPOCH
    assert list((await node.revise(value=BAD, severity="high")).revised) == [1]
    identifier = pb.Query(type="url", value=BAD)
    withdrawal = pb.WithdrawRequest(
        feed="urls", identifiers=[identifier], reason="false_positive", required_action="stop_matching"
    )
    assert list((await node.ask("Withdraw", withdrawal)).withdrawn) == [1]


@pytest.mark.asyncio
async def test_a_later_signal_on_the_same_tag_takes_the_earlier_ones_place(node: Running) -> None:
    await node.publish(BAD)
    with closing(sqlite3.connect(node.home.database)) as database:  # a publisher that lost its records
        database.execute("DELETE FROM own_record")
        database.commit()
    await node.publish(BAD)
    assert [one.signal for one in (await node.match(BAD)).assertions] == [2]
    earlier = await node.show(1)
    assert (earlier.state, earlier.why, earlier.effect) == ("superseded", "signal 2 has its place", pb.EFFECT_IGNORE)
    assert (await node.show(2)).state == "live"


@pytest.mark.asyncio
async def test_policys_age_counts_from_the_last_word_to_the_millisecond_and_is_named(node: Running) -> None:
    await node.publish(BAD, until=YEARS)
    node.clock.now = NOW + 60 * DAY
    await node.rotate()  # makes nothing young
    node.clock.now = NOW + 100 * DAY - 1
    assertion = (await node.match(BAD)).assertions[0]
    assert (assertion.counts_until, assertion.valid_until) == (NOW + 100 * DAY, YEARS)
    shown = await node.show(1)
    assert (shown.state, shown.counts_until, shown.effect) == ("live", NOW + 100 * DAY, pb.EFFECT_ENFORCE)
    node.clock.now = NOW + 100 * DAY
    verdict = await node.match(BAD)
    assert (verdict.effect, len(verdict.assertions)) == (pb.EFFECT_IGNORE, 0)
    assert ["older than the 100 days that policy allows ([cap])" in reason for reason in verdict.reasons] == [True]
    shown = await node.show(1)
    assert (shown.state, shown.effect) == ("too old", pb.EFFECT_IGNORE)
    assert "100 days ([cap])" in shown.why
    await node.revise(1, severity="high")
    assert (await node.match(BAD)).effect == pb.EFFECT_ENFORCE
    assert (await node.show(1)).counts_until == NOW + 200 * DAY


@pytest.mark.asyncio
async def test_the_organisations_own_lifetimes_shorten_and_never_prolong(node: Running) -> None:
    with node.home.config.open("a") as file:
        file.write("[lifetimes]\nurl = 30\ndomain = 400\n")
    assert list((await node.ask("Reload", pb.ReloadRequest())).changed) == ["lifetimes"]
    midnight = -(-NOW // DAY) * DAY
    refused = (await node.publish(BAD, until=midnight + 30 * DAY + 1)).refused
    assert [(one.reason, "at most 30 days" in one.sentence) for one in refused] == [("lifetime", True)]
    assert (await node.publish(BAD, until=midnight + 30 * DAY)).published == 1
    assert (await node.publish(WORSE)).published == 1
    assert (await node.show(2)).events[0].valid_until == NOW + 30 * DAY
    code, sentence = await node.refused("ReviseSignals", revision(2, until=NOW + 90 * DAY))
    assert (code, "at most 30 days" in sentence) == ("INVALID_ARGUMENT", True)


@pytest.mark.asyncio
async def test_a_proof_is_logged_before_it_is_handed_out_and_holds_no_identifier(node: Running) -> None:
    await node.publish(BAD)
    answer = await node.ask("ProveSignal", audit_pb2.ProveSignalRequest(feed="hotline.example/feed/urls", signal=1))
    assert (answer.entries, answer.left_out, answer.size) == (1, 0, 2)
    assert b"bad.example" not in answer.proof
    (entry,) = await node.audit("signal.proved")
    assert entry["about"] == {"feed": "hotline.example/feed/urls", "signal": "1"}
    code, _ = await node.refused("ProveSignal", audit_pb2.ProveSignalRequest(feed="urls", signal=0))
    assert code == "NOT_FOUND"
    assert len(await node.audit("signal.proved")) == 1
    roles = pb.AddTokenRequest(name="app", roles=["match", "publish"])
    token = (await node.ask("AddToken", roles)).token
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await node.client.audit.ProveSignal(
            audit_pb2.ProveSignalRequest(feed="urls", signal=1), metadata=(("authorization", f"Bearer {token}"),)
        )
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def exported(node: Running, *, everything: bool = False) -> tuple[Any, list[Any], int]:
    """The first answer of an export, its signals with their details, and how many it left out."""
    request = pb.ExportSignalsRequest(feed="urls", all=everything)
    first, *pages = [one async for one in node.client.node.ExportSignals(request, metadata=node.metadata)]
    found = [(one, json.loads(page.details[one.details])) for page in pages for one in page.signals]
    return first, found, sum(page.without_identifier for page in pages)


@pytest.mark.asyncio
async def test_an_export_holds_what_was_published_as_it_stands_now(node: Running) -> None:
    await node.publish(BAD, WORSE, WORST)
    node.clock.now += 5000
    await node.revise(2, severity="critical")
    await node.ask("Withdraw", pb.WithdrawRequest(feed="urls", signals=[3], reason="false_positive",
                                                  required_action="stop_matching"))  # fmt: skip
    first, found, left_out = await exported(node)
    assert (first.feed, first.total, len(first.signals), left_out) == ("hotline.example/feed/urls", 3, 0, 0)
    assert [(one.signal, one.type, one.value, one.state, one.issued_at) for one, _ in found] == [
        (1, "url", "bad.example/page", "live", NOW),
        (2, "url", "worse.example/page", "live", NOW),
    ]
    assert [said["severity"] for _, said in found] == ["low", "critical"]
    _, found, _ = await exported(node, everything=True)
    assert [one.state for one, _ in found] == ["live", "live", "withdrawn"]
    node.clock.now = NOW + EPOCH
    _, found, _ = await exported(node, everything=True)
    assert [one.state for one, _ in found] == ["expired", "expired", "withdrawn"]
    assert (await exported(node))[1] == []


@pytest.mark.asyncio
async def test_an_export_comes_in_pages_with_the_time_of_each_assert(node: Running) -> None:
    values = [f"https://a.example/{number}" for number in range(EXPORT_ROWS + 10)]
    await node.publish(*values[:100])
    node.clock.now += 1000
    await node.publish(*values[100:])
    request = pb.ExportSignalsRequest(feed="urls")
    answers = [one async for one in node.client.node.ExportSignals(request, metadata=node.metadata)]
    assert [(len(one.signals), one.done) for one in answers] == [(0, 0), (EXPORT_ROWS, EXPORT_ROWS), (10, len(values))]
    found = [one for answer in answers for one in answer.signals]
    assert [one.value for one in found] == [value.removeprefix("https://") for value in values]
    assert [one.issued_at for one in found] == [NOW] * 100 + [NOW + 1000] * (len(values) - 100)
    assert all(len(answer.details) == 1 for answer in answers[1:])


@pytest.mark.asyncio
async def test_an_export_is_logged_before_its_first_identifier_and_for_operators_only(node: Running) -> None:
    await node.publish(BAD)
    call = node.client.node.ExportSignals(pb.ExportSignalsRequest(feed="urls"), metadata=node.metadata)
    first = await call.read()
    assert first.total == 1
    (entry,) = await node.audit("signal.exported")
    assert (entry["about"], entry["n"]) == ({"feed": "hotline.example/feed/urls", "signals": "live"}, {"held": 1})
    assert "bad.example" not in json.dumps(entry)
    call.cancel()
    token = (await node.ask("AddToken", pb.AddTokenRequest(name="app", roles=["match", "publish", "audit"]))).token
    for feed, metadata, code in (
        ("urls", (("authorization", f"Bearer {token}"),), grpc.StatusCode.PERMISSION_DENIED),
        ("nosuch", node.metadata, grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await node.client.node.ExportSignals(pb.ExportSignalsRequest(feed=feed), metadata=metadata).read()
        assert caught.value.code() is code
    assert len(await node.audit("signal.exported")) == 1


@pytest.mark.asyncio
async def test_a_signal_whose_identifier_was_lost_is_left_out_and_counted(node: Running) -> None:
    await node.publish(BAD, WORSE)
    with closing(sqlite3.connect(node.home.database)) as database, database:
        database.execute("UPDATE own_record SET sealed = x'' WHERE signal = 1")
    _, found, left_out = await exported(node)
    assert ([one.signal for one, _ in found], left_out) == ([2], 1)
