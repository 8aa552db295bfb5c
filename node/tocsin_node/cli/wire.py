"""From a message of the contract to the plain values of `--json`; the command line's only such place.

Field names stay as the contract has them. Times become ISO 8601 in UTC, null for never; enum values lower-case words;
signed JSON its object; notes and policies text; other bytes hex.
"""

import json
from typing import Final, TypeAlias, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tocsin.v1.node_pb2 import Effect
from tocsin_node.cli.output import iso

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | bool | None"

_TIMES: Final = frozenset(
    {
        *("issued_at", "valid_until", "heard_at", "at", "started_at", "created_at", "applied_at"),
        *("trip_at", "called_at", "behind_since", "delivered_at", "told_at", "probed_at"),
        *("asked_at", "decided_at", "ends_at"),
        *("not_after", "card_not_after", "publish_from", "publish_until", "match_until"),
        "counts_until",
    }
)
_TEXTS: Final = frozenset({"card", "invite", "toml"})
_OBJECTS: Final = frozenset({"details", "envelope"})


def plain(message: Message) -> dict[str, Plain]:
    """A message as a JSON object with every field present."""
    fields = cast("list[FieldDescriptor]", message.DESCRIPTOR.fields)
    return {field.name: _value(field, getattr(message, field.name)) for field in fields}


def effect_word(effect: int) -> str:
    """`enforce`, `review`, `shadow` or `ignore`; the number where a newer node knows more."""
    try:
        return Effect.Name(cast("Effect.ValueType", effect)).removeprefix("EFFECT_").lower()
    except ValueError:
        return str(effect)


def details(blob: bytes) -> dict[str, Plain] | None:
    """The object of signed JSON; None where it is no such thing."""
    try:
        value = json.loads(blob)
    except ValueError:
        return None
    return cast("dict[str, Plain]", value) if isinstance(value, dict) else None


def _value(field: FieldDescriptor, value: object) -> Plain:
    if isinstance(value, Message):
        return plain(value)
    if isinstance(value, bytes):
        return _bytes(field.name, value)
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if field.enum_type is not None:
            return effect_word(value)
        return (iso(value) or None) if field.name in _TIMES else value
    return [_value(field, item) for item in cast("list[object]", value)]


def _bytes(name: str, value: bytes) -> Plain:
    if name in _OBJECTS:
        return details(value)
    return value.decode(errors="replace") if name in _TEXTS else value.hex()
