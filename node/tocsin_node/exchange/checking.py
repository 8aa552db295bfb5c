"""What a follower checks of a publisher's messages beyond `segment.verify`: pure, from values to values.

A feed's descriptor (entry 0) must be this publisher's and this feed's. A checkpoint of a size this node holds must have
the root it holds: another root is a fork. A smaller size alone is no fork, the publisher is *behind*.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tocsin_crypto.errors import CryptoError
from tocsin_crypto.merkle import CompactRange
from tocsin_node.errors import Misbehaviour
from tocsin_node.policy.bulk import Assessment, Question, decider
from tocsin_node.segment import codec
from tocsin_node.segment.verify import (
    Accepted,
    Examined,
    Position,
    Signed,
    check_place,
    conclude,
    examine_run,
    open_signed,
)
from tocsin_signals.entry import ENTRY_SIZE

_NAME_CHARS: Final = 255  # of a community or audience in a descriptor


@dataclass(frozen=True, slots=True)
class Fault:
    """A Misbehaviour on its way back from a worker process."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What entry 0 of a followed feed says."""

    community: str | None
    audience: str
    relay: bool
    """Whether followers may serve it on."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a segment shows by itself, and what the policy makes of it, where it was asked."""

    examined: Examined
    found: Assessment | None = None


def attempt(segment: bytes, question: Question | None = None) -> Looked | Fault:
    """A segment examined, with a value for what a peer did wrong, so that it passes between processes.

    With a `question` its entries are decided and counted too: the details are at hand, and in a worker that costs the
    node itself nothing. No count is worth anything before `conclude`.
    """
    try:
        run = codec.decode(codec.parse(segment))
        return Looked(examine_run(run), decider(question).assess(run) if question else None)
    except Misbehaviour as error:
        return Fault(error.code, str(error))
    except CryptoError as error:
        return Fault("malformed", str(error))


def place(position: Position, first: int, count: int, checkpoint: bytes) -> Signed:
    """What a delivery's checkpoint says, once it is ours and names where the delivery stands. Errors: Misbehaviour."""
    signed = open_signed(position.origin, position.key_name, position.key, checkpoint)
    check_place(position, signed, first, count)
    return signed


def concluded(position: Position, signed: Signed, examined: Examined, segment: bytes, checkpoint: bytes) -> Accepted:
    """`conclude`, with one family of errors for what a peer did wrong: Misbehaviour."""
    try:
        return conclude(position, signed, examined, segment, checkpoint)
    except CryptoError as error:
        raise Misbehaviour("malformed", str(error)) from error


def read_descriptor(accepted: Accepted, *, publisher: str, origin: str) -> Descriptor:
    """The descriptor of a delivery that begins at entry 0. Errors: Misbehaviour `malformed`."""
    run = accepted.run
    if not len(run.rows) or int(run.indices()[0]) != 0:
        raise Misbehaviour("malformed", f"{origin} withholds its descriptor, entry 0")
    found = _object(run.details[int(run.numbers[0])], origin)
    expected = {"kind": "signals", "publisher": publisher, "origin": origin, "entry_size": ENTRY_SIZE}
    for key, value in expected.items():
        if found.get(key) != value:
            raise Misbehaviour("malformed", f"the descriptor of {origin} does not have {key} = {value}")
    community, audience = found.get("community"), found.get("audience")
    if not (community is None or _name(community)) or not _name(audience):
        raise Misbehaviour("malformed", f"the descriptor of {origin} does not name its community and audience")
    return Descriptor(community, str(audience), found.get("relay") is True)


def compare(position: Position, checkpoint: bytes, root_at: Callable[[int], bytes | None]) -> int:
    """The publisher's size by this checkpoint note. Errors: Misbehaviour `bad-signature` or `fork`.

    `root_at` gives the root of a smaller size where this node holds a checkpoint of it.
    """
    signed = open_signed(position.origin, position.key_name, position.key, checkpoint)
    if signed.size > position.size:
        return signed.size
    if signed.size == position.size:
        held = CompactRange.from_bytes(position.size, position.stack).root()
    else:
        held = root_at(signed.size)
    if held is not None and held != signed.root:
        raise Misbehaviour("fork", f"a second root is signed for size {signed.size} of {position.origin}")
    return signed.size


def _object(blob: bytes, origin: str) -> Mapping[str, Any]:
    try:
        found = json.loads(blob)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Misbehaviour("malformed", f"the descriptor of {origin} is not a JSON object")
    return found  # pyright: ignore[reportUnknownVariableType]  every value is checked where it is used


def _name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _NAME_CHARS
