"""A local listener over a real core and real tokens, for tests that call it as an application would."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from tocsin.v1 import audit_pb2, node_pb2
from tocsin.v1.audit_pb2_grpc import AuditStub
from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_node.config import Address
from tocsin_node.home import Home
from tocsin_node.local.auth import Guard
from tocsin_node.local.calls import Calls
from tocsin_node.local.listener import Listener
from tocsin_node.tally import Tally
from tocsin_node.testing.core import Core, open_core
from tocsin_node.tokens import Tokens


@pytest.fixture
def home() -> Iterator[Home]:
    root = Path(tempfile.mkdtemp(prefix="t-"))  # a short path: a socket's has a limit
    try:
        found = Home(root)
        found.run.mkdir(mode=0o700)
        yield found
    finally:
        shutil.rmtree(root)


@pytest.fixture
def core(home: Home) -> Iterator[Core]:
    with open_core(home.root) as found:
        yield found


@pytest.fixture
def tokens(core: Core) -> Tokens:
    return Tokens(store=core.store, writer=core.writer)


@pytest.fixture
def tally(core: Core) -> Tally:
    return Tally(writer=core.writer, clock=core.clock)


@dataclass(frozen=True, slots=True)
class Client:
    channel: grpc.aio.Channel
    node: Any
    audit: Any


Tables = Mapping[str, Mapping[str, Any]]
Open = Callable[[Tables], AbstractAsyncContextManager[str]]


def default_tables() -> dict[str, dict[str, Any]]:
    """Every call of the contract, answering with nothing."""

    def once(method: Any) -> Any:
        from google.protobuf.message_factory import GetMessageClass

        answer = GetMessageClass(method.output_type)

        async def call(request: object, actor: object) -> Any:
            return answer()

        async def stream(request: Any, actor: object) -> AsyncIterator[Any]:
            if method.client_streaming:
                async for _ in request:
                    yield answer()
            else:
                yield answer()

        return stream if method.server_streaming else call

    services = [node_pb2.DESCRIPTOR.services_by_name["Node"], audit_pb2.DESCRIPTOR.services_by_name["Audit"]]
    return {service.name: {method.name: once(method) for method in service.methods} for service in services}


@pytest.fixture
def listener(home: Home, tokens: Tokens, tally: Tally) -> Callable[..., Listener]:
    def make(tables: Tables, tcp: Address | None = None) -> Listener:
        base = default_tables()
        calls = [
            Calls(node_pb2.DESCRIPTOR.services_by_name["Node"], {**base["Node"], **tables.get("Node", {})}),
            Calls(audit_pb2.DESCRIPTOR.services_by_name["Audit"], {**base["Audit"], **tables.get("Audit", {})}),
        ]
        return Listener(home=home, tcp=tcp, environment={}, guard=Guard(tokens=tokens, tally=tally), calls=calls)

    return make


@pytest.fixture
def serving(listener: Callable[..., Listener]) -> Open:
    @asynccontextmanager
    async def serve(tables: Tables) -> AsyncGenerator[str]:
        found = listener(tables)
        try:
            yield await found.start()
        finally:
            await found.stop(1.0)

    return serve


@asynccontextmanager
async def client(address: str) -> AsyncGenerator[Client]:
    options = (("grpc.enable_http_proxy", 0),)
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Client(channel, NodeStub(channel), AuditStub(channel))


@pytest.fixture
def connect() -> Callable[[str], AbstractAsyncContextManager[Client]]:
    return client
