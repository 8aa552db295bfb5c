"""An explicit revision: other details or another end for signals that are live, all of them or none.

What is equal to what stands is *unchanged* and leaves no entry. A signal that was withdrawn or has expired is refused:
nothing brings it back, and publishing its identifier again makes a new one. Each revise entry carries the signal's tag
under its newest epoch; receivers apply it to the signal, so it counts under every tag the signal has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tocsin_node.errors import Invalid, NotFound, Refused
from tocsin_node.limits import REVISE_SIGNALS
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.publish import records
from tocsin_node.publish.blobs import json_object, salted
from tocsin_node.publish.entries import Entries
from tocsin_node.publish.feeds import OwnFeed
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.records import OwnRecord
from tocsin_signals.details import Details, decode, digest
from tocsin_signals.entry import Kind
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code


@dataclass(frozen=True, slots=True)
class Revised:
    """What a revision did: the feed's size, and the ids of signals with a new entry and of those as they were."""

    size: int
    revised: tuple[int, ...]
    unchanged: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """What is to change: keys of the details (None: taken away), and the end (ms UTC; 0: as it is)."""

    changes: Mapping[str, object]
    valid_until: int

    @classmethod
    def read(cls, changes: bytes, valid_until: int, *, now: int, count: int) -> Self:
        """A caller's revision of `count` signals. Errors: Invalid."""
        if not 1 <= count <= REVISE_SIGNALS:
            raise Invalid(f"a revision names 1 to {REVISE_SIGNALS} signals, not {count}")
        try:
            revision = cls(json_object(changes) if changes else {}, valid_until)
        except Rejected as error:
            raise Invalid(error.sentence) from error
        if not revision.changes and not valid_until:
            raise Invalid("a revision changes details, the end, or both")
        if valid_until and valid_until <= now:
            raise Invalid("the new end is past already: to end a signal now, withdraw it")
        return revision

    def applied(self, blob: bytes, key: bytes) -> bytes:
        """The details blob with the changes made. Errors: Invalid when what comes of it may not be published."""
        said = {name: value for name, value in decode(blob).items() if name != "salt"} | dict(self.changes)
        try:
            kept = Details.from_fields({name: value for name, value in said.items() if value is not None})
            return salted(kept.fields(), key)
        except Rejected as error:
            raise Invalid(f"the revised details may not be published: {error.sentence}") from error


def revise(
    tx: Tx,
    own: OwnFeed,
    signals: Sequence[int],
    identifiers: Sequence[Sequence[tuple[int, bytes]]],
    revision: Revision,
    *,
    lifetimes: Lifetimes,
    key: bytes,
    actor: Actor,
) -> Revised:
    """Append the revisions of one request. Errors: NotFound, Refused, Invalid."""
    found = _standing(records.named(tx.sql, own.log, signals, identifiers), own, tx.now)
    _check_end(found, revision.valid_until, lifetimes, tx.now)
    before = {record.details: tx.blob(record.details) for record in found}
    after = {held: revision.applied(blob, key) if revision.changes else blob for held, blob in before.items()}
    wanted = [_changed(record, digest(after[record.details]), revision.valid_until) for record in found]
    changed = [(old, new) for old, new in zip(found, wanted, strict=True) if old != new]
    if changed:
        entries, places = Entries(), {held: place for place, held in enumerate(after)}
        for old, new in changed:
            entries.add(Kind.REVISE, new, new.signal, places[old.details])
        tx.append(own.log, entries.rows(), list(after.values()), np.asarray(entries.blobs, np.uint32))
        records.store(tx.sql, own.log, [new for _, new in changed])
        counts = {"revised": len(changed)} | ({"unchanged": rest} if (rest := len(found) - len(changed)) else {})
        what = [("details", revision.changes), ("validity", revision.valid_until)]
        about = {"feed": own.name, "changed": " ".join(word for word, given in what if given)}
        tx.audit("signal.revised", actor=actor, counts=counts, about=about)
    revised = {new.signal for _, new in changed}
    unchanged = tuple(record.signal for record in found if record.signal not in revised)
    return Revised(tx.next_index(own.log), tuple(new.signal for _, new in changed), unchanged)


def _standing(asked: Sequence[OwnRecord | None], own: OwnFeed, now: int) -> list[OwnRecord]:
    """The records asked for, each once, all of them live. Errors: NotFound, Refused."""
    found = {record.signal: record for record in asked if record is not None}
    if None in asked:
        missing = asked.count(None)
        few = "one of the signals" if missing == 1 else f"{missing} of the signals"
        raise NotFound(f"{few} named is not among what {own.origin} has published: nothing was revised")
    for record in found.values():
        if not record.live(now):
            state, name = record.state(now), f"signal {record.signal} of {own.origin}"
            over = f"{name} was withdrawn" if record.withdrawn else f"{name} is {state}"
            raise Refused(f"{over} and cannot be revised: publish its identifier again; nothing was revised")
    return list(found.values())


def _check_end(found: Sequence[OwnRecord], valid_until: int, lifetimes: Lifetimes, now: int) -> None:
    if not valid_until:
        return
    for code in {record.type for record in found}:
        kind = by_code(code)
        wrong = lifetimes.wrong(kind.name if kind else "", valid_until, now)
        if wrong is not None:
            raise Invalid(f"the new end is not possible: {wrong[1]}")


def _changed(record: OwnRecord, details: bytes, valid_until: int) -> OwnRecord:
    return record._replace(details=details, valid_until=valid_until or record.valid_until)
