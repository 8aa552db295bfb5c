"""Peers that lie: answers rewritten on their way out, entries no honest node would write, calls no honest link makes.

A lie is given to `Federation.lie`. What a key's holder can sign, a liar can: see `second_root` and `append`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import numpy as np
from google.protobuf.message import Message

from tocsin.v1 import exchange_pb2 as pb
from tocsin_crypto.checkpoint import parse_checkpoint, sign_checkpoint
from tocsin_crypto.note import parse
from tocsin_node.exchange.dial import FOLLOW
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.testing.member import Member
from tocsin_node.testing.network import PORT, Lie, MemoryNetwork
from tocsin_signals.entry import NO_REF, TAG_SIZE, Kind, empty_rows, tag_column

if TYPE_CHECKING:
    from tocsin_node.testing.federation import Federation


def deliveries(origin: str, change: Callable[[pb.Delivery], None]) -> Lie:
    """Change every delivery of one feed."""

    def lie(message: Message, _: str) -> Iterable[Message]:
        if isinstance(message, pb.FollowResponse) and message.delivery.checkpoint.startswith(f"{origin}\n".encode()):
            change(message.delivery)
        yield message

    return lie


def second_root(liar: Member, origin: str, *, to: str) -> Lie:
    """Sign another root for the size of every heartbeat of a feed to one follower."""
    signer = liar.keyring().feed_signer()

    def lie(message: Message, follower: str) -> Iterable[Message]:
        note = message.heartbeat.checkpoint if isinstance(message, pb.FollowResponse) else b""
        if follower == to and note.startswith(f"{origin}\n".encode()):
            size = parse_checkpoint(parse(note).text).size
            yield pb.FollowResponse(
                heartbeat=pb.Heartbeat(checkpoint=sign_checkpoint(origin, size, b"\x66" * 32, signer))
            )
        else:
            yield message

    return lie


class Replay:
    """A lie that remembers every delivery, and once told to sends each stream the whole past again."""

    def __init__(self) -> None:
        self.again = False
        self._said: dict[str, list[bytes]] = {}

    def __call__(self, message: Message, follower: str) -> Iterable[Message | bytes]:
        """See `Lie`."""
        if isinstance(message, pb.FollowResponse):
            if self.again:
                yield from self._said.get(follower, ())
            elif message.WhichOneof("message") == "delivery":
                self._said.setdefault(follower, []).append(message.SerializeToString())
        yield message


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as somebody else might write it; its time, salt and details digest come when it is signed."""

    kind: int = Kind.ASSERT
    type: int = 0x0101
    epoch: int = 1
    tag: bytes = bytes(TAG_SIZE)
    details: bytes = b"{}"
    valid_until: int = 2**62
    ref: int = NO_REF
    version: int = 1


def append(member: Member, origin: str, entries: Sequence[Entry]) -> int:
    """Put entries into a *stopped* member's own feed as they are, under its signature; returns the first one's index.

    What a later protocol would write, or a careless node, or a malicious one: nothing but the log's own form is kept.
    """
    assert member.node is None, f"{member.organisation} runs: stop it first"
    keyring, store = member.keyring(), SqliteStore.open(member.home.database, sync=False)
    with store.read() as session:
        record = session.one("SELECT origin FROM log WHERE kind = 'audit'")
    assert record is not None
    writer = Writer(
        store=store,
        clock=member.clock,
        feed_signer=keyring.feed_signer(),
        audit_signer=keyring.audit_signer(str(record[0])),
        highwater=HighWater(member.home.highwater),
        directory=member.home.root,
        schedule=lambda _: None,  # `call` does it at once
    )
    try:
        return writer.call(lambda tx: _append(tx, origin, entries))
    finally:
        writer.stop()
        store.close()


def _append(tx: Tx, origin: str, entries: Sequence[Entry]) -> int:
    record = tx.sql.one("SELECT id FROM log WHERE origin = ?", (origin,))
    assert record is not None, f"there is no feed {origin}"
    rows = empty_rows(len(entries))
    blobs = {entry.details: place for place, entry in enumerate({entry.details: entry for entry in entries}.values())}
    for name in ("kind", "type", "epoch", "valid_until", "ref", "version"):
        rows[name] = [int(getattr(entry, name)) for entry in entries]
    tag_column(rows)[:] = np.frombuffer(b"".join(entry.tag for entry in entries), np.uint8).reshape(-1, TAG_SIZE)
    numbers = np.asarray([blobs[entry.details] for entry in entries], np.uint32)
    return tx.append(int(record[0]), rows, list(blobs), numbers)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a hand-made Follow call brought: the responses asked for, or the status it ended with before."""

    responses: tuple[pb.FollowResponse, ...]
    code: grpc.StatusCode
    sentence: str


def follow(
    federation: "Federation", caller: Member, server: Member, *requests: pb.FollowRequest | bytes, responses: int = 1
) -> Heard:
    """Call Follow with a member's TLS key and any requests at all; hang up after so many responses."""
    return federation.do(_follow(federation, caller, server, requests, responses), caller.organisation)


async def _follow(
    federation: "Federation", caller: Member, server: Member, requests: Sequence[pb.FollowRequest | bytes], wanted: int
) -> Heard:
    network, identity = MemoryNetwork(federation.hub, caller.organisation), caller.keyring().tls[-1]
    channel: Any = network.dial(
        f"{server.organisation}:{PORT}",
        server.organisation,
        identity=identity,
        certificates=[one.certificate for one in server.keyring().tls],
    )
    heard: list[pb.FollowResponse] = []
    call = channel.stream_stream(FOLLOW)()
    try:
        for request in requests:
            await call.write(request if isinstance(request, bytes) else request.SerializeToString())
        while len(heard) < wanted:
            data = await call.read()
            if data is grpc.aio.EOF:
                return Heard(tuple(heard), grpc.StatusCode.OK, "")
            heard.append(pb.FollowResponse.FromString(data))
    except grpc.aio.AioRpcError as error:
        return Heard(tuple(heard), error.code(), error.details() or "")
    finally:
        call.cancel()
    return Heard(tuple(heard), grpc.StatusCode.OK, "")
