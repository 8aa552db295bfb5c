"""Clear feeds: PDQ hashes travel as they are to a named audience, and near ones match like any signal."""

import json
from typing import Any

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.limits import CHECK_NEAR, NEAR_PER_FEED
from tocsin_node.testing.door import CallRefused
from tocsin_node.testing.member import Member
from tocsin_node.testing.story import Story

PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
DAY_MS = 86_400_000


def apart(bits: int, *, start: int = 0) -> str:
    """A hash that differs from PDQ in so many bits."""
    return f"{int(PDQ, 16) ^ (((1 << bits) - 1) << start):064x}"


def pictures(story: Story) -> str:
    """A clear feed of the hotline's that only `near` may follow; its origin."""
    story.hotline.audience("pictures", [story.near])
    story.hotline.treat(story.near, send=["reports", "pictures"])
    request = pb.CreateFeedRequest(name="pictures", audience="pictures", clear=True)
    origin = str(story.hotline.ask("CreateFeed", request).feed.origin)
    story.fed.settle()
    return origin


def verdict(member: Member, value: str, *, kind: str = "pdq", distance: int | None = None) -> pb.Verdict:
    query = pb.Query(type=kind, value=value, distance=distance)
    return member.ask("Match", pb.MatchRequest(queries=[query])).verdicts[0]


def found(member: Member, value: str, distance: int | None = None) -> list[tuple[int, int]]:
    """(signal, distance) of every assertion behind the verdict."""
    return [(one.signal, one.distance) for one in verdict(member, value, distance=distance).assertions]


def refused(member: Member, feed: str, kind: str, value: str) -> list[tuple[str, str]]:
    row = pb.PublishRow(line=1, type=kind, value=value)
    chunk = pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=[row])
    (answer,) = member.call(
        "Publish", [pb.PublishRequest(start=pb.PublishStart(feed=feed)), pb.PublishRequest(chunk=chunk)]
    )
    return [(one.reason, one.sentence) for one in answer.refused]


def audit(member: Member, event: str) -> list[dict[str, Any]]:
    """Audit entries of one kind."""
    with member.store() as store, store.read() as session:
        entries = [json.loads(bytes(body)) for (body,) in session.all("SELECT envelope FROM audit_entry ORDER BY idx")]
    return [entry for entry in entries if entry["ev"] == event]


def test_a_follower_finds_what_is_near_with_its_distance_until_it_is_withdrawn(story: Story) -> None:
    feed = pictures(story)
    signal = story.hotline.publish(feed, "pdq", PDQ)
    story.fed.settle()
    assert found(story.near, PDQ.upper()) == [(signal.id, 0)]
    assert found(story.near, apart(31)) == [(signal.id, 31)]
    assert found(story.near, apart(32)) == []
    near = verdict(story.near, apart(31))
    assert near.effect == pb.EFFECT_ENFORCE
    assert near.reasons == [f"{feed} signal {signal.id} (pdq, harmful, 31 bits away): enforce by rule rule[0]"]
    story.hotline.withdraw(signal)
    story.fed.settle()
    assert found(story.near, PDQ) == found(story.near, apart(31)) == []


def test_the_distance_of_a_look_up_may_be_lowered_and_not_raised(story: Story) -> None:
    signals = [story.hotline.publish(pictures(story), "pdq", apart(8)).id]
    story.fed.settle()
    assert found(story.near, PDQ, 8) == [(signals[0], 8)]
    assert found(story.near, PDQ, 7) == []
    assert found(story.near, apart(8), 0) == [(signals[0], 0)]
    assert verdict(story.near, PDQ, distance=32).reject == "distance"
    assert verdict(story.near, "https://a.example/", kind="url", distance=3).reject == "distance"


def test_a_check_by_value_finds_what_a_match_finds(story: Story) -> None:
    signal = story.hotline.publish(pictures(story), "pdq", PDQ)
    story.fed.settle()
    asked = [bytes.fromhex(apart(bits)) for bits in (0, 20, 60)]
    assert [found.signals for found in story.near.check("pdq", 0, asked).values()] == [((signal.feed, signal.id),)] * 2
    assert list(story.near.check("pdq", 0, asked, distance=19)) == asked[:1]
    with pytest.raises(CallRefused, match="under no epoch"):
        story.near.check("pdq", 1, asked)
    with pytest.raises(CallRefused, match="0 to 31"):
        story.near.check("pdq", 0, asked, distance=32)
    with pytest.raises(CallRefused, match="at most 4096"):
        story.near.check("pdq", 0, asked[:1] * (CHECK_NEAR + 1))


def test_what_has_expired_is_found_by_nobody(story: Story) -> None:
    feed = pictures(story)
    short = story.hotline.publish(feed, "pdq", PDQ, valid_until=story.fed.now() + DAY_MS)
    long = story.hotline.publish(feed, "pdq", apart(3))
    story.fed.settle()
    assert found(story.near, apart(1)) == [(short.id, 1), (long.id, 2)]
    story.fed.advance(days=2)
    assert found(story.near, apart(1)) == [(long.id, 2)]


def test_a_silent_publisher_caps_near_matches_at_review(story: Story) -> None:
    story.hotline.publish(pictures(story), "pdq", PDQ)
    story.fed.settle()
    story.fed.partition(story.hotline, story.near)
    story.fed.advance(days=8)
    story.fed.settle()
    assert verdict(story.near, apart(4)).effect == pb.EFFECT_REVIEW
    assert verdict(story.near, apart(4)).assertions[0].caps == ["feed-silent"]


def test_a_revision_counts_and_publishing_again_changes_nothing(story: Story) -> None:
    feed = pictures(story)
    first = story.hotline.publish(feed, "pdq", PDQ)
    assert story.hotline.publish(feed, "pdq", PDQ.upper() + ",99") == first
    assert story.hotline.publish(feed, "pdq", PDQ, stance="suspected") == first
    story.fed.settle()
    assert verdict(story.near, apart(2)).assertions[0].signal == first.id
    assert json.loads(verdict(story.near, apart(2)).assertions[0].details)["stance"] == "suspected"


def test_rotating_a_community_leaves_clear_feeds_as_they_are(story: Story) -> None:
    feed = pictures(story)
    signal = story.hotline.publish(feed, "pdq", PDQ)
    story.hotline.ask("RotateCommunity", pb.RotateRequest(community="main.hotline.example"))
    story.hotline.publish(feed, "pdq", apart(9))
    story.fed.settle()
    assert found(story.near, PDQ) == [(signal.id, 0), (signal.id + 1, 9)]


def test_only_the_named_audience_receives_it(story: Story) -> None:
    feed = pictures(story)
    story.hotline.publish(feed, "pdq", PDQ)
    story.fed.settle()
    assert feed in story.near.logs()
    assert feed not in story.far.logs()
    assert found(story.far, PDQ) == []


def test_a_clear_feed_has_no_community_is_not_served_on_and_has_an_audience(story: Story) -> None:
    story.hotline.audience("empty", [])
    for request, says in (
        (pb.CreateFeedRequest(name="p", audience="reports", clear=True, relay=True), "never served on"),
        (
            pb.CreateFeedRequest(name="p", audience="reports", clear=True, community="main.hotline.example"),
            "no community",
        ),
        (pb.CreateFeedRequest(name="p", audience="empty", clear=True), "audience"),
        (pb.CreateFeedRequest(name="p", audience="unknown", clear=True), "audience"),
        (pb.CreateFeedRequest(name="p", audience="", clear=True), "audience"),
        (pb.CreateFeedRequest(name="p", audience="reports"), "community"),
    ):
        with pytest.raises(CallRefused, match=says):
            story.hotline.ask("CreateFeed", request)
    feed = pictures(story)
    story.near.audience("others", [story.far])
    with pytest.raises(CallRefused, match="does not permit"):
        story.near.ask("RelayFeed", pb.RelayFeedRequest(feed=feed, audience="others"))


def test_hashes_go_into_clear_feeds_and_nothing_else_does(story: Story) -> None:
    feed = pictures(story)
    ((reason, sentence),) = refused(story.hotline, story.feed, "pdq", PDQ)
    assert reason == "clear-type"
    assert "tocsin feed create --clear" in sentence
    ((reason, sentence),) = refused(story.hotline, feed, "url", "https://a.example/")
    assert reason == "clear-feed"
    assert "publish it in a feed of a community" in sentence
    assert [one[0] for one in refused(story.hotline, feed, "photodna", "00" * 144)] == ["clear-feed"]
    assert [one[0] for one in refused(story.hotline, feed, "pdq", PDQ + ",49")] == ["guard:quality"]


def test_it_is_withdrawn_by_value_from_its_own_feed_only(story: Story) -> None:
    feed = pictures(story)
    signal = story.hotline.publish(feed, "pdq", PDQ)
    story.fed.settle()

    def withdraw(where: str, kind: str, value: str) -> pb.WithdrawResponse:
        request = pb.WithdrawRequest(feed=where, reason="false_positive", required_action="stop_matching")
        request.identifiers.add(type=kind, value=value)
        return story.hotline.ask("Withdraw", request)

    assert withdraw(feed, "url", "https://a.example/").not_found == 1
    assert withdraw(story.feed, "pdq", PDQ).not_found == 1
    assert withdraw(feed, "pdq", apart(1)).not_found == 1
    assert list(withdraw(feed, "pdq", PDQ).withdrawn) == [signal.id]
    story.fed.settle()
    assert found(story.near, PDQ) == []


def test_a_publisher_with_many_near_one_another_crowds_out_only_itself(story: Story) -> None:
    far = story.far
    far.audience("pictures", [story.near])
    far.pin(story.near)
    story.near.pin(far)
    far.treat(story.near, send=["pictures"])
    story.near.treat(far, believe="shadow")
    far.ask("CreateFeed", pb.CreateFeedRequest(name="pictures", audience="pictures", clear=True))
    crowd = [apart(2, start=start) for start in range(NEAR_PER_FEED + 6)]
    far.publish_all("far.example/feed/pictures", "pdq", crowd)
    signal = story.hotline.publish(pictures(story), "pdq", apart(25))
    story.fed.settle()
    answer = verdict(story.near, PDQ)
    assert answer.effect == pb.EFFECT_ENFORCE
    assert len(answer.assertions) == NEAR_PER_FEED + 1
    assert (answer.assertions[-1].signal, answer.assertions[-1].distance) == (signal.id, 25)
    assert answer.reasons[-1].startswith("6 more near matches are not listed")


def test_near_matches_are_found_again_after_a_restart(story: Story) -> None:
    signal = story.hotline.publish(pictures(story), "pdq", PDQ)
    story.fed.settle()
    story.fed.restart(story.near)
    assert found(story.near, apart(7)) == [(signal.id, 7)]


def test_look_ups_are_counted_and_no_audit_entry_holds_a_hash(story: Story) -> None:
    story.hotline.publish(pictures(story), "pdq", PDQ)
    story.fed.settle()
    queries = [pb.Query(type="pdq", value=apart(bits)) for bits in (5, 50)]
    story.near.ask("Match", pb.MatchRequest(queries=queries, purpose="triage"))
    story.fed.stop(story.near)
    (entry,) = [one for one in audit(story.near, "lookup.done") if one["about"]["purpose"] == "triage"]
    assert entry["n"] == {"items": 2, "enforce": 1}
    for member in (story.near, story.hotline):
        with member.store() as store, store.read() as session:
            envelopes = [bytes(one) for (one,) in session.all("SELECT envelope FROM audit_entry")]
        assert not any(PDQ[:8].encode() in one or bytes.fromhex(PDQ)[:8] in one for one in envelopes)
    (made,) = [one for one in audit(story.hotline, "feed.created") if one["about"]["feed"] == "pictures"]
    assert made["about"] == {"feed": "pictures", "audience": "pictures"}


def test_what_was_published_is_shown_and_explained_without_a_key(story: Story) -> None:
    feed = pictures(story)
    signal = story.hotline.publish(feed, "pdq", PDQ)
    story.fed.settle()
    shown = story.hotline.ask("ShowSignal", pb.ShowSignalRequest(feed=feed, signal=signal.id))
    assert (shown.identifier, shown.state, shown.type) == (PDQ, "live", "pdq")
    there = story.near.ask("ShowSignal", pb.ShowSignalRequest(feed=feed, signal=signal.id))
    assert (there.identifier, there.state) == ("", "live")
    explained = story.near.ask(
        "ExplainPolicy", pb.ExplainPolicyRequest(feed=feed, signal=signal.id, peer=story.hotline.organisation)
    )
    assert explained.effect == pb.EFFECT_ENFORCE
    assert not any(step.stage == "community" for step in explained.steps)
