"""How long what this node publishes may live.

Five years at most; by default what the type says; shorter where the organisation's own configuration says so
(`[lifetimes]`, days per type).
A day is counted to its end (UTC), as `90d` in a file is: then a file published twice on one day says the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tocsin_signals.entry import MAX_LIFETIME_MS
from tocsin_signals.types import by_code

DAY_MS: Final = 24 * 3600 * 1000
_NO_CAPS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The organisation's caps in days, by type name; they only shorten."""

    days: Mapping[str, int] = field(default_factory=lambda: _NO_CAPS)

    def default_end(self, code: int, now: int) -> int:
        """When a signal of a registered type ends that is published at `now` without an end (ms UTC)."""
        kind = by_code(code)
        assert kind is not None
        return now + min(kind.default_lifetime_days, self.days.get(kind.name, kind.default_lifetime_days)) * DAY_MS

    def wrong(self, type_name: str, valid_until: int, now: int) -> tuple[str, str] | None:
        """A stable word and a sentence when a signal of the type may not end then; None when it may. Times in ms."""
        if valid_until <= now:
            return "expired", "The signal would have expired already."
        if valid_until > now + MAX_LIFETIME_MS:
            return "lifetime", "A signal lives at most five years."
        days = self.days.get(type_name)
        if days is not None and valid_until > _midnight_after(now) + days * DAY_MS:
            return "lifetime", f"This node's configuration lets a signal of type {type_name} live at most {days} days."
        return None


def _midnight_after(now: int) -> int:
    return -(-now // DAY_MS) * DAY_MS
