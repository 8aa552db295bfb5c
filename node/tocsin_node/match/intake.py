"""Verified entries into the match index: the same function when they arrive and when a node starts."""

from typing import Final

import numpy as np

from tocsin_node.log.tx import Stored
from tocsin_node.match.blocks import SignalBlock
from tocsin_node.match.index import MatchIndex
from tocsin_signals.entry import MAX_LIFETIME_MS, VERSION, Kind, tag_column
from tocsin_signals.types import REGISTRY

_CODES: Final = np.asarray([entry.code for entry in REGISTRY], np.uint16)


def take_in(index: MatchIndex, stored: Stored) -> None:
    """Add a run's signals to the index and apply its revisions and withdrawals, in log order.

    Entries of unknown version, kind or type are left out: they are kept as bytes and never matched. A signal that
    claims to live longer than five years is cut to that.
    """
    rows, indices, details = stored.rows, stored.indices, stored.details
    known = rows["version"] == VERSION
    kinds = rows["kind"]
    typed = known & np.isin(rows["type"], _CODES)
    until = np.minimum(rows["valid_until"], rows["issued_at"] + np.uint64(MAX_LIFETIME_MS))
    signals = np.where(kinds == Kind.ASSERT, indices, rows["ref"]).astype(np.uint64)
    adds = typed & ((kinds == Kind.ASSERT) | (kinds == Kind.RETAG))
    if bool(adds.any()):
        block = SignalBlock(
            tags=np.ascontiguousarray(tag_column(rows)[adds]),
            types=rows["type"][adds].astype(np.uint16),
            epochs=rows["epoch"][adds].astype(np.uint32),
            details=details[adds].astype(np.uint32),
            issued_at=rows["issued_at"][adds].astype(np.uint64),
            valid_until=until[adds],
            signals=signals[adds],
        )
        index.add(stored.log, block)
    revises = known & (kinds == Kind.REVISE)
    if bool(revises.any()):
        times = rows["issued_at"][revises].astype(np.uint64)
        numbers = details[revises].astype(np.uint32)
        index.revise(stored.log, signals[revises], numbers, times, until[revises])
    withdraws = known & (kinds == Kind.WITHDRAW)
    if bool(withdraws.any()):
        index.withdraw(stored.log, signals[withdraws])
