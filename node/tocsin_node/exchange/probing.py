"""Fresh probes between two nodes, both sides of them.

The asker sends a nonce and the types it has probes of; the answerer adds a nonce of its own, and the digest of what it
makes of all the probes that both give. Equal: done, in one question. Else the asker halves the list until it knows the
first disagreement, and asks to be shown that one form: some ten questions. Nothing is kept by the answerer between two
questions; any node may answer any seed, for probes are public.

A peer of an earlier version, or one that is busy, is *not probed*, which is no fault. A disagreement is told
(`agreement`) and changes nothing else. Following goes on meanwhile.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import grpc
import grpc.aio
import structlog

from tocsin.v1.exchange_pb2_grpc import ExchangeStub
from tocsin_crypto.ed25519 import Random
from tocsin_node.errors import Exhausted, Invalid, NodeError
from tocsin_node.exchange import wire
from tocsin_node.exchange.agreement import Agreements, Disagreement, Probed
from tocsin_node.exchange.dial import Session, sentence
from tocsin_node.limits import CONNECT_S, PROBE_AGAIN_MS, PROBE_QUESTIONS
from tocsin_signals import probes
from tocsin_signals.types import by_name

_HOUR_MS: Final = 3_600_000
_log: Any = structlog.get_logger("tocsin.exchange")

Forms = Callable[[Iterable[probes.Fresh]], tuple[str, ...]]
"""What one side makes of probes: see `rules`."""

Ask = Callable[[wire.ProbeQuestion], Awaitable[wire.ProbeAnswer]]


class Answerer:
    """Answers peers' questions, PROBE_QUESTIONS an hour to each."""

    def __init__(self, *, forms: Forms, clock: Callable[[], int], random: Random) -> None:
        self._forms = forms
        self._clock = clock
        self._random = random
        self._asked: defaultdict[str, deque[int]] = defaultdict(deque)

    async def answer(self, peer: str, question: wire.ProbeQuestion) -> wire.ProbeAnswer:
        """What this node makes of the probes. Errors: Invalid, Exhausted."""
        now, asked = self._clock(), self._asked[peer]
        while asked and asked[0] <= now - _HOUR_MS:
            asked.popleft()
        if len(asked) >= PROBE_QUESTIONS:
            raise Exhausted(f"a peer asks about probes at most {PROBE_QUESTIONS} times an hour")
        asked.append(now)
        own = question.answer_nonce or self._random(probes.NONCE_BYTES)
        types = tuple(name for name in probes.covered() if name in question.types)
        _, made = await asyncio.to_thread(_made, question.nonce, own, types, self._forms)
        if question.count > len(made):
            raise Invalid(f"{question.count} probes are asked for; these types have {len(made)}")
        count = question.count or len(made)
        last = made[count - 1] if question.last and count else ""
        return wire.ProbeAnswer(own, types, probes.prefix_digest(made, count), _shown(last))


class Prober:
    """Probes the peers of this node's sessions, each at most daily."""

    def __init__(
        self,
        *,
        forms: Forms,
        agreements: Agreements,
        enabled: Callable[[], bool],
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._forms = forms
        self._agreements = agreements
        self._enabled = enabled
        self._clock = clock
        self._random = random

    async def run(self, session: Session) -> None:
        """Probe if it is time; raises nothing that a peer can cause."""
        last = self._agreements.of(session.peer.organisation).probed
        due = not last.at or bool(last.why) or self._clock() - last.at >= PROBE_AGAIN_MS
        if self._enabled() and due:
            await self.probe(session.peer.organisation, session.channel, session.hello)

    async def probe(self, peer: str, channel: grpc.aio.Channel, hello: wire.Hello) -> Probed:
        """Probe now, over a channel on which the peer said this Hello."""
        found = await self._probed(ExchangeStub(channel), hello)
        if found.why:
            _log.info("not probed", peer=peer, why=found.why)
        self._agreements.probed(peer, found)
        return found

    async def _probed(self, stub: Any, hello: wire.Hello) -> Probed:
        now, types = self._clock(), _common(hello)
        if probes.GENERATOR not in hello.features:
            return Probed(now, why="its version has no fresh probes")
        if not types:
            return Probed(now, why="it names no profile that is known here")

        async def ask(question: wire.ProbeQuestion) -> wire.ProbeAnswer:
            return wire.from_probe_response(await stub.Probe(wire.to_probe_request(question), timeout=CONNECT_S))

        try:
            count, first = await compare(ask, self._forms, nonce=self._random(probes.NONCE_BYTES), types=types)
        except (NodeError, grpc.aio.AioRpcError) as error:
            return Probed(now, why=sentence(error))
        return Probed(now, count, first)


async def compare(ask: Ask, forms: Forms, *, nonce: bytes, types: Sequence[str]) -> tuple[int, Disagreement | None]:
    """How many probes both sides tried, and the first they read differently. Errors: Invalid, and those of `ask`."""
    answer = await ask(wire.ProbeQuestion(nonce, b"", tuple(types), 0, last=False))
    if not set(answer.types) <= set(types):
        raise Invalid("it answers for types that were not asked for")
    types = tuple(answer.types)
    tried, made = await asyncio.to_thread(_made, nonce, answer.nonce, types, forms)

    async def show(count: int, *, last: bool = False) -> wire.ProbeAnswer:
        return await ask(wire.ProbeQuestion(nonce, answer.nonce, types, count, last=last))

    if answer.digest == probes.prefix_digest(made, len(made)):
        return len(made), None
    equal, differs = 0, len(made)  # the first `equal` forms agree, the first `differs` do not
    while differs - equal > 1:
        middle = (equal + differs) // 2
        if (await show(middle)).digest == probes.prefix_digest(made, middle):
            equal = middle
        else:
            differs = middle
    theirs = (await show(differs, last=True)).last
    one = tried[differs - 1]
    return len(made), Disagreement(one.type_name, one.text, _shown(made[differs - 1]), theirs)


def _common(hello: wire.Hello) -> tuple[str, ...]:
    """The types whose profile the peer has too; all, where it tells none."""
    return tuple(name for name in probes.covered() if not hello.profiles or by_name(name).profile in hello.profiles)


def _made(
    nonce: bytes, answer: bytes, types: Sequence[str], forms: Forms
) -> tuple[tuple[probes.Fresh, ...], tuple[str, ...]]:
    tried = probes.fresh(probes.seed_of(nonce, answer), types)
    return tried, forms(tried)


def _shown(form: str) -> str:
    return "" if form == probes.REJECT else form
