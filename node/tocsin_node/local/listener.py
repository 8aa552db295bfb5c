"""The local gRPC server: on the unix socket of the home, and on a loopback port where the configuration names one.

It serves what it is given behind `auth.Guard`, with standard health and reflection. HOME/run/address names the socket
while it serves: written with the socket's place, removed first at stop. Stopping lets calls under way finish for
DRAIN_S. Held by `build`; the home's lock must be held, because gRPC would take over a living node's socket.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tocsin_node.config import Address
from tocsin_node.errors import Misconfigured, Unsound
from tocsin_node.home import Home, claim_socket
from tocsin_node.limits import DRAIN_S, LOCAL_CALLS, LOCAL_MESSAGE_BYTES
from tocsin_node.local.auth import Guard
from tocsin_node.local.calls import Calls

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", LOCAL_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),  # verdicts of 4,096 look-ups with all their details; our own, so bounded
    ("grpc.so_reuseport", 0),  # a second listener on the port must fail, not share it
)


class Listener:
    """The server of one home; `start` once, `stop` once."""

    def __init__(
        self,
        *,
        home: Home,
        tcp: Address | None,
        environment: Mapping[str, str],
        guard: Guard,
        calls: Sequence[Calls],
    ) -> None:
        self._home = home
        self._tcp = tcp
        self._environment = environment
        self._guard = guard
        self._calls = calls
        # grpcio-health-checking declares no types for its asyncio half
        self._health: Any = cast("Any", health).aio.HealthServicer()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> str:
        """Serve; returns the address, as in HOME/run/address. Errors: Misconfigured, Unsound."""
        server = grpc.aio.server(interceptors=(self._guard,), options=_OPTIONS, maximum_concurrent_rpcs=LOCAL_CALLS)
        try:
            await self._fill(server)
            address = self._listen(server)
            await server.start()
        except BaseException:
            self._home.address.unlink(missing_ok=True)
            await server.stop(None)
            raise
        self._server = server
        return address

    async def stop(self, grace: float = DRAIN_S) -> None:
        """Take no new call, let those under way finish within `grace` seconds, end the rest."""
        self._home.address.unlink(missing_ok=True)
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(grace)
            self._server = None

    async def _fill(self, server: grpc.aio.Server) -> None:
        server.add_generic_rpc_handlers(tuple(self._calls))
        cast("Any", health_pb2_grpc).add_HealthServicer_to_server(self._health, server)
        names = [call.name for call in self._calls]
        for name in names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        shown = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        cast("Any", reflection).enable_server_reflection(shown, server)

    def _listen(self, server: grpc.aio.Server) -> str:
        if self._tcp:
            _bind(server, str(self._tcp), Misconfigured(f"local.tcp: {self._tcp} is taken or not of this machine"))
        path = claim_socket(self._home, self._environment)
        _bind(server, f"unix:{path}", Unsound(f"{path} cannot be listened on"))
        path.chmod(0o600)
        return f"unix:{path}"


def _bind(server: grpc.aio.Server, address: str, error: Exception) -> None:
    try:
        server.add_insecure_port(address)
    except RuntimeError as cause:
        raise error from cause
