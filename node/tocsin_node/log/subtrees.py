"""Hashes of complete subtrees of a stored feed: what proofs are made of.

Levels 8 and up come from the stored tiles, a byte range each. Below, the leaves of one 256-entry block are derived from
the stored run that holds it and remembered. An inclusion proof so reads a few tiles and at most two blocks, whatever
the size of the feed. Audit logs are not served: their entries are stored otherwise.
"""

from typing import Final

from tocsin_crypto.merkle import HASH_BYTES, CompactRange
from tocsin_node.errors import Unsound
from tocsin_node.limits import BLOCK
from tocsin_node.log.runs import read_run
from tocsin_node.segment import codec
from tocsin_node.segment.verify import leaves_between
from tocsin_node.store.protocol import Session

_TILE_LEVELS: Final = 8  # a tile spans this many levels of the tree: 256 hashes wide


class FeedSubtrees:
    """`get(level, index)` for `merkle.inclusion_proof`, within one read of the store."""

    def __init__(self, session: Session, log: int) -> None:
        self._session = session
        self._log = log
        self._blocks: dict[int, bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the subtree over the `1 << level` leaves from `index << level`. Errors: Unsound."""
        tile_level, height = divmod(level, _TILE_LEVELS)
        number, offset = divmod(index << height, BLOCK)
        row = self._tile(tile_level, number) if tile_level else self._leaves(number)
        hashes = row[offset * HASH_BYTES : (offset + (1 << height)) * HASH_BYTES]
        if len(hashes) != HASH_BYTES << height:
            raise Unsound(f"the stored tree lacks hashes of level {level} that its size demands")
        return CompactRange().extend(hashes).root()

    def _tile(self, level: int, number: int) -> bytes:
        record = self._session.one(
            "SELECT hashes FROM tile WHERE log = ? AND level = ? AND n = ?", (self._log, level, number)
        )
        return b"" if record is None else bytes(record[0])

    def _leaves(self, block: int) -> bytes:
        """The leaf hashes of a block, as many as there are."""
        if block not in self._blocks:
            reached, end, parts = block * BLOCK, (block + 1) * BLOCK, list[bytes]()
            while reached < end and (found := read_run(self._session, self._log, reached)) is not None:
                segment, stop = found
                parts.append(leaves_between(codec.decode(segment), reached, min(stop, end)))
                reached = min(stop, end)
            self._blocks[block] = b"".join(parts)
        return self._blocks[block]
