"""The guard's surroundings for tests of publishing and matching alone: the built-in lists, and nobody counted."""

from collections.abc import Iterable, Sequence
from typing import Final

from tocsin_node.guard.approvals import Approvals
from tocsin_node.guard.gate import Gate
from tocsin_node.guard.sources import Sources
from tocsin_node.testing.core import Core

KEY: Final = b"\x0e" * 32


class NobodyCounted:
    """Counters of a node whose applications never name a subject."""

    def saw(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Never called with any."""
        assert not list(pairs)

    async def users(self, expressions: Sequence[int]) -> list[int]:
        """None for each."""
        return [0] * len(expressions)


def plain_gate(core: Core) -> Gate:
    """With the approvals of the core's database."""
    return Gate(
        approvals=Approvals(core.store),
        key=KEY,
        sources=Sources,
        radius=NobodyCounted(),
        limit=lambda: 50,
        clock=core.clock,
    )
