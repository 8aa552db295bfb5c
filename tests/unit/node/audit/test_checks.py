"""A flipped byte anywhere in what is signed is found, and the log it stands in is the one that is named."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.note import NoteSigner
from tocsin_node.audit.checks import NO_MARK, Report, check_store
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.testing.core import Clock
from tocsin_node.testing.made import Made, open_made
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows

FEED, AUDIT = "hotline.example/feed/x", "hotline.example/audit/2025"


def rows(count: int, kind: Kind = Kind.ASSERT) -> Rows:
    made = empty_rows(count)
    made["kind"], made["ref"], made["type"], made["epoch"] = kind, NO_REF, 0x0101, 1
    return made


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small home whose writer signs with the keys of its card: a feed of 301 entries and its audit log."""
    with open_made(tmp_path_factory.mktemp("checks") / "home") as made:
        home = made.home.root
    clock = Clock()
    store = SqliteStore.open(home / "tocsin.db")
    writer = _writer(made, store, clock)
    writer.start()
    try:

        def create(tx: Tx) -> int:
            log = tx.new_log(FEED, "own", "hotline.example", name="x")
            tx.append(log, rows(1, Kind.OPEN), [b"{}"], np.zeros(1, np.uint32))
            tx.audit("feed.created")
            return log

        log = writer.call(create)
        for count in (100, 200):
            blobs = [b'{"a":%d}' % count, b'{"b":%d}' % count]
            writer.call(lambda tx, n=count, b=blobs: tx.append(log, rows(n), b, np.arange(n, dtype=np.uint32) % 2))
            writer.call(lambda tx: tx.audit("signal.published"))
    finally:
        writer.stop()
        store.close()
    return home / "tocsin.db"


def _writer(made: Made, store: SqliteStore, clock: Clock) -> Writer:
    with store.read() as session:
        record = session.one("SELECT origin FROM log WHERE kind = 'audit'")
    assert record is not None
    return Writer(
        store=store,
        clock=clock,
        feed_signer=made.keyring.feed_signer(),
        audit_signer=made.keyring.audit_signer(record[0]),
        highwater=HighWater(made.home.root / "highwater"),
        directory=made.home.root,
    )


@pytest.fixture
def store(database: Path, tmp_path: Path) -> Generator[SqliteStore]:
    source = SqliteStore.open_read_only(database)
    source.backup(tmp_path / "copy.db")
    source.close()
    copy = SqliteStore.open(tmp_path / "copy.db")
    try:
        yield copy
    finally:
        copy.close()


def reports(store: SqliteStore) -> dict[str, Report]:
    return {item.origin: item for item in check_store(store, {}) if isinstance(item, Report)}


def faulty(store: SqliteStore) -> set[str]:
    return {origin for origin, report in reports(store).items() if report.findings}


def test_what_the_writer_left_is_whole(store: SqliteStore) -> None:
    found = reports(store)
    assert {origin: report.findings for origin, report in found.items()} == {AUDIT: (), FEED: ()}
    assert found[FEED].size == 301
    assert NO_MARK in found[FEED].not_checked


PLACES = [
    ("segment", "body", FEED),
    ("segment", "details", FEED),
    ("checkpoint", "note", FEED),
    ("tile", "hashes", FEED),
    ("log_head", "stack", FEED),
    ("checkpoint", "note", AUDIT),
    ("audit_entry", "envelope", AUDIT),
    ("log_head", "stack", AUDIT),
]


@pytest.mark.parametrize(("table", "column", "origin"), PLACES)
def test_a_flipped_byte_is_found_in_its_log(store: SqliteStore, table: str, column: str, origin: str) -> None:
    with store.read() as session:
        query = f"SELECT t.rowid, t.{column} FROM {table} t JOIN log ON log.id = t.log WHERE log.origin = ?"
        records = session.all(query, (origin,))
    assert records
    update = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
    random = np.random.default_rng(1)
    for row, held in records[:4]:
        whole = bytes(held)
        for place in {0, len(whole) - 1, *random.integers(0, len(whole), 12).tolist()}:
            flipped = whole[:place] + bytes([whole[place] ^ 1 << int(random.integers(0, 8))]) + whole[place + 1 :]
            _set(store, update, flipped, row)
            assert faulty(store) == {origin}, (table, row, place)
        _set(store, update, whole, row)
    assert faulty(store) == set()


def test_a_flipped_byte_in_shared_details_is_found(store: SqliteStore) -> None:
    with store.read() as session:
        records = session.all("SELECT id, blob FROM details")
    for number, blob in records:
        _set(store, "UPDATE details SET blob = ? WHERE id = ?", bytes([blob[0] ^ 1]) + bytes(blob[1:]), number)
        assert faulty(store) == {FEED}
        _set(store, "UPDATE details SET blob = ? WHERE id = ?", bytes(blob), number)


def test_a_checkpoint_signed_by_another_key_is_no_checkpoint(store: SqliteStore) -> None:
    report = reports(store)[FEED]
    note = sign_checkpoint(FEED, 301, report.root, NoteSigner("hotline.example/node", SigningKey(b"\x09" * 32)))
    _set(store, "UPDATE checkpoint SET note = ? WHERE size = 301 AND length(note) > ?", note, 0)
    (finding,) = reports(store)[FEED].findings
    assert "the checkpoint of size 301 does not verify" in finding


def test_a_mark_ahead_of_the_log_is_an_old_copy(store: SqliteStore) -> None:
    found = {item.origin: item for item in check_store(store, {FEED: (302, bytes(32))}) if isinstance(item, Report)}
    assert found[FEED].findings == ("302 entries were signed once, only 301 are here: restored from an old copy?",)
    assert found[AUDIT].findings == ()


def test_without_a_card_nothing_counts_as_checked(store: SqliteStore) -> None:
    with store.write() as session:
        session.execute("DELETE FROM own_card")
    assert faulty(store) == {AUDIT, FEED}


def _set(store: SqliteStore, update: str, value: bytes, row: int) -> None:
    with store.write() as session:
        session.execute(update, (value, row))
