import asyncio
import socket
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tocsin.v1 import audit_pb2, exchange_pb2, node_pb2
from tocsin_node.config import Address
from tocsin_node.errors import Misconfigured, NotFound
from tocsin_node.home import Home, read_address
from tocsin_node.limits import LOCAL_MESSAGE_BYTES
from tocsin_node.local.auth import ACCESS, Open
from tocsin_node.local.calls import REQUEST_ID, Calls
from tocsin_node.local.listener import Listener
from tocsin_node.log.envelope import Actor
from tocsin_node.tally import Tally
from tocsin_node.testing.core import Core
from tocsin_node.tokens import Role, Tokens

OPERATOR = Actor("operator", "operator")
Serving = Callable[[dict[str, dict[str, Any]]], AbstractAsyncContextManager[str]]
Connect = Callable[[str], AbstractAsyncContextManager[Any]]


def _bearer(text: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {text}"),)


async def _refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, caught.value.details() or ""


def test_every_call_of_the_contract_has_a_role() -> None:
    services = [*node_pb2.DESCRIPTOR.services_by_name.values(), *audit_pb2.DESCRIPTOR.services_by_name.values()]
    methods = {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert methods == {name for name in ACCESS if name.startswith("/tocsin.v1.")}
    needs = (ACCESS[name] for name in methods)
    assert all(isinstance(role, Role) for need in needs for role in (need if isinstance(need, tuple) else (need,)))
    assert [name for name, need in ACCESS.items() if need is Open.NO_TOKEN] == [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ]


def test_no_call_between_peers_is_served_here() -> None:
    services = exchange_pb2.DESCRIPTOR.services_by_name.values()
    assert not {f"/{service.full_name}/{method.name}" for service in services for method in service.methods} & set(
        ACCESS
    )


def test_a_service_with_a_call_nobody_does_is_refused_when_made() -> None:
    with pytest.raises(ValueError, match="ReadAudit"):
        Calls(audit_pb2.DESCRIPTOR.services_by_name["Audit"], {"Verify": lambda *_: None})  # type: ignore[dict-item]


@pytest.mark.asyncio
async def test_the_actor_is_the_tokens_name_and_the_roles_kind(
    serving: Serving, connect: Connect, tokens: Tokens
) -> None:
    seen: list[Actor] = []

    async def status(request: object, actor: Actor) -> node_pb2.StatusResponse:
        seen.append(actor)
        return node_pb2.StatusResponse(organisation="hotline.example")

    async def match(request: object, actor: Actor) -> node_pb2.MatchResponse:
        seen.append(actor)
        return node_pb2.MatchResponse()

    text = await tokens.add("app", ["match", "operate"], actor=OPERATOR)
    async with serving({"Node": {"Status": status, "Match": match}}) as address, connect(address) as client:
        answer = await client.node.Status(node_pb2.StatusRequest(), metadata=_bearer(text))
        await client.node.Match(node_pb2.MatchRequest(), metadata=_bearer(text))
    assert answer.organisation == "hotline.example"
    assert seen == [Actor("operator", "app"), Actor("client", "app")]


@pytest.mark.asyncio
async def test_denied_calls_get_one_sentence_and_become_totals_per_minute(
    serving: Serving, connect: Connect, tokens: Tokens, tally: Tally, core: Core
) -> None:
    text = await tokens.add("app", ["match"], actor=OPERATOR)
    gone = await tokens.add("gone", ["match"], actor=OPERATOR)
    await tokens.revoke("gone", actor=OPERATOR)
    before = len(core.audit())
    request = node_pb2.MatchRequest()
    async with serving({}) as address, connect(address) as client:
        need = "this call needs a token: send it once, as authorization: Bearer TOKEN"
        assert await _refusal(client.node.Match(request)) == ("UNAUTHENTICATED", need)
        assert await _refusal(client.node.Match(request, metadata=(("authorization", text),))) == (
            "UNAUTHENTICATED",
            need,
        )
        twice = (*_bearer(text), *_bearer(text))
        assert (await _refusal(client.node.Match(request, metadata=twice)))[0] == "UNAUTHENTICATED"
        for wrong in (gone, text[:-1] + ("A" if text[-1] != "A" else "B"), ""):
            assert await _refusal(client.node.Match(request, metadata=_bearer(wrong))) == (
                "UNAUTHENTICATED",
                "the token is unknown or was revoked",
            )
        assert await _refusal(client.node.Status(node_pb2.StatusRequest(), metadata=_bearer(text))) == (
            "PERMISSION_DENIED",
            "Status needs the role operate, which the token app does not have",
        )
        stream = client.node.Publish(metadata=_bearer(text))
        assert (await _refusal(stream.read()))[0] == "PERMISSION_DENIED"
    await tally.flush()
    entries = core.audit()[before:]
    assert {entry["ev"] for entry in entries} == {"auth.failed"}
    assert {
        (entry["act"]["name"], entry["why"], entry["about"]["method"]): entry["n"]["calls"] for entry in entries
    } == {
        ("(no token)", "no_token", "Match"): 3,
        ("(no token)", "unknown_token", "Match"): 3,
        ("app", "role", "Status"): 1,
        ("app", "role", "Publish"): 1,
    }
    assert all(entry["res"] == "denied" for entry in entries)


@pytest.mark.asyncio
async def test_a_call_that_is_not_in_the_table_is_denied_whoever_asks(
    serving: Serving, connect: Connect, tokens: Tokens
) -> None:
    text = await tokens.add("app", ["match", "publish", "operate", "audit"], actor=OPERATOR)
    async with serving({}) as address, connect(address) as client:
        for name in ("/tocsin.v1.Node/Nothing", "/tocsin.v1.Exchange/Follow", "/grpc.health.v1.Health/List"):
            call = client.channel.unary_unary(name)
            assert await _refusal(call(b"", metadata=_bearer(text))) == (
                "PERMISSION_DENIED",
                "this listener has no such call",
            )
            assert (await _refusal(call(b"")))[0] == "UNAUTHENTICATED"


@pytest.mark.asyncio
async def test_a_handler_never_runs_without_the_guard() -> None:
    async def verify(request: object, actor: Actor) -> Any:
        raise AssertionError

    service = audit_pb2.DESCRIPTOR.services_by_name["Audit"]
    calls = Calls(service, {method.name: verify for method in service.methods})
    server = grpc.aio.server(handlers=(calls,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        untyped: Any = channel
        call = untyped.unary_unary("/tocsin.v1.Audit/Verify")
        assert await _refusal(call(b"")) == ("PERMISSION_DENIED", "this call was not authorised")
    await server.stop(None)


@pytest.mark.asyncio
async def test_health_needs_no_token_and_reflection_any(serving: Serving, connect: Connect, tokens: Tokens) -> None:
    text = await tokens.add("app", ["match"], actor=OPERATOR)
    async with serving({}) as address, connect(address) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        for name in ("", "tocsin.v1.Node", "tocsin.v1.Audit"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        ask = [reflection_pb2.ServerReflectionRequest(list_services="")]
        assert (await _refusal(reflection.ServerReflectionInfo(ask).read()))[0] == "UNAUTHENTICATED"
        answer = await reflection.ServerReflectionInfo(ask, metadata=_bearer(text)).read()
        names = {service.name for service in answer.list_services_response.service}
        assert {"tocsin.v1.Node", "tocsin.v1.Audit"} <= names


@pytest.mark.asyncio
async def test_errors_become_a_status_and_a_public_sentence_with_the_request_id(
    serving: Serving, connect: Connect, tokens: Tokens, capfd: pytest.CaptureFixture[str]
) -> None:
    async def card(request: object, actor: Actor) -> Any:
        raise NotFound("no such thing")

    async def status(request: object, actor: Actor) -> Any:
        raise RuntimeError("the cause")

    text = await tokens.add("app", ["operate"], actor=OPERATOR)
    async with serving({"Node": {"Status": status, "GetCard": card}}) as address, connect(address) as client:
        get = client.node.GetCard(node_pb2.GetCardRequest(), metadata=_bearer(text))
        assert await _refusal(get) == ("NOT_FOUND", "no such thing")
        fails = client.node.Status(node_pb2.StatusRequest(), metadata=_bearer(text))
        assert await _refusal(fails) == ("INTERNAL", "the node failed to do this; its log says why")
        request = dict(await fails.trailing_metadata())[REQUEST_ID]
    logged = "".join(capfd.readouterr())
    assert str(request) in logged
    assert "the cause" not in str(await fails.details())


@pytest.mark.asyncio
async def test_a_stream_is_answered_message_by_message_and_closed_when_the_caller_goes(
    serving: Serving, connect: Connect, tokens: Tokens
) -> None:
    closed = asyncio.Event()

    async def publish(requests: Any, actor: Actor) -> Any:
        try:
            async for _ in requests:
                yield node_pb2.PublishResponse(size=7)
        finally:
            closed.set()

    text = await tokens.add("app", ["publish"], actor=OPERATOR)
    async with serving({"Node": {"Publish": publish}}) as address, connect(address) as client:
        call = client.node.Publish(metadata=_bearer(text))
        for _ in range(3):
            await call.write(node_pb2.PublishRequest(start=node_pb2.PublishStart(feed="urls")))
            assert (await call.read()).size == 7
        call.cancel()
        await asyncio.wait_for(closed.wait(), 5)


@pytest.mark.asyncio
async def test_a_request_beyond_the_limit_is_refused(serving: Serving, connect: Connect, tokens: Tokens) -> None:
    text = await tokens.add("app", ["match"], actor=OPERATOR)
    async with serving({}) as address, connect(address) as client:
        request = node_pb2.CheckRequest(tags=bytes(LOCAL_MESSAGE_BYTES))
        assert (await _refusal(client.node.Check(request, metadata=_bearer(text))))[0] == "RESOURCE_EXHAUSTED"


@pytest.mark.asyncio
async def test_the_address_is_private_and_there_only_while_it_serves(
    listener: Callable[..., Listener], home: Home, connect: Connect
) -> None:
    found = listener({})
    address = await found.start()
    assert read_address(home) == address == f"unix:{home.run}/node.sock"
    assert stat.S_IMODE(home.address.stat().st_mode) == 0o600
    assert stat.S_IMODE((home.run / "node.sock").stat().st_mode) == 0o600
    await found.stop(1.0)
    assert not home.address.exists()
    again = listener({})
    assert await again.start() == address
    await again.stop(1.0)


@pytest.mark.asyncio
async def test_stopping_lets_calls_under_way_finish(
    listener: Callable[..., Listener], connect: Connect, tokens: Tokens
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def status(request: object, actor: Actor) -> node_pb2.StatusResponse:
        begun.set()
        await go.wait()
        return node_pb2.StatusResponse(organisation="done")

    text = await tokens.add("app", ["operate"], actor=OPERATOR)
    found = listener({"Node": {"Status": status}})
    async with connect(await found.start()) as client:
        call = asyncio.ensure_future(client.node.Status(node_pb2.StatusRequest(), metadata=_bearer(text)))
        await begun.wait()
        stopping = asyncio.create_task(found.stop(5.0))
        await asyncio.sleep(0.05)
        go.set()
        assert (await call).organisation == "done"
        await asyncio.wait_for(stopping, 5)


@pytest.mark.asyncio
async def test_a_loopback_port_serves_beside_the_socket_and_a_taken_one_is_said(
    listener: Callable[..., Listener], connect: Connect, tokens: Tokens
) -> None:
    text = await tokens.add("app", ["operate"], actor=OPERATOR)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", probe.getsockname()[1])
        probe.listen()
        with pytest.raises(Misconfigured, match=rf"^local.tcp: {address} is taken or not of this machine$"):
            await listener({}, tcp=address).start()
    found = listener({}, tcp=address)
    await found.start()
    async with connect(str(address)) as client:
        await client.node.Status(node_pb2.StatusRequest(), metadata=_bearer(text))
    await found.stop(1.0)
