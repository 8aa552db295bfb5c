"""What differs between the peer that was pinned and what its endpoint shows: pure, in sentences for `peer check`.

Nothing here lets anybody in: the handshake and `pins` do that.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tocsin_crypto.card import Card, open_card
from tocsin_crypto.ed25519 import fingerprint
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.tls import Shown, look_at
from tocsin_node.exchange.wire import Hello
from tocsin_node.limits import PROTOCOL_MAJOR
from tocsin_node.peers.book import Peer, PeerBook
from tocsin_node.peers.judge import Standing, standing

_NAMES = 4  # of a certificate that are told
_NAME_CHARS = 100


class Finding(NamedTuple):
    """One thing that stands between: `what` is state, address, certificate, name, card, protocol, peer or canon."""

    what: str
    sentence: str


def certificate_findings(shown: bytes, peer: Peer, *, book: PeerBook, own: Card, now: int) -> Iterator[Finding]:
    """What is wrong with the certificate (DER) that the peer's endpoint shows at `now` (ms UTC)."""
    pinned = next((one for one in peer.card.certificates if one.der == shown), None)
    if pinned is not None:
        yield from _dates(pinned.not_before, pinned.not_after, now)
        return
    try:
        found = look_at(shown)
    except CryptoError:
        yield Finding("certificate", "it shows a certificate that cannot be read")
        return
    yield Finding("certificate", _whose(found, peer, book, own))
    if peer.organisation not in found.names:
        yield Finding("name", f"its certificate is for {_names(found)}, not for {peer.organisation}")
    yield from _dates(found.not_before, found.not_after, now)


def card_findings(shown: bytes, peer: Peer) -> Iterator[Finding]:
    """What is wrong with the card (note) that the peer shows, beside the one held; a newer one is no fault."""
    if shown == peer.signed.note_bytes:
        return
    try:
        signed = open_card(shown)
    except CryptoError as error:
        yield Finding("card", f"it shows a card that does not hold: {error}")
        return
    name, sequence = signed.card.organisation, signed.card.sequence
    if name != peer.organisation:
        yield Finding("card", f"it shows the card of {name}")
    elif signed.card.keys.root.public != peer.root:
        root = fingerprint(signed.card.keys.root.public)
        yield Finding("card", f"its card is signed by another root key than the pinned one: {root}")
    elif standing(peer.signed, signed) is Standing.OLDER:
        held = peer.card.sequence
        yield Finding(
            "card", f"its card is older than the one held, {sequence} after {held}: restored from an old copy?"
        )
    elif standing(peer.signed, signed) is Standing.CONFLICT:
        yield Finding("card", f"it has signed two cards of sequence {sequence}: see `tocsin peer evidence`")


def hello_findings(hello: Hello) -> Iterator[Finding]:
    """What stands in the way in what the peer says of itself."""
    if hello.major != PROTOCOL_MAJOR:
        yield Finding("protocol", f"it speaks protocol {hello.major}, this node speaks {PROTOCOL_MAJOR}")
    if hello.paused:
        yield Finding("state", "it has paused the exchange with this node")


def _whose(found: Shown, peer: Peer, book: PeerBook, own: Card) -> str:
    key = found.spki_sha256
    if key in {one.spki_sha256 for one in own.certificates}:
        return "it shows this node's own certificate: the endpoint leads back here"
    owner = book.pins.get(key)
    if owner == peer.organisation:
        return "it shows a certificate that is not in its card, though of a key that is"
    if owner is not None:
        return f"it shows the certificate of {owner}, another peer"
    sequence = peer.card.sequence
    return f"it shows a key that is not in its card of sequence {sequence}: a renewed card, or not its node"


def _dates(not_before: int, not_after: int, now: int) -> Iterator[Finding]:
    if now < not_before:
        yield Finding("certificate", f"its certificate is not valid before {_when(not_before)}: is a clock wrong?")
    if now >= not_after:
        yield Finding("certificate", f"its certificate expired at {_when(not_after)}: it must renew its card")


def _names(found: Shown) -> str:
    told = [name[:_NAME_CHARS] for name in found.names[:_NAMES]]
    return " and ".join(told) or "no name"


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
