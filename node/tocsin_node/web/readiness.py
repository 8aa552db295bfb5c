"""Whether the node can do its work now, check by check, for `/readyz`.

Ready means: the match index holds what is stored, the writer answers, the last commit was durable, and there is room.
A profile of canonical forms that is refused is told and does not make the node unready: other types go on. A look costs
no disk write unless the last commit failed: then one row is written and taken out again, so that a disk that recovered
is noticed although nobody publishes. A frozen feed or a silent peer is for alerts, not for this.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tocsin_node.errors import NodeError
from tocsin_node.limits import FREE_BYTES, READY_S
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer


@dataclass(frozen=True, slots=True)
class Check:
    """One condition; `why` says what is wrong, empty when nothing is. Without a `needed` one the node is not ready."""

    name: str
    why: str
    needed: bool = True

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return not self.why


class Readiness:
    """Looks at the node; `loaded` is set once the index is."""

    def __init__(
        self,
        *,
        writer: Writer,
        free_bytes: Callable[[], int],
        problems: Callable[[], Sequence[str]],
        answer_s: float = READY_S,
    ) -> None:
        self._writer = writer
        self._free_bytes = free_bytes
        self._problems = problems
        self._answer_s = answer_s
        self.loaded = False

    async def checks(self) -> tuple[Check, ...]:
        """Every check, in one order."""
        if not self.loaded:
            starting = "the stored signals are still being read"
            return Check("index", starting), Check("writer", ""), Check("store", ""), Check("space", self._space())
        writer, store = await self._write()
        return (
            Check("index", ""),
            Check("writer", writer),
            Check("store", store),
            Check("space", self._space()),
            Check("profiles", "; ".join(self._problems()), needed=False),
        )

    def _space(self) -> str:
        free = self._free_bytes()
        return "" if free >= FREE_BYTES else f"{free} bytes are free, fewer than the {FREE_BYTES} that publishing needs"

    async def _write(self) -> tuple[str, str]:
        """What is wrong with the writer, and with the store."""
        probe = _touch if self._writer.failing else _nothing
        try:
            async with asyncio.timeout(self._answer_s):
                await self._writer.submit(probe)
        except TimeoutError:
            return f"the writer did not answer within {self._answer_s:g} seconds", ""
        except NodeError as error:
            return "", str(error)
        return "", ""


def _nothing(tx: Tx) -> None:
    """Only to be answered."""


def _touch(tx: Tx) -> None:
    """Write to the disk and leave nothing behind; the name cannot be a community's."""
    tx.sql.execute("INSERT INTO community (id, founder) VALUES (?, ?)", ("(probe)", ""))
    tx.sql.execute("DELETE FROM community WHERE id = ?", ("(probe)",))
