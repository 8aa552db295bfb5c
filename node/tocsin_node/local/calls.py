"""From the services of the contract to gRPC handlers: the one place where calls are authorised, answered and logged.

A service is a table from method name to a function `(request, actor)`. Around each of them, in order: only calls that
`auth.Guard` let through run at all; an error becomes a status and one public sentence by `errors.answer`; its cause
goes to the log under the request id that the caller gets too. Requests are never logged.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tocsin_node.errors import Misbehaviour, Misconfigured, Refused, answer
from tocsin_node.limits import INLINE_VALUES
from tocsin_node.local.auth import Admits, Unbound
from tocsin_node.log.envelope import Actor
from tocsin_node.meter import Meter

P = ParamSpec("P")
T = TypeVar("T")

Once = Callable[[Any, Actor], Awaitable[Message]]
"""One request, one response."""

Stream = Callable[[Any, Actor], AsyncGenerator[Message, None]]
"""A stream of responses, to one request or to an asynchronous iterator of them."""

SENTENCE_CHARS: Final = 600  # of an answer: percent-encoded it still fits the 8 kB that gRPC gives to trailers
REQUEST_ID: Final = "tocsin-request"  # trailing metadata of a call that failed; the log line of its cause has the same

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_log: Any = structlog.get_logger("tocsin.local")


class Calls(grpc.GenericRpcHandler):
    """Every method of one service, bound to the function that does it."""

    def __init__(
        self, service: ServiceDescriptor, table: Mapping[str, Once | Stream], *, meter: Meter | None = None
    ) -> None:
        methods: Mapping[str, MethodDescriptor] = dict(service.methods_by_name)
        if table.keys() != methods.keys():
            raise ValueError(f"{service.full_name} and its table differ in {sorted(table.keys() ^ methods.keys())}")
        self.name: str = service.full_name
        self._meter = meter or Meter()
        self._methods = {f"/{self.name}/{name}": (methods[name], table[name]) for name in table}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "_Handler | None":
        """The handler of a call to this service, which the guard binds to its actor; None for other services."""
        details: Admits = handler_call_details
        found = self._methods.get(details.method)
        return None if found is None else Unbound(partial(_handler, *found, self._meter))


async def off_loop(count: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result: here for a few values, in a thread for many, so that other callers need not wait."""
    if count <= INLINE_VALUES:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


def _handler(method: MethodDescriptor, function: Any, meter: Meter, actor: Actor) -> _Handler:
    async def once(request: Any, context: _Context) -> Message:
        async with _answered(method.name, actor, context, meter):
            return await function(request, actor)
        raise AssertionError  # an error was answered: `abort` does not return

    async def stream(request: Any, context: _Context) -> AsyncIterator[Message]:
        async with _answered(method.name, actor, context, meter), aclosing(function(request, actor)) as responses:
            async for response in responses:
                yield response

    make: Any = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[method.client_streaming, method.server_streaming]
    request_class: type[Message] = GetMessageClass(method.input_type)
    response_class: type[Message] = GetMessageClass(method.output_type)
    return make(
        stream if method.server_streaming else once,
        request_deserializer=request_class.FromString,
        response_serializer=response_class.SerializeToString,
    )


@asynccontextmanager
async def _answered(method: str, actor: Actor, context: _Context, meter: Meter) -> AsyncGenerator[None]:
    request = secrets.token_hex(8)
    log = _log.bind(request=request, method=method, actor=actor.name)
    start = time.monotonic()
    ended = "CANCELLED"  # unless something else is known of its end
    try:
        yield
        ended = "OK"
    except grpc.aio.AbortError:
        raise
    except Exception as error:
        status, sentence = answer(error)
        ended = status.name
        if isinstance(error, Refused | Misconfigured | Misbehaviour):
            # The caller has the sentence, which may name what the caller wrote; the log needs only why.
            log.info("refused", status=status.name, error=type(error).__name__, exc_info=error.__cause__)
        else:
            log.exception("failed", status=status.name)
        await context.abort(status, sentence[:SENTENCE_CHARS], ((REQUEST_ID, request),))
    finally:
        meter.local_call(method, ended, time.monotonic() - start)
    log.debug("answered", ms=round((time.monotonic() - start) * 1000, 1))
