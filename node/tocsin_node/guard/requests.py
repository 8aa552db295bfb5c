"""The table of requests to publish what the guard blocks: what SQL says of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tocsin_node.store.protocol import Session

PENDING: Final = "pending"
APPROVED: Final = "approved"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
ENDED: Final = "ended"
"""Shown of a request or an approval whose time is over."""

_COLUMNS: Final = (
    "log, type, key, sealed, tag, rules, users, state, asked_by, asked_why, asked_at, decided_by, decided_why, "
    "decided_at, ends_at"
)


class GuardRequest(NamedTuple):
    """One row; `id` 0 before it is stored. Times in ms UTC."""

    id: int
    log: int
    type: int
    key: bytes
    sealed: bytes
    tag: str
    rules: str
    users: int
    state: str
    asked_by: str
    asked_why: str
    asked_at: int
    decided_by: str
    decided_why: str
    decided_at: int
    ends_at: int

    def state_at(self, now: int) -> str:
        """The state, with what time made of it."""
        return ENDED if self.ends_at <= now and self.state in (PENDING, APPROVED) else self.state


def insert(session: Session, request: GuardRequest) -> int:
    """Store a new request; its id."""
    marks = ", ".join("?" * (len(request) - 1))
    session.execute(f"INSERT INTO guard_request ({_COLUMNS}) VALUES ({marks})", request[1:])  # noqa: S608 -- own names
    record = session.one("SELECT max(id) FROM guard_request")
    assert record is not None
    return int(record[0])


def decide(session: Session, request: GuardRequest) -> None:
    """Store what became of a request."""
    session.execute(
        "UPDATE guard_request SET state = ?, decided_by = ?, decided_why = ?, decided_at = ?, ends_at = ? WHERE id = ?",
        (request.state, request.decided_by, request.decided_why, request.decided_at, request.ends_at, request.id),
    )


def get(session: Session, number: int) -> GuardRequest | None:
    """The request of this id."""
    found = _read(session, "WHERE id = ?", (number,))
    return found[0] if found else None


def open_ones(session: Session, now: int) -> list[GuardRequest]:
    """Requests that wait and approvals that stand, oldest first."""
    return _read(session, "WHERE state IN ('pending', 'approved') AND ends_at > ? ORDER BY id", (now,))


def latest(session: Session, limit: int) -> list[GuardRequest]:
    """Every request kept, newest first, at most `limit`."""
    return _read(session, "ORDER BY id DESC LIMIT ?", (limit,))


def forget(session: Session, before: int) -> None:
    """Drop what ended before: the audit log keeps what was decided, and the values need not be kept longer."""
    session.execute("DELETE FROM guard_request WHERE ends_at < ?", (before,))


def _read(session: Session, condition: str, parameters: Sequence[int]) -> list[GuardRequest]:
    query = f"SELECT id, {_COLUMNS} FROM guard_request {condition}"  # noqa: S608 -- own names
    return [
        GuardRequest(number, log, kind, bytes(key), bytes(sealed), *rest)
        for number, log, kind, key, sealed, *rest in session.all(query, tuple(parameters))
    ]
