"""Where a node touches the world beside the clock: disk, chance, processes, the network, its own applications.

`build` takes the real ones unless it is given others. `tocsin_node.testing` gives others, so that a whole federation
runs in one thread and a seed decides everything; between the edges the same code runs.
"""

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tocsin_crypto.ed25519 import Random
from tocsin_node.config import Address
from tocsin_node.exchange.link import Jitter
from tocsin_node.exchange.network import GrpcNetwork, Network
from tocsin_node.home import Home
from tocsin_node.local.auth import Guard
from tocsin_node.local.calls import Calls
from tocsin_node.local.listener import Listener
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.writer import Schedule
from tocsin_node.rules import Rules, own_rules
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.workers import Workers


class Door(Protocol):
    """What lets the organisation's own applications in."""

    async def start(self) -> str:
        """Serve; returns the address. Errors: Misconfigured, Unsound."""
        ...

    async def stop(self) -> None:
        """Let calls under way finish, then take no more."""
        ...


class MakeDoor(Protocol):
    """Makes the door of one home."""

    def __call__(
        self, *, home: Home, tcp: Address | None, environment: Mapping[str, str], guard: Guard, calls: Sequence[Calls]
    ) -> Door:
        """Not yet serving; `guard` decides who may call what of `calls`."""
        ...


def full_jitter(longest: float) -> float:
    """Any wait up to the longest, so that those who lost a peer together do not come back together."""
    return random.uniform(0, longest)  # noqa: S311  spreads load, decides nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The real ones."""

    open_store: Callable[[Path], SqliteStore] = SqliteStore.open
    open_marks: Callable[[Path], HighWater] = HighWater
    schedule: Schedule | None = None
    """Where the writer's commits run; None: in a thread of their own."""
    random: Random = secrets.token_bytes
    jitter: Jitter = full_jitter
    workers: Callable[[], Workers] = Workers
    network: Network = field(default_factory=GrpcNetwork)
    door: MakeDoor = Listener
    rules: Callable[[], Rules] = own_rules
