"""Check every log a store keeps: own feeds, followed feeds and the audit log.

For each log, from its stored bytes alone: entries are gap-free; times never decrease; the leaves hash to the root of
*every* stored checkpoint, each signed by the publisher's key; details hash to the digests in their entries; tiles and
head agree with the leaves; own logs are not behind their high-water marks. Each finding is one sentence; a log without
findings is ok.

What this cannot show is said with every report: see `NOT_CHECKED`. Nothing here writes.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from tocsin_crypto.card import Card, open_card
from tocsin_crypto.checkpoint import open_checkpoint
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.merkle import HASH_BYTES, CompactRange, leaf_hash
from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import NoteVerifier
from tocsin_node.errors import NodeError
from tocsin_node.limits import BLOCK
from tocsin_node.log.runs import stored_runs
from tocsin_node.segment.verify import run_leaves
from tocsin_node.store.protocol import Session, Store

NOT_CHECKED: Final = (
    "that everything that happened was logged: a log proves that nothing changed, not that nothing was left out",
    "that others saw the same log: that takes a checkpoint from somebody else",
)
NO_MARK: Final = "that this is not an older copy: there is no high-water mark of this log beside it, as in a backup"
_AT_ONCE: Final = 4096  # audit entries per read


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the check of one log is, in entries."""

    origin: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the check of one log found."""

    origin: str
    size: int
    root: bytes
    findings: tuple[str, ...]
    not_checked: tuple[str, ...] = NOT_CHECKED


class _Log(NamedTuple):
    number: int
    origin: str
    kind: str
    publisher: str
    size: int
    stack: bytes


class _Step(NamedTuple):
    """The tree after one more stored piece, and the level-1 hashes it completed."""

    tree: CompactRange
    blocks: bytes


def check_store(store: Store, marks: Mapping[str, tuple[int, bytes]]) -> Iterator[Progress | Report]:
    """Progress and one report per log. `marks` are the high-water marks, origin -> (size, root)."""
    try:
        with store.read() as session:
            cards = _cards(session)
            for log in _logs(session):
                yield from _check_log(session, log, cards, marks)
    except (sqlite3.DatabaseError, NodeError) as error:
        yield Report("the database", 0, b"", (f"it cannot be read: {error}",))


def _check_log(
    session: Session, log: _Log, cards: Mapping[str, Card], marks: Mapping[str, tuple[int, bytes]]
) -> Iterator[Progress | Report]:
    findings: list[str] = []
    steps = _audit_steps(session, log, findings) if log.kind == "audit" else _feed_steps(session, log, findings)
    checkpoints = _checkpoints(session, log, cards, findings)
    tree, blocks, mark = CompactRange(), bytearray(), marks.get(log.origin)
    try:
        for step in steps:
            tree = step.tree
            blocks += step.blocks
            said = checkpoints.pop(tree.size, None)
            if said is not None and said != tree.root():
                findings.append(f"the entries up to {tree.size} do not hash to the root that was signed for that size")
            if mark is not None and mark[0] == tree.size and mark[1] != tree.root():
                findings.append(f"another root was signed once for {tree.size} entries: restored from an old copy?")
            yield Progress(log.origin, tree.size, log.size)
    except (NodeError, CryptoError, ValueError) as error:
        findings.append(f"the entries after {tree.size} cannot be read: {error}")
    findings += _compare(session, log, tree, bytes(blocks), checkpoints, mark)
    not_checked = NOT_CHECKED if log.kind == "followed" or log.origin in marks else (*NOT_CHECKED, NO_MARK)
    yield Report(log.origin, tree.size, tree.root(), tuple(findings), not_checked)


def _compare(
    session: Session,
    log: _Log,
    tree: CompactRange,
    blocks: bytes,
    left: Mapping[int, bytes],
    mark: tuple[int, bytes] | None,
) -> Iterator[str]:
    """Findings on what stands beside the entries: head, tiles, checkpoints nobody reached, the high-water mark."""
    if (tree.size, tree.to_bytes()) != (log.size, log.stack):
        yield f"the stored head says {log.size} entries, {tree.size} were found, or their tree differs"
    if _level_one(session, log.number) != blocks:
        yield "the stored tiles differ from the entries"
    if left:
        yield f"{len(left)} signed checkpoints, the first of size {min(left)}, end where no stored entry does"
    if log.size and session.one("SELECT 1 FROM checkpoint WHERE log = ? AND size = ?", (log.number, log.size)) is None:
        yield f"the head of {log.size} entries has no signed checkpoint"
    if log.kind != "followed" and mark is not None and mark[0] > tree.size:
        yield f"{mark[0]} entries were signed once, only {tree.size} are here: restored from an old copy?"


def _audit_steps(session: Session, log: _Log, findings: list[str]) -> Generator[_Step]:
    """The tree at every signed size, and every few thousand entries."""
    signed = set(_signed_sizes(session, log))
    tree, waiting, last = CompactRange(), list[bytes](), 0
    for index, envelope in _audit_entries(session, log.number):
        if index != tree.size + len(waiting):
            raise ValueError(f"entry {tree.size + len(waiting)} is missing")
        at = _time_of(envelope)
        if at is None:
            findings.append(f"entry {index} is not an audit envelope")
        elif at < last:
            findings.append(f"entry {index} is earlier than the one before it")
        last = last if at is None else max(last, at)
        waiting.append(leaf_hash(envelope))
        if index + 1 in signed or len(waiting) >= _AT_ONCE:
            grown = tree.extend_hashes(b"".join(waiting))
            tree, waiting = grown.range, []
            yield _Step(tree, grown.blocks)
    if waiting:
        grown = tree.extend_hashes(b"".join(waiting))
        yield _Step(grown.range, grown.blocks)


def _audit_entries(session: Session, log: int) -> Iterator[tuple[int, bytes]]:
    reached = 0
    query = "SELECT idx, envelope FROM audit_entry WHERE log = ? AND idx >= ? ORDER BY idx LIMIT ?"
    while records := session.all(query, (log, reached, _AT_ONCE)):
        for index, envelope in records:
            yield int(index), bytes(envelope)
        reached = int(records[-1][0]) + 1


def _feed_steps(session: Session, log: _Log, findings: list[str]) -> Generator[_Step]:
    """The tree at every signed size and at the end of every stored run."""
    tree, last, signed = CompactRange(), 0, _signed_sizes(session, log)
    for run, _ in stored_runs(session, log.number):
        if run.first != tree.size:
            raise ValueError(f"entry {tree.size} is missing")
        times = run.rows["issued_at"]
        if len(times) and (int(times[0]) < last or bool((times[1:] < times[:-1]).any())):
            findings.append(f"an entry up to {run.first + run.count} is earlier than the one before it")
        last = int(times[-1]) if len(times) else last
        leaves, end = run_leaves(run), run.first + run.count
        inside = signed[bisect_right(signed, run.first) : bisect_right(signed, end)]
        for stop in dict.fromkeys([*inside, end]):
            grown = tree.extend_hashes(leaves[(tree.size - run.first) * HASH_BYTES : (stop - run.first) * HASH_BYTES])
            tree = grown.range
            yield _Step(tree, grown.blocks)


def _signed_sizes(session: Session, log: _Log) -> list[int]:
    query = "SELECT size FROM checkpoint WHERE log = ? ORDER BY size"
    return [int(size) for (size,) in session.all(query, (log.number,))]


def _checkpoints(session: Session, log: _Log, cards: Mapping[str, Card], findings: list[str]) -> dict[int, bytes]:
    """Size -> root of every stored checkpoint that its publisher signed; a finding for every other."""
    verifier = _verifier(log, cards.get(log.publisher))
    if verifier is None:
        findings.append(f"there is no card of {log.publisher}, so no checkpoint can be checked")
        return {}
    found: dict[int, bytes] = {}
    for size, note in session.all("SELECT size, note FROM checkpoint WHERE log = ? ORDER BY size", (log.number,)):
        try:
            checkpoint = open_checkpoint(bytes(note), log.origin, verifier)
        except CryptoError as error:
            findings.append(f"the checkpoint of size {size} does not verify: {error}")
            continue
        if checkpoint.size != size:
            findings.append(f"the checkpoint kept for size {size} is of size {checkpoint.size}")
        else:
            found[int(size)] = checkpoint.root
    return found


def _verifier(log: _Log, card: Card | None) -> NoteVerifier | None:
    if card is None:
        return None
    if log.kind == "audit":
        return NoteVerifier(log.origin, card.keys.audit.public)
    return NoteVerifier(node_key_name(log.publisher), card.keys.signing.public)


def _logs(session: Session) -> list[_Log]:
    query = (
        "SELECT id, origin, kind, publisher, size, stack FROM log LEFT JOIN log_head ON log_head.log = log.id "
        "ORDER BY kind, origin"
    )
    records = session.all(query)
    return [_Log(int(n), o, k, p, int(size or 0), bytes(stack or b"")) for n, o, k, p, size, stack in records]


def _cards(session: Session) -> dict[str, Card]:
    """The newest card of this node and of every peer, each verified under the root key it names or we pinned."""
    found: dict[str, Card] = {}
    own = session.one("SELECT note FROM own_card ORDER BY sequence DESC LIMIT 1")
    notes: list[tuple[bytes, bytes | None]] = [] if own is None else [(bytes(own[0]), None)]
    notes += [(bytes(card), bytes(root)) for card, root in session.all("SELECT card, root FROM peer")]
    for note, root in notes:
        try:
            card = open_card(note, pinned_root=None if root is None else PublicKey(root)).card
        except CryptoError:
            continue  # reported where a log needs it
        found[card.organisation] = card
    return found


def _level_one(session: Session, log: int) -> bytes:
    records = session.all("SELECT n, hashes FROM tile WHERE log = ? AND level = 1 ORDER BY n", (log,))
    whole = BLOCK * HASH_BYTES
    in_order = [int(n) for n, _ in records] == list(range(len(records)))
    full = all(len(hashes) == whole for _, hashes in records[:-1])
    return b"".join(bytes(hashes) for _, hashes in records) if in_order and full else sha256(b"").digest()


def _time_of(envelope: bytes) -> int | None:
    try:
        value: object = json.loads(envelope)
    except ValueError:
        return None
    at: object = value.get("t") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return at if isinstance(at, int) else None
