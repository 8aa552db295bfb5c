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
from tocsin_node.guard.screen import Screen, Screened, screen
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import GuardVerdict
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


class Prepared(NamedTuple):
    """A row ready for the log."""

    row: RowIn
    code: int
    tag: bytes
    sealed: bytes
    key: bytes
    """Of its value, as the guard remembers it."""
    overridden: bool
    """Whether it is here because a second person approved it."""


class Batch(NamedTuple):
    """What became of a chunk's rows; `ready` in their order."""

    ready: list[Prepared]
    refused: list[Refusal]
    warned: list[Warned]


def prepare(rows: Sequence[RowIn], key: EpochKey, origin: str, data_key: bytes, now: int, given: Screen) -> Batch:
    """Canonicalise, guard, tag and seal rows for the feed `origin` under one epoch; `now` in ms."""
    batch = Batch([], [], [])
    kept: list[tuple[RowIn, str, Screened]] = []
    for row in rows:
        try:
            canonical, kind = canonicalise(row.type, row.value, region=row.region or None), by_name(row.type)
        except Rejected as error:
            batch.refused.append(Refusal(row.line, error.reason, error.sentence))
            continue
        days = (row.valid_until - now) // _DAY_MS if row.valid_until else None
        found = screen(given, row.type, kind.code, canonical, days)
        if found.blocked is not None:
            batch.refused.append(blocked(row, found.blocked))
            continue
        if found.warned is not None:
            batch.warned.append(Warned(row.line, found.warned.rule, found.warned.sentence))
        kept.append((row, canonical, found))
    kinds = [by_name(row.type) for row, _, _ in kept]
    requests = [
        TagRequest(kind.profile, kind.scope, canonical) for kind, (_, canonical, _) in zip(kinds, kept, strict=True)
    ]
    for kind, (row, canonical, found), tag in zip(kinds, kept, tag_batch(key, requests), strict=True):
        sealed = seal(canonical, origin, kind.code, data_key)
        batch.ready.append(Prepared(row, kind.code, tag, sealed, found.key, found.overridden))
    return batch


def blocked(row: RowIn, verdict: GuardVerdict) -> Refusal:
    """How a row comes back that the guard stops."""
    return Refusal(row.line, f"guard:{verdict.rule}", verdict.sentence)


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
