"""The match index by itself, in this process: what it takes in, what it costs in memory, how fast it answers by tag.

Printed: signals per second taken in as they arrive, 8,192 at a time; bytes per signal as the index counts them and as
the process grew; look-ups by tag in batches of 1,000, half of them hits, and one at a time. Beside each rate the hash
limit of the same run.
"""

import gc
import os
import time

import numpy as np

from bench.federation import random_rows
from bench.limits import hash_limit, machine, percentile
from bench.options import parser
from bench.processes import resident
from tocsin_node.heap import keep_small_memory
from tocsin_node.log.tx import Stored
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_signals.entry import tag_column

BLOCK = 8192
BATCH = 1000
URL = 0x0101


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--signals", type=int, default=1_000_000)
    args = options.parse_args()
    keep_small_memory()  # as a node does
    signals = 10 * args.signals if args.large else args.signals
    print(f"machine: {machine()}")
    index, known, limit = MatchIndex(), list[bytes](), hash_limit(clock=time.thread_time)
    before, took = resident(os.getpid()), 0.0
    for first in range(0, signals, BLOCK):
        rows = random_rows(min(BLOCK, signals - first))
        known.append(tag_column(rows)[:2].tobytes())
        indices = np.arange(first, first + len(rows), dtype=np.uint64)
        stored = Stored(1, rows, indices, (indices % np.uint64(50)).astype(np.uint32))
        started = time.thread_time()
        take_in(index, stored)
        took += time.thread_time() - started
    gc.collect()
    grown = resident(os.getpid()) - before
    print(f"  taken in: {signals:,} signals in {took:.2f} s of CPU: {signals / took:,.0f} signals/s")
    print(f"  hash limit: {limit:,.0f} entries/s; ratio {signals / took / limit:.2f}")
    counted = index.stats().nbytes / signals
    print(f"  memory: {counted:.1f} bytes per signal counted, {grown / signals:.1f} resident", flush=True)
    _look_up(index, known, limit)
    return 0


def _look_up(index: MatchIndex, known: list[bytes], limit: float) -> None:
    pool = np.frombuffer(b"".join(known), np.uint8).reshape(-1, 32)
    types, epochs = np.full(BATCH, URL, np.uint16), np.ones(BATCH, np.uint32)
    random, seconds = np.random.default_rng(1), list[float]()
    found = 0
    for _ in range(300):
        tags = np.frombuffer(os.urandom(32 * BATCH), np.uint8).reshape(-1, 32).copy()
        tags[::2] = pool[random.integers(0, len(pool), BATCH // 2)]
        started = time.thread_time()
        found += len(index.lookup(tags, types, epochs))
        seconds.append(time.thread_time() - started)
    rate = BATCH * len(seconds) / sum(seconds)
    print(f"  by tag, {BATCH:,} at a time, {found / BATCH / len(seconds):.0%} hits: {rate:,.0f} look-ups/s")
    print(f"  ratio to the hash limit {rate / limit:.2f}")
    single = list[float]()
    for number in range(20_000):
        tag = pool[number % len(pool)].tobytes() if number % 2 else os.urandom(32)
        started = time.perf_counter()
        index.lookup_one(tag, URL, 1)
        single.append(time.perf_counter() - started)
    p50, p99 = percentile(single, 0.5) * 1e6, percentile(single, 0.99) * 1e6
    print(f"  by tag, one at a time: p50 {p50:.1f} us, p99 {p99:.1f} us")


if __name__ == "__main__":
    raise SystemExit(main())
