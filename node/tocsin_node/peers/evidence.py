"""What a peer sent that was false, kept as received for whoever has to judge it later, with what it was judged by.

Kept once per distinct message, logged each time. `proof` says what a record shows to somebody outside.
"""

from dataclasses import dataclass
from typing import Final

from tocsin_node.errors import Misbehaviour, NotFound
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.store.protocol import Session

EVIDENCE_PER_PEER: Final = 256  # records; what repeats after that proves nothing new and must not fill the disk


@dataclass(frozen=True, slots=True)
class Kept:
    """One record. `card` is of the organisation that `origin` names, empty where none was pinned; `at` is ms UTC."""

    number: int
    origin: str
    peer: str
    at: int
    code: str
    sentence: str
    message: bytes
    card: bytes
    held: bytes
    """The signed note that the message contradicts; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One record without its bytes."""

    number: int
    origin: str
    peer: str
    at: int
    code: str
    sentence: str
    size: int


def keep_evidence(tx: Tx, *, origin: str, peer: str, error: Misbehaviour, proof: bytes, held: bytes = b"") -> None:
    """Store and log one finding, within a write operation; the same proof is stored once."""
    tx.audit("security.denied", actor=Actor("peer", peer), result="denied", why=error.code, peer=peer)
    if tx.sql.one("SELECT 1 FROM evidence WHERE peer = ? AND code = ? AND proof = ?", (peer, error.code, proof)):
        return
    count = tx.sql.one("SELECT count(*) FROM evidence WHERE peer = ?", (peer,))
    if count and count[0] >= EVIDENCE_PER_PEER:
        return
    card = tx.sql.one("SELECT card FROM peer WHERE organisation = ?", (origin.partition("/")[0],))
    tx.sql.execute(
        "INSERT INTO evidence (origin, peer, at, code, sentence, proof, card, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (origin, peer, tx.now, error.code, str(error), proof, card[0] if card else None, held or None),
    )


def list_evidence(session: Session, peer: str = "") -> list[Listed]:
    """Every record, newest first; of one peer where named."""
    query = "SELECT id, origin, peer, at, code, sentence, length(proof) FROM evidence "
    records = session.all(f"{query} WHERE ? IN ('', peer) ORDER BY id DESC", (peer,))
    return [
        Listed(int(n), origin, who, int(at), code, why, int(size)) for n, origin, who, at, code, why, size in records
    ]


def read_evidence(session: Session, number: int) -> Kept:
    """One record. Errors: NotFound."""
    query = "SELECT id, origin, peer, at, code, sentence, proof, card, held FROM evidence WHERE id = ?"
    record = session.one(query, (number,))
    if record is None:
        raise NotFound(f"there is no evidence {number}: `tocsin peer evidence` lists what was kept")
    found, origin, peer, at, code, sentence, *blobs = record
    return Kept(int(found), origin, peer, int(at), code, sentence, *(bytes(blob or b"") for blob in blobs))
