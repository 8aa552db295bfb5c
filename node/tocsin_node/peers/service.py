"""Who our peers are: added by the operator, refreshed by their own cards, paused, resumed, removed.

Rules:

1. Deny by default: only `add` pins a root key, and only with a fingerprint that a person compared.
2. Highest sequence wins and is kept; the same sequence with another text is evidence of two faces.
3. `book` is swapped by the writer thread when a change is durable, before anybody is answered. Observers and *revoked*
   events follow on the event loop, before the caller of the change goes on.
4. A *revoked* event fires when a peer is paused or removed, and when its new card drops a TLS key: whatever runs for
   the peer is cut off. It never fires twice: after resuming, `revoked` gives a new one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from tocsin_crypto.card import SignedCard
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import CryptoError, Refused as CryptoRefused
from tocsin_crypto.names import root_key_name
from tocsin_node.card import OwnCard
from tocsin_node.config import Address
from tocsin_node.errors import Invalid, Misbehaviour, Refused
from tocsin_node.limits import CARD_BYTES
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.peers.book import Peer, PeerBook, PeerState
from tocsin_node.peers.evidence import keep_evidence
from tocsin_node.peers.judge import Standing, check_borrowed, check_fingerprint, standing
from tocsin_node.peers.records import known, load_book, load_peer, read_card, read_endpoint, require_peer, store_peer
from tocsin_node.store.protocol import Store

T = TypeVar("T")
Observer = Callable[[PeerBook], None]

_EVENTS: Final = {
    PeerState.ACTIVE: "peer.resumed",
    PeerState.PAUSED: "peer.paused",
    PeerState.REMOVED: "peer.removed",
}


class Peers:
    """The peers of this node."""

    def __init__(self, *, store: Store, writer: Writer, own: OwnCard, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._own = own
        self._clock = clock
        self._observers: list[Observer] = []
        self._revoked: dict[str, asyncio.Event] = {}  # used on the event loop only
        with store.read() as session:
            self._book = load_book(session)

    @property
    def book(self) -> PeerBook:
        """Every peer as of the last commit."""
        return self._book

    def list(self) -> tuple[Peer, ...]:
        """Every peer, removed ones included, by organisation."""
        return tuple(self._book.peers.values())

    def get(self, organisation: str) -> Peer:
        """One peer in any state; NotFound."""
        return known(self._book.get(organisation))

    def on_change(self, observer: Observer) -> None:
        """Call on the event loop with the new book after each change."""
        self._observers.append(observer)

    def revoked(self, organisation: str) -> asyncio.Event:
        """Set as soon as this peer may not go on; already set when it is not active."""
        event = self._revoked.setdefault(organisation, asyncio.Event())
        if not self._book.is_active(organisation):
            event.set()
        return event

    async def add(self, card: bytes, fingerprint: str, *, actor: Actor, endpoint: str = "") -> Peer:
        """Pin the root key of a card whose fingerprint the operator compared; the same again changes nothing.

        A removed peer becomes active again. Errors: Invalid for a damaged card, fingerprint or endpoint; Refused for
        our own card, another's keys, a card that is over, older than the one held, or of another root key.
        """
        signed = read_card(card)
        check_fingerprint(signed.card, fingerprint)
        override = read_endpoint(endpoint)
        self._check_own(signed)
        self._check_current(signed)

        def operation(tx: Tx) -> Peer:
            check_borrowed(load_book(tx.sql), self._own.card, signed.card)
            held = load_peer(tx.sql, signed.card.organisation)
            if held is None or (held.state is PeerState.REMOVED and held.root != signed.card.keys.root.public):
                return self._pin(tx, signed, override, actor)
            return self._add_again(tx, held, signed, override, actor)

        return await self._change(signed.card.organisation, operation)

    async def refresh(self, organisation: str, card: bytes) -> Peer:
        """Take the card that a peer presents itself; an older one is passed over.

        Errors: Misbehaviour, with the evidence kept, for a damaged or foreign card or a second one of a sequence;
        Refused when the card that counts is not valid now or the peer is not pinned.
        """
        held = self._book.get(organisation)
        if held is None or held.state is PeerState.REMOVED:
            raise Refused(f"{organisation} is not a peer")
        if card != held.signed.note_bytes:
            held = await self._take(organisation, held.root, card)
        try:
            held.card.check_valid(self._clock())
        except CryptoError as error:
            raise Refused(str(error)) from error
        return held

    async def set_state(self, organisation: str, state: str, *, actor: Actor) -> Peer:
        """Pause, resume or remove a peer; the state it has already changes nothing. NotFound, Invalid, Refused."""
        self.get(organisation)
        try:
            wanted = PeerState(state)
        except ValueError:
            raise Invalid(f"a peer's state is one of: {', '.join(PeerState)}") from None

        def operation(tx: Tx) -> Peer:
            held = require_peer(tx.sql, organisation)
            if held.state is wanted:
                return held
            if held.state is PeerState.REMOVED:
                raise Refused(f"{organisation} was removed: add it again with its card and fingerprint")
            tx.audit(_EVENTS[wanted], actor=actor, peer=organisation)
            return store_peer(tx, replace(held, state=wanted, changed_at=tx.now))

        return await self._change(organisation, operation)

    # ---- what happens to a card

    def _pin(self, tx: Tx, signed: SignedCard, override: Address | None, actor: Actor) -> Peer:
        card = signed.card
        root = card.keys.root.public
        tx.audit("peer.added", actor=actor, peer=card.organisation, counts={"sequence": card.sequence})
        tx.audit("peer.key_pinned", actor=actor, peer=card.organisation, about={"root": root.raw.hex()})
        return store_peer(tx, Peer(card.organisation, root, PeerState.ACTIVE, signed, override, tx.now, tx.now))

    def _add_again(self, tx: Tx, held: Peer, signed: SignedCard, override: Address | None, actor: Actor) -> Peer:
        name = held.organisation
        if held.root != signed.card.keys.root.public:
            raise Refused(f"{name} is pinned with another root key: remove it first if its root key was replaced")
        match standing(held.signed, signed):
            case Standing.OLDER:
                raise Refused(f"the card of {name} is older than the one held: ask for the current one")
            case Standing.CONFLICT:
                raise Refused(f"{name} has signed two cards of sequence {signed.card.sequence}: ask its operator why")
            case Standing.NEWER:
                tx.audit("card.refreshed", actor=actor, peer=name, counts={"sequence": signed.card.sequence})
            case Standing.SAME:
                signed = held.signed
        changed = replace(held, signed=signed, override=override or held.override)
        if held.state is PeerState.REMOVED:
            tx.audit("peer.added", actor=actor, peer=name, counts={"sequence": signed.card.sequence})
            changed = replace(changed, state=PeerState.ACTIVE, override=override, added_at=tx.now)
        elif changed.override != held.override:
            tx.audit("peer.endpoint_set", actor=actor, peer=name)
        return held if changed == held else store_peer(tx, replace(changed, changed_at=tx.now))

    async def _take(self, organisation: str, root: PublicKey, card: bytes) -> Peer:
        """A card other than the one held, as a peer presents it."""
        try:
            shown = read_card(card, organisation, root)
        except Invalid as error:
            return await self._misbehaved(organisation, Misbehaviour("bad_card", str(error)), card)

        def operation(tx: Tx) -> Peer | Misbehaviour:
            held = require_peer(tx.sql, organisation)
            if held.state is PeerState.REMOVED or held.root != root:
                raise Refused(f"{organisation} is not a peer")
            match standing(held.signed, shown):
                case Standing.SAME | Standing.OLDER:
                    return held
                case Standing.CONFLICT:
                    sequence = shown.card.sequence
                    return Misbehaviour("card_conflict", f"{organisation} has signed two cards of sequence {sequence}")
                case Standing.NEWER:
                    pass
            try:
                check_borrowed(load_book(tx.sql), self._own.card, shown.card)
            except Refused as error:
                return Misbehaviour("borrowed_key", str(error))
            actor = Actor("peer", organisation)
            tx.audit("card.refreshed", actor=actor, peer=organisation, counts={"sequence": shown.card.sequence})
            return store_peer(tx, replace(held, signed=shown, changed_at=tx.now))

        found = await self._change(organisation, operation)
        return await self._misbehaved(organisation, found, card) if isinstance(found, Misbehaviour) else found

    async def _misbehaved(self, organisation: str, error: Misbehaviour, proof: bytes) -> Peer:
        origin, kept = root_key_name(organisation), proof[: CARD_BYTES + 1]

        def operation(tx: Tx) -> None:
            held = b""
            if error.code == "card_conflict" and (peer := load_peer(tx.sql, organisation)) is not None:
                held = peer.signed.note_bytes
            keep_evidence(tx, origin=origin, peer=organisation, error=error, proof=kept, held=held)

        await self._writer.submit(operation)
        raise error

    def _check_own(self, signed: SignedCard) -> None:
        own = self._own.card
        if signed.card.organisation == own.organisation or signed.card.keys.root.public == own.keys.root.public:
            raise Refused("this is a card of this node's own organisation: a node is not its own peer")

    def _check_current(self, signed: SignedCard) -> None:
        now, name = self._clock(), signed.card.organisation
        try:
            signed.card.check_valid(now)
        except CryptoRefused as error:
            raise Refused(str(error)) from error
        if not any(c.not_before <= now < c.not_after for c in signed.card.certificates):
            raise Refused(f"no TLS certificate in the card of {name} is in date: ask for a renewed card")

    # ---- what follows a change

    async def _change(self, organisation: str, operation: Callable[[Tx], T]) -> T:
        loop = asyncio.get_running_loop()

        def changing(tx: Tx) -> T:
            result = operation(tx)
            if isinstance(result, Peer):

                def swap(peer: Peer = result) -> None:
                    before = self._book
                    if before.get(organisation) != peer:
                        self._book = before.put(peer)
                        loop.call_soon_threadsafe(self._announce, before.get(organisation), peer)

                tx.after(swap)
            return result

        return await self._writer.submit(changing)

    def _announce(self, before: Peer | None, after: Peer) -> None:
        name = after.organisation
        event = self._revoked.get(name)
        if event is not None:
            if after.state is not PeerState.ACTIVE:
                event.set()
            elif event.is_set() or _dropped(before, after):
                event.set()
                del self._revoked[name]
        for observer in self._observers:
            observer(self._book)


def _dropped(before: Peer | None, after: Peer) -> bool:
    if before is None:
        return False
    kept = {certificate.spki_sha256 for certificate in after.card.certificates}
    return any(certificate.spki_sha256 not in kept for certificate in before.card.certificates)
