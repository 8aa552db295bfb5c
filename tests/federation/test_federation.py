"""The federation in memory itself: a seed decides everything, and the checker sees what is wrong."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from zlib import crc32

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.audience import Recipient
from tocsin_node.audit.verify import verify_home
from tocsin_node.errors import Refused
from tocsin_node.home import lock
from tocsin_node.log.highwater import HighWater
from tocsin_node.match.index import MatchIndex
from tocsin_node.testing.door import CallRefused
from tocsin_node.testing.federation import Federation
from tocsin_node.testing.member import Member
from tocsin_node.testing.story import Story, tell
from tocsin_node.testing.virtual import Stalled, VirtualLoop

BAD = "https://bad.example/x"


def troubled(seed: int) -> tuple[list[str], dict[str, dict[str, tuple[int, str]]]]:
    """A story with every kind of trouble: what travelled, and what everybody holds in the end."""
    story = tell(seed)
    with story.fed as fed:
        fed.hub.weather.drops = 0.02
        signals = [story.publish(f"https://bad.example/{number}") for number in range(10)]
        fed.run(3)
        fed.freeze(story.hotline, story.far)
        fed.crash(story.near)
        story.hotline.withdraw(signals[3])
        fed.start(story.near)
        fed.run(100)
        fed.heal()
        fed.hub.weather.drops = 0
        fed.restart(story.hotline)
        fed.settle()
        return fed.hub.trace, {name: member.logs() for name, member in fed.members.items()}


def digest(seed: int) -> str:
    return sha256(repr(troubled(seed)).encode()).hexdigest()


def test_the_same_seed_gives_the_same_trace_and_the_same_roots() -> None:
    assert troubled(11) == troubled(11)


def test_the_same_seed_gives_the_same_in_another_process_whatever_the_order_of_its_sets() -> None:
    here = {seed: digest(seed) for seed in (1, 2)}
    assert here[1] != here[2]
    for hashes in ("3", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        run = [sys.executable, __file__, "1", "2"]
        told = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
        assert told.split() == [here[1], here[2]]


def test_a_home_of_the_federation_is_a_home_like_any_other(story: Story) -> None:
    story.publish(BAD)
    story.fed.settle()
    with pytest.raises(Refused, match="in use"), lock(story.far.home):
        pass
    story.fed.stop(story.far)
    reports = [one.report for one in verify_home(story.far.home.root) if one.HasField("report")]
    assert len(reports) == 2
    assert all(report.ok for report in reports)


def test_calls_are_admitted_by_their_token_as_on_a_socket(story: Story) -> None:
    token = story.hotline.ask("AddToken", pb.AddTokenRequest(name="app", roles=["match"])).token
    query = pb.MatchRequest(queries=[pb.Query(type="url", value=BAD)])
    assert story.hotline.call("Match", query, token=token)
    with pytest.raises(CallRefused, match="needs the role operate"):
        story.hotline.call("Status", pb.StatusRequest(), token=token)
    with pytest.raises(CallRefused, match="unknown or was revoked"):
        story.hotline.call("Match", query, token="tcs_" + "x" * 43)


def checksum(body: bytes, details: bytes) -> int:
    return crc32(details, crc32(body))


def change(member: Member, sql: str) -> None:
    with closing(sqlite3.connect(member.home.database)) as database, database:
        database.create_function("checksum_of", 2, checksum)
        assert database.execute(sql).rowcount > 0


CHANGED = "CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB)"


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (f"UPDATE segment SET body = {CHANGED}, checksum = checksum_of({CHANGED}, details)", "does not hash"),
        (
            "UPDATE details SET blob = CAST(replace(CAST(blob AS TEXT), 'harmful', 'benign') AS BLOB)",
            "does not hash",
        ),
        ("DELETE FROM segment WHERE first = 1", "holds 1 of 2"),
        ("DELETE FROM checkpoint WHERE size = 2", "is not signed"),
    ],
)
def test_the_checker_sees_what_was_changed_in_a_store(story: Story, sql: str, finding: str) -> None:
    story.publish(BAD)
    story.fed.settle()
    story.fed.stop(story.far)
    change(story.far, sql)
    with pytest.raises(AssertionError, match=finding):
        story.fed.check()


def test_the_checker_sees_a_log_behind_its_mark(story: Story) -> None:
    story.fed.stop(story.hotline)
    marks = HighWater(story.hotline.home.highwater)
    marks.write(story.feed, 9, bytes(32))
    marks.close()
    with pytest.raises(AssertionError, match="holds 1 entries, its mark says 9"):
        story.fed.check()


def test_the_checker_sees_a_withdrawn_signal_that_still_matches(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        """A planted defect."""

    monkeypatch.setattr(MatchIndex, "withdraw", nothing)
    story.hotline.withdraw(story.publish(BAD))
    with pytest.raises(AssertionError, match=r"answers \('review', .*, its entries say \('ignore', \[\]\)"):
        story.fed.settle()


def test_the_checker_sees_an_entry_that_went_to_who_may_not_have_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everybody(*_: object, **__: object) -> Recipient:
        return Recipient("anybody", receives=True, why="a planted defect")

    monkeypatch.setattr("tocsin_node.exchange.offers.receives", everybody)
    story.hotline.audience("reports", [story.near])
    story.publish(BAD)
    with pytest.raises(AssertionError, match=r"far\.example of .*: holds entry 1, allowed were 1"):
        story.fed.settle()


def test_days_pass_in_no_time_and_a_wait_without_end_is_an_error() -> None:
    with Federation() as fed:
        lonely = fed.node("lonely.example")
        before = lonely.clock()
        fed.advance(days=300)
        fed.run(5)
        assert lonely.clock() - before >= 300 * 24 * 3600 * 1000 + 5000
        with pytest.raises(TimeoutError):
            fed.do(asyncio.Event().wait())
    loop = VirtualLoop()
    with pytest.raises(Stalled):
        loop.run_until_complete(loop.create_future())
    loop.close()


if __name__ == "__main__":
    for number in sys.argv[1:]:
        print(digest(int(number)))
