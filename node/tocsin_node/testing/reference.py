"""The slow, obvious way: what stored entries mean, one entry at a time. What fast code says is compared with it.

Trees by the definition of RFC 6962, section 2.1; a signal's life by reading the log from the first entry on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from tocsin_node.segment.codec import Run
from tocsin_signals.entry import MAX_LIFETIME_MS, VERSION, Kind, entry_bytes, tag_column


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


@dataclass(frozen=True, slots=True)
class Life:
    """A signal as of the last entry about it; times in ms UTC."""

    type: int
    details: bytes
    issued_at: int
    valid_until: int
    withdrawn: bool = False

    def live(self, now: int) -> bool:
        """Whether it counts at a time."""
        return not self.withdrawn and now < self.valid_until


@dataclass(slots=True)
class Told:
    """Everything a feed has said so far."""

    leaves: list[bytes] = field(default_factory=list[bytes])
    signals: dict[int, Life] = field(default_factory=dict[int, Life])
    rows: dict[tuple[int, int, bytes], int] = field(default_factory=dict[tuple[int, int, bytes], int])
    """(type, epoch, tag) -> the newest signal that asserts it."""
    present: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """Index -> (kind, ref) of every entry that is more than a leaf hash."""

    def hear(self, run: Run) -> None:
        """Take in the next run of entries."""
        assert run.first == len(self.leaves), f"entries from {run.first} on, after {len(self.leaves)}"
        absent = {
            run.first + gap.offset + place: gap.leaves[place * 32 : place * 32 + 32]
            for gap in run.absent
            for place in range(gap.count)
        }
        present = {int(index): place for place, index in enumerate(run.indices())}
        for index in range(run.first, run.first + run.count):
            if index in absent:
                self.leaves.append(absent[index])
                continue
            place = present[index]
            self.leaves.append(sha256(b"\x00" + entry_bytes(run.rows, place)).digest())
            blob = run.details[int(run.numbers[place])]
            self.present[index] = (int(run.rows[place]["kind"]), int(run.rows[place]["ref"]))
            self._hear_one(index, run, place, blob)

    def _hear_one(self, index: int, run: Run, place: int, blob: bytes) -> None:
        row = run.rows[place]
        if int(row["version"]) != VERSION:
            return
        kind, ref = int(row["kind"]), int(row["ref"])
        issued, until = int(row["issued_at"]), int(row["valid_until"])
        until = min(until, issued + MAX_LIFETIME_MS)
        held = self.signals.get(ref)
        key = (int(row["type"]), int(row["epoch"]), tag_column(run.rows)[place].tobytes())
        if kind == Kind.ASSERT:
            self.rows[key] = index
            self.signals[index] = Life(int(row["type"]), blob, issued, until)
        elif kind == Kind.RETAG and held is not None:
            self.rows[key] = max(ref, self.rows.get(key, ref))
        elif kind == Kind.REVISE and held is not None:
            self.signals[ref] = replace(held, details=blob, issued_at=issued, valid_until=until)
        elif kind == Kind.WITHDRAW and held is not None:
            self.signals[ref] = replace(held, withdrawn=True)
