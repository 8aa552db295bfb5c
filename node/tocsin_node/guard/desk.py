"""Second persons: a request to publish what the guard blocks, and what somebody else makes of it.

Rules, in order:

1. A token asks, with a written reason, for one value on one feed; the request names every rule that blocks the value
   now, the number of own users it would hit among them. What is not blocked is not asked for.
2. A token of *another name* approves or refuses, with a written reason. Nobody approves what they asked for. Whether
   two tokens are two persons is the organisation's affair: the audit log has both names.
3. An approval lets exactly that value pass on exactly that feed, for these rules, for APPROVAL_DAYS unless the approver
   says otherwise, at most APPROVAL_MOST_DAYS. What was published meanwhile stays.
4. The one who asked may withdraw a request or the approval that came of it, and so may anybody who might approve refuse
   it. A request nobody decides ends by itself.
5. Every step is in the audit log: names, feed, type, the first digits of the tag, rules and reasons; never the value,
   which is kept sealed, and dropped KEPT_DAYS after its request ended. A reason that holds the value is not taken.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.errors import Denied, Exhausted, Invalid, NotFound, Refused
from tocsin_node.guard import requests
from tocsin_node.guard.approvals import Approvals
from tocsin_node.guard.gate import Gate
from tocsin_node.guard.requests import APPROVED, PENDING, REFUSED, WITHDRAWN, GuardRequest
from tocsin_node.guard.terms import RADIUS, Terms, weigh
from tocsin_node.limits import GUARD_ASKED, GUARD_OPEN, GUARD_SHOWN, IDENTIFIER_BYTES, REASON_CHARS
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.profiles import REASON, Profiles
from tocsin_node.publish.feeds import Feeds, OwnFeed
from tocsin_node.publish.prepare import RESERVED, RowIn, check_kind, seal, unseal
from tocsin_node.store.protocol import Store
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.probes import is_reserved
from tocsin_signals.types import SignalType, by_code, by_name

DAY_MS: Final = 24 * 3600 * 1000
PENDING_DAYS: Final = 30
"""A request that nobody decided by then ends."""
APPROVAL_DAYS: Final = 7
APPROVAL_MOST_DAYS: Final = 30
KEPT_DAYS: Final = 30
"""After its end a request is dropped, and with it the sealed value."""
REASON_LEAST_CHARS: Final = 8
"""A written reason is more than a word."""


class TaggingKeys(Protocol):
    """The keys this node tags with."""

    def publishing(self, community: str, now: int) -> EpochKey:
        """The key of the community's newest epoch that may be published under at `now`. Errors: Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one row: the request's number; 0, a stable word and a sentence where there is none."""

    line: int
    number: int
    rules: tuple[str, ...] = ()
    reason: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as people see it: with the value, which is opened for it."""

    request: GuardRequest
    feed: str
    type: str
    value: str
    state: str


@dataclass(frozen=True, slots=True)
class _Case:
    """A row that is blocked, ready to be asked for."""

    line: int
    code: int
    canonical: str
    key: bytes
    tag: bytes
    rules: tuple[str, ...]
    users: int


class Desk:
    """Takes requests and decisions."""

    def __init__(
        self,
        *,
        store: Store,
        writer: Writer,
        feeds: Feeds,
        keys: TaggingKeys,
        approvals: Approvals,
        gate: Gate,
        profiles: Profiles,
        data_key: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._writer = writer
        self._feeds = feeds
        self._keys = keys
        self._approvals = approvals
        self._gate = gate
        self._profiles = profiles
        self._data_key = data_key
        self._clock = clock

    async def ask(self, feed: str, rows: Sequence[RowIn], why: str, *, actor: Actor) -> list[Asked]:
        """Ask for every row that is blocked now. Errors: NotFound, Invalid, Exhausted."""
        own = self._feeds.get(feed)
        if not 1 <= len(rows) <= GUARD_ASKED:
            raise Invalid(f"a request is for 1 to {GUARD_ASKED} rows, not {len(rows)}")
        why = _reason(why)
        terms = self._gate.terms(own.log)
        cases, answers = await asyncio.to_thread(self._cases, own, terms, rows, why)
        counted = await self._counted(cases, terms)
        answers += [_not_blocked(case.line) for case in counted if not case.rules]
        blocked = [case for case in counted if case.rules]
        if blocked:
            answers += await self._writer.submit(lambda tx: self._insert(tx, own, blocked, why, actor))
        return sorted(answers, key=lambda one: one.line)

    async def decide(self, number: int, *, approve: bool, why: str, days: int, actor: Actor) -> Shown:
        """Approve or refuse, as another than who asked. Errors: NotFound, Denied, Refused, Invalid."""
        why = _reason(why)
        if not 0 <= days <= APPROVAL_MOST_DAYS:
            raise Invalid(f"an approval lasts 1 to {APPROVAL_MOST_DAYS} days")

        def operation(tx: Tx) -> GuardRequest:
            held = _standing(tx, number)
            if held.asked_by == actor.name:
                raise Denied(f"{actor.name} asked for this: another person decides, with a token of another name")
            if approve and held.state != PENDING:
                raise Refused(f"request {number} is {held.state} already")
            self._keep_out(held, why)
            ends = tx.now + (days or APPROVAL_DAYS) * DAY_MS if approve else tx.now
            state = APPROVED if approve else REFUSED
            return self._decided(tx, held, state, why, ends, actor)

        return self._shown(await self._writer.submit(operation))

    async def withdraw(self, number: int, *, why: str, actor: Actor) -> Shown:
        """Take back what one asked for oneself, approved or not. Errors: NotFound, Denied, Refused, Invalid."""
        why = _reason(why) if why else ""

        def operation(tx: Tx) -> GuardRequest:
            held = _standing(tx, number)
            if held.asked_by != actor.name:
                raise Denied("only the token that asked withdraws a request; to stop it, refuse it")
            self._keep_out(held, why)
            return self._decided(tx, held, WITHDRAWN, why, tx.now, actor)

        return self._shown(await self._writer.submit(operation))

    def all(self, *, ended: bool) -> list[Shown]:
        """Requests that wait and approvals that stand, oldest first; with `ended`, all that are kept, newest first."""
        with self._store.read() as session:
            if ended:
                found = requests.latest(session, GUARD_SHOWN)
            else:
                found = requests.open_ones(session, self._clock())[:GUARD_SHOWN]
        return [self._shown(one) for one in found]

    def counts(self) -> tuple[int, int]:
        """How many requests wait, and how many approvals stand."""
        with self._store.read() as session:
            found = requests.open_ones(session, self._clock())
        return sum(one.state == PENDING for one in found), sum(one.state == APPROVED for one in found)

    def _cases(self, own: OwnFeed, terms: Terms, rows: Sequence[RowIn], why: str) -> tuple[list[_Case], list[Asked]]:
        """The rows in canonical form with the rules that block them; and what became of those that have none."""
        key = None if own.clear else self._keys.publishing(own.community, self._clock())
        cases: list[_Case] = []
        answers: list[Asked] = []
        unsafe = self._profiles.refused()
        for row in rows:
            if row.type in unsafe:
                answers.append(Asked(row.line, 0, (), REASON, unsafe[row.type]))
                continue
            if len(row.value.encode("utf-8", "surrogatepass")) > IDENTIFIER_BYTES:
                sentence = f"The value is longer than {IDENTIFIER_BYTES} bytes."
                answers.append(Asked(row.line, 0, (), "too-long", sentence))
                continue
            try:
                kind = by_name(row.type)
                check_kind(kind, clear=own.clear)
                canonical = canonicalise(row.type, row.value, region=row.region or None)
            except Rejected as error:
                answers.append(Asked(row.line, 0, (), error.reason, error.sentence))
                continue
            if is_reserved(row.type, canonical):
                answers.append(Asked(row.line, 0, (), "reserved-probe", RESERVED))
                continue
            if _holds(why, canonical):
                answers.append(Asked(row.line, 0, (), "reason", "The reason holds the value: it goes into the log."))
                continue
            days = (row.valid_until - self._clock()) // DAY_MS if row.valid_until else None
            found = weigh(terms, row.type, kind.code, canonical, days)
            tag = b"" if key is None else _tag(key, kind, canonical)  # in the clear it would be the value
            cases.append(_Case(row.line, kind.code, canonical, found.key, tag, found.blocking, 0))
        return cases, answers

    async def _counted(self, cases: Sequence[_Case], terms: Terms) -> list[_Case]:
        """The cases with the own users each would hit, and the rule on that where it blocks."""
        reached = await self._gate.reach([case.key for case in cases], terms.approved)
        return [
            _Case(
                case.line,
                case.code,
                case.canonical,
                case.key,
                case.tag,
                (*case.rules, RADIUS) if reach.blocked else case.rules,
                reach.users,
            )
            for case, reach in zip(cases, reached, strict=True)
        ]

    def _insert(self, tx: Tx, own: OwnFeed, cases: Sequence[_Case], why: str, actor: Actor) -> list[Asked]:
        requests.forget(tx.sql, tx.now - KEPT_DAYS * DAY_MS)
        standing = requests.open_ones(tx.sql, tx.now)
        waiting = {(one.key, one.rules): one for one in standing if one.log == own.log and one.state == PENDING}
        answers: list[Asked] = []
        for case in cases:
            rules = " ".join(case.rules)
            same = waiting.get((case.key, rules))
            if same is not None:
                answers.append(Asked(case.line, same.id, case.rules, "asked-already", "This waits for a decision."))
                continue
            if len(standing) >= GUARD_OPEN:
                raise Exhausted(f"{GUARD_OPEN} requests wait or stand: have some decided first; nothing was asked")
            sealed = seal(case.canonical, own.origin, case.code, self._data_key)
            new = GuardRequest(
                id=0,
                log=own.log,
                type=case.code,
                key=case.key,
                sealed=sealed,
                tag=case.tag[:4].hex(),
                rules=rules,
                users=case.users,
                state=PENDING,
                asked_by=actor.name,
                asked_why=why,
                asked_at=tx.now,
                decided_by="",
                decided_why="",
                decided_at=0,
                ends_at=tx.now + PENDING_DAYS * DAY_MS,
            )
            number = requests.insert(tx.sql, new)
            waiting[case.key, rules] = new = new._replace(id=number)
            standing.append(new)
            tx.audit("guard.asked", actor=actor, about={**_about(new, own.name), "reason": why})
            answers.append(Asked(case.line, number, case.rules))
        return answers

    def _decided(self, tx: Tx, held: GuardRequest, state: str, why: str, ends_at: int, actor: Actor) -> GuardRequest:
        done = held._replace(state=state, decided_by=actor.name, decided_why=why, decided_at=tx.now, ends_at=ends_at)
        requests.decide(tx.sql, done)
        tx.after(lambda: self._approvals.put(done))
        about = {**_about(done, self._name(held.log)), "asked_by": held.asked_by, "asked_reason": held.asked_why}
        tx.audit(f"guard.{state}", actor=actor, about={**about, "reason": why} if why else about)
        return done

    def _keep_out(self, held: GuardRequest, why: str) -> None:
        if _holds(why, self._opened(held)):
            raise Invalid("the reason holds the value itself: it goes into the audit log, so say it in other words")

    def _shown(self, one: GuardRequest) -> Shown:
        kind = by_code(one.type)
        return Shown(
            one, self._name(one.log), kind.name if kind else "", self._opened(one), one.state_at(self._clock())
        )

    def _opened(self, one: GuardRequest) -> str:
        return unseal(one.sealed, self._feed(one.log).origin, one.type, self._data_key)

    def _name(self, log: int) -> str:
        return self._feed(log).name

    def _feed(self, log: int) -> OwnFeed:
        return next(feed for feed in self._feeds.all() if feed.log == log)


def _tag(key: EpochKey, kind: SignalType, canonical: str) -> bytes:
    return tag_batch(key, [TagRequest(kind.profile, kind.scope, canonical)])[0]


def _standing(tx: Tx, number: int) -> GuardRequest:
    """A request that waits, or an approval that stands. Errors: NotFound, Refused."""
    held = requests.get(tx.sql, number)
    if held is None:
        raise NotFound("there is no request of that number: `tocsin guard pending` shows them")
    state = held.state_at(tx.now)
    if state not in (PENDING, APPROVED):
        raise Refused(f"request {number} is {state} already")
    return held


def _about(request: GuardRequest, feed: str) -> dict[str, str]:
    kind = by_code(request.type)
    return {
        "request": str(request.id),
        "feed": feed,
        "type": kind.name if kind else "",
        "tag": request.tag,
        "rules": request.rules,
    }


def _reason(text: str) -> str:
    """A written reason: some words on one line. Errors: Invalid."""
    text = " ".join(text.split())
    if not REASON_LEAST_CHARS <= len(text) <= REASON_CHARS or not text.isprintable():
        raise Invalid(f"a written reason is {REASON_LEAST_CHARS} to {REASON_CHARS} printable characters")
    return text


def _holds(why: str, canonical: str) -> bool:
    """Whether a reason quotes a value, whole, or the part of it behind its kind, or its host."""
    said, value = why.casefold(), canonical.casefold().rstrip("/")
    rest = value.partition(":")[2]
    return value in said or (len(rest) > 3 and rest in said)


def _not_blocked(line: int) -> Asked:
    return Asked(line, 0, (), "not-blocked", "No rule of the guard stops this row: publish it.")
