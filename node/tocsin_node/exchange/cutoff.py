"""Ending calls: work that stops when a peer is removed or paused, and answers that never keep a handler waiting.

A handler's own task must not be cancelled: gRPC would leave the caller hanging. So its work runs in child tasks beside
the peer's *revoked* event; when that fires, the children are cancelled and the call is aborted with a status. A peer
that never reads holds even the status up behind its full window: after CUT_OFF_S the handler leaves it behind, and
nothing more is ever written to that call.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import grpc
import grpc.aio
import structlog

from tocsin_node.errors import Denied, NodeError, answer
from tocsin_node.limits import CUT_OFF_S
from tocsin_node.meter import Meter

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

_log: Any = structlog.get_logger("tocsin.exchange")


async def first(*works: Coroutine[Any, Any, Any]) -> None:
    """Run all until one ends; cancel the others; raise what the one that ended raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception())]
    if errors:
        raise errors[0]


async def beside(revoked: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, unless the event fires first: then the work is cancelled. Errors: Denied."""
    results: list[T] = []

    async def run() -> None:
        results.append(await work)

    await first(run(), revoked.wait())
    if not results:
        raise Denied("this node has ended the exchange with the caller")
    return results[0]


async def answered(context: Context, method: str, work: Callable[[], Coroutine[Any, Any, T]], meter: Meter) -> T:
    """The result of a call's work, or its error as status and public sentence; the cause goes to the log."""
    ended = "CANCELLED"  # unless something else is known of its end
    try:
        result = await work()
        ended = "OK"
    except Exception as error:
        status, sentence = answer(error)
        ended = status.name
        if isinstance(error, NodeError):
            _log.info("refused", method=method, status=status.name, sentence=sentence)
        else:
            _log.exception("failed", method=method)
        async with asyncio.timeout(CUT_OFF_S):
            await context.abort(status, sentence)
        raise AssertionError from error  # `abort` does not return
    else:
        return result
    finally:
        meter.exchange_call(method, ended)
