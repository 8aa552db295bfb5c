"""Waking the senders of a feed when new entries of it are durable."""

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from tocsin_node.log.tx import Stored


class Wakes:
    """Events to be set per log; `stored` is called on the writer's thread, the rest on the event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: defaultdict[int, dict[asyncio.Event, None]] = defaultdict(dict)  # woken in the order they came

    def stored(self, stored: Stored) -> None:
        """An observer of the writer: wake who waits for this log."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, stored.log)

    @contextmanager
    def waiting(self, log: int) -> Generator[asyncio.Event]:
        """An event that is set whenever entries of the log become durable."""
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._waiting[log][event] = None
        try:
            yield event
        finally:
            del self._waiting[log][event]

    def _wake(self, log: int) -> None:
        for event in self._waiting[log]:
            event.set()
