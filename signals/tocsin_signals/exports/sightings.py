"""Own look-ups that hit, as a STIX 2.1 bundle of sightings, written as a stream.

Of each value that hit: the value as an observed object and that it was observed; of each received signal it hit, an
`x-tocsin-signal`, which names the signal by its feed and id and holds nothing else of it, and a sighting that joins the
two. What others published stands in no observed object: a receiver does not know the identifier, only that its own
value matched. TLP markings of the received signal are on both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from tocsin_signals.exports.bundle import Bundle, Object, derived_id, observe, observed_id
from tocsin_signals.exports.signal import written
from tocsin_signals.imports.stix_names import EXTENSION, SIGNAL


@dataclass(frozen=True, slots=True)
class Hit:
    """A received signal that a value matched; `issued_at` in ms UTC, `tlp` as its publisher said, if so."""

    feed: str
    publisher: str
    signal: int
    type: str
    issued_at: int
    tlp: object = None


class SightingsExport:
    """Writes a bundle; `as_of` (ms UTC) is when the values were looked up, `observer` the own organisation's id."""

    def __init__(self, stream: TextIO, *, observer: str, as_of: int) -> None:
        self._bundle = Bundle(stream, name=f"sightings\n{as_of}", publisher=observer)
        self._at: Final = written(as_of)
        self._told: set[str] = set()
        self.sightings = 0

    def write(self, type_name: str, canonical: str, hits: Sequence[Hit]) -> None:
        """Write one own value and the signals it hit."""
        properties = observe(type_name, canonical).properties
        thing: Object = {**properties, "id": observed_id(properties)}
        if thing["id"] in self._told:
            return  # the same value twice in one file is one sighting
        self._told.add(thing["id"])
        seen = {
            **self._common("observed-data", f"{thing['id']}\n{self._at}"),
            "first_observed": self._at,
            "last_observed": self._at,
            "number_observed": 1,
            "object_refs": [thing["id"]],
        }
        self._bundle.add(thing)
        self._bundle.add(seen)
        for hit in hits:
            self._sighting(hit, str(seen["id"]))

    def close(self) -> None:
        """End the bundle."""
        self._bundle.close()

    def _sighting(self, hit: Hit, seen: str) -> None:
        limits = self._bundle.limit(hit.tlp)
        signal = self._signal(hit, limits)
        self._bundle.add(
            {
                **self._common("sighting", f"{signal}\n{seen}"),
                "sighting_of_ref": signal,
                "observed_data_refs": [seen],
                "where_sighted_refs": [self._bundle.publisher],
                "first_seen": self._at,
                "last_seen": self._at,
                "count": 1,
                **limits,
            }
        )
        self.sightings += 1

    def _signal(self, hit: Hit, limits: Object) -> str:
        """The id of the object that stands for a received signal, which is written once."""
        ref = derived_id(SIGNAL, f"{hit.feed}\n{hit.signal}")
        if ref not in self._told:
            self._told.add(ref)
            issued = written(hit.issued_at)
            told = {"feed": hit.feed, "publisher": hit.publisher, "signal": hit.signal, "signal_type": hit.type}
            extension = {EXTENSION: {"extension_type": "new-sdo"}}
            common = {**self._common(SIGNAL, f"{hit.feed}\n{hit.signal}"), "created": issued, "modified": issued}
            self._bundle.add({**common, **told, "extensions": extension, **limits})
        return ref

    def _common(self, kind: str, name: str) -> Object:
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": derived_id(kind, name),
            "created_by_ref": self._bundle.publisher,
            "created": self._at,
            "modified": self._at,
        }
