"""Calls about evidence, of role operate or audit: what was kept of peers' false messages, and one as a file."""

import asyncio
from collections.abc import Callable

from tocsin.v1 import node_pb2 as pb
from tocsin_node.errors import NotFound
from tocsin_node.local import wire
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.names import organisation_id
from tocsin_node.peers.evidence import Kept, Listed, list_evidence, read_evidence
from tocsin_node.peers.proof import write_evidence
from tocsin_node.store.protocol import Store

_MAX_NUMBER = 2**63 - 1  # what SQL holds


class EvidenceCalls:
    """Handlers of evidence. Both are logged: who looks at what is held against peers, and what leaves the own store."""

    def __init__(self, *, organisation: str, store: Store, writer: Writer, clock: Callable[[], int]) -> None:
        self._organisation = organisation
        self._store = store
        self._writer = writer
        self._clock = clock

    async def list(self, request: pb.ListEvidenceRequest, actor: Actor) -> pb.ListEvidenceResponse:
        """Every record, or those of one peer."""
        peer = organisation_id(request.peer, "PEER") if request.peer else ""
        await self._writer.submit(lambda tx: tx.audit("evidence.viewed", actor=actor, peer=peer))
        return wire.evidence(await asyncio.to_thread(self._list, peer))

    async def export(self, request: pb.ExportEvidenceRequest, actor: Actor) -> pb.ExportEvidenceResponse:
        """One record as a self-contained file."""
        if request.id > _MAX_NUMBER:
            raise NotFound("there is no such evidence: `tocsin peer evidence` lists what was kept")
        kept = await asyncio.to_thread(self._read, request.id)
        about = {"evidence": str(kept.number), "code": kept.code}
        await self._writer.submit(lambda tx: tx.audit("evidence.exported", actor=actor, peer=kept.peer, about=about))
        data = write_evidence(kept, kept_by=self._organisation, now=self._clock())
        listed = Listed(kept.number, kept.origin, kept.peer, kept.at, kept.code, kept.sentence, len(kept.message))
        return wire.evidence_file(data, listed)

    def _list(self, peer: str) -> tuple[Listed, ...]:
        with self._store.read() as session:
            return tuple(list_evidence(session, peer))

    def _read(self, number: int) -> Kept:
        with self._store.read() as session:
            return read_evidence(session, number)
