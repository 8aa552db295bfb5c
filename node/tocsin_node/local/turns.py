"""Work on the items of a stream that begins before the item in front is done, and is answered in order.

So a chunk of rows is canonicalised and tagged while the one before it is committed. The order of commits is the work's
own affair: it is given the task of the item in front to wait for.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Final, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AT_ONCE: Final = 3  # items under way: one in the writer, one in a worker process, one being read


async def in_turn(
    items: AsyncIterator[Item], work: "Callable[[Item, asyncio.Task[Answer] | None], Coroutine[Any, Any, Answer]]"
) -> AsyncGenerator[Answer]:
    """The answer to each item, in order. The first error of items or work ends it, and whatever is under way."""
    begun: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue()
    room = asyncio.Semaphore(AT_ONCE)
    tasks: list[asyncio.Task[Any]] = []

    async def begin() -> None:
        before: asyncio.Task[Answer] | None = None
        try:
            async for item in items:
                await room.acquire()
                before = asyncio.create_task(work(item, before))
                tasks[1:] = [*(task for task in tasks[1:] if not task.done()), before]
                begun.put_nowait(before)
        finally:
            begun.put_nowait(None)

    tasks.append(asyncio.create_task(begin()))
    try:
        while (task := await begun.get()) is not None:
            answer = await task
            room.release()
            yield answer
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
