import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tocsin_crypto.epoch import open_epoch, sign_epoch
from tocsin_crypto.invite import InvitedEpoch, make_invite
from tocsin_crypto.tag import TagRequest, tag_batch
from tocsin_node.community.service import EPOCH_MS, INVITE_MS, OVERLAP_MS, Communities
from tocsin_node.errors import Invalid, Misbehaviour, NodeError, NotFound, Refused, Unsound
from tocsin_node.log.envelope import Actor
from tocsin_node.peers.service import Peers
from tocsin_node.testing.core import NOW, Clock
from tocsin_node.testing.made import Made, Organisation, open_made

OPERATOR = Actor("operator", "operator")
DEMO = "demo.hotline.example"
DAY = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Side:
    """One node, as far as communities need it."""

    made: Made
    peers: Peers
    communities: Communities

    def again(self) -> Communities:
        return _communities(self.made, self.peers)

    def events(self) -> list[str]:
        return self.made.core.events()


def _communities(made: Made, peers: Peers) -> Communities:
    core = made.core
    return Communities(
        store=core.store, writer=core.writer, own=made.own, keys=made.keys, peers=peers, clock=core.clock
    )


def _side(made: Made) -> Side:
    peers = Peers(store=made.core.store, writer=made.core.writer, own=made.own, clock=made.core.clock)
    return Side(made, peers, _communities(made, peers))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def founder(tmp_path: Path, clock: Clock) -> Iterator[Side]:
    with open_made(tmp_path / "founder", "hotline.example", clock=clock) as made:
        yield _side(made)


@pytest.fixture
def member(tmp_path: Path, clock: Clock) -> Iterator[Side]:
    with open_made(tmp_path / "member", "platform.example", clock=clock) as made:
        yield _side(made)


async def _introduce(one: Side, two: Side) -> None:
    for a, b in ((one, two), (two, one)):
        await a.peers.add(b.made.own.signed.note_bytes, b.made.own.fingerprint, actor=OPERATOR)


async def _invited(founder: Side, member: Side) -> bytes:
    await _introduce(founder, member)
    await founder.communities.create("demo", actor=OPERATOR)
    return (await founder.communities.invite(DEMO, "platform.example", actor=OPERATOR)).note


@pytest.mark.asyncio
async def test_the_founder_is_a_member_with_an_epoch_of_ninety_days(founder: Side) -> None:
    community = await founder.communities.create("demo", actor=OPERATOR)
    descriptor = community.newest.descriptor
    assert (community.id, community.founder, descriptor.number) == (DEMO, "hotline.example", 1)
    assert (descriptor.publish_from, descriptor.publish_until) == (NOW, NOW + 90 * DAY)
    assert descriptor.match_until == NOW + 104 * DAY
    assert set(descriptor.protection.values()) == {"keyed"}
    assert founder.communities.publishing(DEMO, NOW) == community.newest.key
    assert founder.communities.matching(NOW) == [community.newest.key]
    assert founder.communities.ids() == (DEMO,)
    assert founder.events()[-1] == "community.created"
    assert founder.again().all() == founder.communities.all()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["", "Demo", "de.mo", "-x", "x" * 64])
async def test_a_bad_name_founds_nothing(founder: Side, name: str) -> None:
    with pytest.raises(Invalid, match="the community's name is not"):
        await founder.communities.create(name, actor=OPERATOR)
    assert not founder.made.home.epochs.exists()


@pytest.mark.asyncio
async def test_a_community_is_founded_once_even_at_once(founder: Side) -> None:
    results = await asyncio.gather(
        *(founder.communities.create("demo", actor=OPERATOR) for _ in range(3)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Refused)]
    assert [str(error) for error in refused] == [f"the community {DEMO} exists already"] * 2
    assert founder.again().all() == founder.communities.all()


@pytest.mark.asyncio
async def test_an_invited_member_makes_the_same_tags(founder: Side, member: Side) -> None:
    invite = await _invited(founder, member)
    community = await member.communities.join(invite, actor=OPERATOR)
    assert community.founder == "hotline.example"
    request = [TagRequest("url/1", "url", "example.com/b/c")]
    ours, theirs = (side.communities.publishing(DEMO, NOW) for side in (founder, member))
    assert tag_batch(ours, request) == tag_batch(theirs, request)
    assert member.again().all() == member.communities.all()
    assert founder.communities.members(DEMO) == ("platform.example",)


@pytest.mark.asyncio
async def test_both_sides_log_the_invite_by_its_id(founder: Side, member: Side) -> None:
    await member.communities.join(await _invited(founder, member), actor=OPERATOR)
    sent, taken = founder.made.core.audit()[-1], member.made.core.audit()[-1]
    assert (sent["ev"], sent["peer"]) == ("community.invited", "platform.example")
    assert (taken["ev"], taken["peer"]) == ("community.joined", "hotline.example")
    assert sent["about"] == taken["about"]
    assert set(sent["about"]) == {"community", "epoch", "invite", "key_id"}


@pytest.mark.asyncio
async def test_the_same_invite_again_changes_nothing(founder: Side, member: Side) -> None:
    invite = await _invited(founder, member)
    first = await member.communities.join(invite, actor=OPERATOR)
    before = member.events()
    assert await member.communities.join(invite, actor=OPERATOR) == first
    assert member.events() == before


@pytest.mark.asyncio
async def test_no_key_lies_in_the_open(founder: Side, member: Side) -> None:
    invite = await _invited(founder, member)
    await member.communities.join(invite, actor=OPERATOR)
    key = founder.communities.publishing(DEMO, NOW).key
    for side in (founder, member):
        files = [path.read_bytes() for path in side.made.home.root.rglob("*") if path.is_file()]
        assert not any(key in data or key.hex().encode() in data for data in files)
    assert key not in invite
    assert "key=" not in repr(founder.communities.get(DEMO)).replace("key=EpochKey", "")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("case", "family", "told"),
    [
        ("empty", Invalid, "the invite cannot be accepted: "),
        ("huge", Invalid, "an invite has at most 65536 bytes"),
        ("altered", Invalid, "the invite cannot be accepted: "),
        ("a card", Invalid, "the invite cannot be accepted: the invite does not begin with"),
        ("for another", Refused, "the invite is for third.example, not for platform.example"),
        ("expired", Refused, "the invite expired at "),
        ("founder removed", Refused, "the invite is of hotline.example, which is not a peer"),
        ("founder's card over", Refused, "the card of hotline.example expired"),
        ("own", Refused, "the invite is to a community that this node founded"),
    ],
)
async def test_an_invite_that_does_not_count_is_refused_with_one_sentence(
    founder: Side, member: Side, clock: Clock, case: str, family: type[NodeError], told: str
) -> None:
    invite, taker = await _invited(founder, member), member
    match case:
        case "empty":
            invite = b""
        case "huge":
            invite += b"\n" * 65536
        case "altered":
            invite = invite.replace(b'"not_after":1', b'"not_after":2')
        case "a card":
            invite = founder.made.own.signed.note_bytes
        case "for another":
            third = Organisation.make("third.example")
            await founder.peers.add(third.card, third.fingerprint, actor=OPERATOR)
            invite = (await founder.communities.invite(DEMO, "third.example", actor=OPERATOR)).note
        case "expired":
            clock.now += INVITE_MS
        case "founder removed":
            await member.peers.set_state("hotline.example", "removed", actor=OPERATOR)
        case "founder's card over":
            clock.now += 401 * DAY
        case _:
            taker = founder
    before = taker.events()
    with pytest.raises(family) as caught:
        await taker.communities.join(invite, actor=OPERATOR)
    assert str(caught.value).startswith(told)
    assert taker.events() == before
    assert member.communities.ids() == ()
    assert not member.made.home.epochs.exists()


@pytest.mark.asyncio
async def test_only_the_founder_invites_and_only_peers(founder: Side, member: Side) -> None:
    await member.communities.join(await _invited(founder, member), actor=OPERATOR)
    with pytest.raises(Refused, match=r"only its founder, hotline\.example, invites"):
        await member.communities.invite(DEMO, "hotline.example", actor=OPERATOR)
    with pytest.raises(Refused, match=r"only its founder, hotline\.example"):
        await member.communities.rotate(DEMO, [], actor=OPERATOR)
    with pytest.raises(NotFound, match="no peer has that organisation id"):
        await founder.communities.invite(DEMO, "stranger.example", actor=OPERATOR)
    with pytest.raises(NotFound, match="not a member of a community of that id"):
        await founder.communities.invite("other.hotline.example", "platform.example", actor=OPERATOR)
    await founder.peers.set_state("platform.example", "removed", actor=OPERATOR)
    with pytest.raises(Refused, match=r"platform\.example is not a peer"):
        await founder.communities.invite(DEMO, "platform.example", actor=OPERATOR)


@pytest.mark.asyncio
async def test_a_rotation_opens_the_next_epoch_while_the_last_still_matches(
    founder: Side, member: Side, clock: Clock
) -> None:
    await member.communities.join(await _invited(founder, member), actor=OPERATOR)
    clock.now += 80 * DAY
    community, (invite,) = await founder.communities.rotate(DEMO, [], actor=OPERATOR)
    assert [epoch.number for epoch in community.epochs] == [1, 2]
    assert founder.communities.publishing(DEMO, clock.now).epoch == 2
    assert member.communities.publishing(DEMO, clock.now).epoch == 1
    joined = await member.communities.join(invite.note, actor=OPERATOR)
    assert [key.epoch for key in member.communities.matching(clock.now)] == [1, 2]
    assert member.communities.publishing(DEMO, clock.now) == founder.communities.publishing(DEMO, clock.now)
    assert [epoch.key for epoch in joined.epochs] == [epoch.key for epoch in community.epochs]
    clock.now = NOW + EPOCH_MS + OVERLAP_MS
    assert [key.epoch for key in member.communities.matching(clock.now)] == [2]
    assert founder.again().all() == founder.communities.all()


@pytest.mark.asyncio
async def test_a_removed_member_gets_no_later_epoch(founder: Side, member: Side) -> None:
    await _invited(founder, member)
    community, invites = await founder.communities.rotate(DEMO, ["platform.example"], actor=OPERATOR)
    assert (community.newest.number, invites) == (2, ())
    assert founder.communities.members(DEMO) == ()
    assert founder.events()[-2:] == ["community.member_removed", "community.rotated"]
    with pytest.raises(NotFound, match="was not invited"):
        await founder.communities.rotate(DEMO, ["platform.example"], actor=OPERATOR)
    assert founder.communities.get(DEMO).newest.number == 2


@pytest.mark.asyncio
async def test_an_epoch_older_than_the_one_held_is_refused(founder: Side, member: Side) -> None:
    old = await _invited(founder, member)
    _, (new,) = await founder.communities.rotate(DEMO, [], actor=OPERATOR)
    await member.communities.join(new.note, actor=OPERATOR)
    with pytest.raises(Refused, match=r"ends at epoch 1 .* but epoch 2 is already held"):
        await member.communities.join(old, actor=OPERATOR)


@pytest.mark.asyncio
async def test_an_epoch_opens_as_much_earlier_as_honest_clocks_differ(founder: Side) -> None:
    await founder.communities.create("demo", actor=OPERATOR)
    assert founder.communities.publishing(DEMO, NOW - 10 * 60_000).epoch == 1
    with pytest.raises(Refused, match=r"epoch 1 of demo\.hotline\.example has not begun: is this node's clock right"):
        founder.communities.publishing(DEMO, NOW - 11 * 60_000)


@pytest.mark.asyncio
async def test_publishing_ends_with_the_epoch_until_it_is_rotated(founder: Side, clock: Clock) -> None:
    await founder.communities.create("demo", actor=OPERATOR)
    with pytest.raises(Refused, match=r"no epoch of demo\.hotline\.example is open for publishing"):
        founder.communities.publishing(DEMO, NOW + EPOCH_MS)
    clock.now = NOW + EPOCH_MS + OVERLAP_MS
    third = Organisation.make("third.example")
    await founder.peers.add(third.card, third.fingerprint, actor=OPERATOR)
    with pytest.raises(Refused, match=r"every epoch of demo\.hotline\.example has ended: rotate it"):
        await founder.communities.invite(DEMO, "third.example", actor=OPERATOR)
    await founder.communities.rotate(DEMO, [], actor=OPERATOR)
    assert founder.communities.publishing(DEMO, clock.now).epoch == 2


@pytest.mark.asyncio
async def test_many_rotations_still_fit_an_invite(founder: Side, member: Side) -> None:
    await _introduce(founder, member)
    await founder.communities.create("demo", actor=OPERATOR)
    for _ in range(9):
        await founder.communities.rotate(DEMO, [], actor=OPERATOR)
    invite = await founder.communities.invite(DEMO, "platform.example", actor=OPERATOR)
    joined = await member.communities.join(invite.note, actor=OPERATOR)
    assert [epoch.number for epoch in joined.epochs] == list(range(3, 11))


@pytest.mark.asyncio
async def test_a_founder_with_two_faces_leaves_evidence_and_the_held_key_stays(founder: Side, member: Side) -> None:
    await member.communities.join(await _invited(founder, member), actor=OPERATOR)
    held = member.communities.get(DEMO)
    signer = founder.made.keyring.feed_signer()
    with open_made(founder.made.home.root.with_name("twin"), "hotline.example", clock=member.made.core.clock) as twin:
        other = await _side(twin).communities.create("demo", actor=OPERATOR)
    note = sign_epoch(other.newest.descriptor, signer)
    signed = open_epoch(note, founder.made.keyring.signing.public)
    invite = make_invite(
        [InvitedEpoch(signed, other.newest.key.key)],
        recipient="platform.example",
        recipient_key=member.made.own.card.keys.sealing.public,
        not_after=NOW + DAY,
        founder=signer,
    )
    with pytest.raises(Misbehaviour, match=r"has signed epoch 1 of demo\.hotline\.example twice"):
        await member.communities.join(invite, actor=OPERATOR)
    assert member.communities.get(DEMO) == held
    assert member.again().get(DEMO) == held
    with member.made.core.store.read() as session:
        assert session.all("SELECT code, peer, proof FROM evidence") == [("epoch_conflict", "hotline.example", invite)]


@pytest.mark.asyncio
async def test_a_stored_key_that_is_not_the_founders_stops_the_start(founder: Side, member: Side) -> None:
    await member.communities.join(await _invited(founder, member), actor=OPERATOR)
    (path,) = member.made.home.epochs.iterdir()
    path.unlink()
    with pytest.raises(Unsound, match="the epoch key is missing"):
        member.again()


@pytest.mark.asyncio
async def test_a_founder_that_is_no_peer_any_more_does_not_stop_the_start(founder: Side, member: Side) -> None:
    await member.communities.join(await _invited(founder, member), actor=OPERATOR)
    await member.peers.set_state("hotline.example", "removed", actor=OPERATOR)
    reborn = Organisation.make("hotline.example")
    await member.peers.add(reborn.card, reborn.fingerprint, actor=OPERATOR)
    assert member.again().all() == member.communities.all()


@pytest.mark.asyncio
async def test_a_commit_that_fails_changes_nothing(founder: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        await asyncio.sleep(0)
        raise Unsound("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(founder.made.core.writer, "submit", fail)
        with pytest.raises(Unsound):
            await founder.communities.create("demo", actor=OPERATOR)
    assert founder.communities.ids() == ()
    community = await founder.communities.create("demo", actor=OPERATOR)
    assert founder.again().all() == (community,)
