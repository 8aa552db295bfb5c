"""Fresh probes between two sides: equal in one question, else the first disagreement by halving."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, strategies as st

from tocsin_node.errors import Exhausted, Invalid
from tocsin_node.exchange import wire
from tocsin_node.exchange.probing import Answerer, compare
from tocsin_node.limits import PROBE_QUESTIONS
from tocsin_node.testing.core import Clock
from tocsin_signals import probes

NONCE: Final = bytes(range(16))
OTHER: Final = bytes(range(16, 32))
HOUR_MS: Final = 3_600_000


class Peer:
    """The other side: an answerer behind real messages, which counts what it is asked."""

    def __init__(self, changed: Iterable[int] = ()) -> None:
        self.questions = 0
        self._changed = frozenset(changed)
        self.answerer = Answerer(forms=self.forms, clock=Clock(), random=lambda count: OTHER[:count])

    def forms(self, tried: Iterable[probes.Fresh]) -> tuple[str, ...]:
        """Some of them made otherwise."""
        made = probes.forms(tried)
        return tuple(f"other {place}" if place in self._changed else form for place, form in enumerate(made))

    async def ask(self, question: wire.ProbeQuestion) -> wire.ProbeAnswer:
        """One question, over the wire."""
        self.questions += 1
        asked = wire.from_probe_request(wire.to_probe_request(question))
        return wire.from_probe_response(wire.to_probe_response(await self.answerer.answer("a.example", asked)))


def test_equal_software_agrees_in_one_question() -> None:
    peer = Peer()
    count, first = asyncio.run(compare(peer.ask, probes.forms, nonce=NONCE, types=probes.covered()))
    assert (count, first, peer.questions) == (probes.PER_TYPE * len(probes.covered()), None, 1)


@given(changed=st.sets(st.integers(0, 2 * probes.PER_TYPE - 1), min_size=1))
def test_the_first_of_any_disagreements_is_found_and_shown(changed: set[int]) -> None:
    peer = Peer(changed)
    count, first = asyncio.run(compare(peer.ask, probes.forms, nonce=NONCE, types=["domain", "url"]))
    place = min(changed)
    tried = probes.fresh(probes.seed_of(NONCE, OTHER), ["domain", "url"])
    (ours,) = probes.forms([tried[place]])
    assert first is not None
    assert (first.type_name, first.text, first.theirs) == (tried[place].type_name, tried[place].text, f"other {place}")
    assert first.ours == ("" if ours == probes.REJECT else ours)
    assert peer.questions <= 2 + count.bit_length()


def test_types_that_only_one_side_knows_are_left_out() -> None:
    peer = Peer()

    async def ask(question: wire.ProbeQuestion) -> wire.ProbeAnswer:
        return await peer.ask(replace(question, types=(*question.types, "of-a-later-version")))

    count, first = asyncio.run(compare(ask, probes.forms, nonce=NONCE, types=["ip"]))
    assert (count, first) == (probes.PER_TYPE, None)


def test_no_type_in_common_is_no_disagreement() -> None:
    async def ask(_: wire.ProbeQuestion) -> wire.ProbeAnswer:
        return wire.ProbeAnswer(OTHER, (), probes.prefix_digest((), 0), "")

    assert asyncio.run(compare(ask, probes.forms, nonce=NONCE, types=["ip"])) == (0, None)


def test_an_answer_for_types_that_were_not_asked_for_is_invalid() -> None:
    async def ask(_: wire.ProbeQuestion) -> wire.ProbeAnswer:
        return wire.ProbeAnswer(OTHER, ("url",), bytes(32), "")

    with pytest.raises(Invalid, match="types that were not asked for"):
        asyncio.run(compare(ask, probes.forms, nonce=NONCE, types=["ip"]))


def test_a_peer_is_answered_so_many_times_an_hour_and_others_meanwhile() -> None:
    clock = Clock()
    answerer = Answerer(forms=probes.forms, clock=clock, random=lambda count: OTHER[:count])
    question = wire.ProbeQuestion(NONCE, b"", ("ip",), 0, last=False)

    async def ask(peer: str, times: int) -> None:
        deque([await answerer.answer(peer, question) for _ in range(times)], maxlen=0)

    asyncio.run(ask("a.example", PROBE_QUESTIONS))
    with pytest.raises(Exhausted, match="64 times an hour"):
        asyncio.run(ask("a.example", 1))
    asyncio.run(ask("b.example", 1))
    clock.now += HOUR_MS
    asyncio.run(ask("a.example", 1))


def test_more_probes_than_there_are_is_invalid() -> None:
    answerer = Answerer(forms=probes.forms, clock=Clock(), random=lambda count: OTHER[:count])
    question = wire.ProbeQuestion(NONCE, OTHER, ("ip",), probes.PER_TYPE + 1, last=False)
    with pytest.raises(Invalid, match="25 probes are asked for; these types have 24"):
        asyncio.run(answerer.answer("a.example", question))


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (wire.ProbeQuestion(b"short", b"", ("ip",), 0, last=False), "5 bytes in the nonce"),
        (wire.ProbeQuestion(NONCE, b"short", ("ip",), 0, last=False), "5 bytes in the answering nonce"),
        (wire.ProbeQuestion(NONCE, b"", ("ip",) * 65, 0, last=False), "65 types to probe; at most 64"),
        (wire.ProbeQuestion(NONCE, b"", ("x" * 129,), 0, last=False), "129 characters in a type"),
    ],
)
def test_a_question_beyond_its_limits_is_invalid(question: wire.ProbeQuestion, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        wire.from_probe_request(wire.to_probe_request(question))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (wire.ProbeAnswer(b"", ("ip",), bytes(32), ""), "0 bytes in the nonce"),
        (wire.ProbeAnswer(OTHER, ("ip",), bytes(31), ""), "31 bytes in the digest"),
        (wire.ProbeAnswer(OTHER, ("ip",), bytes(32), "x" * 8193), "8193 characters in the form"),
    ],
)
def test_an_answer_beyond_its_limits_is_invalid(answer: wire.ProbeAnswer, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        wire.from_probe_response(wire.to_probe_response(answer))
