"""The one writer of a node: a thread that drains a queue of operations into group commits.

For each group, in order: begin a transaction; run every operation in a savepoint of its own (one that fails takes only
itself back); append its entries and audit events, extend the trees, sign the checkpoints; commit with sync; write the
high-water marks; run the callbacks and observers; answer the callers. *Acknowledged* therefore means durable, signed
and matchable. There is no linger: a group is whatever waits when the last commit is done.

The node never signs a size below a high-water mark or a second root for a size: a log found behind its mark is frozen.
If sealing or committing fails, every caller of the group is refused and nothing of it happened.
"""

import asyncio
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import Random
from tocsin_crypto.note import Signer
from tocsin_node.errors import Exhausted, NodeError, Unsound
from tocsin_node.limits import FREE_BYTES, GROUP_ENTRIES, GROUP_OPERATIONS, QUEUE_OPERATIONS
from tocsin_node.log.head import Head, load_heads, store_checkpoint
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.runs import DetailsTable
from tocsin_node.log.tx import Group, Stored, Tx, seal_audit, seal_feed
from tocsin_node.store.protocol import Session, Store

RECOVER: Final = "Ask its followers for the rest: tocsin feed recover {}"
"""What an operator does about a frozen feed of that name."""

_NO_START: Final = (
    "The node does not start, so that nothing is signed twice. Use the newest copy of this home; "
    "a copy without the file highwater starts, and then every feed wants `tocsin feed recover`"
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Commit:
    """One group commit: how many operations and feed entries it made durable, and how long that took."""

    operations: int
    entries: int
    seconds: float


Operation = Callable[[Tx], T]
Observer = Callable[[Stored], None]
Schedule = Callable[[Callable[[], None]], object]
"""Has a function called soon, on the thread that called this; such as `call_soon` of an event loop."""
CommitObserver = Callable[[Commit | None], None]

_log: Any = structlog.get_logger("tocsin.writer")


@dataclass(frozen=True, slots=True)
class _Waiting:
    operation: Operation[Any]
    future: "Future[Any]"


@dataclass(frozen=True, slots=True)
class _Outcome:
    waiting: _Waiting
    result: Any
    error: BaseException | None


class Writer:
    """Owns the writing side of the store, the heads of all logs, and the keys that sign them.

    With a `schedule` there is no thread: what waits is committed when the schedule says so. For a node whose every step
    is to be decided by a seed (`tocsin_node.testing`).
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Callable[[], int],
        feed_signer: Signer,
        audit_signer: Signer,
        highwater: HighWater,
        directory: Path,
        random: Random = secrets.token_bytes,
        schedule: Schedule | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._feed_signer = feed_signer
        self._audit_signer = audit_signer
        self._highwater = highwater
        self._directory = directory
        self._random = random
        self._schedule = schedule
        self._details = DetailsTable()
        self._observers: list[Observer] = []
        self._commit_observers: list[CommitObserver] = []
        self._failing = False
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()  # None: stop
        self._now = 0
        self._thread = threading.Thread(target=self._run, name="tocsin-writer", daemon=True)
        with store.read() as session:
            self._heads = load_heads(session)
            self._frozen = _frozen(session)
        self._check_marks()

    @property
    def heads(self) -> Mapping[int, Head]:
        """Every log's head as of the last commit; a new mapping after each."""
        return self._heads

    @property
    def frozen(self) -> Mapping[int, str]:
        """Own feeds that may not grow, with the reason."""
        return self._frozen

    def observe(self, observer: Observer) -> None:
        """Call with every run of entries that becomes durable, on the writer thread, before callers are answered."""
        self._observers.append(observer)

    def observe_commits(self, observer: CommitObserver) -> None:
        """Call on the writer thread after each group commit that wrote entries or events: None for a failed one."""
        self._commit_observers.append(observer)

    @property
    def waiting(self) -> int:
        """Operations in the queue, about."""
        return self._queue.qsize()

    @property
    def failing(self) -> bool:
        """Whether the last commit failed."""
        return self._failing

    def start(self) -> None:
        """Begin to serve the queue, after signing any head that a crash left without its checkpoint."""
        self._sign_heads()
        with self._store.write() as session:
            frozen = [(why, log) for log, why in self._frozen.items()]
            session.execute_many("UPDATE log SET state = 'frozen', why = ? WHERE id = ?", frozen)
        if self._schedule is None:
            self._thread.start()

    def stop(self) -> None:
        """Serve what is queued, then end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._serve_waiting()
        self._highwater.close()

    async def submit(self, operation: Operation[T]) -> T:
        """Run an operation in the next group; returns its result once everything of it is durable."""
        return await asyncio.wrap_future(self._enqueue(operation))

    def call(self, operation: Operation[T]) -> T:
        """The same from a thread without an event loop."""
        future = self._enqueue(operation)
        if self._schedule is not None:
            self._serve_waiting()
        return future.result()

    @property
    def marks(self) -> Mapping[str, tuple[int, bytes]]:
        """The high-water marks: origin -> (size, root) of what this home signed last."""
        return self._highwater.marks

    def freeze(self, tx: Tx, log: int, why: str) -> None:
        """Within an operation: let an own feed grow no more, until an operator recovers it. Again changes nothing."""

        def freeze_now() -> None:
            self._frozen = {**self._frozen, log: why}

        if log not in self._frozen:
            tx.sql.execute("UPDATE log SET state = 'frozen', why = ? WHERE id = ?", (why, log))
            tx.audit("feed.frozen", result="failed", why="rollback", about={"origin": tx.head(log).origin})
            tx.after(freeze_now)

    def thaw(self, tx: Tx, log: int) -> None:
        """Within an operation: let a feed grow again. The caller has made sure that nothing signed is missing."""

        def thaw_now() -> None:
            self._frozen = {other: why for other, why in self._frozen.items() if other != log}

        tx.sql.execute("UPDATE log SET state = 'open', why = NULL WHERE id = ?", (log,))
        tx.after(thaw_now)

    def _enqueue(self, operation: Operation[T]) -> "Future[T]":
        if self._queue.qsize() >= QUEUE_OPERATIONS:
            raise Exhausted(f"{QUEUE_OPERATIONS} operations wait for the disk already; try again later")
        future: Future[T] = Future()
        self._queue.put(_Waiting(operation, future))
        if self._schedule is not None:
            self._schedule(self._serve_waiting)
        return future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, more = self._drain(first)
            self._commit_asked(batch)
            if not more:
                return

    def _serve_waiting(self) -> None:
        """Commit what waits now, where there is no thread that would."""
        while not self._queue.empty():
            first = self._queue.get_nowait()
            if first is not None:
                self._commit_asked(self._drain(first)[0])

    def _commit_asked(self, batch: list[_Waiting]) -> None:
        # A caller that gave up while it waited is left out; from here on nobody can: what commits is answered.
        asked = [waiting for waiting in batch if waiting.future.set_running_or_notify_cancel()]
        if asked:
            self._commit(asked)

    def _drain(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch = [first]
        while len(batch) < GROUP_OPERATIONS:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            if waiting is None:
                return batch, False
            batch.append(waiting)
        return batch, True

    def _commit(self, batch: list[_Waiting]) -> None:
        group, heads, outcomes = Group(), dict(self._heads), list[_Outcome]()
        stored: list[Stored] = []
        self._now = max(self._now, self._clock())
        started = time.perf_counter()
        rest: list[_Waiting] = []
        try:
            with self._store.write() as session:
                tx = Tx(
                    session=session,
                    now=self._now,
                    heads=heads,
                    frozen=self._frozen,
                    group=group,
                    details=self._details,
                    room=self._has_room,
                )
                for number, waiting in enumerate(batch):
                    outcomes.append(self._perform(tx, session, group, heads, waiting))
                    if sum(map(group.entries, group.chunks)) >= GROUP_ENTRIES:
                        rest = batch[number + 1 :]
                        break
                stored = self._seal(session, group, heads)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the callers hear of it
            self._failing = True
            self._tell(None)
            self._refuse(batch, error)
            return
        self._failing = False
        if stored or group.events:
            self._tell(Commit(len(outcomes), sum(len(one.rows) for one in stored), time.perf_counter() - started))
        self._release(heads, group, stored, outcomes)
        if rest:
            self._commit(rest)

    def _perform(self, tx: Tx, session: Session, group: Group, heads: dict[int, Head], waiting: _Waiting) -> _Outcome:
        mark, before = group.mark(), dict(heads)
        session.execute("SAVEPOINT operation")
        try:
            result = waiting.operation(tx)
        except Exception as error:  # noqa: BLE001 -- handed to whoever asked
            session.execute("ROLLBACK TO operation")
            session.execute("RELEASE operation")
            group.cut_back(mark)
            heads.clear()
            heads.update(before)
            self._details.forget()
            return _Outcome(waiting, None, error)
        session.execute("RELEASE operation")
        return _Outcome(waiting, result, None)

    def _seal(self, session: Session, group: Group, heads: dict[int, Head]) -> list[Stored]:
        stored = list(group.followed)
        for log, chunks in group.chunks.items():
            if chunks:
                heads[log], fresh = seal_feed(
                    session,
                    heads[log],
                    chunks,
                    now=self._now,
                    signer=self._feed_signer,
                    details=self._details,
                    random=self._random,
                )
                stored.append(fresh)
        audit = next((head for head in heads.values() if head.kind == "audit"), None)
        if group.events:
            if audit is None:
                raise Unsound("this node has no audit log; nothing is done unlogged")
            heads[audit.log] = seal_audit(session, audit, group.events, now=self._now, signer=self._audit_signer)
        return stored

    def _release(self, heads: dict[int, Head], group: Group, stored: list[Stored], outcomes: list[_Outcome]) -> None:
        for log, head in heads.items():
            if head.kind != "followed" and self._heads.get(log) is not head:
                self._mark(head)
        self._heads = heads
        for entries in stored:
            for observer in self._observers:
                _guarded(observer, entries)
        for callback in group.callbacks:
            _guarded(lambda _, callback=callback: callback(), None)
        for outcome in outcomes:
            if outcome.error is not None:
                outcome.waiting.future.set_exception(outcome.error)
            else:
                outcome.waiting.future.set_result(outcome.result)

    def _tell(self, commit: Commit | None) -> None:
        for observer in self._commit_observers:
            _guarded(observer, commit)

    def _mark(self, head: Head) -> None:
        """Write a high-water mark; it may lag, so a file that cannot be written holds up nobody. It never goes back."""
        if self._highwater.marks.get(head.origin, (0, b""))[0] > head.size:
            return  # a feed on its way back from its followers
        try:
            self._highwater.write(head.origin, head.size, head.tree.root())
        except OSError:
            _log.exception("a high-water mark could not be written", origin=head.origin)

    def _refuse(self, batch: list[_Waiting], error: Exception) -> None:
        self._details.forget()
        _log.error("commit failed", error=repr(error), operations=len(batch))
        shown = error if isinstance(error, NodeError) else Unsound("the commit failed; nothing of it happened")
        for waiting in batch:
            waiting.future.set_exception(shown)

    def _has_room(self) -> bool:
        found = os.statvfs(self._directory)
        return found.f_bavail * found.f_frsize >= FREE_BYTES

    def _check_marks(self) -> None:
        """Compare every own log with its high-water mark: behind it, or another root, means an older copy."""
        by_origin = {head.origin: head for head in self._heads.values() if head.kind != "followed"}
        for origin, (size, root) in self._highwater.marks.items():
            head = by_origin.get(origin)
            if head is not None and (head.size > size or (head.size == size and head.tree.root() == root)):
                continue
            why = restored(origin, 0 if head is None else head.size, f"{size} were signed")
            if head is None or head.kind == "audit":
                raise Unsound(f"{why} {_NO_START}")
            self._frozen = {**self._frozen, head.log: f"{why} {RECOVER.format(origin.rpartition('/')[2])}"}

    def _sign_heads(self) -> None:
        """A head without a checkpoint cannot come from our own commits; sign it so that followers can go on."""
        with self._store.write() as session:
            for head in self._heads.values():
                if head.kind == "followed" or head.size == 0 or head.log in self._frozen:
                    continue
                query = "SELECT 1 FROM checkpoint WHERE log = ? AND size = ?"
                if session.one(query, (head.log, head.size)) is None:
                    signer = self._audit_signer if head.kind == "audit" else self._feed_signer
                    note = sign_checkpoint(head.origin, head.size, head.tree.root(), signer)
                    store_checkpoint(session, head.log, head.size, note, self._clock())


def restored(origin: str, held: int, signed: str) -> str:
    """The sentence on an own log that was longer once."""
    return f"{origin} holds {held} entries, but {signed}: restored from an old copy?"


def _frozen(session: Session) -> dict[int, str]:
    records = session.all("SELECT id, why FROM log WHERE kind = 'own' AND state = 'frozen'")
    return {int(log): str(why) for log, why in records}


def _guarded(observer: Callable[[Any], None], value: object) -> None:
    """What happens after a commit must not undo its acknowledgement: a failure is logged, the commit stands."""
    try:
        observer(value)
    except Exception:  # noqa: BLE001 -- see above
        _log.exception("an observer of the writer failed")
