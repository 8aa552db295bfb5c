"""The root a feed had at any earlier size: as noted in a checkpoint, or from what is stored of it."""

from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.merkle import CompactRange
from tocsin_crypto.note import parse
from tocsin_node.log.subtrees import FeedSubtrees
from tocsin_node.store.protocol import Session


def noted_root(session: Session, log: int, size: int) -> bytes | None:
    """The root of a size that has a checkpoint here, else None."""
    record = session.one("SELECT note FROM checkpoint WHERE log = ? AND size = ?", (log, size))
    return None if record is None else parse_checkpoint(parse(bytes(record[0])).text).root


def root_of(session: Session, log: int, size: int) -> bytes:
    """The root of the first `size` entries of a feed that holds as many. Errors: Unsound where some are missing."""
    subtree = FeedSubtrees(session, log)
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    return CompactRange(size, tuple(subtree(level, (size >> level) - 1) for level in levels)).root()
