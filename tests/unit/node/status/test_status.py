"""Status while things change under it."""

from pathlib import Path

from tocsin_node.community.service import Communities
from tocsin_node.log.tx import Tx
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.peers.service import Peers
from tocsin_node.peers.words import Word
from tocsin_node.policies import Policies
from tocsin_node.profiles import Profiles
from tocsin_node.publish.feeds import Feeds
from tocsin_node.rules import Rules
from tocsin_node.status import NodeState, Status
from tocsin_node.testing.made import Made, open_made

NAMES = ("gone.example/feed/urls", "gone.example/feed/mail")


def status(made: Made) -> Status:
    store, writer, clock = made.core.store, made.core.writer, made.core.clock
    peers = Peers(store=store, writer=writer, own=made.own, clock=clock)
    communities = Communities(
        store=store, writer=writer, own=made.own, keys=made.keys, peers=peers, clock=clock, random=bytes
    )
    audiences = dict[str, tuple[str, ...]]
    return Status(
        home=made.home,
        own=made.own,
        store=store,
        writer=writer,
        peers=peers,
        policies=Policies(store=store, writer=writer, peers=peers),
        communities=communities,
        feeds=Feeds(
            organisation="hotline.example",
            store=store,
            writer=writer,
            communities=communities.ids,
            audiences=audiences,
            random=bytes,
        ),
        book=FeedBook(store=store, counts=lambda _: True, max_silence_ms=lambda: 0),
        index=MatchIndex(),
        audiences=audiences,
        profiles=Profiles(),
        rules=Rules,
        probes=lambda _: 0,
        links=None,
        listens="",
        software="tocsin",
        further=tuple[str, ...],
        clock=clock,
    )


def test_a_feed_committed_a_moment_ago_and_one_of_a_peer_that_is_gone_break_no_status(tmp_path: Path) -> None:
    with open_made(tmp_path / "home") as made:
        asked = status(made)
        seen: list[NodeState] = []

        def follow(tx: Tx, origin: str) -> None:
            tx.new_log(origin, "followed", "gone.example")
            tx.audit("feed.followed", peer="gone.example", about={"origin": origin})

        # Commits are told before heads are released: what other threads may see at that moment is what this one sees.
        made.core.writer.observe_commits(lambda _: seen.append(asked.node()))
        for origin in NAMES:
            made.core.writer.call(lambda tx, origin=origin: follow(tx, origin))
        assert [[feed.origin for feed in state.followed] for state in seen] == [[], [NAMES[0]]]
        report = asked.peer("gone.example")
        assert [feed.origin for feed in report.feeds] == list(NAMES)
        assert {feed.state for feed in report.feeds} == {Word.SILENT}, "nobody has heard of it"
