"""Both nodes killed at random moments, again and again: every acknowledged row is there once, and both sides agree.

A round publishes some chunks over a network that is whole or not, kills one of the nodes (or both) after a random time,
and starts it again; rows that were not acknowledged are published anew, as a publisher would. KILLS rounds in the usual
run; under SOAK_MINUTES, at least a hundred and as many as fit the time. The seed is printed and can be set: KILLS_SEED.
"""

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tocsin_node.cli.errors import CliError
from tocsin_node.testing.processes import QUICK, Federation, kill, open_federation, publish, until, verified

KILLS = 8
SOAK_KILLS = 100
SOAK_S = float(os.environ.get("SOAK_MINUTES", "0")) * 60
CHUNK = 40
NETWORK = ("pass", "pass", "pass", "cut", "cut-after 5000", "stall", "one-way up", "one-way down", "throttle 100000")


def rounds() -> Iterator[int]:
    """Round numbers until there were enough."""
    ends, number = time.monotonic() + SOAK_S, 0
    while number < (SOAK_KILLS if SOAK_S else KILLS) or time.monotonic() < ends:
        yield number
        number += 1


class Load:
    """Publishes rows until each was acknowledged; `signals` holds what was: value -> signal ids answered for it."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self.signals: dict[str, set[int]] = {}

    def send(self, values: list[str]) -> None:
        """Publish in chunks, ending early when the node is killed under it."""
        with contextlib.suppress(grpc.RpcError, CliError):
            for place, response in enumerate(publish(self._federation.hotline, values, chunk=CHUNK)):
                acknowledged = values[place * CHUNK : (place + 1) * CHUNK]
                assert len(response.signals) == len(acknowledged)
                for value, signal in zip(acknowledged, response.signals, strict=True):
                    self.signals.setdefault(value, set()).add(signal)


@pytest.mark.timeout(300 + 2 * SOAK_S)
def test_nodes_killed_again_and_again_hold_every_acknowledged_row_once(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILLS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    print(f"\nKILLS_SEED={seed}", flush=True)
    chance, wanted = random.Random(seed), list[str]()
    with open_federation(tmp_path, exchange=QUICK, relayed=True) as federation:
        load, relay = Load(federation), federation.relay
        assert relay is not None
        for number in rounds():
            fresh = [f"https://round-{number}-{row}.example/x" for row in range(CHUNK * chance.randint(1, 4))]
            wanted += fresh
            again = chance.sample(wanted, min(len(wanted), 20))
            sender = threading.Thread(target=load.send, args=(fresh + again,))
            relay.tell(chance.choice(NETWORK))
            sender.start()
            time.sleep(chance.random() * 0.5)
            victims = chance.choice([[federation.hotline], [federation.platform], [*federation.players()]])
            for player in victims:
                kill(player)
            sender.join()
            for player in victims:
                player.start()
            if number % 20 == 19:
                print(f"{number + 1} kills, {len(load.signals)} rows acknowledged, {federation.published()} entries")
        relay.tell("pass")
        missing = [value for value in wanted if value not in load.signals]
        load.send(missing)
        acknowledged = {signal for found in load.signals.values() for signal in found}
        assert load.signals.keys() == set(wanted)
        assert all(len(found) == 1 for found in load.signals.values()), "a row has two signals"
        assert len(acknowledged) == len(wanted), "two rows share a signal"
        assert federation.published() == 1 + len(wanted), "an entry more than rows and the feed's own first"
        until(federation.caught_up, 120)
        assert federation.copies_agree()
        assert verified(federation.hotline)
        assert verified(federation.platform)
        for player in federation.players():
            assert "Traceback" not in (federation.folder / f"{player.name}.log").read_text()
