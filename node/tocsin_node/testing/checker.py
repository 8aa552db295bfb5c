"""What must hold of a federation after every step, looked at from outside: stored bytes, files, answers at the door.

1. Every stored entry, own or followed, hashes to the root of *every* checkpoint kept of its feed, and to the head.
2. No log is behind its high-water mark, and no mark names another root.
3. What a node answers for every tag it holds, effect and signals, is what the slow reference makes of its stored
   entries and its policies: so nothing withdrawn or expired matches, nothing live is missed, nothing ignored shows.
4. A feed's recipients are in its audience, named by the sender's policy, and active peers.
5. No follower holds an entry that it was never allowed, but for withdrawals of signals that it was; who was never
   allowed anything holds nothing. No withdrawal of a signal that it holds is withheld from it.
6. All checkpoints of one feed, at whichever honest node, agree: a second root for a size is a split view.

It is called with running and stopped nodes; of a stopped one only its files are looked at. Errors: AssertionError.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.note import parse
from tocsin_node.audit.verify import read_marks
from tocsin_node.log.runs import stored_runs
from tocsin_node.names import SELF
from tocsin_node.policy.decide import decide
from tocsin_node.policy.model import Policy, default_policy, parse_policy
from tocsin_node.policy.verdict import Assertion, FeedState, combine
from tocsin_node.store.protocol import Session
from tocsin_node.testing.ledger import Ledger, allowed
from tocsin_node.testing.member import NOTHING, Member
from tocsin_node.testing.reference import Told, tree_root
from tocsin_signals.details import decode
from tocsin_signals.entry import Kind
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code

Roots = dict[int, tuple[bytes, str]]
"""Size -> root, and a node that holds a checkpoint of it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A feed as one node keeps it."""

    origin: str
    own: bool
    publisher: str
    size: int
    told: Told
    checkpoints: Mapping[int, bytes]
    """Size -> root."""


def check(members: Mapping[str, Member], ledger: Ledger) -> None:
    """Every rule above for every honest node."""
    signed: dict[str, Roots] = {}
    held: dict[str, dict[str, Held]] = {}
    with ExitStack() as stack:
        for name, member in members.items():
            store = stack.enter_context(member.store())
            session = stack.enter_context(store.read())
            held[name] = {one.origin: one for one in _feeds(session)}
    for name, member in members.items():
        if not member.honest:
            continue
        for feed in held[name].values():
            _check_hashes(name, feed)
            _check_agreement(name, feed, signed.setdefault(feed.origin, {}))
        _check_marks(member, held[name])
        if member.node is not None:
            _check_answers(member, held[name])
            _check_recipients(member, held[name])
        _check_allowed(member, held, members, ledger)


def _feeds(session: Session) -> Iterator[Held]:
    query = "SELECT id, origin, kind, publisher, size FROM log JOIN log_head ON log = id WHERE kind <> 'audit'"
    for log, origin, kind, publisher, size in session.all(query):
        told = Told()
        for run, _ in stored_runs(session, log):
            told.hear(run)
        notes = session.all("SELECT size, note FROM checkpoint WHERE log = ?", (log,))
        roots = {int(at): parse_checkpoint(parse(bytes(note)).text).root for at, note in notes}
        yield Held(origin, kind == "own", publisher, int(size), told, roots)


def _check_hashes(name: str, feed: Held) -> None:
    assert len(feed.told.leaves) == feed.size, f"{name}: {feed.origin} holds {len(feed.told.leaves)} of {feed.size}"
    assert not feed.size or feed.size in feed.checkpoints, f"{name}: the head of {feed.origin} is not signed"
    for size, root in feed.checkpoints.items():
        found = tree_root(feed.told.leaves[:size])
        assert size <= feed.size, f"{name}: {feed.origin} has a checkpoint {size} beyond its {feed.size} entries"
        assert found == root, f"{name}: {feed.origin} does not hash to its checkpoint {size}"


def _check_agreement(name: str, feed: Held, roots: Roots) -> None:
    for size, root in feed.checkpoints.items():
        seen, where = roots.setdefault(size, (root, name))
        assert seen == root, f"split view: {where} and {name} hold two roots of size {size} of {feed.origin}"


def _check_marks(member: Member, feeds: Mapping[str, Held]) -> None:
    for origin, (size, root) in read_marks(member.home.highwater).items():
        feed = feeds.get(origin)
        if feed is None or origin in _frozen(member):
            continue  # the audit log; and a feed that is frozen because it is behind
        where = f"{member.organisation}: {origin}"
        assert feed.size >= size, f"{where} holds {feed.size} entries, its mark says {size}"
        assert tree_root(feed.told.leaves[:size]) == root, f"{where} has another root than its mark at {size}"


def _frozen(member: Member) -> set[str]:
    return set() if member.node is None else {feed.origin for feed in member.status().own if feed.state == "frozen"}


def _check_answers(member: Member, feeds: Mapping[str, Held]) -> None:
    now, states = member.clock(), _states(member)
    expected: dict[tuple[int, int], dict[bytes, list[Assertion]]] = {}
    for feed in feeds.values():
        policy, counts = _policy(member, feed), feed.own or member.peers.get(feed.publisher) != "removed"
        for (code, epoch, tag), signal in feed.told.rows.items():
            if by_code(code) is not None:
                found = expected.setdefault((code, epoch), {}).setdefault(tag, [])
                if counts and feed.told.signals[signal].live(now):
                    found += _asserted(feed, signal, policy, states.get(feed.origin, FeedState.LIVE))
    for (code, epoch), tags in expected.items():
        kind = by_code(code)
        assert kind is not None
        answers = member.check(kind.name, epoch, list(tags), distance=0 if kind.clear else None)
        for tag, assertions in tags.items():
            verdict = combine(assertions, now_ms=now)
            wanted = (str(verdict.effect), [(one.assertion.feed, one.assertion.signal) for one in verdict.assertions])
            answer = answers.get(tag, NOTHING)
            where = f"{member.organisation}: tag {tag[:4].hex()} of {kind.name}, epoch {epoch}"
            said = (answer.effect, list(answer.signals))
            assert said == wanted, f"{where} answers {said}, its entries say {wanted}"
            blobs = [feeds[feed].told.signals[signal].details for feed, signal in answer.signals]
            assert list(answer.details) == blobs, f"{where} shows other details than its entries have"


def _states(member: Member) -> dict[str, FeedState]:
    words = {"stopped": FeedState.STOPPED, "silent": FeedState.SILENT}
    return {feed.origin: words.get(feed.state, FeedState.LIVE) for feed in member.status().followed}


def _asserted(feed: Held, signal: int, policy: Policy, state: FeedState) -> Iterator[Assertion]:
    life = feed.told.signals[signal]
    kind = by_code(life.type)
    try:
        said = decode(life.details)
    except Rejected:
        return
    if kind is not None:
        decision = decide(policy, feed=feed.origin.rpartition("/")[2], type_name=kind.name, details=said)
        yield Assertion(
            feed=feed.origin,
            publisher=feed.publisher,
            signal=signal,
            type_name=kind.name,
            issued_at=life.issued_at,
            valid_until=life.valid_until,
            details=said,
            decision=decision,
            feed_state=state,
        )


def _policy(member: Member, feed: Held) -> Policy:
    if feed.own:
        return default_policy(SELF)
    terms = member.terms.get(feed.publisher)
    if terms is None:
        return default_policy(feed.publisher)
    return parse_policy(terms.text(feed.publisher), feed.publisher)


def _check_recipients(member: Member, feeds: Mapping[str, Held]) -> None:
    for feed in feeds.values():
        if feed.own:
            request = pb.FeedRecipientsRequest(feed=feed.origin)
            found = {one.organisation for one in member.ask("FeedRecipients", request).recipients if one.receives}
            wanted = {name for name in member.peers if allowed(member, feed.origin, name)}
            assert found == wanted, f"{feed.origin} goes to {sorted(found)}, its operator said {sorted(wanted)}"


def _check_allowed(
    member: Member, held: Mapping[str, Mapping[str, Held]], members: Mapping[str, Member], ledger: Ledger
) -> None:
    for feed in held[member.organisation].values():
        publisher = members.get(feed.publisher)
        if feed.own or publisher is None or not publisher.honest:
            continue
        there = held[publisher.organisation].get(feed.origin)
        most = ledger.most(publisher, feed.origin, 0 if there is None else there.size, member.organisation)
        who = f"{member.organisation} of {feed.origin}"
        assert most or not feed.size, f"{who}: holds {feed.size} entries, allowed were none"
        for index, (kind, ref) in feed.told.present.items():
            assert index < most or (kind == Kind.WITHDRAW and ref < most), (
                f"{who}: holds entry {index}, allowed were {most}"
            )
        for index, (kind, ref) in ({} if there is None else there.told.present).items():
            if kind == Kind.WITHDRAW and index < feed.size and ref in feed.told.present:
                assert index in feed.told.present, f"{who}: the withdrawal {index} of {ref} is withheld"
