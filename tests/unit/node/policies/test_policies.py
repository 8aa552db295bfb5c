import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tocsin_node.errors import Misconfigured, NotFound, Unsound
from tocsin_node.log.envelope import Actor
from tocsin_node.peers.service import Peers
from tocsin_node.policies import Policies
from tocsin_node.policy.effect import Effect
from tocsin_node.testing.made import Made, Organisation, open_made

OPERATOR = Actor("operator", "operator")
REVIEW = b'peer = "platform.example"\n[[rule]]\neffect = "review"\ntypes = ["url"]\n'
SHADOW = REVIEW.replace(b"review", b"shadow")
OWN = b'peer = "self"\n[[rule]]\neffect = "enforce"\ntypes = ["url"]\n'


@dataclass(frozen=True, slots=True)
class Rig:
    made: Made
    peers: Peers
    policies: Policies

    def again(self) -> Policies:
        return Policies(store=self.made.core.store, writer=self.made.core.writer, peers=self.peers)

    def events(self) -> list[str]:
        return self.made.core.events()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with open_made(tmp_path / "home") as made:
        peers = Peers(store=made.core.store, writer=made.core.writer, own=made.own, clock=made.core.clock)
        other = Organisation.make("platform.example")
        asyncio.run(_add(peers, other))
        yield Rig(made, peers, Policies(store=made.core.store, writer=made.core.writer, peers=peers))


async def _add(peers: Peers, other: Organisation) -> None:
    await peers.add(other.card, other.fingerprint, actor=OPERATOR)


@pytest.mark.asyncio
async def test_files_are_applied_together_and_kept(rig: Rig) -> None:
    told: list[Effect] = []
    rig.policies.on_change(lambda: told.append(rig.policies.policy_of("platform.example").rules[0].effect))
    results = await rig.policies.apply([("p.toml", REVIEW), ("self.toml", OWN)], actor=OPERATOR)
    assert [(one.policy.peer, changed) for one, changed in results] == [("platform.example", True), ("self", True)]
    assert rig.policies.policy_of("platform.example").rules[0].effect is Effect.REVIEW
    assert rig.policies.policy_of("self").rules[0].effect is Effect.ENFORCE
    assert told == [Effect.REVIEW]
    assert rig.again().all() == rig.policies.all()
    assert [one.toml for one in rig.policies.all("platform.example")] == [REVIEW]


@pytest.mark.asyncio
async def test_every_change_is_logged_with_both_digests(rig: Rig) -> None:
    await rig.policies.apply([("p.toml", REVIEW)], actor=OPERATOR)
    await rig.policies.apply([("p.toml", SHADOW)], actor=OPERATOR)
    entry = rig.made.core.audit()[-1]
    old, new = sha256(REVIEW).hexdigest(), sha256(SHADOW).hexdigest()
    assert (entry["ev"], entry["pol"]) == ("policy.changed", new)
    assert entry["about"] == {"policy_of": "platform.example", "old": old, "new": new}


@pytest.mark.asyncio
async def test_the_same_again_changes_nothing(rig: Rig) -> None:
    await rig.policies.apply([("p.toml", REVIEW)], actor=OPERATOR)
    before = rig.events()
    rig.made.core.clock.now += 1000
    ((applied, changed),) = await rig.policies.apply([("again.toml", REVIEW)], actor=OPERATOR)
    assert (changed, rig.events()) == (False, before)
    assert applied.applied_at == rig.made.core.clock.now - 1000


@pytest.mark.asyncio
async def test_one_wrong_file_keeps_all_from_being_applied(rig: Rig) -> None:
    before = rig.events()
    files = [
        ("good.toml", REVIEW),
        ("twice.toml", SHADOW),
        ("stranger.toml", b'peer = "stranger.example"\n'),
        ("bad.toml", b'peer = "self"\ncolour = 1\n[cap]\neffect = "loud"\n'),
    ]
    _, wrong = rig.policies.check(files)
    with pytest.raises(Misconfigured) as caught:
        await rig.policies.apply(files, actor=OPERATOR)
    assert str(caught.value) == "; ".join(wrong)
    assert [sentence.partition(":")[0] for sentence in wrong] == ["twice.toml", "stranger.toml", "bad.toml", "bad.toml"]
    assert "platform.example has a policy in another of these files" in wrong[0]
    assert "stranger.example is not a peer of this node" in wrong[1]
    assert rig.events() == before
    assert not rig.policies.has("platform.example")


@pytest.mark.asyncio
async def test_a_removed_peer_gets_no_policy(rig: Rig) -> None:
    await rig.peers.set_state("platform.example", "removed", actor=OPERATOR)
    with pytest.raises(Misconfigured, match=r"platform\.example is not a peer of this node"):
        await rig.policies.apply([("p.toml", REVIEW)], actor=OPERATOR)


def test_where_none_was_applied_the_default_denies(rig: Rig) -> None:
    policy = rig.policies.policy_of("platform.example")
    assert (policy.rules, policy.send.feeds) == ((), ())
    assert not rig.policies.has("platform.example")
    assert [one.policy.peer for one in rig.policies.all()] == ["self", "platform.example"]
    with pytest.raises(NotFound, match="no peer has that organisation id"):
        rig.policies.all('x"')


@pytest.mark.asyncio
async def test_policies_applied_at_once_end_as_the_last_one_logged(rig: Rig) -> None:
    texts = [REVIEW, SHADOW, REVIEW, SHADOW]
    await asyncio.gather(*(rig.policies.apply([("p.toml", text)], actor=OPERATOR) for text in texts))
    last = [entry for entry in rig.made.core.audit() if entry["ev"] == "policy.changed"][-1]
    assert rig.policies.policy_of("platform.example").digest.hex() == last["about"]["new"]
    assert rig.again().policy_of("platform.example").digest.hex() == last["about"]["new"]


@pytest.mark.asyncio
async def test_a_stored_policy_that_was_altered_stops_the_start(rig: Rig) -> None:
    await rig.policies.apply([("p.toml", REVIEW)], actor=OPERATOR)
    await rig.made.core.writer.submit(lambda tx: tx.sql.execute("UPDATE policy SET toml = ?", (b"peer = 1",)))
    with pytest.raises(Unsound, match="a stored policy is not what this node applied"):
        rig.again()
