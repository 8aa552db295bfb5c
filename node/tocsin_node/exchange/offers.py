"""Which feeds this node serves to which peer: its own, those it serves on, and to a publisher its own feed back.

A publisher always gets back what is held of its feed, whatever the relay permission and the state of the copy: it is
the publisher's own, and after a restore it may be the only way to go on (`recovery`).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import NoteVerifier, Verifier
from tocsin_node.audience import receives
from tocsin_node.errors import NotFound, Refused
from tocsin_node.exchange.copy import OPEN, Copies, Copy
from tocsin_node.limits import FEEDS_PER_PEER
from tocsin_node.log.prefix import noted_root
from tocsin_node.peers.service import Peers
from tocsin_node.policy.model import Policy
from tocsin_node.publish.feeds import Feeds, OwnFeed
from tocsin_node.relays import Relay, Relays
from tocsin_node.store.protocol import Store

NO_SUCH_FEED = "this node offers the caller no such feed"
"""Unknown and forbidden look the same."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A feed that one peer may follow here, while `allowed` says so; `copy` is None for an own feed.

    While `full` does not say so, the peer gets nothing but the withdrawals of what it was given of an own feed.
    """

    log: int
    origin: str
    copy: Copy | None
    allowed: Callable[[], bool]
    full: Callable[[], bool] = lambda: True


class Offers:
    """Decides for each peer."""

    def __init__(
        self,
        *,
        store: Store,
        feeds: Feeds,
        relays: Relays,
        copies: Copies,
        peers: Peers,
        own: Verifier,
        policy_of: Callable[[str], Policy],
        audiences: Callable[[], Mapping[str, Collection[str]]],
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._relays = relays
        self._copies = copies
        self._peers = peers
        self._own = own
        self._policy_of = policy_of
        self._audiences = audiences
        self._clock = clock

    def all(self, peer: str) -> list[Offer]:
        """What the peer may follow: own feeds first, no more than a peer looks at."""
        found = [self._of_own(feed, peer) for feed in self._feeds.all()]
        for relay in self._relays.served():
            copy = self._copies.get(relay.origin)
            if copy is not None and copy.publisher != peer:
                found.append(self._of_relay(relay, copy, peer))
        found += [self._returned(copy) for copy in self._copies.of(peer) if copy.size]
        return [offer for offer in found if offer.allowed()][:FEEDS_PER_PEER]

    def find(self, origin: str, peer: str) -> Offer:
        """One feed that the peer may follow. Errors: NotFound, the same for unknown and forbidden."""
        found = next((offer for offer in self._candidates(origin, peer) if offer.allowed()), None)
        if found is None:
            raise NotFound(NO_SUCH_FEED)
        return found

    def verifier(self, offer: Offer) -> Verifier:
        """The key that signs the feed's checkpoints. Errors: Refused when the publisher's is not valid now."""
        if offer.copy is None:
            return self._own
        publisher = offer.copy.publisher
        key = self._peers.get(publisher).signing_key(self._clock())
        if key is None:
            raise Refused(f"the signing key of {publisher} is not valid now")
        return NoteVerifier(node_key_name(publisher), key)

    def root(self, offer: Offer, size: int) -> bytes | None:
        """The root of a size that has a checkpoint here."""
        with self._store.read() as session:
            return noted_root(session, offer.log, size)

    def _candidates(self, origin: str, peer: str) -> list[Offer]:
        copy = self._copies.get(origin)
        if copy is None:
            return [self._of_own(feed, peer) for feed in self._feeds.all() if feed.origin == origin]
        if copy.publisher == peer:
            return [self._returned(copy)] if copy.size else []
        return [self._of_relay(relay, copy, peer) for relay in self._relays.served() if relay.origin == origin]

    def _of_own(self, feed: OwnFeed, peer: str) -> Offer:
        def full() -> bool:
            members, book = self._audiences().get(feed.audience, ()), self._peers.book
            return receives(feed.name, peer, members=members, book=book, policy_of=self._policy_of).receives

        def allowed() -> bool:
            return full() or (self._peers.book.is_active(peer) and self._was_given(feed.log, peer))

        return Offer(feed.log, feed.origin, None, allowed, full)

    def _was_given(self, log: int, peer: str) -> bool:
        """Whether it acknowledged more than entry 0: of that alone nothing can be withdrawn."""
        with self._store.read() as session:
            return (
                session.one("SELECT 1 FROM delivery WHERE peer = ? AND log = ? AND size > 1", (peer, log)) is not None
            )

    def _of_relay(self, relay: Relay, copy: Copy, peer: str) -> Offer:
        return Offer(copy.log, copy.origin, copy, lambda: copy.state == OPEN and self._relays.receives(relay, peer))

    def _returned(self, copy: Copy) -> Offer:
        return Offer(copy.log, copy.origin, copy, lambda: self._peers.book.is_active(copy.publisher))
