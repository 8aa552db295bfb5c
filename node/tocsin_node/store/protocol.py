"""What the node asks of a database.

SQL statements stay in the plain subset that SQLite and PostgreSQL share (`?` placeholders, ON CONFLICT, no triggers),
so that another database is another implementation of this protocol, not another node.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

Value = int | str | bytes | None
Parameters = Sequence[Value]
Record = tuple[Any, ...]


class Session(Protocol):
    """Statements within one transaction."""

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Run one statement."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run one statement for each row; returns how many records that inserted, changed or deleted."""
        ...

    def all(self, sql: str, parameters: Parameters = ()) -> list[Record]:
        """Every record of a query."""
        ...

    def one(self, sql: str, parameters: Parameters = ()) -> Record | None:
        """The first record of a query, or None."""
        ...


class Store(Protocol):
    """One database. Safe for one writing thread and any number of reading threads."""

    def write(self) -> AbstractContextManager[Session]:
        """One transaction: on normal exit it is durable on disk, on an exception nothing of it happened."""
        ...

    def read(self) -> AbstractContextManager[Session]:
        """A consistent view of the last commit; never waits for the writer."""
        ...

    def backup(self, target: Path, progress: Callable[[int, int], None] = ...) -> int:
        """Copy the last commit into a new file, 0600; returns its size in bytes.

        Commits made meanwhile are not in it. `progress` hears bytes done and bytes in all, and may raise to end it.
        """
        ...

    def close(self) -> None:
        """Release files. Later calls fail."""
        ...
