from dataclasses import replace

import pytest

from tocsin_node.audience import recipients
from tocsin_node.peers.book import Peer, PeerBook, PeerState
from tocsin_node.policy.model import Policy, default_policy, parse_policy
from tocsin_node.testing.core import NOW
from tocsin_node.testing.made import Organisation

NAMES = ("active.example", "paused.example", "removed.example", "unnamed.example", "outside.example")
PEERS = {
    name: Peer(name, made.root.key.public, PeerState.ACTIVE, made.signed, None, NOW, NOW)
    for name in NAMES
    if (made := Organisation.make(name))
}
BOOK = PeerBook.of(
    [
        PEERS["active.example"],
        replace(PEERS["paused.example"], state=PeerState.PAUSED),
        replace(PEERS["removed.example"], state=PeerState.REMOVED),
        PEERS["unnamed.example"],
        PEERS["outside.example"],
    ]
)
MEMBERS = ("active.example", "paused.example", "removed.example", "unnamed.example", "stranger.example")


def _policy_of(name: str) -> Policy:
    if name == "unnamed.example":
        return default_policy(name)
    return parse_policy(f'peer = "{name}"\n[send]\nfeeds = ["urls"]\n'.encode(), "f")


def _receivers(feed: str, members: tuple[str, ...]) -> list[str]:
    found = recipients(feed, members=members, book=BOOK, policy_of=_policy_of)
    return [one.organisation for one in found if one.receives]


def test_who_is_in_the_audience_and_active_and_sent_to_receives() -> None:
    assert _receivers("urls", MEMBERS) == ["active.example"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("active.example", "it is in the audience and its policy's send names the feed"),
        ("outside.example", "it is not in the feed's audience"),
        ("paused.example", "it is paused"),
        ("removed.example", "it is not a peer of this node"),
        ("stranger.example", "it is not a peer of this node"),
        ("unnamed.example", "its policy's send does not name the feed"),
    ],
)
def test_everybody_who_might_be_meant_has_a_reason(name: str, why: str) -> None:
    found = {one.organisation: one.why for one in recipients("urls", members=MEMBERS, book=BOOK, policy_of=_policy_of)}
    assert found[name] == why
    assert len(found) == 6


def test_an_empty_audience_or_another_feed_reaches_nobody() -> None:
    assert _receivers("urls", ()) == []
    assert _receivers("others", MEMBERS) == []
