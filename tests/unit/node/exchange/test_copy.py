"""Who may serve a copy, what each kind of source proves, and what holds over a restart."""

import asyncio
from collections.abc import Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from tocsin_crypto.merkle import CompactRange, leaf_hash
from tocsin_node.errors import Misbehaviour, NotFound, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import Descriptor, Looked, attempt
from tocsin_node.exchange.copy import Copies, Copy, Stream, Tools
from tocsin_node.limits import STALLED_S
from tocsin_node.log.envelope import Actor
from tocsin_node.peers.book import PeerBook
from tocsin_node.policy.bulk import Assessment, Question
from tocsin_node.policy.model import default_policy
from tocsin_node.relays import Relays
from tocsin_node.segment import codec
from tocsin_node.segment.verify import Position, Signed
from tocsin_node.testing.core import NOW, Core, open_core
from tocsin_signals.details import digest, encode
from tocsin_signals.entry import NO_REF, ROW_SIZE, Kind, details_column, empty_rows

T = TypeVar("T")
ORIGIN = "a.example/feed/urls"
FORKED = wire.to_heartbeat(b"").SerializeToString()


def tools(core: Core) -> Tools:
    """Tools of copies that nobody else watches and nothing is delivered to."""
    policy = default_policy("a.example")
    return Tools(
        store=core.store,
        writer=core.writer,
        reads=ThreadPoolExecutor(1),
        ask=lambda _log: Question("urls", policy.digest, policy),
        on_state=lambda _log, _state: None,
        on_heard=lambda _log, _at: None,
        clock=core.clock,
    )


def delivered(*, withheld: bool = False) -> tuple[Position, Signed, Looked, wire.Delivery]:
    """Entry 256 of a feed, or its leaf hash, as it comes to whoever holds the 256 before it."""
    before = CompactRange().extend([leaf_hash(b"an entry")] * 256)
    rows, blob = empty_rows(1), encode({"stance": "harmful"}, bytes(16))
    rows["kind"], rows["type"], rows["ref"] = Kind.ASSERT, 0x0101, NO_REF
    details_column(rows)[:] = np.frombuffer(digest(blob), np.uint8)
    grown = before.extend_rows(codec.leaf_bytes(rows), ROW_SIZE)
    if withheld:
        message = codec.encode(256, rows[:0], np.zeros(0, np.uint32), [], {}, [codec.Absent(0, grown.leaves)])
    else:
        message = codec.encode(256, rows, np.zeros(1, np.uint32), [blob], {})
    segment = message.SerializeToString()
    looked = attempt(segment)
    assert isinstance(looked, Looked)
    position = Position(ORIGIN, "a.example", b"", 256, before.to_bytes(), 0)
    return position, Signed(257, grown.range.root()), looked, wire.Delivery(segment, 256, 1, b"", bytes(16))


async def make(core: Core) -> Copy:
    return await Copies(tools(core)).find(publisher="a.example", origin=ORIGIN, source="a.example")


def run(tmp_path: Path, work: Any) -> None:
    async def whole(core: Core) -> None:
        made: Coroutine[Any, Any, None] = work(core, await make(core))
        await made

    with open_core(tmp_path, "c.example") as core:
        asyncio.run(whole(core))


async def hold(copy: Copy, source: str, ahead: int, began: asyncio.Event) -> None:
    async with copy.held_by(source, ahead):
        began.set()
        await asyncio.Event().wait()


async def started(copy: Copy, source: str, ahead: int) -> "asyncio.Task[None]":
    began = asyncio.Event()
    task = asyncio.create_task(hold(copy, source, ahead, began))
    await began.wait()
    return task


def test_the_publisher_goes_before_any_relay_and_a_relay_before_none(tmp_path: Path) -> None:
    async def work(core: Core, copy: Copy) -> None:
        assert core.clock.now == NOW
        relay = await started(copy, "b.example", 5)
        assert not copy.may_take("d.example", 5)
        later = await started(copy, "d.example", 6)
        assert relay.cancelled()
        direct = await started(copy, "a.example", 0)
        assert (later.cancelled(), copy.source) == (True, "a.example")
        assert not copy.may_take("b.example", 2**40)
        with pytest.raises(Unreachable):
            async with copy.held_by("b.example", 7):
                pass
        direct.cancel()
        await asyncio.wait([direct])
        assert copy.source == ""
        assert copy.may_take("b.example", 0)

    run(tmp_path, work)


def test_a_relay_that_shows_more_than_it_delivers_is_replaced_after_a_while(tmp_path: Path) -> None:
    async def work(core: Core, copy: Copy) -> None:
        await started(copy, "b.example", 5)
        Stream(copy, "b.example").told(9)
        assert not copy.may_take("d.example", 9)
        core.clock.now += int(STALLED_S * 1000) + 1
        assert copy.may_take("d.example", 9)
        assert not copy.may_take("d.example", 0), "not by one that has nothing new either"

    run(tmp_path, work)


def test_only_the_publishers_own_stream_says_that_it_lives(tmp_path: Path) -> None:
    async def work(core: Core, copy: Copy) -> None:
        await Stream(copy, "b.example").heard()
        assert copy.heard_at == 0
        await Stream(copy, "a.example").heard()
        assert copy.heard_at == core.clock.now

    run(tmp_path, work)


def test_a_relays_lies_stop_the_relay_and_a_fork_stops_the_feed_also_after_a_restart(tmp_path: Path) -> None:
    async def work(core: Core, copy: Copy) -> None:
        await Stream(copy, "b.example").stop(Misbehaviour("wrong-root", "false"), b"proof one")
        assert copy.state == "open"
        assert not copy.may_take("b.example", 9)
        again = Copies(tools(core)).get(ORIGIN)
        assert again is not None
        assert again.distrusted == {"b.example": "wrong-root: false"}
        assert again.may_take("d.example", 9)
        await Stream(again, "d.example").stop(Misbehaviour("fork", "two roots"), FORKED)
        last = Copies(tools(core)).get(ORIGIN)
        assert last is not None
        assert (last.state, last.why) == ("stopped", "fork: two roots")
        assert not last.may_take("a.example", 9)
        with core.store.read() as session:
            kept = session.all("SELECT peer, code, proof FROM evidence ORDER BY id")
        assert kept == [("b.example", "wrong-root", b"proof one"), ("a.example", "fork", FORKED)]
        assert core.events()[-4:] == ["security.denied", "feed.source_stopped", "security.denied", "feed.stopped"]

    run(tmp_path, work)


def test_a_relay_may_serve_only_what_the_descriptor_permits(tmp_path: Path) -> None:
    async def work(core: Core, copy: Copy) -> None:
        assert core.organisation == "c.example"
        closed, free = Descriptor("c", "all", relay=False), Descriptor("c", "all", relay=True)
        Stream(copy, "b.example").admit(free)
        Stream(copy, "a.example").admit(closed)
        with pytest.raises(Misbehaviour, match="may not be served on"):
            Stream(copy, "b.example").admit(closed)

    run(tmp_path, work)


def test_a_delivery_decided_by_a_policy_that_was_replaced_is_decided_anew(tmp_path: Path) -> None:
    async def work(_: Core, copy: Copy) -> None:
        position, signed, looked, delivery = delivered()
        old = Looked(looked.examined, Assessment({"enforce": 1}, b"a policy that stood before"))
        one = await copy.judge(position, signed, old, delivery)
        assert one.found == Assessment({"ignore": 1}, default_policy("a.example").digest)
        assert one.found == (await copy.judge(position, signed, looked, delivery)).found
        asked = Looked(looked.examined, one.found)
        assert (await copy.judge(position, signed, asked, delivery)).found is one.found

    run(tmp_path, work)


def test_entries_withheld_by_a_relay_are_false_and_by_the_publisher_they_are_not(tmp_path: Path) -> None:
    async def work(_: Core, copy: Copy) -> None:
        assert (await Stream(copy, "a.example").judge(*delivered(withheld=True))).accepted.run.absent
        assert not (await Stream(copy, "b.example").judge(*delivered())).accepted.run.absent
        with pytest.raises(Misbehaviour, match="withheld") as caught:
            await Stream(copy, "b.example").judge(*delivered(withheld=True))
        assert caught.value.code == "withheld"
        await Stream(copy, "b.example").stop(caught.value, b"proof")
        assert (copy.state, list(copy.distrusted)) == ("open", ["b.example"])

    run(tmp_path, work)


def test_an_operator_lifts_a_relays_distrust_for_one_feed_and_the_log_says_who(tmp_path: Path) -> None:
    async def work(core: Core, _: Copy) -> None:
        copies = Copies(tools(core))
        copy = await copies.find(publisher="a.example", origin=ORIGIN, source="a.example")
        relays = Relays(
            store=core.store,
            writer=core.writer,
            book=lambda: PeerBook.of([]),
            policy_of=default_policy,
            audiences=dict[str, Collection[str]],
        )
        relays.on_trust(copies.trust)
        for relay in ("b.example", "d.example"):
            await Stream(copy, relay).stop(Misbehaviour("wrong-root", "false"), relay.encode())
        await relays.trust(ORIGIN, "b.example", actor=Actor("operator", "operator"))
        assert (copy.may_take("b.example", 9), copy.may_take("d.example", 9)) == (True, False)
        again = Copies(tools(core)).get(ORIGIN)
        assert again is not None
        assert list(again.distrusted) == ["d.example"]
        assert core.events()[-1] == "feed.source_trusted"
        with core.store.read() as session:
            assert session.one("SELECT COUNT(*) FROM evidence") == (2,), "what was sent stays"
        for origin in (ORIGIN, "a.example/feed/other"):
            with pytest.raises(NotFound):
                await relays.trust(origin, "b.example", actor=Actor("operator", "operator"))

    run(tmp_path, work)
