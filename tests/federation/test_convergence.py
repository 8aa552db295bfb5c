"""Whatever the order, loss, duplication, crashes and clocks: in the end every honest node holds and says the same.

Three nodes of one community publish to each other. A machine does anything to them, and `Federation.check` looks at
everything after each step. At the end all faults are lifted; then every copy is its publisher's log, byte for byte, and
every answer is that of a model of a dozen lines.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from itertools import combinations, permutations

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tocsin.v1 import node_pb2 as pb
from tocsin_node.testing.door import CallRefused
from tocsin_node.testing.federation import Federation
from tocsin_node.testing.member import Member, Signal

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
VALUES = [f"https://bad-{number}.example/" for number in range(3)]
EFFECTS = ["ignore", "shadow", "review", "enforce"]
NAMES = [f"{name}.example" for name in ("hotline", "near", "far")]
PAIRS = st.sampled_from(list(combinations(NAMES, 2)))
NODES, OTHERS = st.sampled_from(NAMES), st.sampled_from(list(permutations(NAMES, 2)))
MINUTE_MS = 60_000


@contextmanager
def stale_epoch() -> Generator[None]:
    """A clock set back to before the newest epoch may not publish; nothing changes."""
    try:
        yield
    except CallRefused as refused:
        assert "the community moved on to a new epoch" in str(refused)  # noqa: PT017  any other refusal is a finding


class Convergence(RuleBasedStateMachine):
    """See above."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.fed = fed = Federation(seed)
        for name in NAMES:
            fed.node(name)
        founder = self.node("hotline.example")
        for one, other in permutations(NAMES, 2):
            fed.befriend(self.node(one), self.node(other), send=["own"])
        community = fed.community(founder, self.node("near.example"), self.node("far.example"))
        fed.advance(hours=12)  # so that no clock set back is before its own beginning
        self.feeds = {
            name: self.node(name).feed("own", audience=self.others(name), community=community) for name in NAMES
        }
        self.said: dict[str, dict[str, tuple[Signal, str]]] = {name: {} for name in NAMES}
        self.community, self.invites = community, dict[str, list[bytes]]()
        self.believed = dict.fromkeys(permutations(NAMES, 2), "enforce")
        for one, other in self.believed:
            self.node(one).treat(self.node(other), believe="enforce")

    def node(self, name: str) -> Member:
        return self.fed.members[name]

    def others(self, name: str) -> list[Member]:
        return [self.node(other) for other in NAMES if other != name]

    def runs(self, name: str) -> bool:
        return self.node(name).node is not None

    # ---- what people do

    @rule(name=NODES, value=st.sampled_from(VALUES), stance=st.sampled_from(["harmful", "suspected"]))
    def publish(self, name: str, value: str, stance: str) -> None:
        if self.runs(name):
            with stale_epoch():
                signal = self.node(name).publish(self.feeds[name], "url", value, stance=stance)
                self.said[name][value] = (signal, stance)

    @rule(name=NODES, value=st.sampled_from(VALUES))
    def withdraw(self, name: str, value: str) -> None:
        if self.runs(name) and value in self.said[name]:
            self.node(name).withdraw(self.said[name].pop(value)[0])

    @rule(name=NODES, count=st.integers(2, 300))
    def publish_many(self, name: str, count: int) -> None:
        if self.runs(name):
            values = [f"https://many.example/{number}" for number in range(count)]
            with stale_epoch():
                self.node(name).publish_all(self.feeds[name], "url", values)

    @rule(pair=OTHERS, effect=st.sampled_from(EFFECTS))
    def believe(self, pair: tuple[str, str], effect: str) -> None:
        if self.runs(pair[0]):
            self.node(pair[0]).treat(self.node(pair[1]), believe=effect)
            self.believed[pair] = effect

    @rule(pair=OTHERS, member=st.booleans())
    def send(self, pair: tuple[str, str], member: bool) -> None:
        if self.runs(pair[0]):
            self.node(pair[0]).treat(self.node(pair[1]), send=["own"] if member else [])

    @rule(pair=OTHERS, state=st.sampled_from(["active", "paused"]))
    def pause(self, pair: tuple[str, str], state: str) -> None:
        if self.runs(pair[0]) and self.node(pair[0]).peers[pair[1]] != state:
            self.node(pair[0]).set_peer(self.node(pair[1]), state)

    @precondition(lambda self: sum(map(len, self.invites.values())) < 4)
    @rule()
    def rotate(self) -> None:
        if self.runs(NAMES[0]):
            made = self.node(NAMES[0]).ask("RotateCommunity", pb.RotateRequest(community=self.community))
            for one in made.invites:
                self.invites.setdefault(one.organisation, []).append(one.invite)

    @rule(name=NODES)
    def join(self, name: str) -> None:
        if self.runs(name):
            for invite in self.invites.pop(name, ()):
                self.node(name).ask("JoinCommunity", pb.JoinRequest(invite=invite))

    # ---- what happens to them

    @rule(pair=PAIRS, fault=st.sampled_from(["partition", "freeze", "heal", "drop"]))
    def disturb(self, pair: tuple[str, str], fault: str) -> None:
        getattr(self.fed, fault)(*map(self.node, pair))

    @rule(name=NODES, how=st.sampled_from(["crash", "stop"]))
    def fall(self, name: str, how: str) -> None:
        if self.runs(name):
            getattr(self.fed, how)(self.node(name))

    @rule(name=NODES)
    def rise(self, name: str) -> None:
        if not self.runs(name):
            self.fed.start(self.node(name))

    @rule(drops=st.sampled_from([0.0, 0.05, 0.3]), slowest=st.sampled_from([0.05, 2.0]))
    def weather(self, drops: float, slowest: float) -> None:
        self.fed.hub.weather.drops, self.fed.hub.weather.slowest = drops, slowest

    @rule(name=NODES, seconds=st.sampled_from([0, 1, 20]))
    def slow(self, name: str, seconds: int) -> None:
        self.fed.slow(self.node(name), seconds)

    @rule(name=NODES, minutes=st.integers(-300, 300))
    def skew(self, name: str, minutes: int) -> None:
        self.node(name).clock.skew_ms = minutes * MINUTE_MS

    @rule(seconds=st.sampled_from([0.01, 0.2, 3, 60]))
    def live(self, seconds: float) -> None:
        self.fed.run(seconds)

    @precondition(lambda self: hasattr(self, "fed"))
    @invariant()
    def all_is_sound(self) -> None:
        self.fed.check()

    # ---- the end

    def teardown(self) -> None:
        if hasattr(self, "fed"):
            with self.fed:
                self.converge()

    def converge(self) -> None:
        self.fed.hub.weather.drops, self.fed.hub.weather.slowest = 0, 0.05
        self.fed.hub.slow.clear()
        self.fed.heal()
        for name in NAMES:
            self.node(name).clock.skew_ms = 0
            self.rise(name)
        for pair in self.believed:
            self.pause(pair, "active")
            self.send(pair, member=True)
        self.fed.advance(hours=12)  # what a clock ahead has signed is past by then
        for name in NAMES:
            self.join(name)
        self.fed.settle()
        for name, feed in self.feeds.items():
            held = {other: self.node(other).logs()[feed] for other in NAMES}
            assert len(set(held.values())) == 1, f"{feed} of {name}: {held}"
        for name in NAMES:
            assert not self.node(name).evidence()
            found = {value: self.node(name).match("url", value).effect for value in VALUES}
            assert found == {value: self.expected(name, value) for value in VALUES}, name

    def expected(self, name: str, value: str) -> str:
        effects: list[int] = [0]
        for publisher, signals in self.said.items():
            if value in signals:
                level = EFFECTS.index("review" if publisher == name else self.believed[name, publisher])
                suspected = signals[value][1] == "suspected"
                effects.append(min(level, EFFECTS.index("review")) if suspected else level)
        return EFFECTS[max(effects)]


TestConvergence = pytest.mark.timeout(0 if SOAK else 600)(Convergence.TestCase)
TestConvergence.settings = settings(
    max_examples=1000 if SOAK else 15,
    stateful_step_count=60 if SOAK else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
