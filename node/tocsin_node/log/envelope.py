"""Audit envelopes: one JSON object per event, encoded once and kept as the bytes that were hashed.

An envelope says what kind of thing happened, when, by whom and with which counts. It never holds an identifier, a tag,
a details digest or a person's name: organisations, local feed and token names, and counts only. The guard's events also
hold the written reasons of two people, from which the value itself is kept out, and its redacted tag. RFC 8785 subset:
strings and integers below 2^53, keys sorted, no floats. Unknown event names are kept and shown as they are.

Fields: v version · t microseconds UTC, never decreasing · ev event · res ok, denied, failed or partial · why a stable
word · act {kind, name} · peer organisation · xid exchange id both sides log · n counts · pol policy digest · about
further names (feed, community, old and new digests).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tocsin_node.errors import Unsound

VERSION: Final = 1
MAX_ENVELOPE_BYTES: Final = 16 * 1024  # hard limit; typical is 200 to 400 bytes

ActorKind = Literal["system", "operator", "client", "peer", "auditor"]
Result = Literal["ok", "denied", "failed", "partial"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a token's name, a peer's organisation, or the node itself."""

    kind: ActorKind
    name: str


SYSTEM: Final = Actor("system", "node")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, before it has a time and a place in the log."""

    name: str
    actor: Actor = SYSTEM
    result: Result = "ok"
    why: str = ""
    peer: str = ""
    exchange: bytes = b""
    counts: Mapping[str, int] | None = None
    policy: bytes = b""
    about: Mapping[str, str] | None = None

    def encode(self, at: int) -> bytes:
        """The envelope's bytes at `at` microseconds. Errors: Unsound beyond the size limit."""
        fields: dict[str, object] = {
            "v": VERSION,
            "t": at,
            "ev": self.name,
            "res": self.result,
            "act": {"kind": self.actor.kind, "name": self.actor.name},
        }
        optional: dict[str, object] = {
            "why": self.why,
            "peer": self.peer,
            "xid": self.exchange.hex(),
            "n": dict(self.counts or {}),
            "pol": self.policy.hex(),
            "about": dict(self.about or {}),
        }
        fields.update((key, value) for key, value in optional.items() if value)
        data = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if len(data) > MAX_ENVELOPE_BYTES:
            raise Unsound(f"an audit envelope of {len(data)} bytes for {self.name}; at most {MAX_ENVELOPE_BYTES} fit")
        return data
