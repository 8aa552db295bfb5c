"""What carries the exchange between nodes: gRPC under mutual TLS, or whatever a `Network` puts in its place.

The exchange knows of the network only this: it dials one peer and gets a channel, it listens and peers call its
servicer. Who a caller is and what it may do is decided above, in `pins` and the servicer.
"""

from collections.abc import Iterable
from typing import Any, Protocol, cast

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tocsin.v1 import exchange_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeServicer, add_ExchangeServicer_to_server
from tocsin_crypto.tls import Certificate, TlsIdentity
from tocsin_node.config import Address
from tocsin_node.errors import Misconfigured
from tocsin_node.exchange.credentials import SERVER_OPTIONS, ServerIdentity, open_channel
from tocsin_node.exchange.look import shown_certificate


class Listening(Protocol):
    """A listener that serves."""

    async def stop(self, grace: float) -> None:
        """Take no new call, let those under way finish within `grace` seconds, end the rest."""
        ...


class Network(Protocol):
    """Both directions of one node."""

    def dial(
        self, address: str, organisation: str, *, identity: TlsIdentity, certificates: Iterable[Certificate]
    ) -> grpc.aio.Channel:
        """A channel to a peer that shows one of these certificates; whoever else answers is UNAVAILABLE."""
        ...

    async def look(self, address: Address, organisation: str, *, seconds: float) -> bytes:
        """The certificate (DER) that the address shows to anybody, verified by nobody: see `look`.

        Errors: Unreachable, in words that say how far it got.
        """
        ...

    async def listen(self, address: Address, servicer: ExchangeServicer, identity: ServerIdentity) -> Listening:
        """Serve who holds a key that `identity` lets in; `auth_context` of a call names that key.

        Errors: Misconfigured when the address is taken.
        """
        ...


class GrpcNetwork:
    """gRPC over TCP and mutual TLS, with standard health and reflection."""

    def dial(
        self, address: str, organisation: str, *, identity: TlsIdentity, certificates: Iterable[Certificate]
    ) -> grpc.aio.Channel:
        """See `Network`."""
        return open_channel(address, organisation, identity=identity, certificates=certificates)

    async def look(self, address: Address, organisation: str, *, seconds: float) -> bytes:
        """See `Network`."""
        return await shown_certificate(address, organisation, seconds=seconds)

    async def listen(self, address: Address, servicer: ExchangeServicer, identity: ServerIdentity) -> Listening:
        """See `Network`."""
        # grpcio-health-checking declares no types for its asyncio half
        probes: Any = cast("Any", health).aio.HealthServicer()
        server = grpc.aio.server(options=SERVER_OPTIONS)
        add_ExchangeServicer_to_server(servicer, server)
        name = pb.DESCRIPTOR.services_by_name["Exchange"].full_name
        await probes.set(name, health_pb2.HealthCheckResponse.SERVING)
        cast("Any", health_pb2_grpc).add_HealthServicer_to_server(probes, server)
        cast("Any", reflection).enable_server_reflection((name, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        try:
            server.add_secure_port(str(address), identity.credentials)
        except RuntimeError:
            raise Misconfigured(f"exchange.listen: {address} is taken or not of this machine") from None
        await server.start()
        return _GrpcListening(server, probes)


class _GrpcListening:
    def __init__(self, server: grpc.aio.Server, probes: Any) -> None:
        self._server = server
        self._probes = probes

    async def stop(self, grace: float) -> None:
        await self._probes.enter_graceful_shutdown()
        await self._server.stop(min(grace, 1.0))  # streams never end by themselves
