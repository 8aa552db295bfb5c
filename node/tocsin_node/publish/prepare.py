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
from tocsin_node.clear import clear_tag
from tocsin_node.errors import Unsound
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.records import OwnRecord
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level
from tocsin_signals.probes import is_reserved
from tocsin_signals.types import SignalType, by_name

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


class Examined(NamedTuple):
    """Rows with their canonical forms, rows that have none or are blocked, and what the guard says of those kept."""

    kept: list[tuple[RowIn, str]]
    refused: list[Refusal]
    warned: list[Warned]


class Prepared(NamedTuple):
    """A row ready for the log.

    `changed` when its canonical form is not what was written; `sealed` is empty in a clear feed, whose tags are the
    values.
    """

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


def prepare(rows: Sequence[RowIn], key: EpochKey | None, origin: str, data_key: bytes, now: int) -> Batch:
    """Canonicalise, guard, tag and seal rows for the feed `origin` under one epoch; `now` in ms.

    Without a key the feed is a clear one. Values in the clear go into clear feeds, and nothing else does.
    """
    examined = examine(rows, now, clear=key is None)
    kinds = [by_name(row.type) for row, _ in examined.kept]
    if key is None:
        tags, sealed = [clear_tag(canonical) for _, canonical in examined.kept], [b""] * len(kinds)
    else:
        forms = list(zip(kinds, (canonical for _, canonical in examined.kept), strict=True))
        tags = tag_batch(key, [TagRequest(kind.profile, kind.scope, canonical) for kind, canonical in forms])
        sealed = [seal(canonical, origin, kind.code, data_key) for kind, canonical in forms]
    ready = [
        Prepared(row, kind.code, tag, closed, canonical != row.value)
        for kind, (row, canonical), tag, closed in zip(kinds, examined.kept, tags, sealed, strict=True)
    ]
    return Batch(ready, examined.refused, examined.warned)


def examine(rows: Sequence[RowIn], now: int, *, clear: bool | None = None) -> Examined:
    """Canonicalise and guard rows; `now` in ms. `clear`: whether they are for a clear feed, None for no feed yet."""
    found = Examined([], [], [])
    for row in rows:
        try:
            if clear is not None:
                _check_kind(by_name(row.type), clear=clear)
            canonical = canonicalise(row.type, row.value, region=row.region or None)
        except Rejected as error:
            found.refused.append(Refusal(row.line, error.reason, error.sentence))
            continue
        if is_reserved(row.type, canonical):
            found.refused.append(Refusal(row.line, "reserved-probe", _RESERVED))
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


def _check_kind(kind: SignalType, *, clear: bool) -> None:
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


def _bound_to(origin: str, code: int) -> bytes:
    return f"tocsin/1/own-record\n{origin}\n{code}".encode()


@cache
def _guard() -> Guard:
    """Per process: loading the public suffix list takes 0.1 s."""
    return Guard()
