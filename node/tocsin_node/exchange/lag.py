"""How far this node's copy of a followed feed is behind the newest checkpoint that it has verified."""

from dataclasses import dataclass


@dataclass(slots=True)
class Lag:
    """`size` is the publisher's, as far as known; `since` (ms UTC) when the copy was last whole, 0 while it is."""

    size: int = 0
    since: int = 0

    def learned(self, size: int, *, held: int, now: int) -> None:
        """A verified checkpoint says `size`; `held` entries are stored."""
        self.size = max(self.size, size)
        if self.size > held and not self.since:
            self.since = now

    def stored(self, held: int) -> None:
        """`held` entries are stored now."""
        if held >= self.size:
            self.size, self.since = held, 0
