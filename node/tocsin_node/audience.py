"""Who receives a feed this node serves, own or served on. Pure.

An audience that is empty or not in the configuration reaches nobody. `demands` lists what must hold, each tried alone;
`receives` is what comes of them.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tocsin_node.log.runs import Delivery
from tocsin_node.peers.book import PeerBook, PeerState
from tocsin_node.policy.model import Policy


@dataclass(frozen=True, slots=True)
class Recipient:
    """One organisation that receives a feed or might be thought to, and why."""

    organisation: str
    receives: bool
    why: str


class Demand(NamedTuple):
    """One thing that must hold for an organisation to receive a feed: whether it does, and the sentence for that."""

    name: str
    holds: bool
    why: str


def demands(
    feed: str, organisation: str, *, members: Collection[str], book: PeerBook, policy_of: Callable[[str], Policy]
) -> Iterator[Demand]:
    """What must hold, in order: the audience, a peer, an active one, the send of its policy. All must.

    Of who is no peer, nothing further is asked.
    """
    member = organisation in members
    yield Demand("audience", member, f"it is {'' if member else 'not '}in the feed's audience")
    peer = book.get(organisation)
    if peer is None or peer.state is PeerState.REMOVED:
        yield Demand("peer", holds=False, why="it is not a peer of this node")
        return
    yield Demand("peer", holds=True, why="it is a peer of this node")
    yield Demand("state", peer.state is PeerState.ACTIVE, f"it is {peer.state}")
    sends = feed in policy_of(organisation).send.feeds
    yield Demand("send", sends, f"its policy's send {'names' if sends else 'does not name'} the feed")


def receives(
    feed: str, organisation: str, *, members: Collection[str], book: PeerBook, policy_of: Callable[[str], Policy]
) -> Recipient:
    """Whether one organisation receives the feed of this name: local of an own one, the origin of one served on."""
    for demand in demands(feed, organisation, members=members, book=book, policy_of=policy_of):
        if not demand.holds:
            return Recipient(organisation, receives=False, why=demand.why)
    return Recipient(organisation, receives=True, why="it is in the audience and its policy's send names the feed")


def recipients(
    feed: str, *, members: Collection[str], book: PeerBook, policy_of: Callable[[str], Policy]
) -> list[Recipient]:
    """Every member of the audience and every peer, each with the reason."""
    names = sorted({*members, *(peer.organisation for peer in book.peers.values())})
    return [receives(feed, name, members=members, book=book, policy_of=policy_of) for name in names]


def withdrawals(organisation: str, book: PeerBook, held: Delivery | None) -> str:
    """What an organisation that is no recipient (any more) still receives, in words; empty for nothing."""
    if held is None or held.last_given < 1 or not book.is_active(organisation):
        return ""
    return f"it receives only withdrawals of what it was given (up to entry {held.last_given:,})"


def missed(held: Delivery | None) -> str:
    """What a recipient was not given while it was none, in words; empty for nothing. It is never sent later."""
    if held is None or not held.gaps:
        return ""
    first, last = held.gaps[0][0], held.gaps[-1][1] - 1
    if first == last:
        return f"entry {first:,} was withheld from it before and stays so: publish again what it needs"
    return (
        f"entries between {first:,} and {last:,} were withheld from it before and stay so: publish again what it needs"
    )


def still_told(one: Recipient, book: PeerBook, held: Delivery | None) -> Recipient:
    """A recipient as it was found; who is none any more, or was none for a while, is told apart from the others."""
    told = missed(held) if one.receives else withdrawals(one.organisation, book, held)
    return replace(one, why=f"{one.why}: {told}") if told else one
