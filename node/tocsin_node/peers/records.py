"""Peers in the store: one row each, the card as it was signed."""

from typing import Final

from tocsin_crypto.card import SignedCard, open_card
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import CryptoError
from tocsin_node.config import Address
from tocsin_node.errors import Invalid, NodeError, NotFound, Unsound
from tocsin_node.limits import CARD_BYTES
from tocsin_node.log.tx import Tx
from tocsin_node.peers.book import Peer, PeerBook, PeerState
from tocsin_node.store.protocol import Session

_COLUMNS: Final = "organisation, root, state, card, endpoint, added_at, changed_at"


def read_card(card: bytes, organisation: str | None = None, root: PublicKey | None = None) -> SignedCard:
    """A card whose form and signature hold, of that organisation and root key where given; Invalid."""
    if len(card) > CARD_BYTES:
        raise Invalid(f"a card has at most {CARD_BYTES} bytes, this has {len(card)}")
    try:
        return open_card(card, organisation=organisation, pinned_root=root)
    except CryptoError as error:
        raise Invalid(f"the card cannot be accepted: {error}") from error


def read_endpoint(text: str) -> Address | None:
    """Where an operator says to connect, None for the empty text; Invalid."""
    try:
        return Address.parse(text) if text else None
    except ValueError as error:
        raise Invalid(f"the endpoint {error}") from None


def store_peer(tx: Tx, peer: Peer) -> Peer:
    """Write one peer, new or changed; returns it."""
    tx.sql.execute(
        "INSERT INTO peer (organisation, root, state, card, sequence, endpoint, added_at, changed_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (organisation) DO UPDATE SET root = excluded.root, "
        "state = excluded.state, card = excluded.card, sequence = excluded.sequence, endpoint = excluded.endpoint, "
        "added_at = excluded.added_at, changed_at = excluded.changed_at",
        (
            peer.organisation,
            peer.root.raw,
            peer.state.value,
            peer.signed.note_bytes,
            peer.card.sequence,
            str(peer.override or ""),
            peer.added_at,
            peer.changed_at,
        ),
    )
    return peer


def load_book(session: Session) -> PeerBook:
    """Every peer."""
    return PeerBook.of(_peer(*record) for record in session.all(f"SELECT {_COLUMNS} FROM peer"))  # noqa: S608  constant


def load_peer(session: Session, organisation: str) -> Peer | None:
    """One peer in any state, or None."""
    query = f"SELECT {_COLUMNS} FROM peer WHERE organisation = ?"  # noqa: S608  constant
    record = session.one(query, (organisation,))
    return None if record is None else _peer(*record)


def require_peer(session: Session, organisation: str) -> Peer:
    """One peer in any state; NotFound."""
    return known(load_peer(session, organisation))


def known(peer: Peer | None) -> Peer:
    """The peer; NotFound for None."""
    if peer is None:
        raise NotFound("no peer has that organisation id: `tocsin peer list` shows them")
    return peer


def _peer(
    organisation: str, root: bytes, state: str, card: bytes, endpoint: str, added_at: int, changed_at: int
) -> Peer:
    try:
        pinned = PublicKey(root)
        signed = read_card(card, organisation, pinned)
        override = read_endpoint(endpoint)
    except (CryptoError, NodeError) as error:
        raise Unsound(f"the stored record of peer {organisation} is not what this node wrote") from error
    return Peer(organisation, pinned, PeerState(state), signed, override, added_at, changed_at)
