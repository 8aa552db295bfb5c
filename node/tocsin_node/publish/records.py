"""Own records: what a publisher must keep to publish again without doubling, to withdraw, and to tag under a new epoch.

The natural key of a signal is (feed, type, tag). The raw identifier stands only sealed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from tocsin_node.life.state import Standing, State
from tocsin_node.publish.lifetimes import DAY_MS
from tocsin_node.store.protocol import Session

T = TypeVar("T")

_AT_ONCE = 500  # variables of one statement: SQLite allowed 999 for long


class OwnRecord(NamedTuple):
    """One row of table own_record; `tag` is the tag under `epoch`, the newest the signal has."""

    type: int
    tag: bytes
    epoch: int
    signal: int
    details: bytes
    valid_until: int
    withdrawn: bool
    sealed: bytes
    """The identifier; empty where only the entries came back from a follower."""

    def live(self, now: int) -> bool:
        """Whether the signal stands at `now` (ms), and so may be revised and is carried into the next epoch."""
        return self.state(now) is State.LIVE

    def state(self, now: int) -> State:
        """The signal's state at `now` (ms) to its publisher, whose own clock issued it."""
        return Standing(0, self.valid_until, self.withdrawn).state(now)


def differs(current: OwnRecord, wanted: OwnRecord, asked_until: int) -> bool:
    """Whether what stands is to be revised; `asked_until` is an explicit end (ms UTC), or 0."""
    moved = bool(asked_until) and abs(current.valid_until - asked_until) > DAY_MS
    return moved or current.details != wanted.details


_COLUMNS = "type, tag, epoch, signal, details, valid_until, withdrawn, sealed"


def by_tags(session: Session, log: int, keys: Iterable[tuple[int, bytes]]) -> dict[tuple[int, bytes], OwnRecord]:
    """The records of these (type, tag) pairs, those there are."""
    wanted = set(keys)
    found: dict[tuple[int, bytes], OwnRecord] = {}
    for code in {code for code, _ in wanted}:
        tags = [tag for other, tag in wanted if other == code]
        for part in _parts(tags):
            condition = f"type = ? AND tag IN ({_marks(part)})"
            found.update(
                ((record.type, record.tag), record) for record in _read(session, log, condition, (code, *part))
            )
    return found


def by_signals(session: Session, log: int, signals: Sequence[int]) -> dict[int, OwnRecord]:
    """The records of these signal ids, those there are."""
    found: dict[int, OwnRecord] = {}
    for part in _parts(signals):
        records = _read(session, log, f"signal IN ({_marks(part)})", tuple(part))
        found.update((record.signal, record) for record in records)
    return found


def named(
    session: Session, log: int, signals: Sequence[int], identifiers: Sequence[Sequence[tuple[int, bytes]]]
) -> list[OwnRecord | None]:
    """For each signal id, once, and each identifier's (type, tag) pairs: the record meant, None where there is none.

    An identifier means its latest signal: an earlier epoch may hold one that was withdrawn or expired there.
    """
    by_id = by_signals(session, log, signals)
    by_tag = by_tags(session, log, [pair for pairs in identifiers for pair in pairs])
    held = ([by_tag[pair] for pair in pairs if pair in by_tag] for pairs in identifiers)
    latest = [max(found, key=lambda record: record.signal, default=None) for found in held]
    return [*(by_id.get(signal) for signal in dict.fromkeys(signals)), *latest]


def count(session: Session, log: int) -> int:
    """How many records a feed has."""
    found = session.one("SELECT COUNT(*) FROM own_record WHERE log = ?", (log,))
    return int(found[0]) if found else 0


def after(session: Session, log: int, signal: int, limit: int) -> list[OwnRecord]:
    """The records of signals beyond `signal`, at most `limit`, in their order."""
    return _read(session, log, "signal > ? ORDER BY signal LIMIT ?", (signal, limit))


def to_retag(session: Session, log: int, epoch: int, now: int, limit: int) -> list[OwnRecord]:
    """Live records tagged before `epoch` whose identifier is kept."""
    condition = "epoch < ? AND withdrawn = 0 AND valid_until > ? AND length(sealed) > 0 ORDER BY signal LIMIT ?"
    return [record for record in _read(session, log, condition, (epoch, now, limit)) if record.live(now)]


def without_identifier(session: Session, log: int, now: int) -> dict[int, int]:
    """Live records whose identifier was lost: how many by epoch."""
    query = (
        "SELECT epoch, COUNT(*) FROM own_record WHERE log = ? AND withdrawn = 0 AND valid_until > ? "
        "AND length(sealed) = 0 GROUP BY epoch ORDER BY epoch"
    )
    return {int(epoch): int(count) for epoch, count in session.all(query, (log, now))}


def live_epochs(session: Session, log: int, now: int) -> list[int]:
    """The epochs that live records are tagged under."""
    query = "SELECT DISTINCT epoch FROM own_record WHERE log = ? AND withdrawn = 0 AND valid_until > ? ORDER BY epoch"
    return [int(epoch) for (epoch,) in session.all(query, (log, now))]


def live_types(session: Session, log: int, codes: Iterable[int], now: int) -> set[int]:
    """Those of these types that have a live record."""
    query = "SELECT 1 FROM own_record WHERE log = ? AND type = ? AND withdrawn = 0 AND valid_until > ? LIMIT 1"
    return {code for code in codes if session.one(query, (log, code, now)) is not None}


def live_with(session: Session, log: int, details: bytes, now: int) -> list[OwnRecord]:
    """Live records that carry these details (digest); looks at every record of the feed."""
    return _read(session, log, "withdrawn = 0 AND valid_until > ? AND details = ?", (now, details))


def store(session: Session, log: int, records: Iterable[OwnRecord]) -> None:
    """Insert records, or replace those of the same natural key."""
    session.execute_many(
        f"INSERT INTO own_record (log, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 -- own names
        "ON CONFLICT (log, type, tag) DO UPDATE SET epoch = excluded.epoch, signal = excluded.signal, "
        "details = excluded.details, valid_until = excluded.valid_until, withdrawn = excluded.withdrawn, "
        "sealed = excluded.sealed",
        ((log, *record) for record in records),
    )


def remove(session: Session, log: int, records: Iterable[OwnRecord]) -> None:
    """Delete records by their natural key."""
    session.execute_many(
        "DELETE FROM own_record WHERE log = ? AND type = ? AND tag = ?",
        ((log, record.type, record.tag) for record in records),
    )


def _read(session: Session, log: int, condition: str, parameters: Sequence[int | bytes]) -> list[OwnRecord]:
    query = f"SELECT {_COLUMNS} FROM own_record WHERE log = ? AND {condition}"  # noqa: S608 -- own names and marks
    return [
        OwnRecord(code, bytes(tag), epoch, signal, bytes(details), until, bool(withdrawn), bytes(sealed))
        for code, tag, epoch, signal, details, until, withdrawn, sealed in session.all(query, (log, *parameters))
    ]


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _marks(part: Sequence[object]) -> str:
    return ", ".join("?" * len(part))
