"""An event loop whose time is a number: it jumps to the next timer instead of waiting. Everything runs in one thread.

So a test of a week takes milliseconds, and what happens is decided by the order of callbacks alone, which is the same
for the same inputs. Blocking functions given to an executor run where they are called. Nothing here may be used where
real sockets, subprocesses or other threads take part: their time is not this time.
"""

import asyncio
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any, ParamSpec, TypeVar

from tocsin_node.workers import Workers

P = ParamSpec("P")
T = TypeVar("T")


class Stalled(Exception):
    """Somebody waits, and nothing is left that could ever happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """See above. `time` begins at 0 and counts seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_Jump(self._jump))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: ARG002
        """The function's result; it has run when this returns."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 -- handed to whoever awaits it, as an executor does
            future.set_exception(error)
        return future

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """The same as `call_soon`: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def _jump(self, seconds: float) -> None:
        self._seconds += seconds


class InlineWorkers(Workers):
    """Workers that are not processes: the task is done when it was asked for."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result."""
        return function(*args, **kwargs)

    def warm(self, function: Callable[..., object]) -> None:
        """Nothing to start."""


class _Jump(selectors.SelectSelector):
    """A selector that moves the time forward instead of waiting for it."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled("nothing is left that could happen, and somebody still waits")
        if timeout > 0:
            self._jump(timeout)
        return super().select(0)
