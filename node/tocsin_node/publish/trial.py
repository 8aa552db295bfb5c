"""A dry run: what publishing a chunk would do, told row by row, with nothing written.

With a feed it is asked of the node, after the very steps of publishing. Signals that a new epoch would carry over first
are looked for under their old tags. Without one, only the rows themselves are examined: what this feed or this node's
configuration, own assets, approvals and counters would say besides is then not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final, NamedTuple

from tocsin_node.guard.terms import ALONE
from tocsin_node.log.tx import Tx
from tocsin_node.publish import records
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.prepare import Prepared, Refusal, RowIn, Warned, Widest, examine, wanted_record
from tocsin_node.publish.screen import read_details, screen

KEY_BYTES: Final = 8
"""Of what tells rows of one signal: among the rows of one file no two differ and share them by chance."""


class Outcome(IntEnum):
    """What becomes of a row that is not refused."""

    PUBLISH = 0
    REVISE = 1
    UNCHANGED = 2


class Tried(NamedTuple):
    """One row tried; `changed`: its canonical form is not what was written; `key`: equal for rows of one signal."""

    line: int
    outcome: Outcome
    changed: bool
    key: int


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What publishing one chunk would do; `tried` has the rows that are not refused, in order; else as ChunkResult."""

    tried: tuple[Tried, ...]
    refused: tuple[Refusal, ...]
    warnings: tuple[Warned, ...]
    overridden: int
    widest: Widest


def _key(type_name: str, named: str) -> int:
    """From its canonical form or the hex of its tag: a digest, for near hashes in the clear begin alike."""
    return int.from_bytes(sha256(f"{type_name}\0{named}".encode()).digest()[:KEY_BYTES], "big")


def try_against(
    tx: Tx,
    log: int,
    ready: Sequence[Prepared],
    older: Sequence[Sequence[bytes]],
    digests: Sequence[bytes],
    lifetimes: Lifetimes,
) -> tuple[Tried, ...]:
    """The outcome of rows against what the feed holds; `older` has their tags under earlier epochs, one list each."""
    named = [[(item.code, item.tag), *((item.code, tags[place]) for tags in older)] for place, item in enumerate(ready)]
    held = records.by_tags(tx.sql, log, [pair for pairs in named for pair in pairs])

    def outcome(item: Prepared, pairs: Sequence[tuple[int, bytes]]) -> Outcome:
        live = (held[pair] for pair in pairs if pair in held and held[pair].live(tx.now))
        current = next(live, None)
        if current is None:
            return Outcome.PUBLISH
        wanted = wanted_record(item, 0, digests[item.row.fields], tx.now, lifetimes)
        return Outcome.REVISE if records.differs(current, wanted, item.row.valid_until) else Outcome.UNCHANGED

    return tuple(
        Tried(item.row.line, outcome(item, pairs), item.changed, _key(item.row.type, item.tag.hex()))
        for item, pairs in zip(ready, named, strict=True)
    )


def try_alone(fields: Sequence[bytes], rows: Sequence[RowIn], *, now: int) -> TrialResult:
    """The outcome of rows by themselves, for no feed: all that are not refused would be published."""
    _, bad = read_details(fields, b"")
    good, refused = screen(rows, bad, {}, now, Lifetimes())
    examined = examine(good, now, ALONE)
    tried = [
        Tried(row.line, Outcome.PUBLISH, canonical != row.value, _key(row.type, canonical))
        for row, canonical, _, _ in examined.kept
    ]
    return TrialResult(tuple(tried), (*refused, *examined.refused), tuple(examined.warned), 0, Widest())
