"""The HTTP server inside the node's event loop: a socket of our own, bounded connections, a clean stop.

Rules: at most WEB_CONNECTIONS at once, each for at most WEB_CONNECTION_S however slowly it speaks, with a request head
of at most WEB_HEAD_BYTES. HOME/run/web holds the address while it serves, also where the system chose the port.
"""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tocsin_node.config import Address
from tocsin_node.errors import Misconfigured
from tocsin_node.home import Home
from tocsin_node.limits import WEB_CONNECTION_S, WEB_CONNECTIONS, WEB_HEAD_BYTES, WEB_STOP_S
from tocsin_node.web.app import Pages

_BACKLOG = 64  # connections the system holds before they are taken
_log: Any = structlog.get_logger("tocsin.web")


class WebServer:
    """Start once, stop once."""

    def __init__(self, *, home: Home, listen: Address, pages: Pages) -> None:
        self._home = home
        self._listen = listen
        self._pages = pages
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Serve; returns the URL, as in HOME/run/web. Errors: Misconfigured when the port is taken."""
        listening = _bind(self._listen)
        config = uvicorn.Config(
            self._pages.app(),
            http=_Bounded,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=int(WEB_CONNECTION_S),
            timeout_graceful_shutdown=int(WEB_STOP_S),
            h11_max_incomplete_event_size=WEB_HEAD_BYTES,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]), name="web")
        url = f"http://{Address(self._listen.host, listening.getsockname()[1])}"
        temporary = self._home.web_address.with_suffix(".new")
        temporary.write_text(f"{url}\n", encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(self._home.web_address)
        _log.info("web listens", url=url)
        return url

    async def stop(self) -> None:
        """Answer what is under way within WEB_STOP_S, end the rest."""
        self._home.web_address.unlink(missing_ok=True)
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        try:
            async with asyncio.timeout(2 * WEB_STOP_S):
                await self._task
        except TimeoutError:
            self._task.cancel()
        self._server = None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the node."""
        yield


class _Bounded(H11Protocol):
    """A connection that ends by itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or close it at once when there are too many."""
        super().connection_made(transport)
        self._end = self.loop.call_later(WEB_CONNECTION_S, transport.abort)
        if len(self.connections) > WEB_CONNECTIONS:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a head; h11 itself bounds only heads that come in pieces."""
        if len(data) > WEB_HEAD_BYTES:
            self._end.cancel()
            self.transport.abort()
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end.cancel()
        super().connection_lost(exc)


def _bind(listen: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((listen.host, listen.port))
    except OSError:
        found.close()
        raise Misconfigured(f"web.listen: {listen} is taken or not of this machine") from None
    return found
