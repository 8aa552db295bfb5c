"""Replication between two node processes over mutual TLS.

A publisher holds a feed of 1,000,000 signals with 50 distinct details, and one of 100,000 signals that each have their
own 300 bytes of details. The clock starts when the follower, which knows its peer already, is given a policy for it,
and stops when its own status says that the last entry is stored; by then every signal is verified, decided, audited and
matchable there. Printed: signals per second, the ratio to the machine's hash limit measured in the same run, the CPU
time of either side, and bytes per signal on the wire; then local checks at a second follower, idle and while it
replicates, and how long a removed peer's session lives on.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from bench.federation import (
    Details,
    fill,
    follow,
    followed_size,
    introduce,
    open_local,
    own_details,
    running,
    shared_details,
    stage,
)
from bench.limits import hash_limit, machine, percentile
from bench.options import parser
from bench.processes import cost
from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_node.cli.connect import Local
from tocsin_node.demo.cast import Player

LIMIT_S = 600.0


@dataclass(slots=True)
class Latency:
    """Seconds of each local check, one after the other, in a thread."""

    local: Local
    seconds: list[float] = field(default_factory=list[float])
    _stop: Event = field(default_factory=Event)

    def measure(self, work: Callable[[], object]) -> list[float]:
        """The latencies of checks made while `work` runs."""
        self.seconds = []
        self._stop.clear()
        thread = Thread(target=self._run)
        thread.start()
        try:
            work()
        finally:
            self._stop.set()
            thread.join()
        return self.seconds

    def _run(self) -> None:
        while not self._stop.is_set():
            request = pb.CheckRequest(tags=os.urandom(32), type="url", epoch=1)
            started = time.perf_counter()
            self.local.node.Check(request)
            self.seconds.append(time.perf_counter() - started)
            time.sleep(0.002)


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--signals", type=int, default=1_000_000, help="signals that share details")
    options.add_argument("--details", type=int, default=50, help="distinct details they share")
    options.add_argument("--own", type=int, default=100_000, help="signals that each have their own details")
    args = options.parse_args()
    signals, own = (10 * args.signals, 10 * args.own) if args.large else (args.signals, args.own)
    print(f"machine: {machine()}")
    for count, details, words in (
        (signals, shared_details(args.details), f"{args.details} distinct details"),
        (own, own_details, "300 bytes of details each"),
    ):
        if count:
            print(f"{count:,} signals with {words}:", flush=True)
            with stage() as folder:
                _bench(folder, count, details)
    return 0


def _bench(folder: Path, signals: int, details: Details) -> None:
    publisher, alone, asked = introduce(folder, ("alone", "asked"))
    fill(publisher, signals, details=details)
    with running(publisher, alone):
        limit = hash_limit()
        _replicate(publisher, alone, signals, limit)
    with running(publisher, asked), open_local(asked) as local:
        latency = Latency(local)
        idle = latency.measure(lambda: time.sleep(2))
        busy = latency.measure(lambda: _follow_all(local, signals))
        for name, values in (("idle", idle), ("while replicating", busy)):
            p50, p99 = percentile(values, 0.5) * 1000, percentile(values, 0.99) * 1000
            print(f"  local Check, {name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms ({len(values)} calls)")
        _cut_off(publisher, asked, local)


def _replicate(publisher: Player, follower: Player, signals: int, limit: float) -> None:
    assert publisher.process is not None
    assert follower.process is not None
    with open_local(follower) as local:
        before = cost(publisher.process.pid), cost(follower.process.pid)
        took = _follow_all(local, signals)
        sent = cost(publisher.process.pid).since(before[0])
        received = cost(follower.process.pid).since(before[1])
        wire = _wire_bytes(local)
        matchable = local.node.Status(pb.StatusRequest()).signals
    rate, more = signals / took, max(limit, hash_limit())
    print(f"  replicated and matchable: {matchable:,} in {took:.2f} s: {rate:,.0f} signals/s")
    print(f"  hash limit (two SHA-256 calls per entry in one loop): {more:,.0f} entries/s; ratio {rate / more:.2f}")
    print(
        f"  CPU per signal: publisher {sent.total / signals * 1e6:.2f} us, "
        f"follower {received.own / signals * 1e6:.2f} us and its workers {received.children / signals * 1e6:.2f} us"
    )
    print(f"  on the wire: {wire / signals:.1f} bytes per signal", flush=True)


def _follow_all(local: Local, signals: int) -> float:
    """Seconds until everything of the publisher's feed is stored and matchable here."""
    started = time.perf_counter()
    follow(local)
    while followed_size(local) < signals + 1:
        if time.perf_counter() - started > LIMIT_S:
            sys.exit("the follower did not receive everything in time")
        time.sleep(0.05)  # asking costs the follower a millisecond or two
    return time.perf_counter() - started


def _cut_off(publisher: Player, follower: Player, theirs: Local) -> None:
    """How long a removed peer's session lives on."""
    with open_local(publisher) as mine:
        asked = pb.ListPeersRequest(organisation=publisher.organisation)
        started = time.perf_counter()
        mine.node.SetPeerState(pb.SetPeerStateRequest(organisation=follower.organisation, state="removed"))
        while theirs.node.ListPeers(asked).peers[0].link in ("live", "behind") and time.perf_counter() - started < 10:
            time.sleep(0.005)
        print(f"  removed peer cut off after {(time.perf_counter() - started) * 1000:.0f} ms", flush=True)


def _wire_bytes(local: Local) -> int:
    """Bytes of segments, by the follower's audit log."""
    total = 0
    for entry in local.audit.ReadAudit(audit_pb2.ReadAuditRequest()):
        envelope = json.loads(entry.envelope)
        if envelope["ev"] == "feed.replicated":
            total += envelope["n"]["bytes"]
    return total


if __name__ == "__main__":
    raise SystemExit(main())
