"""What about the guard needs its operator's attention."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from tocsin_node.guard.radius import Radius
from tocsin_node.guard.sources import Sources, header_of


class Guarding(Protocol):
    """The lists and the counters as they are now."""

    @property
    def sources(self) -> Callable[[], Sources]:
        """What the configuration names."""
        ...

    @property
    def radius(self) -> Radius:
        """The counters."""
        ...


def warnings(guarding: Guarding, now: int) -> Sequence[str]:
    """One sentence each; `now` in ms UTC."""
    pack, today = header_of(guarding.sources()), datetime.fromtimestamp(now / 1000, UTC).date()
    found: list[str] = []
    if pack.stale(today):
        found.append(f"the guard pack is {pack.age_days(today)} days old: update, or name a newer one as guard.pack")
    if guarding.radius.dropped:
        found.append(
            f"{guarding.radius.dropped:,} counts of own users found no room since the start: "
            "the guard knows less than it could of how many a signal would hit"
        )
    return found
