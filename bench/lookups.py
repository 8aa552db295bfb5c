"""Look-ups at a running node through its local listener, against 1,000,000 signals (10,000,000 with --large).

By raw URL (each is canonicalised, expanded to its path, prefixes and host, and tagged) in batches of 1,000, a tenth of
them hits; by tag in batches of 1,000; and single calls of either kind. The node is a follower's: its signals came from
a publisher, whose feed was filled with the tags of known URLs.
"""

import os
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from bench.federation import (
    epoch_key,
    fill,
    follow,
    followed_size,
    introduce,
    open_local,
    running,
    shared_details,
    stage,
)
from bench.limits import hash_limit, machine, percentile
from bench.options import parser
from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.tag import TagRequest, tag_batch
from tocsin_node.cli.connect import Local
from tocsin_node.demo.cast import Player
from tocsin_signals.canon import canonicalise
from tocsin_signals.entry import Bytes2D
from tocsin_signals.types import by_name

T = TypeVar("T")

BATCH = 1000
CALLS = 2000
MEASURE_S = 8.0


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--signals", type=int, default=1_000_000)
    args = options.parse_args()
    signals = 10 * args.signals if args.large else args.signals
    print(f"machine: {machine()}")
    with stage() as folder:
        publisher, follower = introduce(folder)
        _fill(publisher, signals)
        with running(publisher, follower), open_local(follower) as local:
            follow(local)
            while followed_size(local) < signals + 1:
                time.sleep(0.2)
            publisher.stop()
            _measure(local, signals)
    return 0


def url(number: int) -> str:
    """A URL; those below the number of signals are published."""
    return f"https://www.site{number % 9973}.example.com/a/b/{number}.html"


def _fill(publisher: Player, signals: int) -> None:
    """Tags of URLs for one signal in ten, which is enough to be asked about; random ones for the others."""
    kind, key = by_name("url"), epoch_key(publisher)

    def tags(start: int, count: int) -> Bytes2D:
        made = np.frombuffer(os.urandom(32 * count), np.uint8).reshape(-1, 32).copy()
        numbers = [number for number in range(start, start + count) if number % 10 == 0]
        requests = [TagRequest(kind.profile, kind.scope, canonicalise("url", url(number))) for number in numbers]
        known = np.frombuffer(b"".join(tag_batch(key, requests)), np.uint8).reshape(-1, 32)
        made[np.asarray(numbers) - start] = known
        return made

    fill(publisher, signals, details=shared_details(50), tags=tags)


def _measure(local: Local, signals: int) -> None:
    random = np.random.default_rng(2)
    limit = hash_limit()

    def urls(count: int) -> list[pb.Query]:
        published = random.integers(0, signals // 10, count) * 10
        asked = [int(n) if place % 10 == 0 else signals + int(n) for place, n in enumerate(published)]
        return [pb.Query(type="url", value=url(number)) for number in asked]

    def tags(count: int) -> pb.CheckRequest:
        return pb.CheckRequest(tags=os.urandom(32 * count), type="url", epoch=1)

    hits = sum(bool(one.assertions) for one in local.node.Match(pb.MatchRequest(queries=urls(BATCH))).verdicts)
    print(f"  {signals:,} signals; hits in a batch: {hits} of {BATCH}; hash limit {limit:,.0f} entries/s")
    kinds: list[tuple[str, Callable[[int], Callable[[], object]]]] = [
        ("by raw URL", lambda count: _asking(local.node.Match, pb.MatchRequest(queries=urls(count)))),
        ("by tag", lambda count: _asking(local.node.Check, tags(count))),
    ]
    for words, make in kinds:
        rate = _rate(make)
        print(f"  {words}, {BATCH:,} at a time: {rate:,.0f} look-ups/s; ratio to the hash limit {rate / limit:.2f}")
        single = [_timed(make(1)) for _ in range(CALLS)]
        p50, p99 = percentile(single, 0.5) * 1000, percentile(single, 0.99) * 1000
        print(f"  {words}, one call at a time: p50 {p50:.2f} ms, p99 {p99:.2f} ms", flush=True)


def _asking(call: Callable[[T], object], request: T) -> Callable[[], object]:
    return lambda: call(request)


def _rate(make: Callable[[int], Callable[[], object]]) -> float:
    done, took = 0, 0.0
    while took < MEASURE_S:
        took += _timed(make(BATCH))
        done += BATCH
    return done / took


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
