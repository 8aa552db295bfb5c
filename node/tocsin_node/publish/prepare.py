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
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level
from tocsin_signals.types import SignalType, by_name

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


class Prepared(NamedTuple):
    """A row ready for the log; `sealed` is empty in a clear feed, whose tags are the values."""

    row: RowIn
    code: int
    tag: bytes
    sealed: bytes


class Batch(NamedTuple):
    """What became of a chunk's rows; `ready` in their order."""

    ready: list[Prepared]
    refused: list[Refusal]
    warned: list[Warned]


def prepare(rows: Sequence[RowIn], key: EpochKey | None, origin: str, data_key: bytes, now: int) -> Batch:
    """Canonicalise, guard, tag and seal rows for the feed `origin` under one epoch; `now` in ms.

    Without a key the feed is a clear one. Values in the clear go into clear feeds, and nothing else does.
    """
    batch = Batch([], [], [])
    kept: list[tuple[RowIn, str]] = []
    for row in rows:
        try:
            _check_kind(by_name(row.type), key)
            canonical = canonicalise(row.type, row.value, region=row.region or None)
        except Rejected as error:
            batch.refused.append(Refusal(row.line, error.reason, error.sentence))
            continue
        days = (row.valid_until - now) // _DAY_MS if row.valid_until else None
        verdict = _guard().check(row.type, canonical, days=days)
        if verdict.level is Level.BLOCK:
            batch.refused.append(Refusal(row.line, f"guard:{verdict.rule}", verdict.sentence))
            continue
        if verdict.level is Level.WARN:
            batch.warned.append(Warned(row.line, verdict.rule, verdict.sentence))
        kept.append((row, canonical))
    kinds = [by_name(row.type) for row, _ in kept]
    if key is None:
        batch.ready.extend(Prepared(row, by_name(row.type).code, clear_tag(value), b"") for row, value in kept)
        return batch
    requests = [
        TagRequest(kind.profile, kind.scope, canonical) for kind, (_, canonical) in zip(kinds, kept, strict=True)
    ]
    for kind, (row, canonical), tag in zip(kinds, kept, tag_batch(key, requests), strict=True):
        sealed = seal(canonical, origin, kind.code, data_key)
        batch.ready.append(Prepared(row, kind.code, tag, sealed))
    return batch


def _check_kind(kind: SignalType, key: EpochKey | None) -> None:
    """Whether values of this type may go into the feed. Errors: Rejected."""
    if kind.clear and key is not None:
        raise Rejected(
            "clear-type",
            f"A {kind.name} is compared bit by bit and cannot be tagged: publish it in a clear feed, "
            "which `tocsin feed create --clear` opens.",
        )
    if not kind.clear and key is None:
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
