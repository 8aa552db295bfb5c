"""`ExplainPolicy` on a whole node: at every step of a signal's life it says what a look-up says, and why."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from tocsin.v1 import node_pb2 as pb
from tocsin_node.build import Node
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.testing.core import Clock
from tocsin_node.testing.made import Organisation

DAY_MS = 86_400_000
FEED = "hotline.example/feed/urls"
SELF = """peer = "self"
[[refuse]]
name = "not-ours"
abuse_types = ["tvec"]
[[rule]]
name = "sure"
effect = "enforce"
stance = ["harmful"]
min_severity = "high"
max_age_days = 20
[[rule]]
name = "rest"
effect = "review"
stance = ["harmful", "suspected"]
"""


@dataclass(frozen=True, slots=True)
class Asking:
    clock: Clock
    stubs: Any
    metadata: tuple[tuple[str, str], ...]

    async def ask(self, method: str, request: Any) -> Any:
        return await getattr(self.stubs.node, method)(request, metadata=self.metadata)

    async def apply(self, text: str) -> None:
        files = [pb.PolicyFile(name="p.toml", toml=text.encode())]
        assert not (await self.ask("ApplyPolicies", pb.PoliciesRequest(files=files))).errors

    async def publish(self, value: str, *, until: int = 0, **fields: object) -> int:
        row = pb.PublishRow(line=1, type="url", value=value, valid_until=until)
        chunk = pb.PublishChunk(fields=[json.dumps(fields).encode()], rows=[row])
        requests = [pb.PublishRequest(start=pb.PublishStart(feed="urls")), pb.PublishRequest(chunk=chunk)]
        answers = [one async for one in self.stubs.node.Publish(iter(requests), metadata=self.metadata)]
        return answers[0].signals[0]

    async def withdraw(self, signal: int) -> None:
        request = pb.WithdrawRequest(
            feed="urls", signals=[signal], reason="false_positive", required_action="stop_matching"
        )
        assert list((await self.ask("Withdraw", request)).withdrawn) == [signal]

    async def explain(self, signal: int, peer: str = "self") -> pb.ExplainPolicyResponse:
        return await self.ask("ExplainPolicy", pb.ExplainPolicyRequest(feed="urls", signal=signal, peer=peer))

    async def matched(self, value: str) -> Mapping[int, tuple[int, str, tuple[str, ...]]]:
        found = await self.ask("Match", pb.MatchRequest(queries=[pb.Query(type="url", value=value)]))
        return {one.signal: (one.effect, one.rule, tuple(one.caps)) for one in found.verdicts[0].assertions}

    async def agree(self, value: str, *signals: int) -> list[str]:
        """Every explanation agrees with the look-up and with `signal show`; the effects in words."""
        live = await self.matched(value)
        words: list[str] = []
        for signal in signals:
            told = await self.explain(signal)
            if signal in live:
                assert (told.effect, told.rule, tuple(told.caps)) == live[signal]
            else:
                assert told.effect == pb.EFFECT_IGNORE
            shown = await self.ask("ShowSignal", pb.ShowSignalRequest(feed="urls", signal=signal))
            assert shown.effect == told.effect
            assert shown.state in {step.name for step in told.steps}, "signal show says the same"
            words.append(pb.Effect.Name(told.effect).removeprefix("EFFECT_").lower())
        return words


@pytest_asyncio.fixture
async def node(connect: Callable[[str], AbstractAsyncContextManager[Any]]) -> AsyncIterator[Asking]:
    root = Path(tempfile.mkdtemp(prefix="t-"))
    home, clock = Home(root / "h"), Clock()
    await asyncio.to_thread(init_home, home, organisation="hotline.example", role="hotline", profiles={}, clock=clock)
    with home.config.open("a") as file:
        file.write('all = ["platform.example", "paused.example", "stranger.example"]\n')
    running = Node(home, environment={}, exchange=False, clock=clock)
    try:
        async with connect(await running.start()) as stubs:
            made = Asking(clock, stubs, (("authorization", f"Bearer {home.operator_token.read_text().strip()}"),))
            await made.ask("CreateCommunity", pb.CreateCommunityRequest(name="c"))
            await made.ask(
                "CreateFeed", pb.CreateFeedRequest(name="urls", community="c.hotline.example", audience="all")
            )
            await made.apply(SELF)
            yield made
    finally:
        await running.stop()
        shutil.rmtree(root)


def steps(told: pb.ExplainPolicyResponse, outcome: str) -> dict[str, str]:
    return {step.name: step.why for step in told.steps if step.outcome == outcome}


@pytest.mark.asyncio
async def test_at_every_step_of_its_life_the_explanation_agrees_with_the_look_up(node: Asking) -> None:
    value = "https://bad.example/x"
    first = await node.publish(value, stance="harmful", severity="high")
    assert await node.agree(value, first) == ["enforce"]
    assert await node.publish(value, stance="harmful", severity="high", human_review_required=True) == first
    assert await node.agree(value, first) == ["review"]
    assert "human-review-required" in steps(await node.explain(first), "lowers")
    await node.publish(value, stance="harmful", severity="high")
    node.clock.now += 20 * DAY_MS
    assert await node.agree(value, first) == ["ignore"]
    assert "20 days" in steps(await node.explain(first), "ignores")["too old"]
    await node.publish(value, stance="suspected")
    assert await node.agree(value, first) == ["review"]
    await node.ask("RotateCommunity", pb.RotateRequest(community="c.hotline.example"))
    assert await node.agree(value, first) == ["review"]
    await node.apply(SELF + '[cap]\neffect = "shadow"\n')
    assert await node.agree(value, first) == ["shadow"]
    await node.withdraw(first)
    assert await node.agree(value, first) == ["ignore"]
    assert "withdrawn" in steps(await node.explain(first), "ignores")
    second = await node.publish(value, stance="harmful")
    assert await node.agree(value, first, second) == ["ignore", "shadow"]
    node.clock.now += 5 * 365 * DAY_MS
    assert await node.agree(value, first, second) == ["ignore", "ignore"]
    assert {"expired"} <= steps(await node.explain(second), "ignores").keys()


@pytest.mark.asyncio
async def test_an_expired_signal_and_the_one_published_after_it_are_told_apart(node: Asking) -> None:
    value = "https://bad.example/y"
    old = await node.publish(value, until=node.clock.now + DAY_MS, stance="harmful")
    node.clock.now += 2 * DAY_MS
    new = await node.publish(value, stance="harmful")
    assert new != old
    assert "expired" in steps(await node.explain(old), "ignores")
    assert await node.agree(value, old, new) == ["ignore", "review"]


@pytest.mark.asyncio
async def test_every_refuse_and_rule_is_shown_with_the_condition_that_failed_and_what_was_said(node: Asking) -> None:
    told = await node.explain(await node.publish("https://bad.example/z", stance="harmful", severity="low"))
    tried = [(step.stage, step.name, step.outcome) for step in told.steps if step.stage in ("refuse", "rule")]
    assert tried == [("refuse", "not-ours", "no match"), ("rule", "sure", "no match"), ("rule", "rest", "decides")]
    why = steps(told, "no match")
    assert why["not-ours"] == "abuse_types = tvec: the publisher does not say"
    assert why["sure"] == "enforce: min_severity = high: the publisher says low"
    refused = await node.explain(await node.publish("https://bad.example/w", stance="harmful", abuse_types=["tvec"]))
    assert (refused.effect, refused.rule) == (pb.EFFECT_IGNORE, "not-ours")
    assert steps(refused, "matches").keys() == {"rest"}, "shown, though it was never reached"


@pytest.mark.asyncio
async def test_for_another_peer_it_says_whether_that_peer_receives_the_signal_and_what_is_missing(node: Asking) -> None:
    signal = await node.publish("https://bad.example/s", stance="harmful")
    for name in ("platform.example", "paused.example", "outside.example"):
        made = Organisation.make(name)
        await node.ask("AddPeer", pb.AddPeerRequest(card=made.card, fingerprint=made.fingerprint))
        await node.apply(f'peer = "{name}"\n[send]\nfeeds = ["urls"]\n')
    await node.ask("SetPeerState", pb.SetPeerStateRequest(organisation="paused.example", state="paused"))
    told = await node.explain(signal, "platform.example")
    assert (told.direction, told.receives, told.delivered.size) == ("sent", True, 0)
    assert steps(told, "fails") == {"assert": f"entry {signal} is not acknowledged yet"}
    assert steps(told, "note") == {"called": "its node last called this one: not since this node started"}
    recipients = await node.ask("FeedRecipients", pb.FeedRecipientsRequest(feed="urls"))
    receiving = {one.organisation: one for one in recipients.recipients}
    assert set(receiving) == {"platform.example", "paused.example", "outside.example", "stranger.example"}
    for name, one in receiving.items():
        told = await node.explain(signal, name)
        assert told.receives == one.receives == (name == "platform.example")
        assert one.receives or next(iter(steps(told, "fails").values())) == one.why


@pytest.mark.asyncio
async def test_what_cannot_be_explained_is_refused_without_repeating_what_was_typed(node: Asking) -> None:
    signal = await node.publish("https://bad.example/r", stance="harmful")
    for request, status in (
        (pb.ExplainPolicyRequest(feed="urls", signal=signal, peer="https://bad.example/r"), "INVALID_ARGUMENT"),
        (pb.ExplainPolicyRequest(feed="urls", signal=signal + 9, peer="self"), "NOT_FOUND"),
        (pb.ExplainPolicyRequest(feed="urls", signal=2**64 - 1, peer="self"), "NOT_FOUND"),
        (pb.ExplainPolicyRequest(feed="others", signal=signal, peer="self"), "NOT_FOUND"),
        (pb.ExplainPolicyRequest(feed="https://bad.example/r", signal=signal, peer="self"), "INVALID_ARGUMENT"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await node.ask("ExplainPolicy", request)
        assert caught.value.code().name == status
        assert "bad.example" not in (caught.value.details() or "")


@pytest.mark.asyncio
async def test_operators_and_auditors_may_ask_and_nobody_else(node: Asking) -> None:
    signal = await node.publish("https://bad.example/a", stance="harmful")
    request = pb.ExplainPolicyRequest(feed="urls", signal=signal, peer="self")
    for role, allowed in (("audit", True), ("operate", True), ("match", False), ("publish", False)):
        token = (await node.ask("AddToken", pb.AddTokenRequest(name=f"a-{role}", roles=[role]))).token
        metadata = (("authorization", f"Bearer {token}"),)
        if allowed:
            assert (await node.stubs.node.ExplainPolicy(request, metadata=metadata)).rule == "rest"
            assert not (await node.stubs.node.ListEvidence(pb.ListEvidenceRequest(), metadata=metadata)).evidence
            continue
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await node.stubs.node.ExplainPolicy(request, metadata=metadata)
        assert "operate or audit" in (caught.value.details() or "")
