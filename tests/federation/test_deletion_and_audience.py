"""What was taken back is gone everywhere, and nobody holds what was never meant for them."""

import grpc
import pytest

from tocsin.v1 import exchange_pb2, node_pb2 as pb
from tocsin_node.testing.door import CallRefused
from tocsin_node.testing.liar import follow
from tocsin_node.testing.story import Story

BAD = "https://bad.example/x"


def test_a_withdrawal_reaches_everybody_who_was_given_the_signal(story: Story) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "enforce"]
    story.hotline.withdraw(signal)
    story.fed.settle()
    assert story.effects(BAD) == ["ignore", "ignore"]


@pytest.mark.parametrize("absence", ["partition", "freeze", "stop", "crash"])
def test_a_withdrawal_reaches_who_was_away_when_it_was_made(story: Story, absence: str) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    if absence in {"partition", "freeze"}:
        getattr(story.fed, absence)(story.hotline, story.far)
    else:
        getattr(story.fed, absence)(story.far)
    story.hotline.withdraw(signal)
    story.fed.settle()
    assert story.near.match("url", BAD).effect == "ignore"
    if absence in {"partition", "freeze"}:
        assert story.far.match("url", BAD).effect == "enforce"
        story.fed.heal()
    else:
        story.fed.start(story.far)
    story.fed.settle()
    assert story.effects(BAD) == ["ignore", "ignore"]


def test_sixty_days_away_are_caught_up_without_a_gap(story: Story) -> None:
    signals = [story.publish(f"https://bad.example/{number}") for number in range(5)]
    story.fed.settle()
    story.fed.stop(story.far)
    for signal in signals[:3]:
        story.fed.advance(days=20)
        story.hotline.withdraw(signal)
    story.fed.start(story.far)
    story.fed.settle()
    assert [story.far.match("url", f"https://bad.example/{number}").effect for number in range(5)] == [
        *("ignore", "ignore", "ignore"),
        *("enforce", "enforce"),
    ]


def test_a_feed_not_heard_from_for_eight_days_is_believed_less(story: Story) -> None:
    story.publish(BAD)
    story.fed.settle()
    story.fed.partition(story.hotline, story.far)
    story.fed.advance(days=8)
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "review"]
    story.fed.heal()
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "enforce"]


@pytest.mark.parametrize("how", ["audience", "send", "paused", "removed"])
def test_who_is_no_recipient_any_more_gets_nothing_further(story: Story, how: str) -> None:
    story.publish(BAD)
    story.fed.settle()
    held = story.size(story.far)
    if how == "audience":
        story.hotline.audience("reports", [story.near])
    elif how == "send":
        story.hotline.treat(story.far, send=[])
    else:
        story.hotline.set_peer(story.far, how)
    story.publish("https://later.example/")
    story.fed.settle()
    assert (story.size(story.near), story.size(story.far)) == (held + 1, held)
    story.fed.advance(days=8)
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "review"], "what it still holds counts less from now on"


def test_who_is_let_in_again_gets_everything_it_missed_and_loses_what_was_withdrawn(story: Story) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    story.hotline.audience("reports", [story.near])
    story.hotline.withdraw(signal)
    story.fed.settle()
    story.hotline.audience("reports", [story.near, story.far])
    story.fed.settle()
    assert story.effects(BAD) == ["ignore", "ignore"]


def test_an_audience_narrowed_while_segments_are_under_way_lets_out_no_later_one(story: Story) -> None:
    story.fed.slow(story.far, seconds=2)
    for number in range(20):
        story.publish(f"https://bad.example/{number}")
    story.fed.run(6)
    story.hotline.audience("reports", [story.near])
    before = story.size(story.hotline)
    for number in range(20, 30):
        story.publish(f"https://bad.example/{number}")
    story.fed.settle()
    assert story.size(story.near) == before + 10
    assert story.size(story.far) < before, "it had not read everything when it was left out"


def test_an_empty_audience_is_refused_and_one_that_was_emptied_reaches_nobody(story: Story) -> None:
    with pytest.raises(CallRefused, match="no audience of that name with a member"):
        story.hotline.feed("nobody", audience=[])
    story.hotline.audience("reports", [])
    story.publish(BAD)
    story.fed.settle()
    assert story.size(story.near) == story.size(story.far) == 1


def test_forbidden_and_unknown_feeds_look_the_same(story: Story) -> None:
    secret = story.hotline.feed("secret", audience=[story.near])
    asked = [
        follow(story.fed, story.far, story.hotline, exchange_pb2.FollowRequest(open=exchange_pb2.Open(origin=origin)))
        for origin in (secret, "hotline.example/feed/none", "near.example/feed/x", "hotline.example/audit/2025", "")
    ]
    assert {one.code for one in asked} == {grpc.StatusCode.NOT_FOUND}
    assert len({one.sentence for one in asked}) == 1
    story.fed.settle()
    assert secret not in story.far.logs()


def test_a_member_left_out_of_the_next_epoch_holds_its_tags_and_matches_none(story: Story) -> None:
    story.publish(BAD)
    story.fed.settle()
    rotate = pb.RotateRequest(community="main.hotline.example", remove=[story.far.organisation])
    [invite] = story.hotline.ask("RotateCommunity", rotate).invites
    story.near.ask("JoinCommunity", pb.JoinRequest(invite=invite.invite))
    story.publish("https://new.example/")
    story.fed.settle()
    assert story.size(story.far) == story.size(story.near)
    assert story.effects("https://new.example/") == ["enforce", "ignore"]
