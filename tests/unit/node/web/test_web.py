"""The web listener of a whole node: what it answers, to whom, and when it stops listening."""

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tocsin.v1 import node_pb2 as pb
from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_node.build import Node
from tocsin_node.errors import Misconfigured
from tocsin_node.limits import WEB_CONNECTIONS, WEB_HEAD_BYTES
from tocsin_node.web import server

ROOT = Path(__file__).resolve().parents[4]
LOOPBACK = 'listen = "127.0.0.1:0"'


async def ask(served: Any, path: str, *, method: str = "GET", host: str = "", more: bytes = b"") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(served.host.strip("[]"), served.port)
    name = host or f"{served.host}:{served.port}"
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n".encode() + more + b"\r\n")
    try:
        answer = (await asyncio.wait_for(reader.read(), 20)).decode()
    finally:
        writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]) if head else 0, body  # 0: closed without an answer


def test_a_node_says_that_it_lives_and_is_ready(serve: Any) -> None:
    async def run() -> None:
        async with serve(LOOPBACK) as served:
            assert await ask(served, "/healthz") == (200, "ok\n")
            status, body = await ask(served, "/readyz")
            found = json.loads(body)
            assert (status, found["ready"]) == (200, True)
            assert list(found["checks"]) == ["index", "writer", "store", "space", "profiles"]
            assert served.home.web_address.stat().st_mode & 0o777 == 0o600
        assert not served.home.web_address.exists()
        with pytest.raises(OSError, match="Connect"):
            await ask(served, "/healthz")

    asyncio.run(run())


def test_only_what_is_there_is_answered_and_only_get(serve: Any) -> None:
    async def run() -> None:
        async with serve(LOOPBACK) as served:
            for path in ("/", "/metrics/", "/healthz/x", "/%2e%2e/tocsin.toml"):
                status, _ = await ask(served, path)
                assert status in {404, 307}
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                for path in ("/metrics", "/healthz", "/readyz"):
                    assert (await ask(served, path, method=method))[0] == 405

    asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 421), ("localhost:80", 200), ("[::1]", 200), ("10.0.0.1", 200)]
)
def test_a_page_under_a_strangers_name_gets_nothing(serve: Any, host: str, status: int) -> None:
    async def run() -> None:
        async with serve(LOOPBACK) as served:
            for path in ("/metrics", "/healthz", "/readyz"):
                assert (await ask(served, path, host=host))[0] == status

    asyncio.run(run())


def test_a_head_beyond_its_limit_is_refused(serve: Any) -> None:
    async def run() -> None:
        async with serve(LOOPBACK) as served:
            large = b"X: " + b"x" * (2 * WEB_HEAD_BYTES) + b"\r\n"
            with contextlib.suppress(ConnectionResetError):
                assert (await ask(served, "/healthz", more=large))[0] == 0
            reader, writer = await asyncio.open_connection(served.host, served.port)
            with contextlib.suppress(ConnectionResetError):
                for _ in range(3):  # no piece is too large by itself
                    writer.write(b"GET /" + b"x" * (WEB_HEAD_BYTES - 10))
                    await writer.drain()
                    await asyncio.sleep(0.05)
                assert b"200 OK" not in await asyncio.wait_for(reader.read(), 20)
            writer.close()
            assert (await ask(served, "/healthz"))[0] == 200

    asyncio.run(run())


def test_connections_are_bounded_and_end_however_slowly_they_speak(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "WEB_CONNECTION_S", 1.0)

    async def run() -> None:
        async with serve(LOOPBACK) as served:
            held = [await asyncio.open_connection(served.host, served.port) for _ in range(WEB_CONNECTIONS)]
            for _, writer in held:
                writer.write(b"GET /healthz HT")
                await writer.drain()
            reader, writer = await asyncio.open_connection(served.host, served.port)
            assert await asyncio.wait_for(reader.read(), 20) == b""  # one too many: closed unread
            writer.close()
            for reader, writer in held:
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.wait_for(reader.read(), 20) == b""
                writer.close()
            assert (await ask(served, "/healthz"))[0] == 200

    asyncio.run(run())


def test_every_metric_stands_in_the_document_and_every_one_of_the_document_is_there(serve: Any) -> None:
    documented = {
        (name, kind)
        for name, kind in re.findall(
            r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE
        )
    }

    async def run() -> str:
        async with serve(LOOPBACK) as served:
            return (await ask(served, "/metrics"))[1]

    found = set[tuple[str, str]]()
    for family in text_string_to_metric_families(asyncio.run(run())):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.add((name, family.type))
    assert found == documented


def test_dashboard_and_alerts_name_only_metrics_that_exist() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \| ", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    board = json.loads((ROOT / "deploy" / "grafana" / "tocsin.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    alerts = re.findall(r"^ +expr: (.+)$", rules, re.MULTILINE)
    assert len(alerts) == rules.count("- alert:") > 0
    named = {name for text in [*expressions, *alerts] for name in re.findall(r"\b(?:tocsin|process)_\w+", text)}
    assert len(named) > 20
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= documented


def test_what_applications_do_is_counted_by_words_of_the_program_only(serve: Any) -> None:
    async def run() -> str:
        async with serve(LOOPBACK) as served:
            token = served.home.operator_token.read_text().strip()
            target = served.home.address.read_text().strip()
            async with grpc.aio.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),)) as channel:
                node: Any = NodeStub(channel)
                metadata = (("authorization", f"Bearer {token}"),)
                queries = [pb.Query(type="url", value=f"https://secret-{n}.example/") for n in range(3)]
                await node.Match(pb.MatchRequest(queries=queries, purpose="detect"), metadata=metadata)
                call: Any = cast("Any", channel).unary_unary("/tocsin.v1.Node/Secret-method")
                for failing in (
                    node.Match(pb.MatchRequest(), metadata=(("authorization", "Bearer wrong"),)),
                    node.ShowSignal(pb.ShowSignalRequest(feed="secret-feed", signal=1), metadata=metadata),
                    call(b"", metadata=metadata),
                ):
                    with pytest.raises(grpc.RpcError):
                        await failing
            return (await ask(served, "/metrics"))[1]

    text = asyncio.run(run())
    assert "secret" not in text.lower()
    counts = {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in {"tocsin_local_calls_total", "tocsin_lookups_total"} and sample.value
    }
    assert counts == {
        (("effect", "none"),): 3,
        (("method", "Match"), ("status", "OK")): 1,
        (("method", "Match"), ("status", "UNAUTHENTICATED")): 1,
        (("method", "ShowSignal"), ("status", "NOT_FOUND")): 1,
        (("method", "other"), ("status", "PERMISSION_DENIED")): 1,
    }


def test_without_the_key_nothing_listens(home: Any) -> None:
    async def run() -> None:
        node = Node(home, environment={}, exchange=True)
        await node.start()
        try:
            assert not home.web_address.exists()
        finally:
            await node.stop()

    asyncio.run(run())


def test_a_port_that_is_taken_ends_the_start_with_a_sentence(serve: Any, home: Any) -> None:
    async def run() -> None:
        async with serve(LOOPBACK) as served:
            taken = f"{served.host}:{served.port}"
        listening = await asyncio.start_server(lambda _r, _w: None, served.host, served.port)
        home.config.write_text(home.config.read_text().replace("127.0.0.1:0", taken))
        node = Node(home, environment={}, exchange=True)
        try:
            with pytest.raises(Misconfigured, match=rf"web.listen: {taken} is taken"):
                await node.start()
        finally:
            listening.close()

    asyncio.run(run())
