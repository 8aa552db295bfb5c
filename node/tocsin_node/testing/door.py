"""The door of a node in a federation in memory: every call of the local listener, without a socket.

Requests and responses are serialised, `auth.Guard` admits each call by its token, and the same handlers answer. What
reports progress from a thread of its own, Verify and Backup, cannot be called: here is one thread.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from tocsin_node.config import Address
from tocsin_node.home import Home
from tocsin_node.local.auth import AUDIT, NODE, Guard
from tocsin_node.local.calls import Calls


class CallRefused(Exception):
    """A node's answer to a call it does not do: its status, and its public sentence as text."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class MemoryDoor:
    """See above; a `Door`."""

    def __init__(
        self, *, home: Home, tcp: Address | None, environment: Mapping[str, str], guard: Guard, calls: Sequence[Calls]
    ) -> None:
        del tcp, environment
        self._home = home
        self._guard: Any = guard
        self._calls = calls
        self._token = ""

    async def start(self) -> str:
        """Read the operator's token, with which every call is made that brings no other."""
        self._token = self._home.operator_token.read_text(encoding="ascii").strip()
        return "memory"

    async def stop(self) -> None:
        """Nothing to do: calls come from the same thread."""

    async def call(self, name: str, request: Message | Iterable[Message], *, token: str = "") -> list[Any]:
        """The responses of a call such as Match. Errors: CallRefused."""
        if name in {"Verify", "Backup"}:
            raise NotImplementedError(f"{name} needs a thread: call what is behind it on the home of a stopped member")
        details = _Details(name, (("authorization", f"Bearer {token or self._token}"),))
        handler = await self._guard.intercept_service(self._find, details)
        context = _Context()
        given: Any = _each(request, handler) if isinstance(request, Iterable) else _copied(request)
        function = next(one for one in (handler.unary_unary, handler.unary_stream, handler.stream_stream) if one)
        try:
            found: Any = function(given, context)
            if hasattr(found, "__aiter__"):
                return [_copied(one) async for one in found]
            return [_copied(await found)]
        except grpc.aio.AbortError:
            raise CallRefused(context.code, context.sentence) from None

    async def _find(self, details: Any) -> Any:
        found = (service.service(details) for service in self._calls)
        return next(handler for handler in found if handler is not None)


@dataclass(frozen=True, slots=True)
class _Details:
    name: str
    invocation_metadata: tuple[tuple[str, str], ...]

    @property
    def method(self) -> str:
        return (AUDIT if self.name in {"Verify", "ReadAudit"} else NODE) + self.name


class _Context:
    def __init__(self) -> None:
        self.code = grpc.StatusCode.OK
        self.sentence = ""

    async def abort(self, code: grpc.StatusCode, details: str = "", _metadata: object = ()) -> None:
        self.code, self.sentence = code, details
        raise grpc.aio.AbortError


async def _each(requests: Iterable[Message], handler: Any) -> AsyncIterator[Any]:
    for request in requests:
        yield handler.request_deserializer(request.SerializeToString())


def _copied(message: Message) -> Message:
    return type(message).FromString(message.SerializeToString())
