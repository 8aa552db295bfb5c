"""A proof file: C2SP tlog-proofs one after another, of one signal under one checkpoint.

The first proves the assert, each further one a later entry about the signal, in log order. A file with one entry *is* a
tlog-proof, and any part of a longer one, cut where its first line stands, is one too: there is no container format. The
`extra` of each is the 112-byte entry and the details as signed. Reading is strict and verifies nothing: see `verify`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tocsin_crypto.errors import Malformed
from tocsin_crypto.tlog_proof import TlogProof, parse_tlog_proof
from tocsin_node.life.state import Event
from tocsin_node.limits import DETAILS_BYTES, PROOF_BYTES, PROOF_EVENTS
from tocsin_signals.entry import ENTRY_SIZE, Entry

_BEGIN: Final = re.compile(rb"^c2sp\.org/tlog-proof@v1\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of a signal, and the path from it to the checkpoint."""

    event: Event
    proof: TlogProof

    @classmethod
    def make(cls, event: Event, hashes: Sequence[bytes], checkpoint: bytes) -> "Part":
        """The part of an event."""
        return cls(event, TlogProof(event.index, tuple(hashes), checkpoint, extra=event.entry.encode() + event.details))


def write(parts: Sequence[Part]) -> bytes:
    """The file."""
    return b"".join(part.proof.encode() for part in parts)


def read(data: bytes) -> tuple[Part, ...]:
    """The parts of a file, at least one. Errors: Malformed."""
    if len(data) > PROOF_BYTES:
        raise Malformed(f"the proof has {len(data)} bytes, more than {PROOF_BYTES}")
    starts = [found.start() for found in _BEGIN.finditer(data)]
    if not starts or starts[0]:
        raise Malformed("the file does not begin as a proof of a signal does")
    if len(starts) > PROOF_EVENTS:
        raise Malformed(f"the proof has {len(starts)} entries, more than {PROOF_EVENTS}")
    ends = [*starts[1:], len(data)]
    return tuple(_part(data[start:end]) for start, end in zip(starts, ends, strict=True))


def _part(data: bytes) -> Part:
    proof = parse_tlog_proof(data)
    extra = proof.extra or b""
    if not ENTRY_SIZE <= len(extra) <= ENTRY_SIZE + DETAILS_BYTES:
        raise Malformed(
            f"the extra data of the proof is not an entry of {ENTRY_SIZE} bytes and at most {DETAILS_BYTES} of details"
        )
    return Part(Event(proof.index, Entry.read(extra[:ENTRY_SIZE]), extra[ENTRY_SIZE:]), proof)
