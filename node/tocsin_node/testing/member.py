"""One organisation in a federation in memory: its home, its clock, its operator's and applications' calls.

Everything goes through the node's own door, as the CLI's and an application's calls do. A member also holds its keys:
a liar is a member whose answers are rewritten, or who signs what an honest node would not (see `liar`).
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import Message

from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.merkle import CompactRange
from tocsin_node.build import Node
from tocsin_node.edges import Edges
from tocsin_node.home import Home, lock
from tocsin_node.init import init_home
from tocsin_node.keys import Keyring, Unlock
from tocsin_node.limits import PUBLISH_ROWS
from tocsin_node.log.highwater import HighWater
from tocsin_node.publish.feeds import feed_origin
from tocsin_node.rules import Rules, own_rules
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.testing.door import MemoryDoor
from tocsin_node.testing.network import PORT, MemoryNetwork
from tocsin_node.testing.virtual import InlineWorkers

if TYPE_CHECKING:
    from tocsin_node.testing.federation import Federation


@dataclass(slots=True)
class SkewedClock:
    """A node's own time: the federation's, moved by `skew_ms`."""

    federation: Callable[[], int]
    skew_ms: int = 0

    def __call__(self) -> int:
        """Milliseconds UTC."""
        return self.federation() + self.skew_ms


@dataclass(frozen=True, slots=True)
class Signal:
    """A published signal."""

    feed: str
    id: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node makes of an identifier: the effect's name; (feed origin, signal) of what counts; their details."""

    effect: str
    signals: tuple[tuple[str, int], ...]
    details: tuple[bytes, ...]
    reasons: tuple[str, ...]


NOTHING: Final = Answer("ignore", (), (), ())


@dataclass(slots=True)
class Terms:
    """What a member's policy says of one peer: `believe` is an effect, empty for none."""

    believe: str = ""
    send: tuple[str, ...] = ()

    def text(self, peer: str) -> bytes:
        """The policy file."""
        lines = [f'peer = "{peer}"']
        if self.believe:
            lines += ["[[rule]]", f'effect = "{self.believe}"', 'stance = ["harmful", "suspected", "benign", "test"]']
        if self.send:
            lines += ["[send]", f"feeds = {json.dumps(self.send)}"]  # a list of plain words is the same in TOML
        return ("\n".join(lines) + "\n").encode()


@dataclass(slots=True)
class Files:
    """What a running node has open; a crash closes it behind the node's back."""

    stores: list[SqliteStore] = field(default_factory=list[SqliteStore])
    marks: list[HighWater] = field(default_factory=list[HighWater])
    alive: bool = True

    def open_store(self, path: Path) -> SqliteStore:
        """The database, without waiting for the disk."""
        self.stores.append(SqliteStore.open(path, sync=False))
        return self.stores[-1]

    def open_marks(self, path: Path) -> HighWater:
        """The high-water marks."""
        self.marks.append(HighWater(path))
        return self.marks[-1]

    def close(self) -> None:
        """Let go of everything a node had open that did not stop by itself."""
        self.alive = False
        for item in (*self.stores, *self.marks):
            item.close()
        self.stores.clear()
        self.marks.clear()


class Member:
    """See above; `Federation.node` makes it."""

    def __init__(self, federation: "Federation", organisation: str, root: Path) -> None:
        self.organisation: Final = organisation
        self.home: Final = Home(root)
        self.clock: Final = SkewedClock(federation.now)
        self.terms: Final[dict[str, Terms]] = {}
        self.audiences: Final[dict[str, tuple[str, ...]]] = {}
        self.peers: Final[dict[str, str]] = {}
        """What the operator made of each peer: active, paused, removed."""
        self.probes = True
        self.rules: Rules | None = None
        """What canonical forms it makes as far as peers can tell, from the next start on; None: this software's."""
        self.honest = True
        self.node: Node | None = None
        self._federation = federation
        self._files = Files()
        self._door: MemoryDoor | None = None
        self._held = ExitStack()

    # ---- life

    def init(self, role: str) -> None:
        """Make the home."""
        init_home(
            self.home,
            organisation=self.organisation,
            role=role,
            endpoint=f"{self.organisation}:{PORT}",
            profiles={},
            clock=self.clock,
            random=self._federation.random,
        )
        self._configure()

    async def start(self) -> None:
        """Run the node. Errors: those of a node that will not start."""
        self._held.enter_context(lock(self.home))
        self._files = Files()
        try:
            node = Node(
                self.home,
                environment={},
                exchange=True,
                clock=self.clock,
                timing=self._federation.timing,
                edges=self._edges(self._files),
            )
        except BaseException:
            self.die()
            raise
        self.node = node
        await node.start()

    async def stop(self) -> None:
        """Stop it as SIGTERM does."""
        if self.node is not None:
            node, self.node = self.node, None
            await node.stop()
        self._files = Files()
        self._held.close()

    def die(self) -> None:
        """End it as a kill does: nothing more is written. Its tasks are the federation's to cancel."""
        self.node = None
        self._files.close()
        self._held.close()

    # ---- the operator's calls

    def call(self, name: str, request: Message | Iterable[Message], *, token: str = "") -> list[Any]:
        """Any call of the local listener, with the operator's token unless one is given. Errors: CallRefused."""
        assert self._door is not None, f"{self.organisation} never ran"
        assert self.node is not None, f"{self.organisation} does not run"
        return self._federation.do(self._door.call(name, request, token=token), self.organisation)

    def ask(self, name: str, request: Message) -> Any:
        """A call with one response."""
        return self.call(name, request)[0]

    def pin(self, peer: "Member") -> None:
        """Add a peer whose fingerprint was compared."""
        card = peer.ask("GetCard", pb.GetCardRequest())
        self.ask("AddPeer", pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint))
        self.peers[peer.organisation] = "active"

    def set_peer(self, peer: "Member", state: str) -> None:
        """Pause, resume or remove: `paused`, `active`, `removed`."""
        self._federation.ledger.before_change(self)
        self.ask("SetPeerState", pb.SetPeerStateRequest(organisation=peer.organisation, state=state))
        self.peers[peer.organisation] = state

    def treat(self, peer: "Member", *, believe: str | None = None, send: Sequence[str] | None = None) -> None:
        """Apply a policy for a peer: what is not given stays as it is."""
        terms = self.terms.setdefault(peer.organisation, Terms())
        self._federation.ledger.before_change(self)
        terms.believe = terms.believe if believe is None else believe
        terms.send = terms.send if send is None else tuple(send)
        file = pb.PolicyFile(name=f"{peer.organisation}.toml", toml=terms.text(peer.organisation))
        assert not self.ask("ApplyPolicies", pb.PoliciesRequest(files=[file])).errors

    def audience(self, name: str, members: Iterable["Member"]) -> None:
        """Say in the configuration who is in an audience, and reload it."""
        self._federation.ledger.before_change(self)
        self.audiences[name] = tuple(member.organisation for member in members)
        self._configure()
        self.ask("Reload", pb.ReloadRequest())

    def compare_forms(self, enabled: bool) -> None:
        """Say in the configuration whether it takes part in probes, and reload it."""
        self.probes = enabled
        self._configure()
        self.ask("Reload", pb.ReloadRequest())

    def canon(self, peer: "Member") -> pb.CanonAgreement:
        """What it knows of a peer's canonical forms."""
        return self.ask("ListPeers", pb.ListPeersRequest(organisation=peer.organisation)).peers[0].canon

    def feed(self, name: str, *, audience: Collection["Member"], community: str = "") -> str:
        """Make a feed for an audience of its own name; returns the origin.

        Without a community it is for this member's own, `main`, which the audience is invited to and joins.
        """
        self.audience(name, audience)
        if not community:
            community = self._federation.community(self, *audience)
        self.ask("CreateFeed", pb.CreateFeedRequest(name=name, community=community, audience=name))
        return feed_origin(self.organisation, name)

    def status(self) -> pb.StatusResponse:
        """The whole node."""
        return self.ask("Status", pb.StatusRequest())

    def followed(self, origin: str) -> pb.FeedStatus | None:
        """What this node says of a followed feed; None when it has never seen it."""
        return next((feed for feed in self.status().followed if feed.origin == origin), None)

    # ---- the applications' calls

    def publish(self, feed: str, type_name: str, value: str, *, valid_until: int = 0, **details: Any) -> Signal:
        """Publish one signal; `details` beside the stance, which is harmful unless given. Errors: AssertionError."""
        return self.publish_all(feed, type_name, [value], valid_until=valid_until, **details)[0]

    def publish_all(
        self, feed: str, type_name: str, values: Sequence[str], *, valid_until: int = 0, **details: Any
    ) -> list[Signal]:
        """Publish many with the same details."""
        said = json.dumps({"stance": "harmful", **details}).encode()
        rows = [
            pb.PublishRow(line=line, type=type_name, value=value, valid_until=valid_until)
            for line, value in enumerate(values, start=1)
        ]
        chunks = [rows[start : start + PUBLISH_ROWS] for start in range(0, len(rows), PUBLISH_ROWS)]
        requests = [pb.PublishRequest(start=pb.PublishStart(feed=feed))]
        requests += [pb.PublishRequest(chunk=pb.PublishChunk(fields=[said], rows=part)) for part in chunks]
        results: list[pb.PublishResponse] = self.call("Publish", requests)
        refused = [row.sentence for result in results for row in result.refused]
        assert not refused, refused
        return [Signal(feed, number) for result in results for number in result.signals]

    def withdraw(self, signal: Signal, *, reason: str = "false_positive") -> None:
        """Take a signal back."""
        request = pb.WithdrawRequest(
            feed=signal.feed, signals=[signal.id], reason=reason, required_action="stop_matching"
        )
        self.ask("Withdraw", request)

    def match(self, type_name: str, value: str) -> Answer:
        """What this node makes of an identifier."""
        request = pb.MatchRequest(queries=[pb.Query(type=type_name, value=value)])
        return _answer(self.ask("Match", request).verdicts[0])

    def check(self, type_name: str, epoch: int, tags: Sequence[bytes]) -> Mapping[bytes, Answer]:
        """What this node makes of tags; those that match nothing are left out."""
        request = pb.CheckRequest(tags=b"".join(tags), type=type_name, epoch=epoch)
        return {tags[found.query]: _answer(found) for found in self.ask("Check", request).verdicts}

    def logs(self) -> dict[str, tuple[int, str]]:
        """Origin -> (size, root in hex) of every feed it holds, own and followed."""
        with self.store() as store, store.read() as session:
            records = session.all(
                "SELECT origin, size, stack FROM log JOIN log_head ON log = id WHERE kind <> 'audit' ORDER BY origin"
            )
        return {o: (int(n), CompactRange.from_bytes(int(n), bytes(s)).root().hex()) for o, n, s in records}

    # ---- from outside

    def store(self) -> "closing[SqliteStore]":
        """Its database, read-only: what an auditor with a copy of the home sees; closed at the end of `with`."""
        return closing(SqliteStore.open_read_only(self.home.database))

    def keyring(self) -> Keyring:
        """Its keys: for liars."""
        return Keyring.load(self.home, Unlock.find({}, self.home), self.organisation)

    def evidence(self) -> list[tuple[str, str]]:
        """(origin, code) of everything false it was sent."""
        with self.store() as store, store.read() as session:
            return [(str(o), str(code)) for o, code in session.all("SELECT origin, code FROM evidence ORDER BY id")]

    # ---- parts

    def _edges(self, files: Files) -> Edges:
        def schedule(work: Callable[[], None]) -> None:
            self._federation.loop.call_soon(lambda: work() if files.alive else None)

        return Edges(
            open_store=files.open_store,
            open_marks=files.open_marks,
            schedule=schedule,
            random=self._federation.random,
            jitter=self._federation.jitter,
            workers=InlineWorkers,
            network=MemoryNetwork(self._federation.hub, self.organisation),
            door=self._make_door,
            rules=lambda: self.rules or own_rules(),
        )

    def _make_door(self, **parts: Any) -> MemoryDoor:
        self._door = MemoryDoor(**parts)
        return self._door

    def _configure(self) -> None:
        lines = self.home.config.read_text(encoding="utf-8").partition("[audiences]")[0].rstrip().splitlines()
        lines += ["", "[audiences]"]
        lines += [f"{name} = {json.dumps(who)}" for name, who in sorted(self.audiences.items())]
        lines += ["", "[probes]", f"enabled = {str(self.probes).lower()}"]
        lines += ["", "[log]", 'level = "error"', ""]
        self.home.config.write_text("\n".join(lines), encoding="utf-8")


def _answer(verdict: pb.Verdict) -> Answer:
    found = sorted((one.feed, one.signal, one.details) for one in verdict.assertions)
    effect = pb.Effect.Name(verdict.effect).removeprefix("EFFECT_").lower()
    signals = tuple((feed, signal) for feed, signal, _ in found)
    return Answer(effect, signals, tuple(details for _, _, details in found), tuple(verdict.reasons))
