"""Verified entries into the match index: the same function when they arrive and when a node starts."""

from typing import Final

import numpy as np
import numpy.typing as npt

from tocsin_node.clear import CLEAR_CODES, CLEAR_EPOCH
from tocsin_node.log.tx import Stored
from tocsin_node.match.blocks import SignalBlock
from tocsin_node.match.index import MatchIndex
from tocsin_node.segment.codec import U64
from tocsin_signals.entry import MAX_LIFETIME_MS, VERSION, Kind, tag_column
from tocsin_signals.types import REGISTRY

# By type code: whether we know it, and whether its values travel in the clear.
_TYPED: Final = np.isin(np.arange(1 << 16), [entry.code for entry in REGISTRY])
_CLEAR: Final = np.isin(np.arange(1 << 16), sorted(CLEAR_CODES))


def take_in(index: MatchIndex, stored: Stored) -> None:
    """Add a run's signals to the index, then their further tags, revisions and withdrawals, each in log order.

    That order gives what `life.state.fold` says of every single signal: an assert comes before whatever names it, a
    retag changes nothing but where the signal is found, and a withdrawal is final.
    Entries of unknown version, kind or type are left out: they are kept as bytes and never matched; so are values in
    the clear under an epoch, and tags under none. A signal that claims to live longer than five years is cut to that.
    """
    rows, indices, details = stored.rows, stored.indices, stored.details
    known = rows["version"] == VERSION
    kinds = rows["kind"]
    typed = known & _TYPED[rows["type"]] & (_CLEAR[rows["type"]] == (rows["epoch"] == CLEAR_EPOCH))
    until = np.minimum(rows["valid_until"], rows["issued_at"] + np.uint64(MAX_LIFETIME_MS))
    signals = np.where(kinds == Kind.ASSERT, indices, rows["ref"]).astype(np.uint64)
    for kind, take in ((Kind.ASSERT, index.add), (Kind.RETAG, index.retag)):
        chosen = typed & (kinds == kind)
        if bool(chosen.any()):
            take(stored.log, _block(stored, chosen, signals, until))
    revises = known & (kinds == Kind.REVISE)
    if bool(revises.any()):
        times = rows["issued_at"][revises].astype(np.uint64)
        numbers = details[revises].astype(np.uint32)
        index.revise(stored.log, signals[revises], numbers, times, until[revises])
    withdraws = known & (kinds == Kind.WITHDRAW)
    if bool(withdraws.any()):
        index.withdraw(stored.log, signals[withdraws])


def _block(stored: Stored, chosen: npt.NDArray[np.bool_], signals: U64, until: U64) -> SignalBlock:
    rows = stored.rows
    places = slice(None) if chosen.all() else np.flatnonzero(chosen)  # column by column: rows are wide
    return SignalBlock(
        tags=np.ascontiguousarray(tag_column(rows)[places]),
        types=rows["type"][places].astype(np.uint16),
        epochs=rows["epoch"][places].astype(np.uint32),
        details=stored.details[places].astype(np.uint32),
        issued_at=rows["issued_at"][places].astype(np.uint64),
        valid_until=until[places],
        signals=signals[places],
    )
