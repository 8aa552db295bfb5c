"""A town for tests: several whole nodes in this process, over mutual TLS on loopback, asked through their local calls.

Every configuration has the audience `all` with all of them; `audience` writes another. Heartbeats and lists are quick,
so that nothing is waited for longer than needed.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.exchange.service import Timing
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.serve import Running, run_in_thread

QUICK: Final = Timing(heartbeat_s=0.2, silence_s=5.0, list_s=0.2)
HARMFUL: Final = b'{"stance":"harmful"}'


def until(check: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once the check holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def disk_copy(home: Path, folder: str) -> Path:
    """The files of a stopped node in a folder beside it, without the high-water marks: a disk brought back."""
    copy = home.parent / folder
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("node.sock", "address", "highwater"))
    return copy


class Town:
    """Nodes by short name: `a` is the organisation a.example."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._stack = ExitStack()
        self._running: dict[str, tuple[Running, ExitStack, Local]] = {}
        self.names: Final = tuple(names)
        self.homes: dict[str, Path] = {name: folder / name for name in names}
        for name, home in self.homes.items():
            init_home(Home(home), organisation=f"{name}.example", role="other", profiles={}, clock=wall_clock)
            config = home / "tocsin.toml"
            members = ", ".join(f'"{other}.example"' for other in names)
            config.write_text(f"{config.read_text()}all = [{members}]\n")
            self.start(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._running):
            self.stop(name)

    def start(self, name: str, home: Path | None = None) -> None:
        """Start a node that does not run, on another home where one is given."""
        self.homes[name] = home or self.homes[name]
        with ExitStack() as starting:
            running = run_in_thread(self.homes[name], exchange=True, timing=QUICK)
            starting.callback(running.stop)
            local = starting.enter_context(connect(self.homes[name], None, start=False))
            self._running[name] = (running, starting.pop_all(), local)

    def stop(self, name: str) -> None:
        """End a node."""
        self._running.pop(name)[1].close()

    def snapshot(self, name: str, folder: str) -> Path:
        """A copy of a node's disk as it is now: unlike what `tocsin backup` makes, it does not know that it is one."""
        self.stop(name)
        copy = disk_copy(self.homes[name], folder)
        self.start(name)
        return copy

    def local(self, name: str) -> Local:
        """A running node's local calls."""
        return self._running[name][2]

    def node(self, name: str) -> NodeStub:
        """The same, of the service Node."""
        return self.local(name).node

    # ---- who knows whom

    def introduce(self, *pairs: tuple[str, str]) -> None:
        """Make each pair peers of one another."""
        for pair in pairs:
            for one, other in (pair, pair[::-1]):
                card = self.node(other).GetCard(pb.GetCardRequest())
                self.node(one).AddPeer(pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint))

    def found(self, name: str) -> None:
        """Let one node found the community and invite its peers."""
        self.node(name).CreateCommunity(pb.CreateCommunityRequest(name="c"))
        for other in self.names:
            if other != name:
                invited = pb.InviteRequest(community=f"c.{name}.example", organisation=f"{other}.example")
                invite = self.node(name).InviteToCommunity(invited).invite
                self.node(other).JoinCommunity(pb.JoinRequest(invite=invite))

    def policy(self, name: str, peer: str, *, send: Sequence[str] = (), believe: bool = True) -> None:
        """Apply a policy: enforce what the peer calls harmful, send it these feeds."""
        rule = '[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n' if believe else ""
        feeds = ", ".join(f'"{feed}"' for feed in send)
        text = f'peer = "{peer}.example"\n{rule}' + (f"[send]\nfeeds = [{feeds}]\n" if send else "")
        files = pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=text.encode())])
        assert not self.node(name).ApplyPolicies(files).errors

    def audience(self, name: str, audience: str, members: Sequence[str]) -> None:
        """Write an audience of the configuration anew and reload it."""
        config = self.homes[name] / "tocsin.toml"
        kept = [line for line in config.read_text().splitlines() if not line.startswith(f"{audience} = ")]
        quoted = ", ".join(f'"{member}.example"' for member in members)
        config.write_text("\n".join([*kept, f"{audience} = [{quoted}]", ""]))
        self.node(name).Reload(pb.ReloadRequest())

    # ---- what they do and see

    def feed(self, name: str, feed: str, *, founder: str = "", relay: bool = False) -> str:
        """Open a feed for the audience `all`; returns its origin."""
        community = f"c.{founder or name}.example"
        made = pb.CreateFeedRequest(name=feed, community=community, audience="all", relay=relay)
        return self.node(name).CreateFeed(made).feed.origin

    def publish(self, name: str, feed: str, values: Sequence[str], details: bytes = HARMFUL) -> pb.PublishResponse:
        """Publish URLs in one chunk."""
        rows = [pb.PublishRow(line=line, type="url", value=value) for line, value in enumerate(values)]
        chunk = pb.PublishRequest(chunk=pb.PublishChunk(fields=[details], rows=rows))
        start = pb.PublishRequest(start=pb.PublishStart(feed=feed))
        return next(iter(self.node(name).Publish(iter([start, chunk]))))

    def withdraw(self, name: str, feed: str, *signals: int) -> pb.WithdrawResponse:
        """Take signals back by id."""
        wanted = pb.WithdrawRequest(
            feed=feed, signals=signals, reason="false_positive", required_action="stop_matching"
        )
        return self.node(name).Withdraw(wanted)

    def matches(self, name: str, value: str) -> bool:
        """Whether a node would act on a URL."""
        found = self.node(name).Match(pb.MatchRequest(queries=[pb.Query(type="url", value=value)]))
        return found.verdicts[0].effect == pb.EFFECT_ENFORCE

    def own(self, name: str, origin: str) -> pb.FeedStatus:
        """An own feed in its node's words."""
        status = self.node(name).Status(pb.StatusRequest())
        return next((one for one in status.own if one.origin == origin), pb.FeedStatus())

    def followed(self, name: str, origin: str) -> pb.FeedStatus:
        """A followed feed in its node's words; empty when the node does not follow it."""
        status = self.node(name).Status(pb.StatusRequest())
        return next((one for one in status.followed if one.origin == origin), pb.FeedStatus())

    def evidence(self, name: str) -> list[tuple[str, str, str]]:
        """(origin, peer, code) of the evidence a node keeps, oldest first."""
        with sqlite3.connect(f"{self.homes[name].as_uri()}/tocsin.db?mode=ro", uri=True) as database:
            found = database.execute("SELECT origin, peer, code FROM evidence ORDER BY id").fetchall()
        database.close()
        return found

    def envelopes(self, name: str, event: str) -> list[dict[str, Any]]:
        """A node's audit entries of one event, oldest first."""
        with sqlite3.connect(f"{self.homes[name].as_uri()}/tocsin.db?mode=ro", uri=True) as database:
            found = database.execute("SELECT envelope FROM audit_entry ORDER BY idx").fetchall()
        database.close()
        return [envelope for (data,) in found if (envelope := json.loads(data))["ev"] == event]

    def findings(self, name: str) -> list[str]:
        """What `audit verify` finds wrong with a node's logs."""
        responses = self.local(name).audit.Verify(audit_pb2.VerifyRequest())
        return [finding for one in responses if one.HasField("report") for finding in one.report.findings]
