"""Bearer tokens of the organisation's own applications: named, with roles, stored as digests.

Rules:

1. A token is `tcs_` and 32 random bytes in base64url. It is shown once, when made; the database holds its SHA-256. A
   fast hash is right here: 256 random bits cannot be guessed, only people's words need a slow one.
2. A name is never used twice, not even after its token was revoked: audit entries name their actor by it.
3. The last token with the role `operate` cannot be revoked, because nobody could make another.
4. `verify` reads a table in memory that the writer swaps after each commit: a revoked token fails from then on.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tocsin_node.errors import Exhausted, Invalid, NotFound, Refused
from tocsin_node.limits import TOKENS
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.names import local_name
from tocsin_node.store.protocol import Session, Store

PREFIX: Final = "tcs_"
SECRET_BYTES: Final = 32
OPERATOR: Final = "operator"  # the name of the token that `init` makes
_TOKEN_CHARS: Final = len(PREFIX) + 43  # base64url of 32 bytes without padding


class Role(StrEnum):
    """What a token may do; the local listener maps each method to one."""

    MATCH = "match"
    PUBLISH = "publish"
    APPROVE = "approve"
    OPERATE = "operate"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not the token."""

    name: str
    roles: frozenset[Role]
    created_at: int
    revoked: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The roles in their own order."""
        return tuple(role.value for role in Role if role in self.roles)


def issue(
    tx: Tx, *, name: str, roles: Iterable[str], actor: Actor, random: Callable[[int], bytes] = secrets.token_bytes
) -> tuple[str, bytes, Token]:
    """Make a token within a write operation: the secret text, its digest, and what is kept of it."""
    local_name(name, "the token name")
    granted = _roles(roles)
    if tx.sql.one("SELECT 1 FROM token WHERE name = ?", (name,)):
        raise Refused(f"a token named {name} exists or existed: choose another name")
    count = tx.sql.one("SELECT count(*) FROM token")
    if count and count[0] >= TOKENS:
        raise Exhausted(f"a node has at most {TOKENS} tokens, revoked ones included")
    text = PREFIX + base64.urlsafe_b64encode(random(SECRET_BYTES)).rstrip(b"=").decode()
    token = Token(name, granted, tx.now, revoked=False)
    digest = _digest(text)
    tx.sql.execute(
        "INSERT INTO token (name, roles, digest, created_at) VALUES (?, ?, ?, ?)",
        (name, " ".join(token.words), digest, tx.now),
    )
    tx.audit("role.granted", actor=actor, about={"token": name, "roles": " ".join(token.words)})
    return text, digest, token


class Tokens:
    """The tokens of this node."""

    def __init__(self, *, store: Store, writer: Writer, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._writer = writer
        self._random = random
        with store.read() as session:
            self._known = _load(session)  # swapped whole by the writer thread, read by any

    def list(self) -> tuple[Token, ...]:
        """Every token, revoked ones included, by name."""
        return tuple(sorted(self._known.values(), key=lambda token: token.name))

    def verify(self, text: str) -> Token | None:
        """The live token this text is, or None."""
        if len(text) != _TOKEN_CHARS or not text.isascii():
            return None
        digest = _digest(text)
        found: Token | None = None
        for known, token in self._known.items():
            if hmac.compare_digest(known, digest):
                found = token
        return found if found and not found.revoked else None

    async def add(self, name: str, roles: Iterable[str], *, actor: Actor) -> str:
        """Make a token and return its text, which nothing can show again; Invalid, Refused or Exhausted."""
        wanted = tuple(roles)

        def operation(tx: Tx) -> str:
            text, digest, token = issue(tx, name=name, roles=wanted, actor=actor, random=self._random)
            tx.after(lambda: self._put(digest, token))
            return text

        return await self._writer.submit(operation)

    async def revoke(self, name: str, *, actor: Actor) -> None:
        """End a token for good; NotFound, or Refused for the last one that may operate."""

        def operation(tx: Tx) -> None:
            known = _load(tx.sql)
            live = {digest: token for digest, token in known.items() if not token.revoked}
            found = next(((digest, token) for digest, token in live.items() if token.name == name), None)
            if found is None:
                raise NotFound("no live token has that name")
            digest, token = found
            operators = [other for other in live.values() if Role.OPERATE in other.roles]
            if operators == [token]:
                raise Refused(f"{name} is the last token with the role operate: add another first")
            tx.sql.execute("UPDATE token SET revoked_at = ? WHERE name = ?", (tx.now, name))
            tx.audit("role.revoked", actor=actor, about={"token": name, "roles": " ".join(token.words)})
            tx.after(lambda: self._put(digest, replace(token, revoked=True)))

        await self._writer.submit(operation)

    def _put(self, digest: bytes, token: Token) -> None:
        self._known = MappingProxyType({**self._known, digest: token})


def _roles(words: Iterable[str]) -> frozenset[Role]:
    try:
        roles = frozenset(Role(word) for word in words)
    except ValueError:
        raise Invalid(f"the roles of a token are words of: {', '.join(Role)}") from None
    if not roles:
        raise Invalid(f"a token has at least one role of: {', '.join(Role)}")
    return roles


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _load(session: Session) -> Mapping[bytes, Token]:
    rows = session.all("SELECT name, roles, digest, created_at, revoked_at FROM token")
    return MappingProxyType(
        {
            digest: Token(name, frozenset(map(Role, roles.split())), created_at, revoked_at is not None)
            for name, roles, digest, created_at, revoked_at in rows
        }
    )
