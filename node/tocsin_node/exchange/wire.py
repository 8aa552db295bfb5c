"""Exchange messages to values and back: the only module of the exchange that touches their fields.

What a peer sends is checked for size here; unknown fields and features are passed over. Whether a statement is true is
decided elsewhere. Errors are Invalid, in words that name the field.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from tocsin.v1 import exchange_pb2 as pb, signals_pb2
from tocsin_crypto.checkpoint import MAX_ORIGIN
from tocsin_crypto.merkle import HASH_BYTES
from tocsin_node.errors import Invalid, Misbehaviour
from tocsin_node.limits import CARD_BYTES, FEEDS_PER_PEER, HELLO_KEYS, NOTE_BYTES, PROBE_FORM_BYTES, PROBE_TYPES
from tocsin_signals.probes import NONCE_BYTES

EXCHANGE_ID_BYTES: Final = 16
_FEATURES: Final = 64  # words a Hello may name: a protocol's life of them
_PROFILES: Final = 256  # as in a card
_WORD: Final = 128  # characters of a feature, profile, community or software name
_MAX_TIME: Final = 2**53  # ms: what audit entries and JSON carry exactly


@dataclass(frozen=True, slots=True)
class EpochKeyId:
    """Which key a node holds for an epoch."""

    community: str
    epoch: int
    key_id: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """What one side says of itself when a session opens; `paused` is what it makes of the other side."""

    major: int
    minor: int
    features: tuple[str, ...]
    card_sequence: int
    card: bytes
    paused: bool
    profiles: Mapping[str, str]
    vectors: Mapping[str, str]
    epoch_keys: tuple[EpochKeyId, ...]
    now: int
    software: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A feed the publisher offers, with its latest checkpoint note."""

    origin: str
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Open:
    """The start of a Follow stream: from entry `next` on; `checkpoint` is empty when the follower has none."""

    origin: str
    next: int
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """What the follower has made durable."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """A run of entries as it travelled, under the checkpoint note of the size it ends at."""

    segment: bytes
    first: int
    count: int
    checkpoint: bytes
    exchange: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The publisher's latest checkpoint note; empty when it has none."""

    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class ProbeQuestion:
    """What the asker wants to know; `answer_nonce` is empty in its first question, `count` 0 means all probes."""

    nonce: bytes
    answer_nonce: bytes
    types: tuple[str, ...]
    count: int
    last: bool


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """The answerer's nonce, the types it tried, the digest of its forms, and the last of them where asked for."""

    nonce: bytes
    types: tuple[str, ...]
    digest: bytes
    last: str


def to_hello(hello: Hello) -> pb.Hello:
    """The message of a Hello."""
    return pb.Hello(
        major=hello.major,
        minor=hello.minor,
        features=hello.features,
        card_sequence=hello.card_sequence,
        card=hello.card,
        state=pb.PEER_STATE_PAUSED if hello.paused else pb.PEER_STATE_ACTIVE,
        profile_digests=hello.profiles,
        vector_digests=hello.vectors,
        epoch_keys=[
            pb.EpochKeyId(community=key.community, epoch=key.epoch, key_id=key.key_id) for key in hello.epoch_keys
        ],
        now=hello.now,
        software=hello.software,
    )


def from_hello(message: pb.Hello) -> Hello:
    """A Hello within its limits."""
    _at_most(len(message.card), CARD_BYTES, "bytes of card in a Hello")
    _at_most(len(message.features), _FEATURES, "features in a Hello")
    _at_most(max(len(message.profile_digests), len(message.vector_digests)), _PROFILES, "profiles in a Hello")
    _at_most(len(message.epoch_keys), HELLO_KEYS, "epoch keys in a Hello")
    _at_most(message.now, _MAX_TIME, "ms in the time of a Hello")
    profiles, vectors = dict(message.profile_digests), dict(message.vector_digests)
    communities = [key.community for key in message.epoch_keys]
    digests = [*profiles, *profiles.values(), *vectors, *vectors.values()]
    words = [message.software, *message.features, *digests, *communities]
    _at_most(max(map(len, words)), _WORD, "characters in a word of a Hello")
    return Hello(
        major=message.major,
        minor=message.minor,
        features=tuple(message.features),
        card_sequence=message.card_sequence,
        card=message.card,
        paused=message.state == pb.PEER_STATE_PAUSED,
        profiles=profiles,
        vectors=vectors,
        epoch_keys=tuple(EpochKeyId(key.community, key.epoch, key.key_id) for key in message.epoch_keys),
        now=message.now,
        software=message.software,
    )


def to_feeds(feeds: Iterable[Offered]) -> pb.ListFeedsResponse:
    """The message of a list of feeds."""
    return pb.ListFeedsResponse(
        feeds=[pb.OfferedFeed(origin=feed.origin, checkpoint=feed.checkpoint) for feed in feeds]
    )


def from_feeds(message: pb.ListFeedsResponse) -> tuple[Offered, ...]:
    """Offered feeds within their limits, each origin once."""
    _at_most(len(message.feeds), FEEDS_PER_PEER, "offered feeds")
    for feed in message.feeds:
        _at_most(len(feed.origin), MAX_ORIGIN, "characters in an offered feed's origin")
        _at_most(len(feed.checkpoint), NOTE_BYTES, "bytes in an offered feed's checkpoint")
    return tuple({feed.origin: Offered(feed.origin, feed.checkpoint) for feed in message.feeds}.values())


def to_open(opened: Open) -> bytes:
    """The first message of a Follow stream."""
    message = pb.Open(origin=opened.origin, next=opened.next, checkpoint=opened.checkpoint)
    return pb.FollowRequest(open=message).SerializeToString()


def from_open(message: pb.FollowRequest) -> Open:
    """The first message of a Follow stream, within its limits."""
    if message.WhichOneof("message") != "open":
        raise Invalid("a Follow stream begins with open")
    opened = message.open
    _at_most(len(opened.origin), MAX_ORIGIN, "characters in the origin")
    _at_most(len(opened.checkpoint), NOTE_BYTES, "bytes in the checkpoint")
    return Open(opened.origin, opened.next, opened.checkpoint)


def to_ack(ack: Ack) -> bytes:
    """The message of an acknowledgement."""
    return pb.FollowRequest(ack=pb.Ack(size=ack.size, root=ack.root)).SerializeToString()


def from_ack(message: pb.FollowRequest) -> Ack | None:
    """An acknowledgement; None for a message of a kind this version does not know."""
    match message.WhichOneof("message"):
        case "ack":
            if len(message.ack.root) != HASH_BYTES:
                raise Invalid(f"an ack has a root of {len(message.ack.root)} bytes, not {HASH_BYTES}")
            return Ack(message.ack.size, message.ack.root)
        case "open":
            raise Invalid("a Follow stream is opened once")
        case _:
            return None


def to_delivery(segment: signals_pb2.Segment, checkpoint: bytes, exchange: bytes) -> pb.FollowResponse:
    """The message of a delivery."""
    return pb.FollowResponse(delivery=pb.Delivery(segment=segment, checkpoint=checkpoint, exchange_id=exchange))


def to_heartbeat(checkpoint: bytes) -> pb.FollowResponse:
    """The message of a heartbeat."""
    return pb.FollowResponse(heartbeat=pb.Heartbeat(checkpoint=checkpoint))


def from_publisher(data: bytes) -> Delivery | Heartbeat | None:
    """A message of a Follow stream; None for a kind this version does not know. Errors: Misbehaviour."""
    try:
        message = pb.FollowResponse.FromString(data)
    except DecodeError as error:
        raise Misbehaviour("malformed", "a message that is not of a Follow stream") from error
    match message.WhichOneof("message"):
        case "delivery":
            found = message.delivery
            if len(found.checkpoint) > NOTE_BYTES:
                raise Misbehaviour("oversize", f"a checkpoint of {len(found.checkpoint)} bytes; at most {NOTE_BYTES}")
            if len(found.exchange_id) != EXCHANGE_ID_BYTES:
                raise Misbehaviour("malformed", f"an exchange id of {len(found.exchange_id)} bytes")
            segment = found.segment
            data = segment.SerializeToString()
            return Delivery(data, segment.first, segment.count, found.checkpoint, found.exchange_id)
        case "heartbeat":
            if len(message.heartbeat.checkpoint) > NOTE_BYTES:
                raise Misbehaviour("oversize", f"a heartbeat's checkpoint of more than {NOTE_BYTES} bytes")
            return Heartbeat(message.heartbeat.checkpoint)
        case _:
            return None


def to_probe_request(question: ProbeQuestion) -> pb.ProbeRequest:
    """The message of a question about probes."""
    return pb.ProbeRequest(
        nonce=question.nonce,
        answer_nonce=question.answer_nonce,
        types=question.types,
        count=question.count,
        last=question.last,
    )


def from_probe_request(message: pb.ProbeRequest) -> ProbeQuestion:
    """A question about probes, within its limits."""
    _exactly(len(message.nonce), NONCE_BYTES, "bytes in the nonce of a question about probes")
    if message.answer_nonce:
        _exactly(len(message.answer_nonce), NONCE_BYTES, "bytes in the answering nonce of a question about probes")
    types = _types(message.types)
    return ProbeQuestion(message.nonce, message.answer_nonce, types, message.count, message.last)


def to_probe_response(answer: ProbeAnswer) -> pb.ProbeResponse:
    """The message of an answer about probes."""
    return pb.ProbeResponse(nonce=answer.nonce, types=answer.types, digest=answer.digest, last=answer.last)


def from_probe_response(message: pb.ProbeResponse) -> ProbeAnswer:
    """An answer about probes, within its limits."""
    _exactly(len(message.nonce), NONCE_BYTES, "bytes in the nonce of an answer about probes")
    _exactly(len(message.digest), HASH_BYTES, "bytes in the digest of an answer about probes")
    _at_most(len(message.last), PROBE_FORM_BYTES, "characters in the form of an answer about probes")
    return ProbeAnswer(message.nonce, _types(message.types), message.digest, message.last)


def _types(names: Sequence[str]) -> tuple[str, ...]:
    _at_most(len(names), PROBE_TYPES, "types to probe")
    _at_most(max(map(len, names), default=0), _WORD, "characters in a type to probe")
    return tuple(dict.fromkeys(names))


def _exactly(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise Invalid(f"{found} {what}, not {wanted}")


def _at_most(found: int, limit: int, what: str) -> None:
    if found > limit:
        raise Invalid(f"{found} {what}; at most {limit} are allowed")
