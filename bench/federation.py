"""What several benches stand on: nodes in processes of their own, introduced to each other, and a filled feed.

A feed is filled straight through the stopped publisher's log engine, with random tags or given ones, where publishing
is not what is measured.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.tag import EpochKey
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.demo.cast import Player
from tocsin_node.home import Home, lock
from tocsin_node.keys import EpochKeys, Keyring, Unlock
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.segment.codec import U32
from tocsin_node.store.sqlite import SqliteStore
from tocsin_signals.details import encode
from tocsin_signals.entry import NO_REF, Bytes2D, Kind, Rows, empty_rows, tag_column

COMMUNITY = "bench.publisher.example"
URL = 0x0101
DAY_MS = 24 * 3600 * 1000
POLICY = 'peer = "publisher.example"\n[[rule]]\neffect = "review"\nmin_severity = "medium"\nstance = ["harmful"]\n'
_CHUNK = 65_536
_OWN_BYTES = 300  # of details that belong to one signal only

Details = Callable[[int, int], tuple[list[bytes], U32]]
"""Blobs for `count` rows from row `start` on, and the place of each row's blob among them."""

Tags = Callable[[int, int], Bytes2D]
"""`count` tags from row `start` on."""


@contextmanager
def stage() -> Generator[Path]:
    """A folder for the homes of one bench; it goes with its end."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(*players: Player) -> Generator[None]:
    """These nodes run inside the block."""
    try:
        for player in players:
            player.start()
        yield
    finally:
        for player in players:
            player.stop()


def introduce(folder: Path, names: Sequence[str] = ("follower",), feeds: Sequence[str] = ("bench",)) -> list[Player]:
    """A publisher with empty feeds and followers that know it, all stopped; the publisher first.

    No follower follows yet: it does once it is given a policy (`follow`).
    """
    publisher = Player("publisher.example", "hotline", folder / "publisher")
    followers = [Player(f"{name}.example", "platform", folder / name) for name in names]
    for player in (publisher, *followers):
        player.run("init", "--organisation", player.organisation, "--role", player.role)
    config = publisher.home / "tocsin.toml"
    members = ", ".join(f'"{player.organisation}"' for player in followers)
    config.write_text(config.read_text() + f"platforms = [{members}]\n")
    with running(publisher, *followers):
        for player in (publisher, *followers):
            player.run("card", "export", "-o", str(folder / f"{player.name}.card"))
        publisher.run("community", "create", "bench")
        for follower in followers:
            _acquaint(folder, publisher, follower, feeds)
        for feed in feeds:
            publisher.run("feed", "create", feed, "--community", COMMUNITY, "--audience", "platforms")
    return [publisher, *followers]


def _acquaint(folder: Path, publisher: Player, follower: Player, feeds: Sequence[str]) -> None:
    for one, other in ((publisher, follower), (follower, publisher)):
        shown = other.run("card", "show")
        one.run("peer", "add", str(folder / f"{other.name}.card"), "--fingerprint", shown["fingerprint"])
    invite, send = folder / f"{follower.name}.invite", folder / f"{follower.name}.toml"
    publisher.run("community", "invite", COMMUNITY, follower.organisation, "-o", str(invite))
    follower.run("community", "join", str(invite))
    send.write_text(f'peer = "{follower.organisation}"\n[send]\nfeeds = {json.dumps(list(feeds))}\n')
    publisher.run("policy", "apply", str(send))


def open_local(player: Player) -> AbstractContextManager[Local]:
    """A connection to a running node, as the operator."""
    return connect(player.home, None, start=False)


def follow(local: Local) -> None:
    """Give this node the policy for the publisher that makes it follow."""
    local.node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="policy.toml", toml=POLICY.encode())]))


def followed_size(local: Local) -> int:
    """Entries stored of everything followed."""
    return sum(feed.size for feed in local.node.Status(pb.StatusRequest()).followed)


def fill(publisher: Player, count: int, *, details: Details, tags: Tags | None = None, feed: str = "bench") -> None:
    """Append `count` URL signals to a stopped publisher's feed, past everything that publishing does."""
    home = Home(publisher.home)
    with lock(home):
        keyring = Keyring.load(home, Unlock.find({}, home), publisher.organisation)
        store = SqliteStore.open(home.database)
        with store.read() as session:
            audit = session.one("SELECT origin FROM log WHERE kind = 'audit'")
            log = session.one("SELECT id FROM log WHERE kind = 'own' AND name = ?", (feed,))
        assert audit is not None
        assert log is not None
        writer = Writer(
            store=store,
            clock=wall_clock,
            feed_signer=keyring.feed_signer(),
            audit_signer=keyring.audit_signer(str(audit[0])),
            highwater=HighWater(home.highwater),
            directory=home.root,
        )
        writer.start()
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            rows = _rows((tags or _random_tags)(start, size))
            blobs, numbers = details(start, size)
            writer.call(_append(int(log[0]), rows, blobs, numbers))
        writer.stop()
        store.close()


def shared_details(distinct: int) -> Details:
    """Details of `distinct` kinds, spread over the signals at random."""
    blobs = [_blob(f"case-{number}") for number in range(distinct)]

    def give(start: int, count: int) -> tuple[list[bytes], U32]:
        return blobs, np.random.default_rng(start).integers(0, distinct, count).astype(np.uint32)

    return give


def own_details(start: int, count: int) -> tuple[list[bytes], U32]:
    """Details of 300 bytes that each belong to one signal."""
    plain = len(_blob(".")) - 1
    blobs = [_blob(f"{number:09d}".ljust(_OWN_BYTES - plain, ".")) for number in range(start, start + count)]
    return blobs, np.arange(count, dtype=np.uint32)


def random_rows(count: int) -> Rows:
    """URL signals with random tags."""
    return _rows(_random_tags(0, count))


def epoch_key(player: Player) -> EpochKey:
    """The key of the bench community's first epoch, from a stopped member's home."""
    home = Home(player.home)
    keyring = Keyring.load(home, Unlock.find({}, home), player.organisation)
    return EpochKeys(home=home, lock=keyring.epochs_lock()).load(COMMUNITY, 1)


def _append(log: int, rows: Rows, blobs: list[bytes], numbers: U32) -> Callable[[Tx], int]:
    return lambda tx: tx.append(log, rows, blobs, numbers)


def _blob(case: str) -> bytes:
    said = {"stance": "harmful", "abuse_types": ["grooming"], "severity": "high", "case_ref": case}
    return encode(said, os.urandom(16))


def _random_tags(_: int, count: int) -> Bytes2D:
    return np.frombuffer(os.urandom(32 * count), np.uint8).reshape(-1, 32)


def _rows(tags: Bytes2D) -> Rows:
    rows = empty_rows(len(tags))
    rows["kind"], rows["type"], rows["epoch"], rows["ref"] = Kind.ASSERT, URL, 1, NO_REF
    rows["valid_until"] = wall_clock() + 90 * DAY_MS
    tag_column(rows)[:] = tags
    return rows
