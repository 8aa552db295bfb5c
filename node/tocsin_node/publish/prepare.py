"""One row a caller wants published -> canonical form, guard verdict, tag and sealed own record; or a refusal.

Pure but for the random nonce of the seal. It runs in a worker process for all but small chunks, so everything it takes
and gives pickles, and what it needs loads once per process.
"""

from collections.abc import Sequence
from typing import NamedTuple

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.utils import random

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.clear import CLEAR_EPOCH, clear_tag, clear_value
from tocsin_node.errors import Unsound
from tocsin_node.guard.terms import Terms, weigh
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.records import OwnRecord
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import GuardVerdict
from tocsin_signals.probes import is_reserved
from tocsin_signals.types import SignalType, by_name

_NONCE = 24
_DAY_MS = 24 * 3600 * 1000
RESERVED = "The value is a reserved probe: this node itself keeps it in its feeds, and it counts for nothing."


class RowIn(NamedTuple):
    """A row as it came: `fields` is its place among the chunk's details, `valid_until` 0 for the type's default."""

    line: int
    type: str
    value: str
    region: str
    fields: int
    valid_until: int


class Refusal(NamedTuple):
    """Why a row was not published: a stable word and a sentence without the value."""

    line: int
    reason: str
    sentence: str


class Warned(NamedTuple):
    """What the guard says of a row that was published all the same."""

    line: int
    rule: str
    sentence: str


class Widest(NamedTuple):
    """The row of a chunk that hits the most own users by their recent look-ups, and how many; line 0 for none."""

    line: int = 0
    users: int = 0


class Kept(NamedTuple):
    """A row that may be published, with its canonical form."""

    row: RowIn
    canonical: str
    key: bytes
    """Of its value, as the guard remembers it."""
    overridden: bool
    """Whether it is here because a second person approved it."""


class Examined(NamedTuple):
    """Rows with their canonical forms, rows that have none or are blocked, and what the guard says of those kept."""

    kept: list[Kept]
    refused: list[Refusal]
    warned: list[Warned]


class Prepared(NamedTuple):
    """A row ready for the log; else as in Kept.

    `changed` when its canonical form is not what was written; `sealed` is empty in a clear feed, whose tags are the
    values.
    """

    row: RowIn
    code: int
    tag: bytes
    sealed: bytes
    changed: bool
    key: bytes
    overridden: bool


class Batch(NamedTuple):
    """What became of a chunk's rows; `ready` in their order."""

    ready: list[Prepared]
    refused: list[Refusal]
    warned: list[Warned]
    widest: Widest = Widest()

    @property
    def overridden(self) -> int:
        """Rows that the guard blocks and a second person approved."""
        return sum(item.overridden for item in self.ready)


def prepare(rows: Sequence[RowIn], key: EpochKey | None, origin: str, data_key: bytes, now: int, terms: Terms) -> Batch:
    """Canonicalise, guard, tag and seal rows for the feed `origin` under one epoch; `now` in ms.

    Without a key the feed is a clear one. Values in the clear go into clear feeds, and nothing else does.
    """
    examined = examine(rows, now, terms, clear=key is None)
    kinds = [by_name(one.row.type) for one in examined.kept]
    if key is None:
        tags, sealed = [clear_tag(one.canonical) for one in examined.kept], [b""] * len(kinds)
    else:
        forms = list(zip(kinds, (one.canonical for one in examined.kept), strict=True))
        tags = tag_batch(key, [TagRequest(kind.profile, kind.scope, canonical) for kind, canonical in forms])
        sealed = [seal(canonical, origin, kind.code, data_key) for kind, canonical in forms]
    ready = [
        Prepared(one.row, kind.code, tag, closed, one.canonical != one.row.value, one.key, one.overridden)
        for kind, one, tag, closed in zip(kinds, examined.kept, tags, sealed, strict=True)
    ]
    return Batch(ready, examined.refused, examined.warned)


def examine(rows: Sequence[RowIn], now: int, terms: Terms, *, clear: bool | None = None) -> Examined:
    """Canonicalise and guard rows; `now` in ms. `clear`: whether they are for a clear feed, None for no feed yet."""
    found = Examined([], [], [])
    for row in rows:
        try:
            kind = by_name(row.type)
            if clear is not None:
                check_kind(kind, clear=clear)
            canonical = canonicalise(row.type, row.value, region=row.region or None)
        except Rejected as error:
            found.refused.append(Refusal(row.line, error.reason, error.sentence))
            continue
        if is_reserved(row.type, canonical):
            found.refused.append(Refusal(row.line, "reserved-probe", RESERVED))
            continue
        days = (row.valid_until - now) // _DAY_MS if row.valid_until else None
        weighed = weigh(terms, row.type, kind.code, canonical, days)
        if weighed.blocked is not None:
            found.refused.append(blocked(row, weighed.blocked))
            continue
        if weighed.warned is not None:
            found.warned.append(Warned(row.line, weighed.warned.rule, weighed.warned.sentence))
        found.kept.append(Kept(row, canonical, weighed.key, weighed.overridden))
    return found


def blocked(row: RowIn, verdict: GuardVerdict) -> Refusal:
    """How a row comes back that the guard stops."""
    return Refusal(row.line, f"guard:{verdict.rule}", verdict.sentence)


def wanted_record(item: Prepared, epoch: int, details: bytes, now: int, lifetimes: Lifetimes) -> OwnRecord:
    """The own record a row asks for; its signal is for the log to say."""
    until = item.row.valid_until or lifetimes.default_end(item.code, now)
    return OwnRecord(item.code, item.tag, epoch, 0, details, until, withdrawn=False, sealed=item.sealed)


def check_kind(kind: SignalType, *, clear: bool) -> None:
    """Whether values of this type may go into the feed. Errors: Rejected."""
    if kind.clear and not clear:
        raise Rejected(
            "clear-type",
            f"A {kind.name} is compared bit by bit and cannot be tagged: publish it in a clear feed, "
            "which `tocsin feed create --clear` opens.",
        )
    if clear and not kind.clear:
        raise Rejected(
            "clear-feed",
            f"Values in this feed travel as they are; a {kind.name} does not: publish it in a feed of a community.",
        )


def seal(canonical: str, origin: str, code: int, data_key: bytes) -> bytes:
    """An own record's identifier at rest: nonce and XChaCha20-Poly1305 bound to its feed and type."""
    nonce = random(_NONCE)
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
        canonical.encode(), _bound_to(origin, code), nonce, data_key
    )


def unseal(sealed: bytes, origin: str, code: int, data_key: bytes) -> str:
    """The canonical form in an own record. Errors: Unsound when it does not open."""
    try:
        opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[_NONCE:], _bound_to(origin, code), sealed[:_NONCE], data_key
        )
    except Exception as error:
        raise Unsound(f"an own record of {origin} does not open under this node's data key") from error
    return opened.decode()


def identifier(record: OwnRecord, origin: str, data_key: bytes) -> str:
    """What was published; empty where it was lost. In a clear feed the tag is it. Errors: Unsound."""
    if record.epoch == CLEAR_EPOCH:
        return clear_value(record.tag)
    return unseal(record.sealed, origin, record.type, data_key) if record.sealed else ""


def _bound_to(origin: str, code: int) -> bytes:
    return f"tocsin/1/own-record\n{origin}\n{code}".encode()
