"""Own signals as a STIX 2.1 bundle, written as a stream.

Of each signal: the identifier as an observed object, an indicator with its pattern, validity and what it asserts, and
the relationship between them. A withdrawn signal is a revoked indicator. Exact type and details stand in an extension
of the indicator, so that reading the bundle again loses nothing. Tags are never written.

A signal has the same ids in every export, and a later `modified` in a later one.
"""

from types import MappingProxyType
from typing import Final, TextIO

from tocsin_signals.exports.bundle import Bundle, Object, derived_id, observe, observed_id
from tocsin_signals.exports.signal import Signal, written
from tocsin_signals.imports import stix_names as names
from tocsin_signals.imports.stix_pattern import Alternative, write

_TYPES: Final = MappingProxyType(
    {"harmful": "malicious-activity", "suspected": "anomalous-activity", "benign": "benign", "test": "unknown"}
)


class StixExport:
    """Writes a bundle; `as_of` (ms UTC) is the moment of the export, `publisher` the organisation's id."""

    def __init__(self, stream: TextIO, *, feed: str, publisher: str, as_of: int) -> None:
        self._as_of = as_of
        self._bundle = Bundle(stream, name=f"{feed}\n{as_of}", publisher=publisher)
        self.left_out: Final = 0

    def write(self, signal: Signal) -> None:
        """Write one signal's objects."""
        observed = observe(signal.type, signal.value)
        refs = self._bundle.limit(signal.details.get("tlp"))
        thing = {**observed.properties, "id": observed_id(observed.properties), **refs}
        indicator = self._indicator(signal, observed.pattern) | refs
        self._bundle.add(thing)
        self._bundle.add(indicator)
        self._bundle.add(
            {
                **self._common("relationship", f"based-on\n{indicator['id']}", signal),
                "relationship_type": "based-on",
                "source_ref": indicator["id"],
                "target_ref": thing["id"],
                **refs,
            }
        )

    def close(self) -> None:
        """End the bundle."""
        self._bundle.close()

    def _indicator(self, signal: Signal, pattern: Alternative) -> Object:
        said = signal.details
        named = [*_words(said.get("abuse_types")), *_words(said.get("tags"))]
        confidence = {"confidence": said["confidence"]} if isinstance(said.get("confidence"), int) else {}
        common = self._common("indicator", f"{signal.feed}\n{signal.signal}", signal)
        return {
            **common,
            "name": f"{signal.type} signal {signal.signal}",
            "description": f"{signal.state} in {signal.feed}",
            "indicator_types": [_TYPES.get(str(said.get("stance")), "unknown")],
            "pattern": write([pattern]),
            "pattern_type": "stix",
            "valid_from": common["created"],
            "valid_until": written(signal.valid_until),
            **({"labels": named} if named else {}),
            **confidence,
            **({"revoked": True} if signal.state == "withdrawn" else {}),
            "extensions": {
                names.EXTENSION: {
                    "extension_type": "property-extension",
                    "type": signal.type,
                    "feed": signal.feed,
                    "signal": signal.signal,
                    "details": dict(said),
                }
            },
        }

    def _common(self, kind: str, name: str, signal: Signal) -> Object:
        created = written(signal.issued_at or min(self._as_of, signal.valid_until - 1))
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": derived_id(kind, name),
            "created_by_ref": self._bundle.publisher,
            "created": created,
            "modified": max(created, written(self._as_of)),
        }


def _words(item: object) -> list[str]:
    return [word for word in item if isinstance(word, str)] if isinstance(item, list | tuple) else []  # pyright: ignore[reportUnknownVariableType] # JSON
