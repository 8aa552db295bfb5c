"""Who is calling: the decision on every call, by the TLS key the caller proved to hold.

The handshake also lets in a certificate *issued by* a pinned one, so it decides nothing. What counts is the SHA-256 of
the public key in the caller's certificate: it must be pinned to a peer, in a certificate of its card that is in date.
Names in certificates are never read.
"""

from typing import Any

from tocsin_crypto.errors import CryptoError
from tocsin_crypto.tls import parse_certificate
from tocsin_node.errors import Denied, Refused
from tocsin_node.peers.book import Peer, PeerBook, PeerState

NOT_A_PEER = "the caller is not a peer of this node"
PAUSED = "this node has paused the exchange with the caller"


def caller(auth_context: Any, book: PeerBook, now: int) -> Peer:
    """The active or paused peer that calls. Errors: Denied."""
    found = auth_context.get("x509_pem_cert") or ()
    for pem in found:
        try:
            peer = book.identify(parse_certificate(bytes(pem)).spki_sha256, now)
        except CryptoError:
            break
        if peer is not None:
            return peer
    raise Denied(NOT_A_PEER)


def require_active(peer: Peer) -> Peer:
    """The peer, unless it is paused. Errors: Refused."""
    if peer.state is not PeerState.ACTIVE:
        raise Refused(PAUSED)
    return peer
