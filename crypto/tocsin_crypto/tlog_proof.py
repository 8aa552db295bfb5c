"""C2SP tlog-proof: one leaf's inclusion proof with its checkpoint, as a self-contained file (``.tlog-proof``).

Layout: ``c2sp.org/tlog-proof@v1``, optionally ``extra`` and base64 (not authenticated by this format), ``index`` and
decimal, the base64 hashes from the leaf's sibling upward, an empty line, then the checkpoint note verbatim.

A valid proof shows that the log's key vouched for the leaf at that size. It does not show what came later.
"""

from dataclasses import dataclass

from tocsin_crypto._encoding import MAX_SIZE, from_base64, from_decimal, to_base64
from tocsin_crypto.checkpoint import MAX_CHECKPOINT, Checkpoint, open_checkpoint
from tocsin_crypto.errors import Malformed
from tocsin_crypto.merkle import HASH_BYTES, MAX_PROOF, verify_inclusion
from tocsin_crypto.note import Verifier

MAX_EXTRA = 64 * 1024
"""Bytes of ``extra``: the largest entry a C2SP log carries, with room for its details."""
MAX_TLOG_PROOF = MAX_CHECKPOINT + 4 * MAX_EXTRA // 3 + 64 * MAX_PROOF
"""Bytes of one file: the parts at their largest."""

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An index, its path, the checkpoint note they lead to, and bytes the format itself does not authenticate."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise Malformed("a proof index lies outside 0 to 2^63-1")
        if len(self.hashes) > MAX_PROOF or any(len(one) != HASH_BYTES for one in self.hashes):
            raise Malformed(f"a proof holds more than {MAX_PROOF} hashes, or one that does not have {HASH_BYTES} bytes")
        if len(self.checkpoint) > MAX_CHECKPOINT:
            raise Malformed(f"the checkpoint in a proof has more than {MAX_CHECKPOINT} bytes")
        if self.extra is not None and not 0 < len(self.extra) <= MAX_EXTRA:
            raise Malformed(f"the extra data in a proof does not have 1 to {MAX_EXTRA} bytes")

    def encode(self) -> bytes:
        """The file."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [_HEADER, *extra, f"index {self.index}", *map(to_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    def verify(self, leaf: bytes, origin: str, verifier: Verifier) -> Checkpoint:
        """The checkpoint of ``origin`` signed by ``verifier`` that vouches for this leaf hash at this index."""
        checkpoint = open_checkpoint(self.checkpoint, origin, verifier)
        verify_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)
        return checkpoint


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Read a proof file without verifying it."""
    if len(data) > MAX_TLOG_PROOF:
        raise Malformed(f"the proof has {len(data)} bytes, more than {MAX_TLOG_PROOF}")
    head, gap, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("the proof holds a character that is not ASCII before its checkpoint") from None
    if not gap or lines.pop(0) != _HEADER:
        raise Malformed(f"the proof does not begin with {_HEADER} or has no checkpoint after an empty line")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "), "the extra data of the proof")
    if not lines or not lines[0].startswith("index "):
        raise Malformed("the proof has no index line where one must be")
    index = from_decimal(lines.pop(0).removeprefix("index "), "the index of the proof")
    if len(lines) > MAX_PROOF:
        raise Malformed(f"the proof holds {len(lines)} hashes, more than {MAX_PROOF}")
    hashes = tuple(from_base64(line, f"hash {i} of the proof", length=HASH_BYTES) for i, line in enumerate(lines, 1))
    return TlogProof(index, hashes, checkpoint, extra)
