"""What was taken back is gone everywhere, and nobody holds what was never meant for them."""

import grpc
import pytest

from tocsin.v1 import exchange_pb2, node_pb2 as pb
from tocsin_node.log.runs import stored_runs
from tocsin_node.testing.door import CallRefused
from tocsin_node.testing.liar import follow
from tocsin_node.testing.member import Member
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


@pytest.mark.parametrize("how", ["paused", "removed"])
def test_a_peer_paused_or_removed_gets_nothing_further(story: Story, how: str) -> None:
    story.publish(BAD)
    story.fed.settle()
    held = story.size(story.far)
    story.hotline.set_peer(story.far, how)
    story.publish("https://later.example/")
    story.fed.settle()
    assert (story.size(story.near), story.size(story.far)) == (held + 1, held)
    story.fed.advance(days=8)
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "review"], "what it still holds counts less from now on"


def leave_out(story: Story, how: str) -> None:
    """Make `far` no recipient any more, by the audience or by its policy's send."""
    if how == "audience":
        story.hotline.audience("reports", [story.near])
    else:
        story.hotline.treat(story.far, send=[])


@pytest.mark.parametrize("how", ["audience", "send"])
def test_who_is_no_recipient_any_more_hears_withdrawals_of_what_it_was_given_and_nothing_else(
    story: Story, how: str
) -> None:
    signal = story.publish(BAD)
    kept = story.publish("https://kept.example/")
    story.fed.settle()
    leave_out(story, how)
    later = story.publish("https://later.example/")
    story.fed.settle()
    assert story.effects(BAD) == ["enforce", "enforce"]
    story.hotline.withdraw(later, reason="legal_order")
    story.hotline.withdraw(signal, reason="over_broad")
    story.fed.settle()
    assert story.effects(BAD) == ["ignore", "ignore"]
    assert story.size(story.far) == story.size(story.near), "its copy is whole, and proves it"
    assert present(story, story.far) == [0, signal.id, kept.id, later.id + 2]
    story.fed.advance(days=8)
    story.fed.settle()
    assert story.effects("https://kept.example/") == ["enforce", "enforce"], "it would hear of a withdrawal"


def test_who_is_left_out_hears_a_withdrawal_made_while_it_was_away(story: Story) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    story.fed.stop(story.far)
    leave_out(story, "audience")
    story.hotline.withdraw(signal)
    story.fed.settle()
    story.fed.start(story.far)
    story.fed.settle()
    assert story.effects(BAD) == ["ignore", "ignore"]


def test_who_was_never_given_a_feed_hears_nothing_of_it(story: Story) -> None:
    secret = story.hotline.feed("secret", audience=[story.near])
    story.hotline.treat(story.near, send=["reports", "secret"])
    signal = story.hotline.publish(secret, "url", BAD)
    story.fed.settle()
    story.hotline.withdraw(signal)
    story.fed.settle()
    assert secret not in story.far.logs()


def test_who_is_let_in_again_gets_what_comes_from_then_on_and_not_what_was_withheld(story: Story) -> None:
    first = story.publish(BAD)
    story.fed.settle()
    leave_out(story, "audience")
    withheld = story.publish("https://withheld.example/")
    story.fed.settle()
    story.hotline.audience("reports", [story.near, story.far])
    again = story.publish("https://again.example/")
    story.fed.settle()
    assert story.effects("https://withheld.example/") == ["enforce", "ignore"]
    assert story.effects("https://again.example/") == ["enforce", "enforce"]
    found = story.hotline.ask("FeedRecipients", pb.FeedRecipientsRequest(feed="reports")).recipients
    [far] = [one for one in found if one.organisation == story.far.organisation]
    assert far.receives
    assert f"entry {withheld.id} was withheld from it before and stays so: publish again" in far.why
    told = {signal.id: explained(story, signal.id) for signal in (first, withheld, again)}
    assert told[first.id]["delivered", "assert"] == f"entry {first.id} is acknowledged"
    assert "is withheld from it" in told[withheld.id]["delivered", "assert"]
    assert told[again.id]["delivered", "assert"] == f"entry {again.id} is acknowledged"
    leave_out(story, "audience")
    for signal in (first, withheld, again):
        story.hotline.withdraw(signal)
    story.fed.settle()
    assert story.effects("https://again.example/") == ["ignore", "ignore"]
    size = story.size(story.far)
    assert present(story, story.far) == [0, first.id, again.id, size - 3, size - 1], "not the one it never had"
    story.fed.stop(story.far)
    story.fed.start(story.far)
    assert story.effects("https://again.example/") == ["ignore", "ignore"]


def test_feed_recipients_and_policy_explain_say_what_a_peer_left_out_still_gets(story: Story) -> None:
    signal = story.publish(BAD)
    story.fed.settle()
    leave_out(story, "audience")
    story.publish("https://later.example/")
    story.fed.settle()
    found = story.hotline.ask("FeedRecipients", pb.FeedRecipientsRequest(feed="reports")).recipients
    [far] = [one for one in found if one.organisation == story.far.organisation]
    told = f"it receives only withdrawals of what it was given (up to entry {signal.id})"
    assert (far.receives, far.why) == (False, f"it is not in the feed's audience: {told}")
    steps = explained(story, signal.id + 1)
    assert told in steps["send", "withdrawals"]
    assert "is withheld from it" in steps["delivered", "assert"]
    shown = story.hotline.ask("ShowSignal", pb.ShowSignalRequest(feed="reports", signal=signal.id + 1))
    assert list(shown.events[0].held_by) == [story.near.organisation]


def explained(story: Story, signal: int) -> dict[tuple[str, str], str]:
    """What `policy explain` says of a signal as between the hotline and the far member."""
    request = pb.ExplainPolicyRequest(feed="reports", signal=signal, peer=story.far.organisation)
    answer = story.hotline.ask("ExplainPolicy", request)
    return {(step.stage, step.name): step.why for step in answer.steps}


def present(story: Story, member: Member) -> list[int]:
    """The entries of the feed that a member holds as more than a leaf hash."""
    with member.store() as store, store.read() as session:
        record = session.one("SELECT id FROM log WHERE origin = ?", (story.feed,))
        assert record is not None
        return [int(index) for run, _ in stored_runs(session, record[0]) for index in run.indices()]


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
    assert max(present(story, story.far)) < before - 1, "it had not read everything when it was left out"


def test_an_empty_audience_is_refused_and_one_that_was_emptied_reaches_nobody(story: Story) -> None:
    with pytest.raises(CallRefused, match="no audience of that name with a member"):
        story.hotline.feed("nobody", audience=[])
    story.hotline.audience("reports", [])
    story.publish(BAD)
    story.fed.settle()
    assert story.size(story.near) == story.size(story.far) == 1, "who was given the opening alone hears nothing more"


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
