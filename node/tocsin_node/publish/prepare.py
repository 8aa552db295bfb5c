"""One row a caller wants published -> canonical form, guard verdict, tag and sealed own record; or a refusal.

Pure but for the random nonce of the seal. It runs in a worker process for all but small chunks, so everything it takes
and gives pickles, and what it needs loads once per process.
"""

from collections.abc import Sequence
from typing import NamedTuple

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.utils import random

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.errors import Unsound
from tocsin_node.guard.terms import Terms, weigh
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.records import OwnRecord
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import GuardVerdict
from tocsin_signals.probes import is_reserved
from tocsin_signals.types import by_name

_NONCE = 24
_DAY_MS = 24 * 3600 * 1000
_RESERVED = "The value is a reserved probe: this node itself keeps it in its feeds, and it counts for nothing."


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
    """A row ready for the log; `changed` when its canonical form is not what was written; else as in Kept."""

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


def prepare(rows: Sequence[RowIn], key: EpochKey, origin: str, data_key: bytes, now: int, terms: Terms) -> Batch:
    """Canonicalise, guard, tag and seal rows for the feed `origin` under one epoch; `now` in ms."""
    examined = examine(rows, now, terms)
    kinds = [by_name(one.row.type) for one in examined.kept]
    requests = [
        TagRequest(kind.profile, kind.scope, one.canonical) for kind, one in zip(kinds, examined.kept, strict=True)
    ]
    ready: list[Prepared] = []
    for kind, (row, canonical, value, overridden), tag in zip(
        kinds, examined.kept, tag_batch(key, requests), strict=True
    ):
        sealed = seal(canonical, origin, kind.code, data_key)
        ready.append(Prepared(row, kind.code, tag, sealed, canonical != row.value, value, overridden))
    return Batch(ready, examined.refused, examined.warned)


def examine(rows: Sequence[RowIn], now: int, terms: Terms) -> Examined:
    """Canonicalise and guard rows; `now` in ms."""
    found = Examined([], [], [])
    for row in rows:
        try:
            canonical, kind = canonicalise(row.type, row.value, region=row.region or None), by_name(row.type)
        except Rejected as error:
            found.refused.append(Refusal(row.line, error.reason, error.sentence))
            continue
        if is_reserved(row.type, canonical):
            found.refused.append(Refusal(row.line, "reserved-probe", _RESERVED))
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


def _bound_to(origin: str, code: int) -> bytes:
    return f"tocsin/1/own-record\n{origin}\n{code}".encode()
