"""Work on a stream's items: begun early, answered in order, ended by the first error."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from tocsin_node.local.turns import AT_ONCE, in_turn


async def items(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


class Work:
    """Item n is done once every later one that may run beside it has begun; -1 of `fails` never fails."""

    def __init__(self, fails: int = -1) -> None:
        self.fails = fails
        self.begun: list[int] = []
        self.done: list[int] = []
        self.cancelled: list[int] = []

    async def __call__(self, item: int, before: "asyncio.Task[int] | None") -> int:
        self.begun.append(item)
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            if before is not None:
                await before
            if item == self.fails:
                raise ValueError(f"item {item}")
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        self.done.append(item)
        return 10 * item


async def answers(work: Work, source: AsyncIterator[int]) -> list[int]:
    found = list[int]()
    async with aclosing(in_turn(source, work)) as stream:
        async for answer in stream:
            found.append(answer)
            assert len(work.begun) - len(found) <= AT_ONCE
    return found


def test_answers_come_in_the_order_of_the_items() -> None:
    work = Work()
    assert asyncio.run(answers(work, items(20))) == [10 * number for number in range(20)]
    assert work.done == list(range(20))


def test_the_next_item_begins_before_the_one_in_front_is_done() -> None:
    async def run() -> None:
        work, stop = Work(), asyncio.Event()

        async def source() -> AsyncGenerator[int]:
            yield 0
            yield 1
            await stop.wait()  # a caller that sends no more until it has its answers
            yield 2

        async with aclosing(in_turn(source(), work)) as stream:
            assert await anext(stream) == 0
            assert work.begun == [0, 1]
            assert await anext(stream) == 10
            stop.set()
            assert [answer async for answer in stream] == [20]

    asyncio.run(run())


def test_an_error_ends_the_stream_and_what_waits_behind_it_is_not_done() -> None:
    work, found = Work(fails=3), list[int]()

    async def run() -> None:
        async with aclosing(in_turn(items(10), work)) as stream:
            found.extend([answer async for answer in stream])

    with pytest.raises(ValueError, match="item 3"):
        asyncio.run(run())
    assert work.done == [0, 1, 2]


def test_an_error_of_the_source_comes_after_the_answers_before_it() -> None:
    async def broken() -> AsyncGenerator[int]:
        yield 0
        raise ValueError("not a chunk")

    found = list[int]()

    async def run() -> None:
        async with aclosing(in_turn(broken(), Work())) as stream:
            async for answer in stream:
                found.append(answer)

    with pytest.raises(ValueError, match="not a chunk"):
        asyncio.run(run())
    assert found == [0]


def test_a_caller_that_goes_away_ends_the_work_under_way() -> None:
    async def run() -> Work:
        work = Work()
        async with aclosing(in_turn(items(10), work)) as stream:
            assert await anext(stream) == 0
        return work

    work = asyncio.run(run())
    assert set(work.begun) == set(work.done) | set(work.cancelled)
    assert len(work.begun) <= 1 + AT_ONCE
