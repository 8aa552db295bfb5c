"""Followed feeds that this node serves on to its own peers, bytes untouched, where their publisher permits it.

Deny by default, three times: the feed's descriptor must permit it, for the feed's life; this node's operator must name
an audience of the own configuration; and the policy of each peer must name the feed's full origin in `send`. The rule
for recipients is the one for own feeds (`audience`). It holds while the publisher is an active peer and the copy is not
stopped: what this node does not believe itself it does not hand to others.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tocsin_node.audience import Recipient, receives, recipients
from tocsin_node.errors import NotFound, Refused
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.names import local_name
from tocsin_node.peers.book import PeerBook
from tocsin_node.policy.model import Policy
from tocsin_node.store.protocol import Session, Store

_NO_SUCH_FEED: Final = "this node follows no feed of that origin: `tocsin status` lists them"


@dataclass(frozen=True, slots=True)
class Relay:
    """A followed feed as something to serve on. `audience` is empty where the operator named none."""

    log: int
    origin: str
    publisher: str
    permitted: bool
    stopped: bool
    audience: str


class Relays:
    """Which followed feeds are served on, and to whom."""

    def __init__(
        self,
        *,
        store: Store,
        writer: Writer,
        book: Callable[[], PeerBook],
        policy_of: Callable[[str], Policy],
        audiences: Callable[[], Mapping[str, Collection[str]]],
    ) -> None:
        self._store = store
        self._writer = writer
        self._book = book
        self._policy_of = policy_of
        self._audiences = audiences
        self._observers: list[Callable[[str, str], None]] = []
        with store.read() as session:
            self._served = {relay.origin: relay for relay in _read(session, "AND relayed_to <> ''", ())}

    def served(self) -> list[Relay]:
        """The feeds that the operator gave an audience, by origin."""
        return [relay for _, relay in sorted(self._served.items())]

    def get(self, origin: str) -> Relay:
        """A followed feed. Errors: NotFound."""
        with self._store.read() as session:
            found = _read(session, "AND origin = ?", (origin,))
        if not found:
            raise NotFound(_NO_SUCH_FEED)
        return found[0]

    async def serve_on(self, origin: str, audience: str, *, actor: Actor) -> Relay:
        """Serve a followed feed on to an audience, or to nobody where it is empty.

        Errors: NotFound; Refused when its publisher does not permit it or the audience is not in the configuration.
        """
        if audience:
            local_name(audience, "the audience's name")

        def operation(tx: Tx) -> Relay:
            found = _read(tx.sql, "AND origin = ?", (origin,))
            if not found:
                raise NotFound(_NO_SUCH_FEED)
            self._check(found[0], audience)
            if found[0].audience == audience:
                return found[0]
            tx.sql.execute("UPDATE log SET relayed_to = ? WHERE id = ?", (audience, found[0].log))
            about = {"origin": origin, **({"audience": audience} if audience else {})}
            tx.audit("feed.relayed" if audience else "feed.relay_ended", actor=actor, about=about)
            changed = replace(found[0], audience=audience)
            tx.after(lambda: self._swap(changed))
            return changed

        return await self._writer.submit(operation)

    def on_trust(self, observer: Callable[[str, str], None]) -> None:
        """Call with origin and peer, on the writer's thread, when a distrust is lifted."""
        self._observers.append(observer)

    async def trust(self, origin: str, peer: str, *, actor: Actor) -> Relay:
        """Take a feed from a peer again whose serving of it was false. What it sent stays as evidence.

        Errors: NotFound for the feed, or when the peer is not distrusted for it.
        """

        def operation(tx: Tx) -> Relay:
            found = _read(tx.sql, "AND origin = ?", (origin,))
            if not found:
                raise NotFound(_NO_SUCH_FEED)
            if tx.sql.one("SELECT 1 FROM distrusted WHERE log = ? AND peer = ?", (found[0].log, peer)) is None:
                raise NotFound(f"{origin} is not kept from coming from {peer}: `tocsin status` warns where one is")
            tx.sql.execute("DELETE FROM distrusted WHERE log = ? AND peer = ?", (found[0].log, peer))
            tx.audit("feed.source_trusted", actor=actor, peer=peer, about={"origin": origin})
            tx.after(lambda: self._tell_trusted(origin, peer))
            return found[0]

        return await self._writer.submit(operation)

    def _tell_trusted(self, origin: str, peer: str) -> None:
        for observer in self._observers:
            observer(origin, peer)

    def receives(self, relay: Relay, peer: str) -> bool:
        """Whether a peer may follow the feed here now, as far as peers, policies and audiences decide."""
        current = self._served.get(relay.origin)
        if current is None or peer == current.publisher or not self._book().is_active(current.publisher):
            return False
        members, book = self._members(current), self._book()
        return receives(current.origin, peer, members=members, book=book, policy_of=self._policy_of).receives

    def recipients(self, origin: str) -> list[Recipient]:
        """Every peer and member of the audience, with the reason. Errors: NotFound."""
        relay = self.get(origin)
        members = self._members(relay) if relay.audience else ()
        found = recipients(origin, members=members, book=self._book(), policy_of=self._policy_of)
        nobody = self._why_nobody(relay)
        return [self._explained(one, relay, nobody) for one in found]

    def _explained(self, one: Recipient, relay: Relay, nobody: str) -> Recipient:
        why = "it publishes the feed" if one.organisation == relay.publisher else nobody
        return replace(one, receives=False, why=why) if why else one

    def _check(self, relay: Relay, audience: str) -> None:
        if not audience:
            return
        if not relay.permitted:
            raise Refused(f"{relay.publisher} does not permit that {relay.origin} is served on: its descriptor says so")
        if not self._audiences().get(audience):
            raise Refused("the configuration names no audience of that name with a member in it")

    def _why_nobody(self, relay: Relay) -> str:
        if not relay.permitted:
            return "the feed's descriptor does not permit that it is served on"
        if not relay.audience:
            return "it is served on to nobody: `tocsin feed relay` names an audience"
        if relay.stopped:
            return "this node has stopped to follow the feed"
        return "" if self._book().is_active(relay.publisher) else f"{relay.publisher} is no active peer of this node"

    def _members(self, relay: Relay) -> Collection[str]:
        return self._audiences().get(relay.audience, ())

    def _swap(self, relay: Relay) -> None:
        others = {origin: one for origin, one in self._served.items() if origin != relay.origin}
        self._served = {**others, relay.origin: relay} if relay.audience else others


def _read(session: Session, condition: str, parameters: tuple[str, ...]) -> list[Relay]:
    columns = "SELECT id, origin, publisher, relay, state, relayed_to FROM log WHERE kind = 'followed'"
    return [
        Relay(int(log), origin, publisher, bool(permitted), state == "stopped", audience)
        for log, origin, publisher, permitted, state, audience in session.all(f"{columns} {condition}", parameters)
    ]
