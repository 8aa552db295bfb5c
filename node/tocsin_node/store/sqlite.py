"""The store in one SQLite file: WAL, synchronous=FULL, numbered migrations.

A commit is durable when `write` returns. One thread writes over one connection; each reading thread has its own
connection, opened read-only. A full disk, a failing one and a damaged file are told as the node's own errors, wherever
they show; any other error of SQLite is a defect of ours and stays what it is. `user_version` is the number of the last
migration; a file of a newer version is refused.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from tocsin_node.errors import Exhausted, NodeError, Unsound
from tocsin_node.store.protocol import Parameters, Record, Session

_CACHE_KIB: Final = 16 * 1024
_WAL_PAGES: Final = 8192  # 32 MiB between WAL checkpoints: fewer page writes while a feed is filled from the start
_BACKUP_PAGES: Final = 1024  # copied between two words of progress: 4 MiB
_BUSY_MS: Final = 10_000  # a backup or an offline reader may hold the file for a moment


Progress = Callable[[int, int], None]


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody listens to."""


class _Telling:
    """Around a statement: what went wrong with the disk or the file, in the node's own words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error | UnicodeDecodeError) and (told := _told(error)) is not None:
            raise told from error


def _told(error: sqlite3.Error | UnicodeDecodeError) -> NodeError | None:
    code: int = getattr(error, "sqlite_errorcode", 0)
    if isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8"):
        code = sqlite3.SQLITE_CORRUPT  # of a text column, or of what SQLite itself says about the file
    match code & 0xFF:  # the rest says in which call
        case sqlite3.SQLITE_FULL:
            return Exhausted("the disk is full; nothing of it happened")
        case sqlite3.SQLITE_IOERR:
            return Unsound("the disk failed to read or write the database: is it full? Nothing of it happened")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Unsound("the database is damaged or no database: stop the node and run `tocsin audit verify`")
        case _:
            return None


_TELLING: Final = _Telling()


class _SqliteSession:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        with _TELLING:
            self._connection.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        with _TELLING:
            return max(0, self._connection.executemany(sql, rows).rowcount)

    def all(self, sql: str, parameters: Parameters = ()) -> list[Record]:
        with _TELLING:
            return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Parameters = ()) -> Record | None:
        with _TELLING:
            return self._connection.execute(sql, parameters).fetchone()


class SqliteStore:
    """One database file; `open` and `open_read_only` make it."""

    def __init__(self, path: Path, *, read_only: bool, sync: bool = True) -> None:
        self._path = path
        self._sync = sync
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._guard = threading.Lock()  # of _readers
        self._writer = None if read_only else self._connect_writer()

    @classmethod
    def open(cls, path: Path, *, sync: bool = True) -> "SqliteStore":
        """Open or create, and bring the schema up to date.

        Without `sync` a commit outlives the process, not a power cut: for files that are thrown away with the test.
        Errors: Unsound when the file is not ours, damaged, or of a newer version.
        """
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        try:
            store = cls(path, read_only=False, sync=sync)
            store._migrate()
            store._require_schema()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise _told(error) or Unsound(f"{path} cannot be read as a database: {error}") from error
        return store

    @classmethod
    def open_read_only(cls, path: Path) -> "SqliteStore":
        """Open for reading only, as it is: for checks of a copy that may be damaged."""
        if not path.exists():
            raise Unsound(f"{path} does not exist")
        store = cls(path, read_only=True)
        try:
            with store.read() as session:
                found = _version(session)
        except sqlite3.DatabaseError as error:
            raise Unsound(f"{path} cannot be read as a database: {error}") from error
        if found != len(_migrations()):
            raise Unsound(f"{path} has schema version {found}, this program reads version {len(_migrations())}")
        store._require_schema()
        return store

    @contextmanager
    def write(self) -> Generator[Session]:
        """One immediate transaction, durable on exit."""
        if self._writer is None:
            raise Unsound(f"{self._path} was opened for reading only")
        with _TELLING:
            self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield _SqliteSession(self._writer)
            with _TELLING:
                self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:  # SQLite itself has rolled back after some errors, a full disk for one
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def read(self) -> Generator[Session]:
        """One consistent view; nested reads of a thread share it."""
        connection = self._reader()
        if connection.in_transaction:
            yield _SqliteSession(connection)
            return
        connection.execute("BEGIN")
        try:
            yield _SqliteSession(connection)
        finally:
            connection.execute("ROLLBACK")

    def backup(self, target: Path, progress: Progress = unheard) -> int:
        """Copy the last commit page by page; the node goes on meanwhile.

        The open read transaction holds one moment of the database: without it SQLite would begin anew at every commit,
        and under load never end.
        """
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with self.read() as session, closing(sqlite3.connect(target)) as copy:
            record = session.one("SELECT page_size FROM pragma_page_size")
            page = int(record[0]) if record else 0

            def moved(_status: int, remaining: int, total: int) -> None:
                progress((total - remaining) * page, total * page)

            self._reader().backup(copy, pages=_BACKUP_PAGES, progress=moved)
            copy.execute("PRAGMA journal_mode=DELETE")
        return target.stat().st_size

    def damage(self) -> str:
        """What is wrong with the file by SQLite's own check; empty when nothing is. Takes a while for a large one."""
        try:
            record = self._reader().execute("PRAGMA integrity_check(1)").fetchone()
            foreign = self._reader().execute("PRAGMA foreign_key_check").fetchone()
        except sqlite3.DatabaseError as error:
            return str(error)
        if foreign is not None:
            return f"a record of {foreign[0]} names one of {foreign[2]} that is not there"
        return "" if record[0] == "ok" else str(record[0]).splitlines()[-1]

    def close(self) -> None:
        """Close every connection."""
        with self._guard:
            readers, self._readers = self._readers, []
        for connection in readers:
            connection.close()
        if self._writer is not None:
            self._writer.close()

    def _connect_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=512)
        for pragma in (
            *("journal_mode=WAL", f"synchronous={'FULL' if self._sync else 'OFF'}", "foreign_keys=ON"),
            f"busy_timeout={_BUSY_MS}",
            *(f"cache_size=-{_CACHE_KIB}", f"wal_autocheckpoint={_WAL_PAGES}", "secure_delete=ON"),
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            with self._guard:
                self._readers.append(connection)
            self._local.connection = connection
        return connection

    def _require_schema(self) -> None:
        """Damage to the text of the schema would show as a table or column that is not there, one call at a time."""
        with self.read() as session:
            if _schema(session) != _own_schema():
                raise Unsound("the tables of the database are not as this program made them: is the file damaged?")

    def _migrate(self) -> None:
        scripts = _migrations()
        with self.write() as session:
            found = _version(session)
            if found > len(scripts):
                raise Unsound(
                    f"{self._path} has schema version {found}, this program knows {len(scripts)}: use a newer one"
                )
            for number, script in enumerate(scripts[found:], start=found + 1):
                for statement in script.split(";\n"):
                    if statement.strip():
                        session.execute(statement)
                session.execute(f"PRAGMA user_version = {number}")


def _schema(session: Session) -> list[Record]:
    return session.all("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY type, name")


def _own_schema() -> list[Record]:
    """What the migrations make of an empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in _migrations():
            connection.executescript(script)
        return _schema(_SqliteSession(connection))


def _version(session: Session) -> int:
    record = session.one("PRAGMA user_version")
    assert record is not None
    return int(record[0])


def _migrations() -> list[str]:
    folder = resources.files("tocsin_node.store") / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]
