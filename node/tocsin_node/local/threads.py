"""Long work in a thread whose words reach a caller as they come, and which ends when the caller goes away."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Final, TypeVar

T = TypeVar("T")

_POLL_S: Final = 0.01  # between looks at whether work that nobody waits for has ended
_AHEAD: Final = 64  # words that wait for a slow caller; beyond it the work waits too


class Abandoned(Exception):
    """Raised in the work when nobody listens any more."""


async def spoken(work: Callable[[Callable[[T], None]], None]) -> AsyncGenerator[T, None]:
    """What `work(say)` says, in order; its error is raised here. `say` raises Abandoned to end the work."""
    said: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue(_AHEAD)
    loop, stopped = asyncio.get_running_loop(), threading.Event()

    def put(item: tuple[T] | Exception | None) -> None:
        if stopped.is_set():
            raise Abandoned
        asyncio.run_coroutine_threadsafe(said.put(item), loop).result()

    def run() -> None:
        try:
            work(lambda word: put((word,)))
            put(None)
        except Abandoned:
            return
        except Exception as error:  # noqa: BLE001 -- raised again on the loop
            put(error)

    worker = loop.run_in_executor(None, run)
    try:
        while (item := await said.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item[0]
    finally:
        stopped.set()
        while not worker.done():
            while not said.empty():
                said.get_nowait()
            await asyncio.sleep(_POLL_S)
