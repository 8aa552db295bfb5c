"""Publishers that lie: refused with the evidence, their feed stopped, everybody and everything else as before."""

import json

import pytest

from tocsin.v1 import exchange_pb2 as pb
from tocsin_node.errors import Unsound
from tocsin_node.testing.door import CallRefused
from tocsin_node.testing.liar import Entry, Replay, append, deliveries, second_root
from tocsin_node.testing.story import Story

BAD, NEXT = "https://bad.example/x", "https://next.example/"


def stopped(story: Story) -> str:
    followed = story.far.followed(story.feed)
    assert followed is not None
    assert followed.state == "stopped"
    return followed.why


@pytest.mark.parametrize("place", ["tags", "salts", "checkpoint"])
def test_one_flipped_bit_is_refused(story: Story, place: str) -> None:
    def flip(delivery: pb.Delivery) -> None:
        holder = delivery if place == "checkpoint" else delivery.segment
        found = bytearray(getattr(holder, place))
        found[-9] ^= 1
        setattr(holder, place, bytes(found))

    story.publish(BAD)
    story.fed.settle()
    story.fed.partition(story.hotline, story.near)
    story.fed.lie(story.hotline, deliveries(story.feed, flip))
    story.publish(NEXT)
    story.fed.settle()
    assert stopped(story).startswith("bad-signature:" if place == "checkpoint" else "wrong-root:")
    assert [origin for origin, _ in story.far.evidence()] == [story.feed]
    assert story.size(story.far) == 2
    story.fed.lie(story.hotline, None)
    story.fed.heal()
    story.fed.settle()
    assert story.effects(NEXT) == ["enforce", "ignore"], "who was told no lie goes on, who was stays stopped"


def test_a_second_root_for_one_size_is_a_fork_wherever_it_is_shown(story: Story) -> None:
    story.publish(BAD)
    story.fed.settle()
    story.fed.lie(story.hotline, second_root(story.hotline, story.feed, to=story.far.organisation))
    story.fed.settle()
    assert stopped(story).startswith("fork:")
    assert story.far.evidence() == [(story.feed, "fork")]
    assert story.effects(BAD) == ["enforce", "review"]
    story.fed.restart(story.far)
    story.fed.settle()
    assert stopped(story).startswith("fork:"), "it stays stopped"


def test_a_session_played_again_adds_nothing(story: Story) -> None:
    replay = Replay()
    story.fed.lie(story.hotline, replay)
    story.fed.drop(story.hotline, story.far)
    signal = story.publish(BAD)
    story.hotline.withdraw(signal)
    story.fed.settle()
    replay.again = True
    story.publish(NEXT)
    story.fed.settle()
    assert {code for _, code in story.far.evidence()} == {"gap"}
    assert story.size(story.far) == 3
    assert story.far.match("url", BAD).effect == "ignore", "what was withdrawn does not come back"


def test_a_publisher_restored_from_an_old_copy_is_told_so_by_its_followers_and_signs_no_size_twice(
    story: Story,
) -> None:
    copy = story.fed.snapshot(story.hotline)
    story.publish(BAD)
    story.fed.settle()
    story.fed.restore(story.hotline, copy)
    story.fed.settle()
    with pytest.raises(CallRefused, match="restored from an old copy"):
        story.publish(NEXT)
    assert [feed.state for feed in story.hotline.status().own] == ["frozen"]
    assert not story.far.evidence(), "smaller is behind, not a fork"
    assert story.effects(BAD) == ["enforce", "enforce"]


def test_an_old_database_under_a_high_water_mark_does_not_even_start(story: Story) -> None:
    copy = story.fed.snapshot(story.hotline)
    story.publish(BAD)
    story.fed.settle()
    with pytest.raises(Unsound, match="restored from an old copy"):
        story.fed.restore(story.hotline, copy, keep_marks=True)


def test_a_restored_publisher_that_publishes_before_it_hears_of_it_splits_the_view_and_is_caught(story: Story) -> None:
    copy = story.fed.snapshot(story.hotline)
    story.fed.partition(story.hotline, story.far)
    story.publish(BAD)
    story.fed.settle()
    story.fed.partition(story.hotline, story.near)
    story.fed.restore(story.hotline, copy)
    story.publish(NEXT)
    story.hotline.honest = False
    story.fed.heal(story.hotline, story.far)
    with pytest.raises(AssertionError, match=r"split view: near\.example and far\.example hold two roots of size 2"):
        story.fed.settle()
    story.fed.heal()
    with pytest.raises(AssertionError, match="split view"):
        story.fed.settle()
    assert [feed.state for feed in story.hotline.status().own] == ["frozen"], "the first follower that comes shows it"


def test_one_bad_record_in_a_page_is_left_out_and_the_rest_applies(story: Story) -> None:
    story.publish(BAD)
    story.fed.settle()
    tags = [bytes([number]) * 32 for number in range(1, 6)]
    good = json.dumps({"stance": "harmful", "salt": "00" * 16}).encode()
    details = [good, b"\xff not json", good, b'{"stance": 7}', b"[" * 4000]
    story.fed.stop(story.hotline)
    append(story.hotline, story.feed, [Entry(tag=t, details=d) for t, d in zip(tags, details, strict=True)])
    story.fed.start(story.hotline)
    story.fed.settle()
    answers = story.far.check("url", 1, tags)
    assert [tags.index(tag) for tag in answers if answers[tag].effect == "enforce"] == [0, 2]
    story.publish(NEXT)
    story.fed.settle()
    assert story.effects(NEXT) == ["enforce", "enforce"]
