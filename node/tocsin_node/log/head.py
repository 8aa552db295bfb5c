"""Where a log ends: its size, tree and newest time, in memory and in the store; and the tiles above its leaves."""

from dataclasses import dataclass

from tocsin_crypto.merkle import HASH_BYTES, CompactRange
from tocsin_node.limits import BLOCK
from tocsin_node.store.protocol import Session


@dataclass(frozen=True, slots=True)
class Head:
    """The end of one log. `kind` is audit, own or followed; `last_time` the newest entry's (audit: us, else ms)."""

    log: int
    origin: str
    kind: str
    tree: CompactRange
    last_time: int

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self.tree.size


def load_heads(session: Session) -> dict[int, Head]:
    """Every log's head, by log id."""
    records = session.all(
        "SELECT id, origin, kind, size, stack, last_time FROM log JOIN log_head ON log_head.log = log.id"
    )
    return {
        log: Head(log, origin, kind, CompactRange.from_bytes(size, stack), last_time)
        for log, origin, kind, size, stack, last_time in records
    }


def store_head(session: Session, head: Head) -> None:
    """Write one head."""
    session.execute(
        "INSERT INTO log_head (log, size, stack, last_time) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (log) DO UPDATE SET size = excluded.size, stack = excluded.stack, last_time = excluded.last_time",
        (head.log, head.size, head.tree.to_bytes(), head.last_time),
    )


def store_blocks(session: Session, log: int, first_block: int, blocks: bytes) -> None:
    """Append the hashes of newly completed 256-leaf blocks to level 1, and what they complete above it."""
    level, start, hashes = 1, first_block, blocks
    while hashes:
        completed: list[bytes] = []
        above = 0  # the tile number of the first tile completed here is its place on the next level
        while hashes:
            tile, within = divmod(start, BLOCK)
            part = hashes[: (BLOCK - within) * HASH_BYTES]
            session.execute(
                "INSERT INTO tile (log, level, n, hashes) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (log, level, n) DO UPDATE SET hashes = CAST(tile.hashes || excluded.hashes AS BLOB)",
                (log, level, tile, part),
            )
            hashes = hashes[len(part) :]
            start += len(part) // HASH_BYTES
            if start % BLOCK == 0:
                above = above if completed else tile
                completed.append(_tile_root(session, log, level, tile))
        level, start, hashes = level + 1, above, b"".join(completed)


def store_checkpoint(session: Session, log: int, size: int, note: bytes, at: int) -> None:
    """Keep the signed note of a size; a size has one note for ever."""
    session.execute(
        "INSERT INTO checkpoint (log, size, note, at) VALUES (?, ?, ?, ?) ON CONFLICT (log, size) DO NOTHING",
        (log, size, note, at),
    )


def latest_checkpoint(session: Session, log: int) -> tuple[int, bytes] | None:
    """Size and note of the newest checkpoint of a log."""
    record = session.one("SELECT size, note FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1", (log,))
    return None if record is None else (int(record[0]), bytes(record[1]))


def _tile_root(session: Session, log: int, level: int, tile: int) -> bytes:
    record = session.one("SELECT hashes FROM tile WHERE log = ? AND level = ? AND n = ?", (log, level, tile))
    assert record is not None
    return CompactRange().extend(bytes(record[0])).root()
