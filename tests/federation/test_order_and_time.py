"""Positions are numbers in a gap-free log: neither equal times nor wrong clocks nor odd cursors skip anything."""

import grpc
import pytest

from tocsin.v1 import exchange_pb2 as pb
from tocsin_node.testing.liar import Heard, follow
from tocsin_node.testing.story import Story

HOUR_MS = 3_600_000


def test_ten_thousand_entries_of_one_time_arrive_once_each_over_a_broken_connection(story: Story) -> None:
    values = [f"https://bad.example/{number}" for number in range(10_000)]
    story.hotline.publish_all(story.feed, "url", values)
    story.fed.run(0.3)
    story.fed.drop(story.hotline, story.near)
    story.fed.settle()
    assert story.size(story.near) == story.size(story.far) == 10_001
    for number in (0, 4095, 4096, 8191, 8192, 9_999):
        assert story.near.match("url", values[number]).signals == ((story.feed, number + 1),)


def test_a_clock_set_back_at_the_publisher_loses_nothing_and_times_never_decrease(story: Story) -> None:
    story.fed.advance(hours=12)
    story.fed.run(1)
    latest = story.hotline.clock() + 2 * HOUR_MS
    for hours in (0, -1, 2, -3, -2, 0):
        story.hotline.clock.skew_ms = hours * HOUR_MS
        story.publish(f"https://bad.example/{hours}/{story.size(story.hotline)}")
        story.fed.restart(story.hotline)
    story.fed.settle()
    assert story.size(story.near) == 7
    with story.near.store() as store, store.read() as session:
        record = session.one("SELECT last_time FROM log_head JOIN log ON id = log WHERE origin = ?", [story.feed])
    assert record is not None
    assert int(record[0]) >= latest, "the latest time it ever gave"


def test_a_member_behind_its_founder_publishes_at_once(story: Story) -> None:
    story.fed.befriend(story.near, story.far, send=["own"], believe="review")
    story.near.clock.skew_ms = -5 * 60_000
    founded = story.fed.community(story.hotline, story.near, story.far, name="second")
    feed = story.near.feed("own", audience=[story.far], community=founded)
    story.near.publish(feed, "url", "https://bad.example/")
    story.fed.settle()
    assert story.far.match("url", "https://bad.example/").effect == "review"


def test_a_signal_from_a_clock_far_ahead_counts_when_its_time_comes_and_the_feed_goes_on(story: Story) -> None:
    story.hotline.clock.skew_ms = 2 * HOUR_MS
    story.publish("https://early.example/")
    story.fed.settle()
    assert story.effects("https://early.example/") == ["ignore", "ignore"]
    peer = next(iter(story.near.status().followed))
    assert peer.state == "live"
    story.fed.advance(hours=2)
    assert story.effects("https://early.example/") == ["enforce", "enforce"]


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_follower_with_a_wrong_clock_holds_the_same_entries(story: Story, hours: int) -> None:
    story.far.clock.skew_ms = hours * HOUR_MS
    signal = story.publish("https://one.example/")
    story.publish("https://two.example/")
    story.hotline.withdraw(signal)
    story.fed.settle()
    assert story.far.logs()[story.feed] == story.hotline.logs()[story.feed]
    assert story.far.match("url", "https://one.example/").effect == "ignore"


def test_a_signal_that_expired_matches_nowhere_from_that_moment(story: Story) -> None:
    until = story.hotline.clock() + 10 * HOUR_MS
    story.hotline.publish(story.feed, "url", "https://brief.example/", valid_until=until)
    story.fed.settle()
    assert story.effects("https://brief.example/") == ["enforce", "enforce"]
    story.fed.advance(hours=10)
    assert story.effects("https://brief.example/") == ["ignore", "ignore"]


def opened(story: Story, position: int, checkpoint: bytes = b"", responses: int = 1) -> Heard:
    request = pb.FollowRequest(open=pb.Open(origin=story.feed, next=position, checkpoint=checkpoint))
    return follow(story.fed, story.near, story.hotline, request, responses=responses)


def test_a_cursor_in_the_middle_of_a_batch_gets_the_rest_of_it(story: Story) -> None:
    story.hotline.publish_all(story.feed, "url", [f"https://bad.example/{number}" for number in range(300)])
    for position in (0, 1, 2, 255, 256, 257, 300):
        heard = opened(story, position)
        segment = heard.responses[0].delivery.segment
        assert (segment.first, segment.first + segment.count) == (position, 1 if position == 0 else 301)


@pytest.mark.parametrize("position", [3, 301, 2**63, 2**64 - 1])
def test_a_cursor_beyond_the_end_is_told_so(story: Story, position: int) -> None:
    story.publish("https://bad.example/")
    heard = opened(story, position)
    assert heard.code is grpc.StatusCode.FAILED_PRECONDITION
    assert f"from {position} on are asked for; this node holds 2" in heard.sentence


def test_cursors_with_a_checkpoint_of_something_else_are_refused(story: Story) -> None:
    story.publish("https://bad.example/")
    story.hotline.treat(story.near, send=["reports", "other"])
    other = story.hotline.feed("other", audience=[story.near])
    note = follow(story.fed, story.near, story.hotline, pb.FollowRequest(open=pb.Open(origin=other)))
    for false in (note.responses[0].delivery.checkpoint, b"\0", b"x" * 10_000):
        assert opened(story, 0, false).code is grpc.StatusCode.INVALID_ARGUMENT


def test_acks_of_what_was_never_sent_end_the_stream_and_change_nothing(story: Story) -> None:
    story.publish("https://bad.example/")
    story.fed.settle()
    before = story.hotline.status().own[0].delivered
    opening = pb.FollowRequest(open=pb.Open(origin=story.feed))
    for ack in (pb.Ack(size=1, root=b"\1" * 32), pb.Ack(size=99, root=b"\1" * 32), pb.Ack(size=1)):
        heard = follow(story.fed, story.near, story.hotline, opening, pb.FollowRequest(ack=ack), responses=99)
        assert heard.code is grpc.StatusCode.INVALID_ARGUMENT
    assert follow(story.fed, story.near, story.hotline, opening, opening, responses=99).code is (
        grpc.StatusCode.INVALID_ARGUMENT
    )
    assert story.hotline.status().own[0].delivered == before
    story.fed.settle()
