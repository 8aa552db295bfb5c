"""`policy explain`: what became of one signal between this node and one organisation, step by step, both ways.

- *received*: the publisher is asked about its own signal, or `self` about one of ours: which refuse, rule, cap and time
  gives it the effect it has here. The facts are gathered from the stored entries and the match index; what follows from
  them is `policy.explain`.
- *sent*: another organisation is asked about a signal of ours: whether it receives the feed (`audience.demands`, which
  decides for every message of a stream too), and how much of the signal it has acknowledged.

It reads only, and names no identifier.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tocsin_node.audience import demands, withdrawals
from tocsin_node.community.held import Epoch
from tocsin_node.errors import Invalid
from tocsin_node.exchange.contact import Contact
from tocsin_node.life.read import life
from tocsin_node.life.state import Event, fold
from tocsin_node.log.runs import Delivery, deliveries
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.match.index import MatchIndex
from tocsin_node.names import SELF, organisation_id
from tocsin_node.peers.book import PeerBook
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.explain import Held, Outcome, Step, explain
from tocsin_node.policy.model import Policy
from tocsin_node.publish.feeds import Feeds
from tocsin_node.store.protocol import Store
from tocsin_signals.details import decode
from tocsin_signals.entry import Kind
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer. `effect`, `rule` and `caps` are of a received signal, `receives` and `delivered` of a sent one."""

    feed: str
    publisher: str
    signal: int
    peer: str
    sent: bool
    steps: tuple[Step, ...]
    policy: bytes
    """Digest of the policy that was asked."""
    effect: Effect = Effect.IGNORE
    rule: str = ""
    caps: tuple[str, ...] = ()
    receives: bool = False
    delivered: Delivery | None = None


class Explainer:
    """Answers from the parts that decide."""

    def __init__(
        self,
        *,
        organisation: str,
        store: Store,
        feeds: Feeds,
        book: FeedBook,
        index: MatchIndex,
        peers: Callable[[], PeerBook],
        policy_of: Callable[[str], Policy],
        audiences: Callable[[], Mapping[str, Collection[str]]],
        epochs: Callable[[str], Sequence[Epoch]],
        contact: Callable[[str], Contact],
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._store = store
        self._feeds = feeds
        self._book = book
        self._index = index
        self._peers = peers
        self._policy_of = policy_of
        self._audiences = audiences
        self._epochs = epochs
        self._contact = contact
        self._clock = clock

    def explain(self, feed: str, signal: int, peer: str) -> Explained:
        """A signal of a feed (origin, or local name of an own one), as between this node and `peer`.

        Errors: NotFound for the feed or signal; Invalid when the peer has no part in it.
        """
        name = peer if peer == SELF else organisation_id(peer, "PEER")
        facts = self._book.find(feed)
        with self._store.read() as session:
            events = life(session, facts.log, facts.origin, signal).events
        if facts.kind == "own" and name not in (SELF, self._organisation):
            return self._sent(facts, events, name)
        if name not in (facts.publisher, SELF if facts.kind == "own" else ""):
            raise Invalid(f"{facts.origin} is published by {facts.publisher}: name that to see what counts of it here")
        return self._received(facts, events)

    def _received(self, facts: FeedFacts, events: Sequence[Event]) -> Explained:
        now, name = self._clock(), SELF if facts.kind == "own" else facts.publisher
        policy = self._policy_of(name)
        found = explain(policy, self._held(facts, events, now), now_ms=now)
        return Explained(
            feed=facts.origin,
            publisher=facts.publisher,
            signal=events[0].index,
            peer=name,
            sent=False,
            steps=(*found.steps, *self._key_steps(facts, events)),
            policy=policy.digest,
            effect=found.effect,
            rule=found.rule,
            caps=found.caps,
        )

    def _held(self, facts: FeedFacts, events: Sequence[Event], now: int) -> Held:
        found = fold(events)
        kind = by_code(found.type)
        signal, holders = events[0].index, list(self._holders(facts, found.tagged))
        later = [holder for holder in holders if holder is not None and holder > signal]
        numbers = {event.entry.epoch for event in found.tagged}
        held = [one.descriptor.match_until for one in self._epochs(facts.community) if one.number in numbers]
        return Held(
            feed=facts.origin,
            publisher=facts.publisher,
            signal=signal,
            type_name=kind.name if kind else "",
            details=_said(found.word.details),
            standing=found.standing,
            feed_state=self._book.reliance(facts, now),
            match_until=max(held, default=None),
            removed=not self._book.counts(facts),
            found=any(holder is not None for holder in holders),
            newer=max(later) if len(later) == len(holders) else None,
        )

    def _holders(self, facts: FeedFacts, tagged: Iterable[Event]) -> Iterator[int | None]:
        """Which signal of the same feed each tag leads to in the match index, live or not."""
        for event in tagged:
            entry = event.entry
            yield self._index.signal_of(facts.log, entry.tag, entry.type, entry.epoch)

    def _key_steps(self, facts: FeedFacts, events: Sequence[Event]) -> Iterator[Step]:
        """Without the key of an epoch no look-up by value can find the signal; a look-up by tag can."""
        epochs = sorted({event.entry.epoch for event in fold(events).tagged})
        if not {one.number for one in self._epochs(facts.community)} & set(epochs):
            named = " and ".join(map(str, epochs))
            why = f"this node holds no key of {facts.community} for epoch {named}: look-ups by value cannot find it"
            yield Step("community", "key", Outcome.NOTE, why)

    def _called(self, peer: str) -> Step:
        """A receiver fetches: what it has not asked for, it has not got."""
        at = self._contact(peer).called_at
        when = f"{max(0, self._clock() - at) // 1000:,} s ago" if at else "not since this node started"
        return Step("delivered", "called", Outcome.NOTE, f"its node last called this one: {when}")

    def _sent(self, facts: FeedFacts, events: Sequence[Event], peer: str) -> Explained:
        own = self._feeds.get(facts.origin)
        members = self._audiences().get(own.audience, ())
        found = list(demands(own.name, peer, members=members, book=self._peers(), policy_of=self._policy_of))
        with self._store.read() as session:
            sizes = [one for one in deliveries(session) if one.log == facts.log and one.peer == peer]
        delivered = sizes[0] if sizes else None
        steps = [Step("send", one.name, Outcome.HOLDS if one.holds else Outcome.FAILS, one.why) for one in found]
        told = "" if all(one.holds for one in found) else withdrawals(peer, self._peers(), delivered)
        if told:
            why = f"{told}; to send it nothing at all, pause or remove the peer"
            steps.append(Step("send", "withdrawals", Outcome.NOTE, why))
        return Explained(
            feed=facts.origin,
            publisher=facts.publisher,
            signal=events[0].index,
            peer=peer,
            sent=True,
            steps=(*steps, *_delivery_steps(events, delivered), self._called(peer)),
            policy=self._policy_of(peer).digest,
            receives=all(one.holds for one in found),
            delivered=delivered,
        )


def _delivery_steps(events: Iterable[Event], delivered: Delivery | None) -> Iterator[Step]:
    """What of the signal's life the peer has acknowledged."""
    for event in events:
        reached = delivered is not None and delivered.has(event.index, event.entry)
        state = "acknowledged" if reached else "not acknowledged yet"
        if delivered is not None and not reached and event.index < delivered.size:
            state = "withheld from it, since it was no recipient then, and stays so: publish the signal again"
        why = f"entry {event.index} is {state}"
        yield Step("delivered", _kind(event), Outcome.HOLDS if reached else Outcome.FAILS, why)


def _kind(event: Event) -> str:
    return Kind(event.entry.kind).name.lower()


def _said(blob: bytes) -> Mapping[str, object] | None:
    try:
        return decode(blob)
    except Rejected:
        return None
