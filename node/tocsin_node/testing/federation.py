"""A whole federation in one thread, under one seed: real nodes, an imagined network, hand-moved clocks.

    with Federation(seed=7) as fed:
        hotline, platform = fed.node("hotline.example"), fed.node("platform.example")
        fed.befriend(hotline, platform, send=["reports"], believe="review")
        feed = hotline.feed("reports", audience=[platform])
        signal = hotline.publish(feed, "url", "https://bad.example/x")
        fed.settle()
        assert platform.match("url", "https://bad.example/x").effect == "review"

Every node is what `tocsin serve` runs; only its edges are replaced (see `edges`): the network by `hub`, disk syncs by
none, threads and processes by the one event loop, whose time is a number. Keys, salts, delays and waits come from the
seed, so the same steps with the same seed give the same trace; TLS keys do not, and nothing of them shows.

`settle` lets everything happen that will, then has `checker` look at the whole state. Real time, real sockets, killed
processes and full disks are for tests with real nodes.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tocsin.v1 import node_pb2 as pb
from tocsin_node.exchange.service import Timing
from tocsin_node.limits import CONNECT_S, LIST_FEEDS_S, RETRY_MAX_S, SILENCE_S
from tocsin_node.testing.checker import check
from tocsin_node.testing.core import NOW
from tocsin_node.testing.ledger import Ledger
from tocsin_node.testing.member import Member
from tocsin_node.testing.network import Hub, Lie
from tocsin_node.testing.virtual import VirtualLoop

T = TypeVar("T")

QUIET_S: Final = SILENCE_S + RETRY_MAX_S + CONNECT_S + 2 * LIST_FEEDS_S
"""Without a delivery or acknowledgement for this long, no link waits for anything that would bring one."""

_LONGEST_S: Final = 24 * 3600.0
_OWNER: ContextVar[str] = ContextVar("owner", default="")


class NotSettled(AssertionError):
    """Deliveries went on and on."""


class Federation:
    """See above. `seed` decides every delay, wait, key and salt; `start` is where all clocks begin, ms UTC.

    `timing` is that of every node, for those who will not wait an hour.
    """

    def __init__(self, seed: int = 0, *, start: int = NOW, timing: Timing | None = None) -> None:
        self.timing: Final = timing
        self.loop: Final = VirtualLoop()
        self.hub: Final = Hub(loop=self.loop, chance=_drawn("network", seed))
        self.members: Final[dict[str, Member]] = {}
        self.ledger: Final = Ledger(self.members)
        self._start = start
        self._advanced = 0
        self._bytes = _drawn("bytes", seed)
        self._waits = _drawn("waits", seed)
        self._root = Path(tempfile.mkdtemp(prefix="tocsin-federation-"))
        self._snapshots = 0
        self._invited: dict[str, set[str]] = {}
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._failures: list[str] = []
        self.loop.set_task_factory(self._task)
        self.loop.set_exception_handler(lambda _, context: self._failures.append(repr(context)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            for member in self.members.values():
                self.do(member.stop(), member.organisation)
        finally:
            self._cancel(lambda _: True)
            self.loop.close()
            shutil.rmtree(self._root, ignore_errors=True)
        assert kind is not None or not self._failures, self._failures

    # ---- who takes part

    def node(self, organisation: str, *, role: str = "platform") -> Member:
        """A new organisation whose node runs."""
        member = self.members[organisation] = Member(self, organisation, self._root / organisation)
        member.init(role)
        self.do(member.start(), organisation)
        return member

    def befriend(self, publisher: Member, follower: Member, *, send: Sequence[str] = (), believe: str = "") -> None:
        """Pin both ways where that is not done; `publisher` sends feeds, `follower` believes it up to an effect."""
        for one, other in ((publisher, follower), (follower, publisher)):
            if other.organisation not in one.peers:
                one.pin(other)
        publisher.treat(follower, send=send)
        follower.treat(publisher, believe=believe)

    def community(self, founder: Member, *members: Member, name: str = "main") -> str:
        """The founder's community of that name, made when it is new; its peers among `members` are in it after that."""
        identity = f"{name}.{founder.organisation}"
        if identity not in self._invited:
            self._invited[identity] = set()
            founder.ask("CreateCommunity", pb.CreateCommunityRequest(name=name))
        for member in members:
            if member.organisation in self._invited[identity] or member.organisation not in founder.peers:
                continue
            self._invited[identity].add(member.organisation)
            request = pb.InviteRequest(community=identity, organisation=member.organisation)
            member.ask("JoinCommunity", pb.JoinRequest(invite=founder.ask("InviteToCommunity", request).invite))
        return identity

    # ---- time

    def now(self) -> int:
        """Ms UTC, before any node's skew."""
        return self._start + self._advanced + int(self.loop.time() * 1000)

    def run(self, seconds: float) -> None:
        """Let the nodes live this long."""
        self.do(asyncio.sleep(seconds))

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0) -> None:
        """Move every clock forward at once, as if all machines had slept."""
        self._advanced += int((days * 24 + hours) * 3_600_000 + minutes * 60_000)

    def settle(self, *, within_s: float = 3600) -> None:
        """Run until nothing more is delivered, then check everything. Errors: NotSettled, AssertionError."""
        began = self.loop.time()
        while (left := max(self.hub.worked_at, began) + QUIET_S - self.loop.time()) > 0:
            if self.loop.time() - began > within_s:
                raise NotSettled(f"after {within_s:.0f} s something is still delivered")
            self.run(left)
        self.check()

    def check(self) -> None:
        """Have `checker` look at the whole state. Errors: AssertionError that names node and feed."""
        assert not self._failures, self._failures
        check(self.members, self.ledger)

    # ---- faults

    def partition(self, one: Member, other: Member) -> None:
        """Break what runs between two nodes, and let nothing through until `heal`."""
        self.hub.cut(one.organisation, other.organisation)

    def freeze(self, one: Member, other: Member) -> None:
        """Let nothing arrive between two nodes, and tell nobody, until `heal`."""
        self.hub.freeze(one.organisation, other.organisation)

    def heal(self, *pair: Member) -> None:
        """Undo partitions and freezes of a pair, or of all."""
        if pair:
            self.hub.heal(*(member.organisation for member in pair))
        else:
            self.hub.heal_all()

    def drop(self, one: Member, other: Member) -> None:
        """Break what runs between two nodes now; they connect again."""
        self.hub.drop(one.organisation, other.organisation)

    def slow(self, reader: Member, seconds: float) -> None:
        """Have a node take this long before it reads each message of a feed."""
        self.hub.slow[reader.organisation] = seconds

    def lie(self, liar: Member, lie: Lie | None) -> None:
        """Send what `lie` makes of everything this node answers its peers; None: the truth again.

        Whoever has lied is not held to what honest nodes promise.
        """
        liar.honest = False
        self.hub.lies.pop(liar.organisation, None)
        if lie is not None:
            self.hub.lies[liar.organisation] = lie

    # ---- lives

    def restart(self, member: Member) -> None:
        """Stop a node and start it again."""
        self.stop(member)
        self.start(member)

    def stop(self, member: Member) -> None:
        """Stop a node as SIGTERM does."""
        self.do(member.stop(), member.organisation)

    def start(self, member: Member) -> None:
        """Start a node that does not run."""
        self.do(member.start(), member.organisation)

    def crash(self, member: Member) -> None:
        """Kill a node: what it had not committed is gone."""
        self.hub.vanish(member.organisation)
        member.die()
        self._cancel(lambda owner: owner == member.organisation)

    def snapshot(self, member: Member) -> Path:
        """A copy of a home's files as they are now, without its high-water marks: what a disk image would be."""
        self._snapshots += 1
        folder = self._root / f"snapshot-{self._snapshots}"
        # Nothing is written between two steps of a test, so database and write-ahead log are of one moment.
        shutil.copytree(member.home.root, folder, ignore=shutil.ignore_patterns("highwater", "lock", "*-shm"))
        return folder

    def restore(self, member: Member, snapshot: Path, *, keep_marks: bool = False) -> None:
        """Put a snapshot in the place of a node's home and start it; its high-water marks may outlive it.

        Run or stopped, what the node had done since the snapshot is gone.
        """
        self.ledger.before_change(member)
        if member.node is not None:
            self.crash(member)
        marks = member.home.highwater.read_bytes()
        shutil.rmtree(member.home.root)
        shutil.copytree(snapshot, member.home.root)
        if keep_marks:
            member.home.highwater.write_bytes(marks)
        self.start(member)

    # ---- for members

    def random(self, count: int) -> bytes:
        """The seed's bytes; no secret."""
        return self._bytes.randbytes(count)

    def jitter(self, longest: float) -> float:
        """A wait up to the longest."""
        return self._waits.uniform(0, longest)

    def do(self, work: Coroutine[Any, Any, T], owner: str = "") -> T:
        """The result of work on behalf of a node. Errors: TimeoutError after a virtual day."""
        context = copy_context()
        context.run(_OWNER.set, owner)
        task = self.loop.create_task(asyncio.wait_for(work, _LONGEST_S), context=context)
        return self.loop.run_until_complete(task)

    def _task(self, loop: Any, work: Any, context: Context | None = None) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
        self._tasks[task] = _OWNER.get() if context is None else context.get(_OWNER, "")
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def _cancel(self, chosen: Callable[[str], bool]) -> None:
        """End the tasks of chosen owners, however often they catch it."""
        for _ in range(100):
            tasks = [task for task, owner in self._tasks.items() if chosen(owner) and not task.done()]
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(_few_steps())
        raise AssertionError("tasks of a node do not end")


def _drawn(purpose: str, seed: int) -> Random:
    return Random(f"{purpose} {seed}")  # noqa: S311  what a seed decides is no secret


async def _few_steps() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
