"""The core of a node for tests: a store, a writer and an audit log in one folder, under a clock set by hand."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.note import NoteSigner
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.writer import Writer
from tocsin_node.store.sqlite import SqliteStore

NOW: Final = 1_750_000_000_000  # ms UTC, in June 2025


@dataclass(slots=True)
class Clock:
    """Milliseconds UTC that stand still until a test moves them."""

    now: int = NOW

    def __call__(self) -> int:
        """The time it stands at."""
        return self.now


@dataclass(frozen=True, slots=True)
class Core:
    """What every service is built on."""

    organisation: str
    store: SqliteStore
    writer: Writer
    clock: Clock

    def audit(self) -> list[dict[str, Any]]:
        """Every envelope of the audit log so far."""
        with self.store.read() as session:
            return [json.loads(row[0]) for row in session.all("SELECT envelope FROM audit_entry ORDER BY idx")]

    def events(self) -> list[str]:
        """The event names of the audit log so far."""
        return [entry["ev"] for entry in self.audit()]


@contextmanager
def open_core(directory: Path, organisation: str = "hotline.example", *, clock: Clock | None = None) -> Generator[Core]:
    """A running writer over a database in `directory`, made there when it is new."""
    clock = clock or Clock()
    store = SqliteStore.open(directory / "tocsin.db")
    writer = Writer(
        store=store,
        clock=clock,
        feed_signer=NoteSigner(f"{organisation}/node", SigningKey(b"\x01" * 32)),
        audit_signer=NoteSigner(f"{organisation}/audit/2025", SigningKey(b"\x02" * 32)),
        highwater=HighWater(directory / "highwater"),
        directory=directory,
    )
    writer.start()
    try:
        if not writer.heads:
            writer.call(lambda tx: tx.new_log(f"{organisation}/audit/2025", "audit", organisation))
        yield Core(organisation, store, writer, clock)
    finally:
        writer.stop()
        store.close()
