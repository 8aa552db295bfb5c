"""How many distinct own users a signal would hit, from what the organisation's own applications looked up lately.

A look-up that names its `subject`, an own user, is remembered as pairs: every expression it tried, and the user; both
as keyed hashes, each pair with the last day it was seen. The count of an expression is the number of its pairs within
the days asked for: exact up to RADIUS_SUBJECTS users of one expression, and *at least that many* beyond, for what is
above any limit needs no exact number. Rules:

1. Look-ups only put pairs into a set in memory; a task writes them every few seconds, in a thread. Publishing writes
   what waits before it counts. A crash loses the last seconds.
2. The file has at most RADIUS_ROWS pairs: then the oldest days go, and if today alone is too much, new pairs are
   dropped and counted as such.
3. It is a file of its own, unsynced and in no backup: counters fill again by themselves. A damaged one is begun anew.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from tocsin_node.limits import RADIUS_FLUSH_S, RADIUS_ROWS, RADIUS_SUBJECTS, RADIUS_WAITING

DAY_MS: Final = 24 * 3600 * 1000
Pair = tuple[int, int]
"""An expression and a user, as in `keyed`."""

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS seen (expression INTEGER NOT NULL, subject INTEGER NOT NULL, day INTEGER NOT NULL, "
    "PRIMARY KEY (expression, subject)) WITHOUT ROWID"
)
_log: Any = structlog.get_logger("tocsin.radius")


class Radius:
    """The counters of one node. `saw` belongs to the event loop, everything that touches the file to threads."""

    def __init__(
        self, path: Path, *, days: Callable[[], int], clock: Callable[[], int], most_rows: int = RADIUS_ROWS
    ) -> None:
        self._path = path
        self._days = days
        self._clock = clock
        self._most_rows = most_rows
        self._waiting: set[Pair] = set()
        self._full: set[int] = set()  # expressions with enough users today; swapped whole
        self._full_on = 0
        self._file = threading.Lock()  # of everything below
        self._connection: sqlite3.Connection | None = None
        self._rows = 0
        self._day = 0
        self.dropped = 0
        """Pairs since the start that found no room."""

    def saw(self, pairs: Iterable[Pair]) -> None:
        """Remember that these users' look-ups tried these expressions. Memory only; never waits."""
        today = self._today()
        if today != self._full_on:
            self._full, self._full_on = set(), today
        full, waiting = self._full, self._waiting
        new = [pair for pair in pairs if pair[0] not in full]
        if len(waiting) + len(new) > RADIUS_WAITING:
            self.dropped += len(new)
        else:
            waiting.update(new)

    async def users(self, expressions: Sequence[int]) -> list[int]:
        """For each expression, the distinct users of the days that count; RADIUS_SUBJECTS means as many or more."""
        if not expressions or not (self._waiting or self._connection or self._path.exists()):
            return [0] * len(expressions)
        await self.flush()
        return await asyncio.to_thread(self._count, expressions)

    async def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, set()
        if waiting:
            await asyncio.to_thread(self._store, waiting)

    async def run(self) -> None:
        """Flush every few seconds, until cancelled; call `flush` once more afterwards."""
        while True:
            await asyncio.sleep(RADIUS_FLUSH_S)
            await self.flush()

    def rows(self) -> int:
        """Pairs in the file."""
        with self._file, self._telling():
            self._open(create=False)
        return self._rows

    def close(self) -> None:
        """Release the file."""
        with self._file:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _count(self, expressions: Sequence[int]) -> list[int]:
        query = "SELECT count(*) FROM seen WHERE expression = ? AND day > ?"
        with self._file, self._telling():
            connection = self._open(create=False)
            if connection is not None:
                since = self._today() - self._days()
                found = (connection.execute(query, (one, since)).fetchone()[0] for one in expressions)
                return [min(int(count), RADIUS_SUBJECTS) for count in found]
        return [0] * len(expressions)

    def _store(self, waiting: set[Pair]) -> None:
        before = self.dropped
        self.dropped += len(waiting)  # unless it goes well
        with self._file, self._telling():
            connection = self._open(create=True)
            assert connection is not None
            self._tend(connection)
            self.dropped = before
            self._write(connection, waiting)

    def _write(self, connection: sqlite3.Connection, waiting: set[Pair]) -> None:
        today = self._today()
        room = max(0, self._most_rows - self._rows)
        before = connection.total_changes
        connection.execute("BEGIN")
        update = "UPDATE seen SET day = ? WHERE expression = ? AND subject = ?"
        known = "SELECT 1 FROM seen WHERE expression = ? AND subject = ?"
        fresh = [pair for pair in waiting if connection.execute(known, pair).fetchone() is None]
        self.dropped += max(0, len(fresh) - room)
        connection.executemany("INSERT INTO seen VALUES (?, ?, ?)", [(*pair, today) for pair in fresh[:room]])
        self._rows += connection.total_changes - before
        connection.executemany(update, [(today, *pair) for pair in waiting])
        for expression in {pair[0] for pair in waiting}:
            self._trim(connection, expression, today)
        connection.execute("COMMIT")

    def _trim(self, connection: sqlite3.Connection, expression: int, today: int) -> None:
        """Keep the users seen last: then the count of any number of days is exact, up to RADIUS_SUBJECTS."""
        query = "SELECT count(*), sum(day = ?) FROM seen WHERE expression = ?"
        held, fresh = connection.execute(query, (today, expression)).fetchone()
        if int(held) > RADIUS_SUBJECTS:
            oldest = "SELECT subject FROM seen WHERE expression = ? ORDER BY day, subject LIMIT ?"
            connection.execute(
                f"DELETE FROM seen WHERE expression = ? AND subject IN ({oldest})",  # noqa: S608 -- own text
                (expression, expression, int(held) - RADIUS_SUBJECTS),
            )
            self._rows -= int(held) - RADIUS_SUBJECTS
        if int(fresh or 0) >= RADIUS_SUBJECTS:
            self._full = {*self._full, expression}

    def _tend(self, connection: sqlite3.Connection) -> None:
        """Once a day drop what is too old; whenever there is no room left, the oldest day, but never today."""
        today = self._today()
        if today != self._day:
            self._day = today
            self._delete(connection, today - self._days() + 1)
        while self._rows >= self._most_rows:
            oldest = connection.execute("SELECT min(day) FROM seen").fetchone()[0]
            if oldest is None or int(oldest) >= today:
                return
            self._delete(connection, int(oldest) + 1)

    def _delete(self, connection: sqlite3.Connection, before: int) -> None:
        self._rows -= connection.execute("DELETE FROM seen WHERE day < ?", (before,)).rowcount

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is None and (create or self._path.exists()):
            self._path.touch(mode=0o600)
            self._connection = connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=OFF", "secure_delete=ON"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(_SCHEMA)
            self._rows = int(connection.execute("SELECT count(*) FROM seen").fetchone()[0])
        return self._connection

    @contextmanager
    def _telling(self) -> Generator[None]:
        """Around work on the file: a failure is told, and costs counts, never a look-up or a publish."""
        try:
            yield
        except sqlite3.Error as error:
            _log.error("the counters of look-ups could not be used", error=str(error))
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
                    self._path.with_name(name).unlink(missing_ok=True)
                self._rows = 0

    def _today(self) -> int:
        return self._clock() // DAY_MS
