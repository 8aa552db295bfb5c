"""What a home holds that a proof can be checked with, read without a node: pinned cards, and a member's epoch keys."""

from collections.abc import Mapping
from contextlib import closing

from tocsin_crypto.card import Card, open_card
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.tag import EpochKey
from tocsin_node.community.records import load_communities
from tocsin_node.config import load_config
from tocsin_node.errors import NotFound, Unsound
from tocsin_node.home import Home
from tocsin_node.keys import EpochKeys, Keyring, Unlock
from tocsin_node.store.protocol import Store
from tocsin_node.store.sqlite import SqliteStore


def pinned_card(store: Store, organisation: str) -> Card:
    """The newest card of a peer, removed ones too, under its pinned root; or of the node itself. Errors: NotFound."""
    with store.read() as session:
        peer = session.one("SELECT card, root FROM peer WHERE organisation = ?", (organisation,))
        own = session.one("SELECT note FROM own_card ORDER BY sequence DESC LIMIT 1")
    try:
        if peer is not None:
            return open_card(bytes(peer[0]), organisation=organisation, pinned_root=PublicKey(bytes(peer[1]))).card
        if own is not None and (card := open_card(bytes(own[0])).card).organisation == organisation:
            return card
    except CryptoError as error:
        raise Unsound(f"the card kept here is not sound: {error}") from error
    raise NotFound("that organisation is no peer of this node: `tocsin peer list` shows them")


def epoch_keys(home: Home, environment: Mapping[str, str]) -> list[EpochKey]:
    """Every epoch key a home holds. Errors: Misconfigured, Unsound."""
    keyring = Keyring.load(home, Unlock.find(environment, home), load_config(home.config).organisation)
    keys = EpochKeys(home=home, lock=keyring.epochs_lock())
    with closing(SqliteStore.open_read_only(home.database)) as store, store.read() as session:
        return [epoch.key for held in load_communities(session, keys).values() for epoch in held.epochs]
