"""Worker processes for hashing, canonicalising and tagging: what would hold up the event loop.

Spawned, never forked: gRPC does not survive a fork. One process per core but one, and at least one; started when
warmed or with the first task. A task is one segment or a few hundred values, so that no caller waits long. A worker
ends with the node, also when the node is killed: the queue it waits at would not tell it.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, Protocol, TypeVar

from tocsin_node.heap import keep_small_memory
from tocsin_node.limits import INLINE_SLOW_VALUES, INLINE_VALUES
from tocsin_signals.canon import SLOW_TYPES

P = ParamSpec("P")
T = TypeVar("T")


class Typed(Protocol):
    """A value to be canonicalised."""

    @property
    def type(self) -> str:
        """Its type's name, which need not be one that exists."""
        ...


def are_few(values: Sequence[Typed]) -> bool:
    """Whether canonicalising the values holds up the event loop for no more than a millisecond or two."""
    if len(values) > INLINE_VALUES:
        return False
    return sum(value.type in SLOW_TYPES for value in values) <= INLINE_SLOW_VALUES


class Workers:
    """A pool of processes; `run` is safe to call from the event loop."""

    def __init__(self, *, processes: int | None = None) -> None:
        self._processes = processes or max(1, (os.cpu_count() or 1) - 1)
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a module-level function of picklable values; a pool that died is replaced once."""
        for last in (False, True):
            pool = self._start()
            try:
                return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
            except BrokenProcessPool:
                if self._pool is pool:
                    self._pool = None
                if last:
                    raise
        raise AssertionError

    def warm(self, function: Callable[..., object]) -> None:
        """Start the processes now and have them import what this function needs, so that the first task need not."""
        self._start().submit(_touch, function)

    def stop(self) -> None:
        """End the processes; running tasks are waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_begin)
        return self._pool


def _touch(_: Callable[..., object]) -> None:
    """Receiving a function imports its module."""


def _begin() -> None:
    """Ctrl-C at the terminal reaches the whole process group; the parent decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_small_memory()
    threading.Thread(target=_end_with_parent, name="tocsin-parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
