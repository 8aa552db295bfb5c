"""A TCP relay in a process of its own, for tests of what a network does to two nodes.

    python -m tocsin_node.testing.relay 127.0.0.1:7443

It listens on a loopback port of the system's choice, prints that port, and passes bytes to the address given. Commands
come over stdin, one a line, each answered by how many bytes have passed up and down so far, such as `ok 512 9000`. They
hold for connections that are open and for new ones:

    pass              everything passes at once
    cut               open connections are reset, new ones too
    cut-after N       N more bytes pass to the client, in the middle of whatever they belong to; then as `cut`
    stall             connections are taken and nothing passes: a frozen peer, or a firewall that drops
    one-way up|down   only what the client sends (up), or what it is sent (down), passes
    throttle N        each direction passes about N bytes a second
    delay MS          each direction passes every piece MS milliseconds later, one piece after the other

What is held back is passed on after `pass`, as TCP does when a partition heals in time. It ends with its stdin. It
knows nothing of what passes: TLS between the nodes stays whole.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

PIECE_BYTES: Final = 16 * 1024  # read at once: small against a segment, so that one can be cut in its middle
HOST: Final = "127.0.0.1"


@dataclass(slots=True)
class Rules:
    """What passes now; `changed` is set and replaced at every command."""

    cut: bool = False
    held: frozenset[str] = frozenset()
    bytes_a_second: int = 0
    delay_s: float = 0.0
    left: int | None = None
    passed: Counter[str] = field(default_factory=Counter[str])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def obey(self, command: str) -> str:
        """Change as one command says, and the answer to it. Errors: ValueError for a command that is none."""
        match command.split():
            case ["pass"]:
                fresh = Rules()
            case ["cut"]:
                fresh = Rules(cut=True)
            case ["cut-after", number]:
                fresh = Rules(left=int(number))
            case ["stall"]:
                fresh = Rules(held=frozenset({"up", "down"}))
            case ["one-way", "up" | "down" as way]:
                fresh = Rules(held=frozenset({"up", "down"} - {way}))
            case ["throttle", number]:
                fresh = Rules(bytes_a_second=int(number))
            case ["delay", number]:
                fresh = Rules(delay_s=int(number) / 1000)
            case _:
                raise ValueError(command)
        self.cut, self.held, self.left = fresh.cut, fresh.held, fresh.left
        self.bytes_a_second, self.delay_s = fresh.bytes_a_second, fresh.delay_s
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
        return f"ok {self.passed['up']} {self.passed['down']}"

    async def admit(self, way: str, piece: bytes) -> bytes:
        """As much of the piece as passes, once it may. Less than it was means that the connection is cut."""
        while way in self.held and not self.cut:
            await self.changed.wait()
        await asyncio.sleep(self.delay_s + (len(piece) / self.bytes_a_second if self.bytes_a_second else 0))
        if way == "down" and self.left is not None:
            piece, self.left = piece[: self.left], max(0, self.left - len(piece))
            if self.left == 0:
                self.cut = True
                self.changed.set()
        elif self.cut:
            piece = b""
        self.passed[way] += len(piece)
        return piece


async def carry(rules: Rules, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client's connection, until either side or a command ends it."""
    ends = [writer]
    try:
        if rules.cut:
            return
        there, back = await asyncio.open_connection(*_target(sys.argv[1]))
        ends.append(back)
        pumps = [
            asyncio.create_task(_pump(rules, "up", reader, back)),
            asyncio.create_task(_pump(rules, "down", there, writer)),
            asyncio.create_task(_cut(rules)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
    except OSError:
        pass  # the publisher does not listen now: the client sees its connection end
    finally:
        for end in ends:
            end.transport.abort()


async def _pump(rules: Rules, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            passed = await rules.admit(way, piece)
            writer.write(passed)
            await writer.drain()
            if len(passed) < len(piece):
                await asyncio.sleep(0.05)  # for the last bytes before the cut to leave
                return


async def _cut(rules: Rules) -> None:
    while not rules.cut:
        await rules.changed.wait()


async def serve() -> None:
    """Listen, print the port, obey stdin until it ends."""
    rules = Rules()
    server = await asyncio.start_server(lambda r, w: carry(rules, r, w), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 -- how the starter learns it
    loop = asyncio.get_running_loop()
    while command := await loop.run_in_executor(None, sys.stdin.readline):
        print(rules.obey(command), flush=True)  # noqa: T201 -- the answer
    os._exit(0)  # nothing here is worth an orderly end


def _target(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


class Relay:
    """A relay process, steered from the test that started it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address: Final = f"{HOST}:{self._answer()}"

    def tell(self, command: str) -> int:
        """Give one command; returns when it holds, with the bytes passed down to the client so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        ok, _, down = self._answer().split()
        assert ok == "ok", command
        return int(down)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def open_relay(target: str) -> Generator[Relay]:
    """A relay to `host:port`, ended with the block."""
    command = [sys.executable, "-m", "tocsin_node.testing.relay", target]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- ours
    try:
        yield Relay(process)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(serve())
