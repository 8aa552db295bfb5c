"""Messages have a size, readers a pace, and neither is anybody else's trouble."""

import pytest
from google.protobuf.message import Message

from tocsin.v1 import exchange_pb2 as pb, node_pb2
from tocsin_node.errors import Exhausted
from tocsin_node.exchange.copy import Copy
from tocsin_node.limits import MESSAGE_BYTES, RETRY_MAX_S, SEGMENT_BYTES, UNACKNOWLEDGED
from tocsin_node.testing.story import Story


def test_segments_are_cut_by_their_bytes_not_only_by_their_entries(story: Story) -> None:
    seen: list[int] = []

    def watch(message: Message, _: str) -> list[Message]:
        if isinstance(message, pb.FollowResponse) and message.WhichOneof("message") == "delivery":
            seen.append(message.delivery.segment.ByteSize())
        return [message]

    story.fed.lie(story.hotline, watch)
    for number in range(40):
        tags = [f"{number}-{word}-{'x' * 60}" for word in range(32)]
        values = [f"https://bad.example/{number}/{row}" for row in range(60)]
        story.hotline.publish_all(story.feed, "url", values, tags=tags)
    story.fed.stop(story.far)
    story.fed.settle()
    story.fed.start(story.far)
    story.fed.settle()
    assert story.size(story.near) == story.size(story.far) == 2401
    assert max(seen) <= SEGMENT_BYTES


def test_a_slow_reader_is_sent_no_more_than_it_acknowledges_and_holds_up_nobody(story: Story) -> None:
    story.fed.slow(story.far, seconds=10)
    for number in range(60):
        story.publish(f"https://bad.example/{number}")
    story.fed.run(25)
    assert story.size(story.near) == 61
    behind = story.size(story.far)
    assert behind < 10
    arrived = [line for line in story.fed.hub.trace if "hotline.example > far.example Follow delivery" in line]
    assert len(arrived) <= behind + UNACKNOWLEDGED
    story.fed.slow(story.far, seconds=0)
    story.fed.settle()
    assert story.size(story.far) == 61


def test_a_message_beyond_the_limit_ends_its_call_and_the_feed_goes_on_when_it_is_gone(story: Story) -> None:
    def swollen(message: Message, follower: str) -> list[Message | bytes]:
        if follower == story.far.organisation and isinstance(message, pb.FollowResponse):
            return [
                message.SerializeToString() + b"\xfa\x3e" + bytes([0x80, 0x80, 0x80, 0x01]) + bytes(2 * MESSAGE_BYTES)
            ]
        return [message]

    story.fed.lie(story.hotline, swollen)
    story.publish("https://bad.example/")
    story.fed.settle()
    assert (story.size(story.near), story.size(story.far)) == (2, 1)
    followed = story.far.followed(story.feed)
    assert followed is not None
    assert followed.state != "stopped", "a connection that does not work is no proof of anything"
    story.fed.lie(story.hotline, None)
    story.fed.settle()
    assert story.size(story.far) == 2


def test_a_frozen_publisher_is_noticed_by_its_silence_and_found_again(story: Story) -> None:
    story.fed.freeze(story.hotline, story.far)
    story.publish("https://bad.example/")
    before = link(story)
    story.fed.run(60)
    assert before == "live", "nothing tells of a frozen publisher, except its silence"
    assert link(story).startswith(("unreachable", "connecting"))
    assert story.size(story.far) == 1
    story.fed.heal()
    story.fed.settle()
    assert link(story) == "live"
    assert story.size(story.far) == 2


def link(story: Story) -> str:
    request = node_pb2.ListPeersRequest(organisation=story.hotline.organisation)
    return story.far.ask("ListPeers", request).peers[0].link


def test_a_paused_peer_hears_that_it_is_paused_and_is_not_told_that_there_is_nothing(story: Story) -> None:
    story.hotline.set_peer(story.far, "paused")
    story.fed.settle()
    assert "paused" in link(story)
    story.publish("https://bad.example/")
    story.hotline.set_peer(story.far, "active")
    story.fed.settle()
    assert link(story) == "live"
    assert story.effects("https://bad.example/") == ["enforce", "enforce"]


def test_a_follower_whose_disk_is_full_asks_more_and_more_seldom_and_goes_on_once_there_is_room(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise Exhausted("the disk is full; nothing of it happened")

    with monkeypatch.context() as patched:
        patched.setattr(Copy, "commit", full)
        story.publish("https://bad.example/")
        begun = len(story.fed.hub.trace)
        story.fed.run(600)
        tried = [line for line in story.fed.hub.trace[begun:] if "far.example > hotline.example Hello" in line]
        assert story.size(story.far) == 1
        assert 600 / RETRY_MAX_S <= len(tried) < 100, "every session begins well, and ends at its first acknowledgement"
    story.fed.run(2 * RETRY_MAX_S)
    assert story.size(story.far) == 2
