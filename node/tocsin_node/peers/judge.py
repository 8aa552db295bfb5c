"""Decisions about a card that was shown to us; pure.

A card is read by one of two doors: the operator brings it with a fingerprint compared by another channel (`add`), or a
peer presents it itself (`refresh`), where only its pinned root key counts.
"""

import hmac
from enum import Enum, auto

from tocsin_crypto.card import Card, SignedCard
from tocsin_node.card import card_fingerprint
from tocsin_node.errors import Invalid, Refused
from tocsin_node.peers.book import PeerBook, PeerState


class Standing(Enum):
    """A card shown, beside the one held of the same root key."""

    SAME = auto()
    NEWER = auto()
    OLDER = auto()
    CONFLICT = auto()  # two cards of one sequence: two faces


def standing(held: SignedCard, shown: SignedCard) -> Standing:
    """How a card stands to the one held; the digest is of the signed text, so added signature lines change nothing."""
    if shown.digest == held.digest:
        return Standing.SAME
    if shown.card.sequence == held.card.sequence:
        return Standing.CONFLICT
    return Standing.NEWER if shown.card.sequence > held.card.sequence else Standing.OLDER


def check_fingerprint(card: Card, typed: str) -> None:
    """Return when the typed fingerprint is the card's, spaces, colons and case aside; Invalid or Refused otherwise."""
    digits = "".join(typed.split()).replace(":", "").lower()
    if len(digits) != 64 or not all(digit in "0123456789abcdef" for digit in digits):
        raise Invalid("the fingerprint is not 64 hex digits: compare all of it")
    if not hmac.compare_digest(digits, card_fingerprint(card).replace(" ", "")):
        raise Refused(f"the fingerprint is not the one of this card, which says it is of {card.organisation}")


def check_borrowed(book: PeerBook, own: Card, shown: Card) -> None:
    """Refused when a card claims a key of ours or of another peer: calls of one would count as the other's."""
    others = [
        peer.card
        for peer in book.peers.values()
        if peer.organisation != shown.organisation and peer.state is not PeerState.REMOVED
    ]
    for other in (own, *others):
        if shown.keys.root.public == other.keys.root.public:
            raise Refused(f"the card of {shown.organisation} names the root key of {other.organisation}")
        if {c.spki_sha256 for c in shown.certificates} & {c.spki_sha256 for c in other.certificates}:
            raise Refused(f"the card of {shown.organisation} names a TLS key of {other.organisation}")
