"""How long a node takes from its start to its answer: with a large feed, and after very many small publishes.

First a follower of 1,000,000 signals (10,000,000 with --large) is stopped and started: seconds to ready, and the rate
at which its index came back. Then 20,000 signals (100,000 with --large) are published one by one, by many callers at
once as applications do; the stored runs must stay few, and a restart quick.
"""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

from bench.federation import (
    fill,
    follow,
    followed_size,
    introduce,
    open_local,
    running,
    shared_details,
    stage,
)
from bench.limits import hash_limit, machine
from bench.options import parser
from bench.processes import resident
from tocsin.v1 import node_pb2 as pb
from tocsin_node.demo.cast import Player

CALLERS = 64


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--signals", type=int, default=1_000_000)
    options.add_argument("--publishes", type=int, default=20_000)
    args = options.parse_args()
    signals, publishes = args.signals, args.publishes
    if args.large:
        signals, publishes = 10 * signals, 5 * publishes
    print(f"machine: {machine()}")
    with stage() as folder:
        publisher, follower = introduce(folder)
        with running(publisher):
            _publish_singly(publisher, publishes)
        _restart(publisher, f"after {publishes:,} publishes of one signal", publishes)
        fill(publisher, signals, details=shared_details(50))
        with running(publisher, follower), open_local(follower) as local:
            follow(local)
            while followed_size(local) < signals:
                time.sleep(0.2)
        _restart(follower, f"with {signals:,} signals", signals)
    return 0


def _publish_singly(publisher: Player, count: int) -> None:
    with open_local(publisher) as local:

        def publish(number: int) -> None:
            row = pb.PublishRow(line=1, type="url", value=f"https://www.example.com/single/{number}", fields=0)
            chunk = pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=[row])
            start = pb.PublishRequest(start=pb.PublishStart(feed="bench"))
            list(local.node.Publish(iter([start, pb.PublishRequest(chunk=chunk)])))

        started = time.perf_counter()
        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(publish, range(count)))
        took = time.perf_counter() - started
    with sqlite3.connect(f"file:{publisher.home}/tocsin.db?mode=ro", uri=True) as database:
        runs = database.execute("SELECT COUNT(*) FROM segment").fetchone()[0]
        commits = database.execute("SELECT COUNT(*) FROM checkpoint").fetchone()[0]
    print(f"  {count:,} publishes of one signal, {CALLERS} callers: {count / took:,.0f} a second")
    print(f"  stored as {runs:,} runs; {commits:,} checkpoints", flush=True)


def _restart(player: Player, words: str, signals: int) -> None:
    started = time.perf_counter()
    player.start()
    with open_local(player) as local:
        found = local.node.Status(pb.StatusRequest()).signals
        took = time.perf_counter() - started
        assert player.process is not None
        memory = resident(player.process.pid)
    player.stop()
    limit = hash_limit()
    print(f"  restart {words}: ready in {took:.2f} s with {found:,} signals, {memory / 1e6:,.0f} MB resident")
    log = (player.home.parent / f"{player.name}.log").read_text(errors="replace").splitlines()
    print("  its log: " + next((line for line in reversed(log) if "match index ready" in line), "(no line)"))
    print(f"  hash limit {limit:,.0f} entries/s; whole start at {signals / took / limit:.2f} of it", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
