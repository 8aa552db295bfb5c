"""The network between two nodes cut, stalled, slowed, open one way only: they find each other again, nothing doubled.

Every test ends where it must: the copy as long as the feed, each signal once, both audit logs sound.
"""

import time
from collections.abc import Generator

import pytest

from tocsin_node.limits import UNACKNOWLEDGED
from tocsin_node.testing.processes import (
    QUICK,
    Federation,
    freeze,
    open_federation,
    publish,
    thaw,
    until,
    verified,
)
from tocsin_node.testing.relay import Relay

ENTRY_BYTES = 52  # on the wire in a chunk of its own: tag, salt and part of the columns

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Generator[Federation]:
    with open_federation(tmp_path_factory.mktemp("partitions"), exchange=QUICK, relayed=True) as made:
        yield made


@pytest.fixture
def relay(federation: Federation) -> Generator[Relay]:
    assert federation.relay is not None
    yield federation.relay
    federation.relay.tell("pass")
    until(federation.caught_up, 60)


def values(what: str, count: int) -> list[str]:
    return [f"https://{what}-{number}.example/page" for number in range(count)]


def converged(federation: Federation, last: str) -> bool:
    until(federation.caught_up, 60)
    return federation.effect(last) == "enforce" and verified(federation.platform)


def test_a_segment_cut_in_its_middle_arrives_whole_after_the_cut_and_once(federation: Federation, relay: Relay) -> None:
    until(federation.caught_up)
    wanted = values("cut", 3000)
    before = federation.followed()
    relay.tell("cut-after 20000")
    published = [response.published for response in publish(federation.hotline, wanted, chunk=1000)]
    assert published == [1000, 1000, 1000]
    until(lambda: federation.link() != "connected")
    assert federation.followed() < before + 3000, "more arrived than the relay let pass"
    relay.tell("pass")
    assert converged(federation, wanted[-1])
    assert federation.followed() == before + 3000


def test_a_publisher_behind_a_stalled_network_is_noticed_within_the_silence_limit(
    federation: Federation, relay: Relay
) -> None:
    until(lambda: federation.link() == "connected")
    relay.tell("stall")
    until(lambda: federation.link() != "connected", 30)  # 4 s of silence, not the 45 of the default
    last = values("stalled", 1)[0]
    list(publish(federation.hotline, [last]))
    relay.tell("pass")
    assert converged(federation, last)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_network_open_one_way_only_is_noticed_and_loses_nothing(
    federation: Federation, relay: Relay, way: str
) -> None:
    until(lambda: federation.link() == "connected")
    before = federation.followed()
    wanted = values(f"one-way-{way}", 40)
    relay.tell(f"one-way {way}")
    list(publish(federation.hotline, wanted))
    until(lambda: federation.link() != "connected", 40)
    relay.tell("pass")
    assert converged(federation, wanted[-1])
    assert federation.followed() == before + 40


@pytest.mark.parametrize("command", ["throttle 60000", "delay 150"])
def test_a_slow_network_delays_and_changes_nothing(federation: Federation, relay: Relay, command: str) -> None:
    until(lambda: federation.link() == "connected")
    wanted = values(command.replace(" ", "-"), 1500)
    relay.tell(command)
    list(publish(federation.hotline, wanted, chunk=100))
    assert converged(federation, wanted[-1])


def test_a_frozen_publisher_is_noticed_and_followed_again_once_it_goes_on(federation: Federation) -> None:
    until(lambda: federation.link() == "connected")
    last = values("thawed", 1)[0]
    freeze(federation.hotline)
    try:
        until(lambda: federation.link() != "connected", 30)  # 4 s of silence, not the 45 of the default
        assert federation.effect("https://cut-0.example/page") == "enforce", "what was followed still counts"
    finally:
        thaw(federation.hotline)
    list(publish(federation.hotline, [last]))
    assert converged(federation, last)


def test_a_frozen_follower_is_sent_no_more_than_it_may_leave_unacknowledged_and_then_the_rest(
    federation: Federation, relay: Relay
) -> None:
    until(lambda: federation.link() == "connected")
    wanted = values("slow-reader", 6000)
    freeze(federation.platform)
    try:
        before = relay.tell("pass")
        list(publish(federation.hotline, wanted, chunk=500))
        time.sleep(1)  # what the publisher would send too much, it would have sent by then
        sent = relay.tell("pass") - before
    finally:
        thaw(federation.platform)
    assert ENTRY_BYTES * 500 < sent < ENTRY_BYTES * 500 * (UNACKNOWLEDGED + 1)
    assert converged(federation, wanted[-1])
