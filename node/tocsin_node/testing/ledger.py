"""What each follower was ever allowed to hold, from what the operators said; no node is asked.

A follower may hold of a feed what was there while it was in the audience *and* sent the feed *and* an active peer. So
before any of that changes, the sizes of then are noted.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin_node.testing.member import Member


class Ledger:
    """See above."""

    def __init__(self, members: Mapping[str, "Member"]) -> None:
        self._members = members
        self._most: dict[tuple[str, str], int] = {}

    def before_change(self, publisher: "Member") -> None:
        """Note what everybody may hold of a publisher's feeds, before something about that changes."""
        if publisher.node is None:
            return
        for origin, (size, _) in publisher.logs().items():
            for follower in self._members:
                if allowed(publisher, origin, follower):
                    key = (origin, follower)
                    self._most[key] = max(size, self._most.get(key, 0))

    def most(self, publisher: "Member", origin: str, size: int, follower: str) -> int:
        """Entries of a feed of this size that the follower may hold."""
        before = self._most.get((origin, follower), 0)
        return max(before, size) if allowed(publisher, origin, follower) else before


def allowed(publisher: "Member", origin: str, follower: str) -> bool:
    """Whether the operators' words let a follower have a feed now."""
    organisation, _, feed = origin.rpartition("/feed/")
    terms = publisher.terms.get(follower)
    return (
        organisation == publisher.organisation
        and follower in publisher.audiences.get(feed, ())
        and publisher.peers.get(follower) == "active"
        and terms is not None
        and feed in terms.send
    )
