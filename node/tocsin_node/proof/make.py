"""Making a proof from a stored feed, own or followed.

Every part leads to the newest checkpoint of this node's copy, so that the file shows the signal as of one size. What is
made is checked before it is given out: a damaged store is an error here, not a false proof in somebody's hands.
"""

from dataclasses import dataclass

from tocsin_crypto import note
from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.merkle import inclusion_proof, leaf_hash, verify_inclusion
from tocsin_node.errors import Unsound
from tocsin_node.life.read import life
from tocsin_node.limits import PROOF_EVENTS
from tocsin_node.log.head import latest_checkpoint
from tocsin_node.log.subtrees import FeedSubtrees
from tocsin_node.proof.file import Part, write
from tocsin_node.store.protocol import Session


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof file, how many entries are in it and how many were left out for room, and the feed's size under it."""

    data: bytes
    entries: int
    left_out: int
    size: int


def prove(session: Session, log: int, origin: str, signal: int) -> Proof:
    """The proof of a signal: its assert, its withdrawal, the newest other entries. Errors: NotFound, Unsound."""
    events, left_out = life(session, log, origin, signal, most=PROOF_EVENTS)
    found = latest_checkpoint(session, log)
    if found is None:
        raise Unsound(f"{origin} has entries here but no checkpoint")
    size, checkpoint = found
    subtrees = FeedSubtrees(session, log)
    parts = [Part.make(event, inclusion_proof(event.index, size, subtrees), checkpoint) for event in events]
    try:
        root = parse_checkpoint(note.parse(checkpoint).text).root
        for part in parts:
            verify_inclusion(part.event.index, size, leaf_hash(part.event.entry.encode()), part.proof.hashes, root)
    except CryptoError as error:
        raise Unsound(
            f"the stored copy of {origin} does not hash to its checkpoint: run `tocsin audit verify`"
        ) from error
    return Proof(write(parts), len(events), left_out, size)
