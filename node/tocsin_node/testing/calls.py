"""One gRPC call between two nodes of a federation in memory: the bytes of each direction in order, each after a delay.

What gRPC promises is kept: order within a direction, a window that holds a sender up whose reader does not read, a
largest message, one status at the end, a cancelled caller's handler cancelled. The rest (delay, loss of the
connection, silence) is the hub's to decide.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
import grpc.aio

from tocsin_node.limits import MESSAGE_BYTES

WINDOW_BYTES: Final = 64 * 1024  # sent and not read: gRPC's initial window of a stream


@dataclass(frozen=True, slots=True)
class End:
    """The last thing that travels in a direction; towards the caller it is the status."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""

    @property
    def error(self) -> grpc.aio.AioRpcError:
        """What a caller of gRPC gets."""
        return grpc.aio.AioRpcError(self.code, grpc.aio.Metadata(), grpc.aio.Metadata(), self.details)


GONE: Final = End(grpc.StatusCode.UNAVAILABLE, "the connection broke")


class Between(Protocol):
    """What is between two nodes."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Whose time it is."""
        ...

    def delay(self) -> float:
        """Seconds until the next message arrives."""
        ...

    def frozen(self, one: str, other: str) -> bool:
        """Whether nothing arrives, and nobody is told."""
        ...

    def arrived(self, call: "Call", sender: str, data: bytes) -> bool:
        """Note an arrival; False when the connection broke instead."""
        ...


class Lane:
    """One direction of a call."""

    def __init__(self, call: "Call", sender: str, on_end: Callable[[End], None]) -> None:
        self._call = call
        self._sender = sender
        self._on_end = on_end
        self._under_way: deque[bytes | End] = deque()
        self._held = 0  # arrivals that a freeze holds back
        self._last = 0.0
        self._unread = 0
        self._closed = False
        self._room = asyncio.Event()
        self._arrived: asyncio.Queue[bytes | End] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        """Put a message on its way; waits while the window is full."""
        while self._unread and self._unread + len(data) > WINDOW_BYTES and not self._closed:
            self._room.clear()
            await self._room.wait()
        self._unread += len(data)
        self._put(data)

    def end(self, end: End) -> None:
        """Let nothing follow what is under way."""
        self._put(end)

    def break_off(self, end: End) -> None:
        """End at once: what is under way is lost, what has arrived can still be read."""
        self._under_way.clear()
        self._finish(end)

    async def read(self) -> bytes | End:
        """The next message, or the end, again and again."""
        item = await self._arrived.get()
        if isinstance(item, End):
            self._arrived.put_nowait(item)
            return item
        self._unread -= len(item)
        self._room.set()
        return item

    def thaw(self) -> None:
        """Let arrive what a freeze held back."""
        held, self._held = self._held, 0
        for _ in range(held):
            self._arrive()

    def _put(self, item: bytes | End) -> None:
        if self._closed:
            return
        loop = self._call.between.loop
        self._last = max(self._last, loop.time() + self._call.between.delay())
        self._under_way.append(item)
        loop.call_at(self._last, self._arrive)

    def _arrive(self) -> None:
        if not self._under_way:
            return  # broken off meanwhile
        if self._call.frozen:
            self._held += 1
            return
        item = self._under_way.popleft()
        if isinstance(item, End):
            self._finish(item)
        elif len(item) > MESSAGE_BYTES:
            self._call.break_off(grpc.StatusCode.RESOURCE_EXHAUSTED, f"a message of {len(item)} bytes")
        elif self._call.between.arrived(self._call, self._sender, item):
            self._arrived.put_nowait(item)

    def _finish(self, end: End) -> None:
        if not self._closed:
            self._closed = True
            self._room.set()
            self._arrived.put_nowait(end)
            self._on_end(end)


class Call:
    """Both directions, and the handler's task at the server."""

    def __init__(
        self, *, client: str, server: str, method: str, between: Between, on_end: Callable[["Call"], None]
    ) -> None:
        self.client: Final = client
        self.server: Final = server
        self.method: Final = method
        self.between: Final = between
        self.up: Final = Lane(self, client, self._cancel_handler)
        self.down: Final = Lane(self, server, lambda _: on_end(self))
        self.handler: asyncio.Task[None] | None = None
        self._gone = False

    @property
    def frozen(self) -> bool:
        """Whether nothing arrives."""
        return self.between.frozen(self.client, self.server)

    def thaw(self) -> None:
        """Let arrive what a freeze held back; or the news that the other side is gone."""
        if self._gone:
            self.break_off(GONE.code, GONE.details)
        self.up.thaw()
        self.down.thaw()

    def break_off(self, code: grpc.StatusCode, details: str) -> None:
        """The connection is gone: both sides hear of it at once."""
        self.down.break_off(End(code, details))
        self.up.break_off(End(code, details))

    def lose(self, name: str) -> None:
        """One side is gone; the other hears of it, at once or when a freeze ends."""
        if not self.frozen:
            self.break_off(GONE.code, GONE.details)
            return
        self._gone = True
        if name == self.server:
            self._cancel_handler(GONE)
        else:
            self.down.break_off(GONE)

    def _cancel_handler(self, end: End) -> None:
        if self.handler is not None and end.code is not grpc.StatusCode.OK:
            self.handler.cancel()


class ServerSide:
    """What a handler is given: the part of a ServicerContext that the exchange uses."""

    def __init__(
        self, call: Call, pem: bytes, handler: Any, say: Callable[[Any], list[bytes]], note: Callable[[End], None]
    ) -> None:
        self._call = call
        self._pem = pem
        self._handler = handler
        self._say = say
        self._note = note
        self._status = End()

    def auth_context(self) -> dict[str, list[bytes]]:
        """The certificate whose key the caller holds."""
        return {"x509_pem_cert": [self._pem]}

    async def read(self) -> Any:
        """The next request, or EOF."""
        item = await self._call.up.read()
        return grpc.aio.EOF if isinstance(item, End) else self._handler.request_deserializer(item)

    async def write(self, message: Any) -> None:
        """Send a response, or what a lie makes of it."""
        for data in self._say(message):
            await self._call.down.send(data)

    async def abort(self, code: grpc.StatusCode, details: str = "", _metadata: object = ()) -> None:
        """End the call with a status; does not return."""
        self._status = End(code, details)
        raise grpc.aio.AbortError

    async def run(self) -> None:
        """Answer the call to its end."""
        status = End(grpc.StatusCode.UNKNOWN, "the handler failed")
        try:
            if self._handler.request_streaming:
                await self._handler.stream_stream(None, self)
            else:
                await self.write(await self._handler.unary_unary(await self.read(), self))
            status = self._status
        except grpc.aio.AbortError:
            status = self._status
        except asyncio.CancelledError:
            status = End(grpc.StatusCode.CANCELLED, "cancelled")
            raise
        finally:
            self._note(status)
            self._call.down.end(status)
