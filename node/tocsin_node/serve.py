"""Running a node: until a signal ends it, or in a thread of a command that found none running."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import structlog

from tocsin_node.build import Node
from tocsin_node.errors import NodeError
from tocsin_node.exchange.service import Timing
from tocsin_node.heap import keep_small_memory
from tocsin_node.home import Home, lock


def serve_home(home: Path, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads the configuration. `ready` hears the local address.

    Errors: Refused when another process has the home, and those of starting.
    """
    files = Home(home.absolute())
    with lock(files):
        asyncio.run(_serve(files, ready))


async def _serve(home: Home, ready: Callable[[str], None] | None) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    keep_small_memory()
    node = Node(home, environment=os.environ, exchange=True)
    address = await node.start()
    reloads: set[asyncio.Task[None]] = set()  # a task nobody holds may vanish

    def reload() -> None:
        task = loop.create_task(_reload(node))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    if ready is not None:
        ready(address)
    await ended.wait()
    await node.stop()


async def _reload(node: Node) -> None:
    try:
        await node.reload()
    except NodeError as error:
        structlog.get_logger("tocsin.node").error("reload refused", sentence=str(error))


class Running:
    """A core started in this process, in a thread of its own."""

    def __init__(self, address: str, stop: Callable[[], None]) -> None:
        self.address = address
        self._stop = stop

    def stop(self) -> None:
        """End it and release the home; returns when that is done."""
        self._stop()


def run_in_thread(home: Path, *, exchange: bool, timing: Timing | None = None) -> Running:
    """Start the node of a home in a thread. Errors: those of starting, raised here. `timing` is for tests."""
    files, stack = Home(home.absolute()), ExitStack()
    stack.enter_context(lock(files))
    started: list[str | BaseException] = []
    ready, ended = threading.Event(), threading.Event()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        try:
            node = Node(files, environment=os.environ, exchange=exchange, timing=timing)
            started.append(await node.start())
        except BaseException as error:  # noqa: BLE001 -- raised again in the caller's thread
            started.append(error)
            return
        finally:
            ready.set()
        await loop.run_in_executor(None, ended.wait)
        await node.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="tocsin-core", daemon=True)
    thread.start()
    ready.wait()
    first = started[0]
    if isinstance(first, BaseException):
        thread.join()
        stack.close()
        raise first

    def stop() -> None:
        ended.set()
        thread.join()
        stack.close()

    return Running(first, stop)
