"""Look-ups by the organisation's own applications: identifiers in, verdicts out.

canonicalise -> expand (a URL also tries its path, prefixes and host; a hash in the clear the hashes near it) -> tag
under every live epoch -> one look-up in the index -> decide -> combine. Nothing leaves the organisation, and no
identifier is kept or logged. Withdrawn and expired signals stop counting at once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.clear import CLEAR_CODES, CLEAR_EPOCH, clear_tag
from tocsin_node.errors import Invalid, Refused
from tocsin_node.guard.keyed import expression, subject_key, value_key
from tocsin_node.limits import CHECK_NEAR, CHECK_TAGS, INLINE_VALUES, MATCH_QUERIES, NEAR_PER_FEED
from tocsin_node.log.envelope import Actor
from tocsin_node.match.blocks import TAG_BYTES
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.judge import Judge
from tocsin_node.match.near_probes import near_probes, nearest
from tocsin_node.match.query import Probe, Probes, Query
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.verdict import Assertion, Verdict, combine
from tocsin_node.profiles import REASON
from tocsin_node.workers import Workers, are_few
from tocsin_signals import vocab
from tocsin_signals.canon import expand
from tocsin_signals.canon.perceptual import MAX_DISTANCE
from tocsin_signals.errors import Rejected
from tocsin_signals.types import SignalType, by_code, by_name

_NOTHING: Final = combine((), now_ms=0)
_FEW_PROBES: Final = 4  # below it the index's scalar path is cheaper than numpy's fixed cost per call


_Hit: TypeAlias = tuple[int, int, int, Sequence[int]]
"""Query, type, distance, and (feed, signal, details, issued_at, valid_until)."""


class MatchKeys(Protocol):
    """The keys look-ups tag with."""

    def matching(self, now: int) -> Sequence[EpochKey]:
        """Every key of a live epoch at `now` (ms)."""
        ...

    def ended(self, epoch: int, now: int) -> Collection[str]:
        """The communities whose epoch of this number is no longer matched at `now` (ms)."""
        ...


class Profiles(Protocol):
    """Which types this node may look up."""

    def refused(self) -> Mapping[str, str]:
        """Why a type is not, by its name."""
        ...


class Tally(Protocol):
    """Totals of look-ups for the audit log."""

    def add(self, *, actor: Actor, purpose: str, items: int, effects: Sequence[Effect]) -> None:
        """Count one request: how many items, and the effect of each that matched."""
        ...


@dataclass(frozen=True, slots=True)
class QueryVerdict:
    """The answer to one query. A value that could not be looked up has `reject`, a stable word, and a sentence.

    `blobs` holds the details as signed, by (feed origin, signal).
    """

    query: int
    verdict: Verdict
    blobs: Mapping[tuple[str, int], bytes]
    reject: str = ""
    sentence: str = ""


class Tagged(NamedTuple):
    """What became of a request's queries; made in a worker process for all but small requests."""

    probes: Probes
    rejects: dict[int, tuple[str, str]]
    seen: list[tuple[int, int]]
    """What look-ups about own users tried: expression and user, as the guard remembers them."""


class Sightings(Protocol):
    """What remembers which expressions the look-ups of how many own users tried."""

    def saw(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Remember pairs of expression and user; never waits."""
        ...


class Matcher:
    """Answers look-ups from the index."""

    def __init__(
        self,
        *,
        index: MatchIndex,
        judge: Judge,
        feeds: FeedBook,
        keys: MatchKeys,
        profiles: Profiles,
        workers: Workers,
        tally: Tally,
        sightings: Sightings,
        guard_key: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._index = index
        self._judge = judge
        self._feeds = feeds
        self._keys = keys
        self._profiles = profiles
        self._workers = workers
        self._tally = tally
        self._sightings = sightings
        self._guard_key = guard_key
        self._clock = clock

    async def match(self, queries: Sequence[Query], *, purpose: str, actor: Actor) -> list[QueryVerdict]:
        """One verdict per query, in order. Errors: Invalid for too many queries or an unknown purpose."""
        if not 1 <= len(queries) <= MATCH_QUERIES:
            raise Invalid(f"a request asks about 1 to {MATCH_QUERIES} identifiers, not {len(queries)}")
        purpose = _purpose(purpose)
        keys = self._keys.matching(self._clock())
        types, refused = self._index.types(), self._profiles.refused()
        if are_few(queries):
            tagged = tag_queries(queries, keys, types, refused, self._guard_key)
        else:
            tagged = await self._workers.run(tag_queries, list(queries), list(keys), types, refused, self._guard_key)
        if tagged.seen:
            self._sightings.saw(tagged.seen)
        found = await self._judged(tagged.probes)
        verdicts = [
            found.get(number) or QueryVerdict(number, _NOTHING, {}, *tagged.rejects.get(number, ("", "")))
            for number in range(len(queries))
        ]
        self._count(actor, purpose, len(queries), verdicts)
        return verdicts

    async def check(
        self, tags: bytes, type_name: str, epoch: int, *, purpose: str, actor: Actor, distance: int | None = None
    ) -> list[QueryVerdict]:
        """Verdicts for the tags that match, by position; no identifier takes part.

        Of a type in the clear the tags are the values, under epoch 0, and those near them match too.
        Errors: Invalid, Refused.
        """
        if not tags or len(tags) % TAG_BYTES or len(tags) > CHECK_TAGS * TAG_BYTES:
            raise Invalid(f"tags of {len(tags)} bytes; 1 to {CHECK_TAGS} tags of {TAG_BYTES} bytes fit a request")
        purpose = _purpose(purpose)
        try:
            code = by_name(type_name).code
        except Rejected as error:
            raise Invalid(error.sentence) from error
        if type_name in (refused := self._profiles.refused()):
            raise Refused(refused[type_name])
        count = len(tags) // TAG_BYTES
        within = _within_all(code, epoch, distance, count)
        types, epochs = np.full(count, code, np.uint16), np.full(count, epoch, np.uint32)
        probes = Probes(np.arange(count, dtype=np.uint32), tags, types, epochs, within)
        found = await self._judged(probes, self._keys.ended(epoch, self._clock()))
        verdicts = [found[number] for number in sorted(found)]
        self._count(actor, purpose, count, verdicts)
        return verdicts

    async def _judged(self, probes: Probes, ended: Collection[str] = ()) -> dict[int, QueryVerdict]:
        """The same as `_judge_probes`: here for a few, in a thread for many, so that other callers need not wait."""
        if len(probes) <= INLINE_VALUES and not CLEAR_CODES & set(probes.types.tolist()):
            return self._judge_probes(probes, ended)
        return await asyncio.to_thread(self._judge_probes, probes, ended)

    def _judge_probes(self, probes: Probes, ended: Collection[str]) -> dict[int, QueryVerdict]:
        """The verdict on every query that has a row in the index, but for tags of communities whose epoch `ended`."""
        now = self._clock()
        found: dict[int, list[Assertion]] = defaultdict(list)
        blobs: dict[tuple[str, int], bytes] = {}
        without: dict[int, int] = {}
        for query, code, distance, (feed, signal, number, issued_at, valid_until) in self._found(probes, now, without):
            facts = self._feeds.get(feed)
            decision = self._judge.decision(facts, code, number)
            kind, (blob, said) = by_code(code), self._judge.details(number)
            if decision is None or kind is None or said is None or not self._feeds.counts(facts):
                continue
            if facts.community in ended:
                continue
            state = self._feeds.reliance(facts, now)
            found[query].append(
                Assertion(
                    facts.origin,
                    facts.publisher,
                    signal,
                    kind.name,
                    issued_at,
                    valid_until,
                    said,
                    decision,
                    state,
                    distance,
                )
            )
            blobs[facts.origin, signal] = blob
        return {
            query: QueryVerdict(query, _noting(combine(assertions, now_ms=now), without.get(query, 0)), blobs)
            for query, assertions in found.items()
        }

    def _found(self, probes: Probes, now: int, without: dict[int, int]) -> Iterator[_Hit]:
        """Every hit, near ones too; how many near ones a query does without goes into `without`."""
        for part in near_probes(self._index, probes):
            hits, left_out = self._hits(part, now)
            without.update(left_out)
            yield from hits

    def _hits(self, probes: Probes, now: int) -> tuple[Iterable[_Hit], Mapping[int, int]]:
        """What every live row says, newest signal last; and how many near ones each query does without."""
        if len(probes) <= _FEW_PROBES:
            few = (
                (query, code, distance, hit)
                for query, tag, code, epoch, distance in probes
                for hit in self._index.lookup_one(tag, code, epoch, now_ms=now)
            )
            return few, {}
        tags = np.frombuffer(probes.tags, np.uint8).reshape(-1, TAG_BYTES)
        hits = self._index.lookup(tags, probes.types, probes.epochs, now_ms=now)
        keep, without = nearest(hits, probes)
        asked = hits.queries[keep]
        about = (probes.queries, probes.types, probes.distances)
        columns = (hits.feeds, hits.signals, hits.details, hits.issued_at, hits.valid_until)
        said = zip(*(column[keep].tolist() for column in columns), strict=True)
        return zip(*(column[asked].tolist() for column in about), said, strict=True), without

    def _count(self, actor: Actor, purpose: str, items: int, verdicts: Sequence[QueryVerdict]) -> None:
        effects = [one.verdict.effect for one in verdicts if one.verdict.assertions]
        self._tally.add(actor=actor, purpose=purpose, items=items, effects=effects)


def tag_queries(
    queries: Sequence[Query],
    keys: Sequence[EpochKey],
    types: Collection[int] | None = None,
    refused: Mapping[str, str] = MappingProxyType({}),
    guard_key: bytes = b"",
) -> Tagged:
    """Every tag the queries' look-ups try, under every key; of these types only, where given (codes).

    `refused`: names of types that are not looked up, neither as asked nor on the way, and why. With a `guard_key`, also
    what the look-ups of queries that name a subject tried, of every type that is tagged.
    Values of types in the clear stand for themselves, with the distance that their matches may have.
    """
    subjects = [subject_key(guard_key, one.subject) if one.subject and guard_key else None for one in queries]
    seen: list[tuple[int, int]] = []
    rejects: dict[int, tuple[str, str]] = {}
    requests: list[TagRequest] = []
    numbers: list[int] = []
    codes: list[int] = []
    clear: list[Probe] = []
    for number, kind, canonical, within in _expressions(queries, rejects, refused):
        if kind.name in refused:
            continue
        if (subject := subjects[number]) is not None and not kind.clear:
            seen.append((expression(value_key(guard_key, kind.code, canonical)), subject))
        if types is not None and kind.code not in types:
            continue  # no feed has a signal of this type: nothing could match
        if kind.clear:
            clear.append(Probe(number, clear_tag(canonical), kind.code, CLEAR_EPOCH, within))
            continue
        requests.append(TagRequest(kind.profile, kind.scope, canonical))
        numbers.append(number)
        codes.append(kind.code)
    probes = Probes(
        queries=np.tile(np.asarray(numbers, np.uint32), len(keys)),
        tags=b"".join(tag for key in keys for tag in tag_batch(key, requests)),
        types=np.tile(np.asarray(codes, np.uint16), len(keys)),
        epochs=np.repeat(np.asarray([key.epoch for key in keys], np.uint32), len(requests)),
        distances=np.zeros(len(keys) * len(requests), np.uint8),
    )
    return Tagged(probes.and_also(clear) if clear else probes, rejects, seen)


def _expressions(
    queries: Sequence[Query], rejects: dict[int, tuple[str, str]], refused: Mapping[str, str]
) -> Iterator[tuple[int, SignalType, str, int]]:
    """(query, type, canonical form, distance) of everything to look up; what cannot be goes into `rejects`."""
    for number, query in enumerate(queries):
        if query.type in refused:
            rejects[number] = (REASON, refused[query.type])
            continue
        try:
            within = _within(by_name(query.type).code, query.distance)
            expressions = expand(query.type, query.value, region=query.region or None)
        except Rejected as error:
            rejects[number] = (error.reason, error.sentence)
            continue
        for type_name, canonical in expressions:
            yield number, by_name(type_name), canonical, within


def _within(code: int, distance: int | None) -> int:
    """How many bits matches of this type may differ in. Errors: Rejected."""
    if code not in CLEAR_CODES:
        if distance is not None:
            raise Rejected("distance", "Only a pdq has near matches: leave the distance out for other types.")
        return 0
    if distance is None:
        return MAX_DISTANCE
    if not 0 <= distance <= MAX_DISTANCE:
        raise Rejected("distance", f"A distance is a number of bits from 0 to {MAX_DISTANCE}.")
    return distance


def _within_all(code: int, epoch: int, distance: int | None, count: int) -> NDArray[np.uint8]:
    """The same for the tags of one Check. Errors: Invalid."""
    try:
        within = _within(code, distance)
    except Rejected as error:
        raise Invalid(error.sentence) from error
    if code in CLEAR_CODES and epoch != CLEAR_EPOCH:
        raise Invalid(f"values in the clear are under no epoch: ask with epoch {CLEAR_EPOCH}, not {epoch}")
    if code in CLEAR_CODES and count > CHECK_NEAR:
        raise Invalid(f"{count} values to find near matches of; at most {CHECK_NEAR} fit a request")
    return np.full(count, within, np.uint8)


def _noting(verdict: Verdict, without: int) -> Verdict:
    if not without:
        return verdict
    why = f"{without} more near matches are not listed: of each feed the {NEAR_PER_FEED} nearest count"
    return replace(verdict, reasons=(*verdict.reasons, why))


def _purpose(word: str) -> str:
    try:
        return str(vocab.PURPOSES.check(word or "detect"))
    except Rejected as error:
        raise Invalid(f"the purpose is not known: {error.sentence}") from error
