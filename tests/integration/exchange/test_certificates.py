"""Certificates come into date and go out of it by themselves: nobody needs to change anything, nothing restarts."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from tocsin.v1 import exchange_pb2, node_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeStub
from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_crypto.card import open_card
from tocsin_crypto.tls import TlsIdentity, make_identity
from tocsin_node.build import Node, wall_clock
from tocsin_node.exchange.service import Timing
from tocsin_node.home import Home, lock
from tocsin_node.init import init_home
from tocsin_node.testing.core import Clock
from tocsin_node.testing.made import Organisation

DAY_MS = 24 * 3600 * 1000
Ask = Callable[[str, Any], Awaitable[Any]]


@asynccontextmanager
async def running(home: Home, clock: Clock) -> AsyncGenerator[Ask]:
    """A node under this clock that looks at certificates every 50 ms; calls of its operator."""
    await asyncio.to_thread(init_home, home, organisation="node.example", role="other", profiles={}, clock=clock)
    token = (("authorization", f"Bearer {home.operator_token.read_text().strip()}"),)
    with lock(home):
        node = Node(home, environment={}, exchange=True, clock=clock, timing=Timing(show_s=0.05))
        async with grpc.aio.insecure_channel(await node.start()) as channel:
            stub: Any = NodeStub(channel)
            yield lambda method, request: getattr(stub, method)(request, metadata=token)
        await node.stop()


async def let_in(ask: Ask, identity: TlsIdentity) -> bool:
    """Whether the node's exchange talks to a caller with this certificate now."""
    status, own = await ask("Status", pb.StatusRequest()), await ask("GetCard", pb.GetCardRequest())
    roots = b"".join(certificate.pem for certificate in open_card(own.card).card.certificates)
    credentials = grpc.ssl_channel_credentials(roots, identity.key_pem, identity.certificate.pem)
    options = (("grpc.ssl_target_name_override", "node.example"), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.secure_channel(status.exchange, credentials, options=options) as channel:
        stub: Any = ExchangeStub(channel)
        try:
            await stub.ListFeeds(exchange_pb2.ListFeedsRequest(), timeout=5)
        except grpc.aio.AioRpcError:
            return False
    return True


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 30
    while not await check():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


@pytest.mark.timeout(90)
@pytest.mark.asyncio
async def test_a_peers_next_certificate_is_let_in_once_it_is_in_date_and_the_old_one_no_more_once_it_is_over(
    tmp_path: Path,
) -> None:
    """gRPC itself looks at the real clock, so the node's stands 40 days back: both certificates are valid for gRPC."""
    real = wall_clock()
    clock = Clock(real - 40 * DAY_MS)
    old = make_identity("a.example", now=clock.now, days=60)
    following = make_identity("a.example", now=real - 20 * DAY_MS, days=60)
    peer = Organisation.make("a.example", now=clock.now).again(sequence=2, identities=(old, following))
    async with running(Home(tmp_path / "node"), clock) as ask:
        await ask("AddPeer", pb.AddPeerRequest(card=peer.card, fingerprint=peer.fingerprint))
        assert await let_in(ask, old)
        assert not await let_in(ask, following)
        clock.now += 30 * DAY_MS
        await until(lambda: let_in(ask, following))
        assert await let_in(ask, old)
        clock.now += 35 * DAY_MS
        assert not await let_in(ask, old), "judged at each call, whatever the handshake still lets in"
        assert await let_in(ask, following)
