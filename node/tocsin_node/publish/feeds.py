"""Own feeds: each a log for one community and one audience, for life; or a clear feed, for one audience alone.

Entry 0 of a feed is its descriptor: who publishes, under which origin, for which community and audience. What is in a
clear feed is read by whoever receives it; so its audience is named, and nobody may serve it on.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from tocsin_crypto.ed25519 import Random
from tocsin_node.clear import CLEAR_CODES
from tocsin_node.errors import Invalid, NotFound, Refused
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
    """A feed this node publishes. `state` is open or frozen, `why` says why; `relay` lets followers serve it on.

    A clear feed has no community.
    """

    log: int
    name: str
    origin: str
    community: str
    audience: str
    state: str
    why: str
    relay: bool

    @property
    def clear(self) -> bool:
        """Whether its values travel as they are. Of a feed that was lost and is made anew nothing is known yet."""
        return not self.community and bool(self.audience)


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
        self.organisation = organisation
        self._store = store
        self._writer = writer
        self._communities = communities
        self._audiences = audiences
        self._random = random

    async def create(
        self, *, name: str, community: str, audience: str, actor: Actor, relay: bool = False, clear: bool = False
    ) -> OwnFeed:
        """Add a feed; with `relay`, followers may serve it on for its whole life; with `clear`, values are not tagged.

        Errors: Invalid name or combination; Refused when it exists or its community or audience is not known.
        """
        local_name(name, "the feed's name")
        local_name(audience, "the audience's name")
        if clear and community:
            raise Invalid("a clear feed belongs to no community: its values are not tagged")
        if clear and relay:
            raise Invalid("a clear feed is never served on: who is in its audience reads its values")
        if not clear and community not in self._communities():
            raise Refused("this node is not a member of a community of that id: `tocsin status` lists them")
        if not self._audiences().get(audience):
            raise Refused("the configuration names no audience of that name with a member in it")
        origin = feed_origin(self.organisation, name)

        def operation(tx: Tx) -> None:
            if tx.sql.one("SELECT 1 FROM log WHERE origin = ?", (origin,)):
                raise Refused(f"a feed {name!r} exists already")
            columns = {"name": name, "community": community, "audience": audience, "relay": int(relay)}
            log = tx.new_log(origin, "own", self.organisation, **columns)
            row = empty_rows(1)
            row["kind"], row["ref"] = Kind.OPEN, NO_REF
            said = descriptor(self.organisation, origin, community, audience, relay=relay)
            blob = encode(said, self._random(SALT_BYTES))
            tx.append(log, row, [blob], np.zeros(1, np.uint32))
            about = {"feed": name, **({"community": community} if community else {}), "audience": audience}
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


def descriptor(organisation: str, origin: str, community: str, audience: str, *, relay: bool) -> dict[str, object]:
    """What entry 0 of a feed says; a clear one has an empty community."""
    return {
        "kind": "signals",
        "publisher": organisation,
        "origin": origin,
        "community": community or None,
        "audience": audience,
        "entry_size": ENTRY_SIZE,
        "types": [entry.code for entry in types.REGISTRY if (entry.code in CLEAR_CODES) is not bool(community)],
        "predecessor": None,
        "relay": relay,
    }


def _read(session: Session, condition: str, parameters: tuple[str, ...]) -> list[OwnFeed]:
    columns = "SELECT id, name, origin, community, audience, state, why, relay FROM log WHERE kind = 'own'"
    return [
        OwnFeed(int(log), name, origin, community or "", audience, state, why or "", bool(relay))
        for log, name, origin, community, audience, state, why, relay in session.all(
            f"{columns} {condition}", parameters
        )
    ]
