"""One row a caller wants published -> canonical form, guard verdict, tag and sealed own record; or a refusal.

Pure but for the random nonce of the seal. It runs in a worker process for all but small chunks, so everything it takes
and gives pickles, and what it needs loads once per process.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.utils import random

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.errors import Unsound
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.records import OwnRecord
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level
from tocsin_signals.types import by_name

_NONCE = 24
_DAY_MS = 24 * 3600 * 1000


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


class Examined(NamedTuple):
    """Rows with their canonical forms, rows that have none or are blocked, and what the guard says of those kept."""

    kept: list[tuple[RowIn, str]]
    refused: list[Refusal]
    warned: list[Warned]


class Prepared(NamedTuple):
    """A row ready for the log; `changed` when its canonical form is not what was written."""

    row: RowIn
    code: int
    tag: bytes
    sealed: bytes
    changed: bool


class Batch(NamedTuple):
    """What became of a chunk's rows; `ready` in their order."""

    ready: list[Prepared]
    refused: list[Refusal]
    warned: list[Warned]


def prepare(rows: Sequence[RowIn], key: EpochKey, origin: str, data_key: bytes, now: int) -> Batch:
    """Canonicalise, guard, tag and seal rows for the feed `origin` under one epoch; `now` in ms."""
    examined = examine(rows, now)
    kinds = [by_name(row.type) for row, _ in examined.kept]
    requests = [
        TagRequest(kind.profile, kind.scope, canonical)
        for kind, (_, canonical) in zip(kinds, examined.kept, strict=True)
    ]
    ready: list[Prepared] = []
    for kind, (row, canonical), tag in zip(kinds, examined.kept, tag_batch(key, requests), strict=True):
        sealed = seal(canonical, origin, kind.code, data_key)
        ready.append(Prepared(row, kind.code, tag, sealed, canonical != row.value))
    return Batch(ready, examined.refused, examined.warned)


def examine(rows: Sequence[RowIn], now: int) -> Examined:
    """Canonicalise and guard rows; `now` in ms."""
    found = Examined([], [], [])
    for row in rows:
        try:
            canonical = canonicalise(row.type, row.value, region=row.region or None)
        except Rejected as error:
            found.refused.append(Refusal(row.line, error.reason, error.sentence))
            continue
        days = (row.valid_until - now) // _DAY_MS if row.valid_until else None
        verdict = _guard().check(row.type, canonical, days=days)
        if verdict.level is Level.BLOCK:
            found.refused.append(Refusal(row.line, f"guard:{verdict.rule}", verdict.sentence))
            continue
        if verdict.level is Level.WARN:
            found.warned.append(Warned(row.line, verdict.rule, verdict.sentence))
        found.kept.append((row, canonical))
    return found


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


@cache
def _guard() -> Guard:
    """Per process: loading the public suffix list takes 0.1 s."""
    return Guard()
