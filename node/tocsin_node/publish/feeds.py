"""Own feeds: each a log for one community and one audience, for life.

Entry 0 of a feed is its descriptor: who publishes, under which origin, for which community and audience.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from tocsin_crypto.ed25519 import Random
from tocsin_node.errors import NotFound, Refused
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.names import local_name
from tocsin_node.store.protocol import Session, Store
from tocsin_signals import types
from tocsin_signals.details import SALT_BYTES, encode
from tocsin_signals.entry import ENTRY_SIZE, NO_REF, Kind, empty_rows


@dataclass(frozen=True, slots=True)
class OwnFeed:
    """A feed this node publishes. `state` is open or frozen, `why` says why it is frozen."""

    log: int
    name: str
    origin: str
    community: str
    audience: str
    state: str
    why: str


def feed_origin(organisation: str, name: str) -> str:
    """The origin of an organisation's feed."""
    return f"{organisation}/feed/{name}"


class Feeds:
    """Creates and finds own feeds."""

    def __init__(
        self,
        *,
        organisation: str,
        store: Store,
        writer: Writer,
        communities: Callable[[], Collection[str]],
        audiences: Callable[[], Mapping[str, Collection[str]]],
        random: Random = secrets.token_bytes,
    ) -> None:
        self._organisation = organisation
        self._store = store
        self._writer = writer
        self._communities = communities
        self._audiences = audiences
        self._random = random

    async def create(self, *, name: str, community: str, audience: str, actor: Actor) -> OwnFeed:
        """Add a feed. Errors: Invalid name; Refused when it exists or its community or audience is not known."""
        local_name(name, "the feed's name")
        local_name(audience, "the audience's name")
        if community not in self._communities():
            raise Refused("this node is not a member of a community of that id: `tocsin status` lists them")
        if not self._audiences().get(audience):
            raise Refused("the configuration names no audience of that name with a member in it")
        origin = feed_origin(self._organisation, name)

        def operation(tx: Tx) -> None:
            if tx.sql.one("SELECT 1 FROM log WHERE origin = ?", (origin,)):
                raise Refused(f"a feed {name!r} exists already")
            log = tx.new_log(origin, "own", self._organisation, name=name, community=community, audience=audience)
            row = empty_rows(1)
            row["kind"], row["ref"] = Kind.OPEN, NO_REF
            blob = encode(descriptor(self._organisation, origin, community, audience), self._random(SALT_BYTES))
            tx.append(log, row, [blob], np.zeros(1, np.uint32))
            about = {"feed": name, "community": community, "audience": audience}
            tx.audit("feed.created", actor=actor, about=about)

        await self._writer.submit(operation)
        return self.get(name)

    def all(self) -> list[OwnFeed]:
        """Every own feed, by name."""
        with self._store.read() as session:
            return _read(session, "ORDER BY name", ())

    def get(self, feed: str) -> OwnFeed:
        """The feed with this local name or origin. Errors: NotFound."""
        with self._store.read() as session:
            found = _read(session, "AND (name = ? OR origin = ?)", (feed, feed))
        if not found:
            raise NotFound("this node publishes no feed of that name: `tocsin feed list` shows them")
        return found[0]


def descriptor(organisation: str, origin: str, community: str, audience: str) -> dict[str, object]:
    """What entry 0 of a feed says."""
    return {
        "kind": "signals",
        "publisher": organisation,
        "origin": origin,
        "community": community,
        "audience": audience,
        "entry_size": ENTRY_SIZE,
        "types": [entry.code for entry in types.REGISTRY],
        "predecessor": None,
        "relay": False,
    }


def _read(session: Session, condition: str, parameters: tuple[str, ...]) -> list[OwnFeed]:
    columns = "SELECT id, name, origin, community, audience, state, why FROM log WHERE kind = 'own'"
    return [
        OwnFeed(int(log), name, origin, community, audience, state, why or "")
        for log, name, origin, community, audience, state, why in session.all(f"{columns} {condition}", parameters)
    ]
