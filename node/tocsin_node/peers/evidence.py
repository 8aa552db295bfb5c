"""What a peer sent that was false, kept as received for whoever has to judge it later."""

from typing import Final

from tocsin_node.errors import Misbehaviour
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx

EVIDENCE_PER_PEER: Final = 256  # records; what repeats after that proves nothing new and must not fill the disk


def keep_evidence(tx: Tx, *, origin: str, peer: str, error: Misbehaviour, proof: bytes) -> None:
    """Store and log one finding, within a write operation; the same proof is stored once."""
    tx.audit("security.denied", actor=Actor("peer", peer), result="denied", why=error.code, peer=peer)
    if tx.sql.one("SELECT 1 FROM evidence WHERE peer = ? AND code = ? AND proof = ?", (peer, error.code, proof)):
        return
    count = tx.sql.one("SELECT count(*) FROM evidence WHERE peer = ?", (peer,))
    if count and count[0] >= EVIDENCE_PER_PEER:
        return
    tx.sql.execute(
        "INSERT INTO evidence (origin, peer, at, code, sentence, proof) VALUES (?, ?, ?, ?, ?, ?)",
        (origin, peer, tx.now, error.code, str(error), proof),
    )
