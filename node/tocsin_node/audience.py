"""Who receives an own feed: members of its audience AND active peers whose policy's `send` names it. Pure.

An audience that is empty or not in the configuration reaches nobody.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tocsin_node.peers.book import PeerBook, PeerState
from tocsin_node.policy.model import Policy


@dataclass(frozen=True, slots=True)
class Recipient:
    """One organisation that receives a feed or might be thought to, and why."""

    organisation: str
    receives: bool
    why: str


def receives(
    feed: str, organisation: str, *, members: Collection[str], book: PeerBook, policy_of: Callable[[str], Policy]
) -> Recipient:
    """Whether one organisation receives the feed of this local name."""
    if organisation not in members:
        return Recipient(organisation, receives=False, why="it is not in the feed's audience")
    peer = book.get(organisation)
    if peer is None or peer.state is PeerState.REMOVED:
        return Recipient(organisation, receives=False, why="it is in the audience but not a peer")
    if peer.state is not PeerState.ACTIVE:
        return Recipient(organisation, receives=False, why="it is in the audience but paused")
    if feed not in policy_of(organisation).send.feeds:
        return Recipient(organisation, receives=False, why="its policy's send does not name the feed")
    return Recipient(organisation, receives=True, why="it is in the audience and its policy's send names the feed")


def recipients(
    feed: str, *, members: Collection[str], book: PeerBook, policy_of: Callable[[str], Policy]
) -> list[Recipient]:
    """Every member of the audience and every peer, each with the reason."""
    names = sorted({*members, *(peer.organisation for peer in book.peers.values())})
    return [receives(feed, name, members=members, book=book, policy_of=policy_of) for name in names]
