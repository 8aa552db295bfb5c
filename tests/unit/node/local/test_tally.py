import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin_node.errors import Exhausted
from tocsin_node.limits import TALLY_KINDS
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Operation, T
from tocsin_node.tally import MINUTE_MS, Kind, Tally
from tocsin_node.testing.core import NOW, Core, open_core

APP = Actor("client", "app")
LOOKUP = Kind("lookup.done", APP, about=(("purpose", "detect"),))


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with open_core(tmp_path) as found:
        yield found


@pytest.mark.asyncio
async def test_counts_of_one_kind_and_minute_become_one_entry(core: Core) -> None:
    tally = Tally(writer=core.writer, clock=core.clock)
    tally.add(LOOKUP, {"items": 3, "review": 1})
    tally.add(LOOKUP, {"items": 2, "enforce": 1})
    assert core.events() == []
    await tally.flush()
    entry = core.audit()[-1]
    assert (entry["ev"], entry["res"], entry["act"]) == ("lookup.done", "ok", {"kind": "client", "name": "app"})
    assert entry["n"] == {"items": 5, "review": 1, "enforce": 1}
    assert entry["about"] == {"purpose": "detect", "minute": "2025-06-15T15:06Z"}
    await tally.flush()
    assert len(core.events()) == 1


@pytest.mark.asyncio
async def test_minutes_callers_and_purposes_are_counted_apart(core: Core) -> None:
    tally = Tally(writer=core.writer, clock=core.clock)
    tally.add(LOOKUP, {"items": 1})
    tally.add(Kind("lookup.done", Actor("client", "other"), about=LOOKUP.about), {"items": 1})
    tally.add(Kind("lookup.done", APP, about=(("purpose", "triage"),)), {"items": 1})
    core.clock.now += MINUTE_MS
    tally.add(LOOKUP, {"items": 1})
    await tally.flush()
    assert [entry["n"]["items"] for entry in core.audit()] == [1, 1, 1, 1]
    assert [entry["about"]["minute"][-3:] for entry in core.audit()] == ["06Z", "06Z", "06Z", "07Z"]


@pytest.mark.asyncio
async def test_memory_is_bounded_and_no_count_is_lost(core: Core) -> None:
    tally = Tally(writer=core.writer, clock=core.clock)
    for number in range(TALLY_KINDS + 50):
        tally.add(Kind("lookup.done", APP, about=(("purpose", str(number)),)), {"items": 1})
    await tally.flush()
    audit = core.audit()
    assert len(audit) == TALLY_KINDS + 1
    assert sum(entry["n"]["items"] for entry in audit) == TALLY_KINDS + 50
    assert (audit[-1]["n"], audit[-1]["res"]) == ({"items": 50}, "partial")


@pytest.mark.asyncio
async def test_totals_that_could_not_be_written_wait_for_the_next_flush(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally(writer=core.writer, clock=core.clock)
    tally.add(LOOKUP, {"items": 1})

    async def full(operation: Operation[T]) -> T:
        tally.add(LOOKUP, {"items": 1})  # arrives while the flush is under way
        raise Exhausted("the queue is full")

    with monkeypatch.context() as patch:
        patch.setattr(core.writer, "submit", full)
        with pytest.raises(Exhausted):
            await tally.flush()
    await tally.flush()
    assert [entry["n"] for entry in core.audit()] == [{"items": 2}]


@pytest.mark.asyncio
async def test_it_flushes_as_the_minute_ends(core: Core) -> None:
    core.clock.now = NOW // MINUTE_MS * MINUTE_MS + MINUTE_MS - 20
    tally = Tally(writer=core.writer, clock=core.clock)
    tally.add(LOOKUP, {"items": 1})
    task = asyncio.create_task(tally.run())
    for _ in range(100):
        await asyncio.sleep(0.01)
        if core.events():
            break
    task.cancel()
    assert core.events() == ["lookup.done"]
