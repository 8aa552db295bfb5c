"""Many publishers beside each other: later protocols, rings, and peers whose tags meet, by chance or on purpose."""

import json

from google.protobuf.message import Message

from tocsin.v1 import exchange_pb2 as pb
from tocsin_node.log.runs import stored_runs
from tocsin_node.testing.federation import Federation
from tocsin_node.testing.liar import Entry, append
from tocsin_node.testing.member import Member
from tocsin_node.testing.story import Story
from tocsin_signals.entry import Kind, tag_column

BAD = "https://bad.example/x"
HARMFUL = json.dumps({"stance": "harmful", "salt": "00" * 16}).encode()


def add(story: Story, publisher: Member, feed: str, entries: list[Entry]) -> int:
    story.fed.stop(publisher)
    first = append(publisher, feed, entries)
    story.fed.start(publisher)
    return first


def test_entries_of_a_later_protocol_are_kept_and_never_matched(story: Story) -> None:
    story.publish(BAD)
    strange = [
        *(Entry(kind=kind, tag=bytes([kind]) * 32, details=HARMFUL) for kind in (5, 15, 18, 99, 254)),
        Entry(version=2, tag=b"\x21" * 32, details=HARMFUL),
        Entry(type=0xEEEE, tag=b"\x22" * 32, details=HARMFUL),
        Entry(epoch=999, tag=b"\x23" * 32, details=HARMFUL),
        Entry(kind=Kind.RETAG, ref=1, tag=b"\x24" * 32, details=HARMFUL),
    ]
    add(story, story.hotline, story.feed, strange)
    story.publish("https://after.example/")
    story.fed.settle()
    assert story.size(story.near) == story.size(story.far) == 12
    answers = story.far.check("url", 1, [entry.tag for entry in strange])
    assert list(answers) == [b"\x24" * 32], "another tag of a signal is known"
    assert story.effects("https://after.example/") == ["enforce", "enforce"]


def test_fields_words_and_messages_of_a_later_protocol_are_passed_over(story: Story) -> None:
    def later(message: Message, _: str) -> list[Message | bytes]:
        unknown = b"\xfa\x3e\x03new"  # field 1007
        if isinstance(message, pb.HelloResponse):
            message.hello.features.append("telepathy")
            message.hello.minor = 99
        whole = message.SerializeToString() + unknown
        return [unknown, whole, unknown] if isinstance(message, pb.FollowResponse) else [whole]

    story.fed.lie(story.hotline, later)
    story.fed.restart(story.far)
    story.hotline.publish(story.feed, "url", BAD, severity="high")
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "enforce"]
    assert not story.far.evidence()


def test_details_of_a_later_vocabulary_restrain_and_never_widen(story: Story) -> None:
    said = [
        {"stance": "harmful", "mood": {"new": [1]}},
        {"stance": "harmful", "forbidden": 7},
        {"stance": "unheard-of"},
        {"severity": "high"},
    ]
    entries = [
        Entry(tag=bytes([number]) * 32, details=json.dumps({**one, "salt": "00" * 16}).encode())
        for number, one in enumerate(said)
    ]
    add(story, story.hotline, story.feed, entries)
    story.fed.settle()
    answers = story.far.check("url", 1, [entry.tag for entry in entries])
    assert [answers[entry.tag].effect for entry in entries] == ["enforce", "review", "ignore", "ignore"]


def test_a_ring_of_four_delivers_each_entry_once_per_neighbour_and_echoes_nothing() -> None:
    with Federation(seed=4) as fed:
        ring = [fed.node(f"{name}.example") for name in ("north", "east", "south", "west")]
        feeds: list[str] = []
        for place, node in enumerate(ring):
            neighbours = [ring[place - 1], ring[(place + 1) % 4]]
            for other in neighbours:
                fed.befriend(node, other, send=["own"], believe="review")
        for place, node in enumerate(ring):
            feeds.append(node.feed("own", audience=[ring[place - 1], ring[(place + 1) % 4]]))
        fed.settle()
        before = len(fed.hub.trace)
        ring[0].publish(feeds[0], "url", BAD)
        fed.settle()
        sent = [line.split(" ", 1)[1] for line in fed.hub.trace[before:] if "delivery" in line]
        assert sorted(sent) == [
            "north.example > east.example Follow delivery 1+1",
            "north.example > west.example Follow delivery 1+1",
        ]
        assert [node.logs()[feed][0] for node, feed in zip(ring, feeds, strict=True)] == [2, 1, 1, 1]
        assert [node.match("url", BAD).effect for node in ring] == ["review", "review", "ignore", "review"]


def rival(story: Story, believe: str) -> tuple[Member, str]:
    """Another publisher to `far`, and its feed."""
    copycat = story.fed.node("copycat.example")
    story.fed.befriend(copycat, story.far, send=["copies"], believe=believe)
    return copycat, copycat.feed("copies", audience=[story.far])


def tag_of(story: Story, signal: int) -> bytes:
    with story.far.store() as store, store.read() as session:
        record = session.one("SELECT id FROM log WHERE origin = ?", [story.feed])
        assert record is not None
        tags = [
            tag_column(run.rows)[place].tobytes()
            for run, _ in stored_runs(session, record[0])
            for place in range(run.count)
        ]
    return tags[signal]


def test_a_peer_that_copies_anothers_tags_adds_its_own_word_and_changes_nothing_of_the_others(story: Story) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    copycat, feed = rival(story, believe="shadow")
    benign = json.dumps({"stance": "benign", "salt": "00" * 16}).encode()
    tag = tag_of(story, signal.id)
    first = add(story, copycat, feed, [Entry(tag=tag, details=benign), Entry(tag=tag, details=HARMFUL)])
    story.fed.settle()
    found = story.far.match("url", BAD)
    assert found.effect == "enforce", "a benign word of somebody who is hardly believed vetoes nothing"
    assert found.signals == ((feed, first + 1), (story.feed, signal.id)), "of one feed and tag the newest counts"
    add(story, copycat, feed, [Entry(kind=Kind.WITHDRAW, type=0, epoch=0, tag=bytes(32), ref=first + 1)])
    story.fed.settle()
    assert story.far.match("url", BAD).signals == ((story.feed, signal.id),)
    story.hotline.withdraw(signal)
    story.fed.settle()
    assert story.far.match("url", BAD).effect == "ignore"


def test_a_thousand_tags_made_to_collide_match_nothing_but_themselves(story: Story) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    copycat, feed = rival(story, believe="enforce")
    tag = tag_of(story, signal.id)
    near_misses = [tag[:-4] + number.to_bytes(4, "big") for number in range(500)]
    near_misses += [number.to_bytes(4, "big") + tag[4:] for number in range(500)]
    add(story, copycat, feed, [Entry(tag=one, details=HARMFUL) for one in near_misses])
    story.fed.settle()
    assert story.far.match("url", BAD).signals == ((story.feed, signal.id),)
    answers = story.far.check("url", 1, near_misses)
    assert len({answers[one].signals for one in near_misses}) == 1000
