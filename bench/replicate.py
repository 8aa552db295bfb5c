"""Replication between two node processes over mutual TLS: `make bench`.

A publisher holds a feed of 1,000,000 signals with 50 distinct details. The clock starts when the follower, which knows
its peer already, is given a policy for it, and stops when its own status says that the last entry is stored; by then
every signal is verified, decided, audited and matchable there. Printed: signals per second, the ratio to the machine's
hash limit measured in the same run, bytes per signal on the wire, and the latency of local checks at the follower, idle
and while it replicates.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import numpy as np

from bench.limits import hash_limit, machine, percentile
from tocsin.v1 import audit_pb2, node_pb2 as pb
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.demo.cast import Player
from tocsin_node.home import Home, lock
from tocsin_node.keys import Keyring, Unlock
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.store.sqlite import SqliteStore
from tocsin_signals.details import encode
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, tag_column

COMMUNITY = "bench.publisher.example"
ORIGIN = "publisher.example/feed/bench"
CHUNK = 65_536
DAY_MS = 24 * 3600 * 1000
LIMIT_S = 300.0


@dataclass(slots=True)
class Latency:
    """Seconds of each local check, one after the other, in a thread."""

    local: Local
    seconds: list[float] = field(default_factory=list[float])
    _stop: Event = field(default_factory=Event)

    def measure(self, work: Callable[[], None]) -> list[float]:
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=1_000_000)
    parser.add_argument("--details", type=int, default=50)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    publisher = Player("publisher.example", "hotline", folder / "publisher")
    follower = Player("follower.example", "platform", folder / "follower")
    try:
        print(f"machine: {machine()}")
        limit = hash_limit()
        _introduce(folder, publisher, follower)
        _fill(publisher, args.signals, args.details)
        publisher.start()
        _replicate(folder, publisher, follower, args.signals, limit)
    finally:
        publisher.stop()
        follower.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _introduce(folder: Path, publisher: Player, follower: Player) -> None:
    for player in (publisher, follower):
        player.run("init", "--organisation", player.organisation, "--role", player.role)
    config = publisher.home / "tocsin.toml"
    config.write_text(config.read_text() + 'platforms = ["follower.example"]\n')
    for player in (publisher, follower):
        player.start()
        player.run("card", "export", "-o", str(folder / f"{player.name}.card"))
    for one, other in ((publisher, follower), (follower, publisher)):
        shown = other.run("card", "show")
        one.run("peer", "add", str(folder / f"{other.name}.card"), "--fingerprint", shown["fingerprint"])
    publisher.run("community", "create", "bench")
    publisher.run("community", "invite", COMMUNITY, follower.organisation, "-o", str(folder / "invite"))
    follower.run("community", "join", str(folder / "invite"))
    publisher.run("feed", "create", "bench", "--community", COMMUNITY, "--audience", "platforms")
    send = folder / "send.toml"
    send.write_text('peer = "follower.example"\n[send]\nfeeds = ["bench"]\n')
    publisher.run("policy", "apply", str(send))
    publisher.stop()


def _fill(publisher: Player, count: int, details: int) -> None:
    """Put entries with random tags straight into the stopped publisher's log engine: publishing is not measured."""
    home = Home(publisher.home)
    with lock(home):
        keyring = Keyring.load(home, Unlock.find({}, home), publisher.organisation)
        store = SqliteStore.open(home.database)
        with store.read() as session:
            audit = session.one("SELECT origin FROM log WHERE kind = 'audit'")
            feed = session.one("SELECT id FROM log WHERE origin = ?", (ORIGIN,))
        assert audit is not None
        assert feed is not None
        writer = Writer(
            store=store,
            clock=wall_clock,
            feed_signer=keyring.feed_signer(),
            audit_signer=keyring.audit_signer(str(audit[0])),
            highwater=HighWater(home.highwater),
            directory=home.root,
        )
        writer.start()
        blobs = [_details(number) for number in range(details)]
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            numbers = np.random.default_rng(start).integers(0, details, size).astype(np.uint32)
            rows = _rows(size)

            def operation(
                tx: Tx, rows: Rows = rows, numbers: "np.ndarray[tuple[int], np.dtype[np.uint32]]" = numbers
            ) -> int:
                return tx.append(int(feed[0]), rows, blobs, numbers)

            writer.call(operation)
        writer.stop()
        store.close()


def _details(number: int) -> bytes:
    said = {"stance": "harmful", "abuse_types": ["grooming"], "severity": "high", "case_ref": f"case-{number}"}
    return encode(said, os.urandom(16))


def _rows(count: int) -> Rows:
    rows = empty_rows(count)
    rows["kind"], rows["type"], rows["epoch"], rows["ref"] = Kind.ASSERT, 0x0101, 1, NO_REF
    rows["valid_until"] = wall_clock() + 90 * DAY_MS
    tag_column(rows)[:] = np.frombuffer(os.urandom(32 * count), np.uint8).reshape(-1, 32)
    return rows


def _replicate(folder: Path, publisher: Player, follower: Player, signals: int, limit: float) -> None:
    policy = folder / "policy.toml"
    text = 'peer = "publisher.example"\n[[rule]]\neffect = "review"\nmin_severity = "medium"\nstance = ["harmful"]\n'
    policy.write_text(text)
    with connect(follower.home, None, start=False) as local:
        latency = Latency(local)
        idle = latency.measure(lambda: time.sleep(2))
        took: list[float] = []

        def replicate() -> None:
            request = pb.PoliciesRequest(files=[pb.PolicyFile(name="policy.toml", toml=text.encode())])
            started = time.perf_counter()
            local.node.ApplyPolicies(request)
            while _stored(local) < signals + 1:
                if time.perf_counter() - started > LIMIT_S:
                    sys.exit("the follower did not receive everything in time")
                time.sleep(0.02)
            took.append(time.perf_counter() - started)

        busy = latency.measure(replicate)
        wire = _wire_bytes(local)
        matchable = local.node.Status(pb.StatusRequest()).signals
    rate = signals / took[0]
    print(f"replicated and matchable: {matchable:,} of {signals:,} signals in {took[0]:.2f} s: {rate:,.0f} signals/s")
    print(f"hash limit (two SHA-256 calls per entry in one loop): {limit:,.0f} entries/s; ratio {rate / limit:.2f}")
    print(f"on the wire: {wire / signals:.1f} bytes per signal")
    for name, values in (("idle", idle), ("while replicating", busy)):
        p50, p99 = percentile(values, 0.5) * 1000, percentile(values, 0.99) * 1000
        print(f"local Check, {name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms ({len(values)} calls)")
    print(f"publisher {publisher.organisation}, follower {follower.organisation}: two processes, mutual TLS, loopback")
    _cut_off(publisher, follower)


def _cut_off(publisher: Player, follower: Player) -> None:
    """How long a removed peer's session lives on."""
    with connect(publisher.home, None, start=False) as mine, connect(follower.home, None, start=False) as theirs:
        asked = pb.ListPeersRequest(organisation=publisher.organisation)
        started = time.perf_counter()
        mine.node.SetPeerState(pb.SetPeerStateRequest(organisation=follower.organisation, state="removed"))
        while theirs.node.ListPeers(asked).peers[0].link in ("live", "behind") and time.perf_counter() - started < 10:
            time.sleep(0.005)
        print(f"removed peer cut off after {(time.perf_counter() - started) * 1000:.0f} ms")


def _stored(local: Local) -> int:
    followed = local.node.Status(pb.StatusRequest()).followed
    return followed[0].size if followed else 0


def _wire_bytes(local: Local) -> int:
    """Bytes of segments, by the follower's audit log."""
    import json

    total = 0
    for entry in local.audit.ReadAudit(audit_pb2.ReadAuditRequest()):
        envelope = json.loads(entry.envelope)
        if envelope["ev"] == "feed.replicated":
            total += envelope["n"]["bytes"]
    return total


if __name__ == "__main__":
    raise SystemExit(main())
