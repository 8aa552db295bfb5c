"""Checking a proof of a signal offline: bytes and a pinned key in, what was proved out. Pure; no node, no network.

In order. (1) The file is read strictly. (2) The key is a publisher's, and every part names a feed of that publisher.
(3) Every part has the same checkpoint, signed by that key, and its entry is in the tree of that root at its index.
(4) The first entry is an assert; the others revise, withdraw or retag *it*, at rising indices and times. (5) Details
hash to the digest in their entry.

What this cannot show is `NOT_SHOWN`, and is said with every result.
"""

from dataclasses import dataclass
from typing import Final

from tocsin_crypto.errors import Forged, Malformed
from tocsin_crypto.merkle import leaf_hash
from tocsin_crypto.names import node_key_name
from tocsin_crypto.note import NoteVerifier
from tocsin_node.life.state import Event, Life, concerns, fold, is_assert
from tocsin_node.proof.file import Part, read
from tocsin_signals.details import digest

NOT_SHOWN: Final[tuple[str, ...]] = (
    "what came later: beyond the size named here the feed may hold a revision or a withdrawal",
    "that these are all entries about the signal up to that size: whoever made the file may have left some out",
    "that what the publisher says is true, or when it really said it: times are its own word",
    "that others were shown the same feed: that takes a checkpoint from somebody else",
)
NOT_SHOWN_VALUE: Final = (
    "which identifier it is about: the tag is a keyed hash, which a member of the community can check with --value"
)
_NODE: Final = "/node"


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows: the publisher's entries about one signal, as of a size of its feed."""

    origin: str
    publisher: str
    signal: int
    size: int
    root: bytes
    events: tuple[Event, ...]

    @property
    def life(self) -> Life:
        """The entries folded."""
        return fold(self.events)


def publisher_of(verifier: NoteVerifier) -> str:
    """The organisation whose feeds a key signs. Errors: Malformed when it is not a node's signing key."""
    organisation = verifier.name.removesuffix(_NODE)
    if not verifier.name.endswith(_NODE) or node_key_name(organisation) != verifier.name:
        raise Malformed("the key is not a node's signing key, whose name is like hotline.example/node")
    return organisation


def verify_proof(data: bytes, verifier: NoteVerifier) -> Proven:
    """What a proof file shows under a publisher's key. Errors: Malformed (no proof at all), Forged (a false one)."""
    publisher = publisher_of(verifier)
    parts = read(data)
    origin = _origin(parts[0], publisher)
    first = parts[0].event
    if not is_assert(first.entry):
        raise Forged("the proof does not begin with the entry that asserts a signal")
    for part in parts:
        if part.proof.checkpoint != parts[0].proof.checkpoint:
            raise Forged("the parts of the proof lead to different checkpoints")
    checkpoint = parts[0].proof.verify(_leaf(parts[0]), origin, verifier)
    before = first
    for part in parts[1:]:
        part.proof.verify(_leaf(part), origin, verifier)
        _follows(before, part.event, first.index)
        before = part.event
    for part in parts:
        if digest(part.event.details) != part.event.entry.details:
            raise Forged(f"the details of entry {part.event.index} are not those that were signed")
    events = tuple(part.event for part in parts)
    return Proven(origin, publisher, first.index, checkpoint.size, checkpoint.root, events)


def _origin(part: Part, publisher: str) -> str:
    """The origin the checkpoint claims, if it is a feed of the publisher's: no key signs another's."""
    origin = part.proof.checkpoint.partition(b"\n")[0].decode(errors="replace")
    if not origin.startswith(f"{publisher}/feed/"):
        raise Forged(f"the proof is not of a feed of {publisher}, whose key was given")
    return origin


def _leaf(part: Part) -> bytes:
    return leaf_hash(part.event.entry.encode())


def _follows(before: Event, event: Event, signal: int) -> None:
    if event.index <= before.index or event.entry.issued_at < before.entry.issued_at:
        raise Forged("the entries of the proof are not in the order of their feed")
    if not concerns(event.entry, signal):
        raise Forged(f"entry {event.index} in the proof is not about signal {signal}")
