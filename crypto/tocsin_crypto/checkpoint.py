"""C2SP tlog-checkpoint: the signed (origin, size, root) of a log.

Text: origin, size in decimal, base64 of the 32-byte root, then optional extension lines, each ended by LF. The name of
the key that signs is the verifier's own and independent of the origin: a node key signs many feeds.

It does not compare checkpoints with each other: see ``merkle.verify_consistency``.
"""

from dataclasses import dataclass

from tocsin_crypto import note as notes
from tocsin_crypto._encoding import MAX_SIZE, from_base64, from_decimal, to_base64
from tocsin_crypto.errors import Forged, Malformed
from tocsin_crypto.merkle import EMPTY_ROOT, HASH_BYTES
from tocsin_crypto.note import Signer, Verifier

MAX_CHECKPOINT = 64 * 1024
"""Bytes of one checkpoint note: origin, root and a dozen post-quantum cosignatures."""
MAX_ORIGIN = 255
"""Characters of an origin: one length byte in the cosignature formats that carry it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's key says: at this size, the tree has this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if not 0 <= self.size <= MAX_SIZE:
            raise Malformed("a checkpoint size lies outside 0 to 2^63-1")
        if len(self.root) != HASH_BYTES:
            raise Malformed(f"a checkpoint root has {len(self.root)} bytes instead of {HASH_BYTES}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise Malformed("a checkpoint of size 0 does not have the root of the empty tree")
        if any(not line or "\n" in line for line in self.extensions):
            raise Malformed("a checkpoint extension line is empty or holds a line feed")

    def text(self) -> str:
        """The note text."""
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), to_base64(self.root), *self.extensions))


def check_origin(origin: str) -> str:
    """The origin itself when a checkpoint may carry it: one line of 1 to 255 characters, no control characters."""
    if not 0 < len(origin) <= MAX_ORIGIN or any(char < " " for char in origin):
        raise Malformed(f"an origin is not one line of 1 to {MAX_ORIGIN} characters")
    return origin


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note text (ending in LF) as a checkpoint, exactly as it would be written."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1]:
        raise Malformed("a checkpoint has fewer than three lines or does not end in a line feed")
    origin, size, root, *extensions = lines[:-1]
    return Checkpoint(
        origin,
        from_decimal(size, "the size of a checkpoint"),
        from_base64(root, "the root of a checkpoint", length=HASH_BYTES),
        tuple(extensions),
    )


def sign_checkpoint(origin: str, size: int, root: bytes, signer: Signer) -> bytes:
    """The checkpoint note of a log at ``size`` with one signature line."""
    return notes.sign(Checkpoint(origin, size, root).text(), [signer])


def open_checkpoint(note: bytes, origin: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint of ``origin`` in a note that ``verifier`` signed; other keys' lines are ignored."""
    verified = notes.open_note(note, [verifier], max_size=MAX_CHECKPOINT, what="checkpoint")
    checkpoint = parse_checkpoint(verified.text)
    if checkpoint.origin != origin:
        raise Forged("the checkpoint is signed by the expected key but for another origin")
    return checkpoint
