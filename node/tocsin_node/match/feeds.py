"""What look-ups need to know of each feed: whose it is, and whether it may still be relied on.

A view of table `log` in memory. The exchange tells it when a feed was heard or stopped; peers, when one was removed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tocsin_node.errors import NotFound
from tocsin_node.policy.verdict import FeedState
from tocsin_node.store.protocol import Store


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """One feed, own or followed. `state` is open, frozen or stopped; `heard_at` ms UTC, of followed feeds."""

    log: int
    origin: str
    kind: str
    publisher: str
    community: str
    state: str
    heard_at: int


class FeedBook:
    """Facts by log id, read from the store when first asked for."""

    def __init__(self, *, store: Store, counts: Callable[[str], bool], max_silence_ms: Callable[[], int]) -> None:
        self._store = store
        self._counts = counts
        self._max_silence_ms = max_silence_ms
        self._facts: dict[int, FeedFacts] = {}

    def get(self, log: int) -> FeedFacts:
        """The facts of a feed."""
        found = self._facts.get(log)
        if found is None:
            found = self._facts[log] = self._read(log)
        return found

    def find(self, name: str) -> FeedFacts:
        """A feed by its origin, or an own one by its local name. Errors: NotFound."""
        with self._store.read() as session:
            record = session.one("SELECT id FROM log WHERE kind <> 'audit' AND (origin = ? OR name = ?)", (name, name))
        if record is None:
            raise NotFound("this node has no feed of that name or origin: `tocsin status` lists them")
        return self.get(int(record[0]))

    def all(self) -> list[FeedFacts]:
        """Every feed there is, own and followed."""
        with self._store.read() as session:
            logs = [int(log) for (log,) in session.all("SELECT id FROM log WHERE kind <> 'audit' ORDER BY id")]
        return [self.get(log) for log in logs]

    def heard(self, log: int, at: int) -> None:
        """The publisher of a followed feed spoke at `at` (ms)."""
        facts = self.get(log)
        if at > facts.heard_at:
            self._facts[log] = replace(facts, heard_at=at)

    def set_state(self, log: int, state: str) -> None:
        """The feed was stopped, frozen or opened again, or said what it is."""
        heard_at = self.get(log).heard_at  # in the store it may be a minute old
        self._facts[log] = replace(self._read(log), state=state, heard_at=heard_at)

    def counts(self, facts: FeedFacts) -> bool:
        """Whether signals of this feed count at all: nothing of a removed peer does."""
        return facts.kind == "own" or self._counts(facts.publisher)

    def reliance(self, facts: FeedFacts, now: int) -> FeedState:
        """Whether the feed may be relied on at `now` (ms)."""
        if facts.state == "stopped":
            return FeedState.STOPPED
        if facts.kind == "followed" and now - facts.heard_at > self._max_silence_ms():
            return FeedState.SILENT
        return FeedState.LIVE

    def _read(self, log: int) -> FeedFacts:
        with self._store.read() as session:
            record = session.one(
                "SELECT origin, kind, publisher, community, state, heard_at FROM log WHERE id = ?", (log,)
            )
        if record is None:
            raise NotFound(f"there is no log {log}")
        origin, kind, publisher, community, state, heard_at = record
        return FeedFacts(log, origin, kind, publisher, community or "", state, int(heard_at))
