"""From the publish call to the follower's answer: single signals, idle and while the follower fills another feed.

A row is published at one node; the other is asked for its URL again and again until it matches. Printed: p50 and p99 of
the time from the call to the first match, and beside them what the call itself took (durable and signed at home).
"""

import sys
import time
from collections.abc import Callable

from bench.federation import fill, follow, followed_size, introduce, open_local, running, shared_details, stage
from bench.limits import hash_limit, machine, percentile
from bench.options import parser
from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import Local

LIMIT_S = 60.0


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--publishes", type=int, default=300, help="single signals")
    options.add_argument("--backfill", type=int, default=2_000_000, help="signals of the other feed")
    args = options.parse_args()
    scale = 10 if args.large else 1
    print(f"machine: {machine()}; hash limit {hash_limit():,.0f} entries/s")
    with stage() as folder:
        publisher, follower = introduce(folder, feeds=("bench", "past"))
        with running(publisher, follower), open_local(publisher) as mine, open_local(follower) as theirs:
            follow(theirs)
            _measure("idle", mine, theirs, range(scale * args.publishes), lambda: True)
            follower.stop()
        fill(publisher, scale * args.backfill, details=shared_details(50), feed="past")
        with running(publisher, follower), open_local(publisher) as mine, open_local(follower) as theirs:
            numbers = range(scale * args.publishes, 10 * scale * args.publishes)
            _measure("in a back-fill", mine, theirs, numbers, lambda: followed_size(theirs) < scale * args.backfill)
    return 0


def _measure(words: str, mine: Local, theirs: Local, numbers: range, go_on: Callable[[], bool]) -> None:
    calls, seen = list[float](), list[float]()
    for number in numbers:
        if not go_on():
            break
        started = time.perf_counter()
        _publish(mine, number)
        calls.append(time.perf_counter() - started)
        while not _matches(theirs, number):
            if time.perf_counter() - started > LIMIT_S:
                sys.exit("a signal did not become matchable in time")
        seen.append(time.perf_counter() - started)
    for what, values in (("publish to matchable at the follower", seen), ("of that the call", calls)):
        p50, p99 = percentile(values, 0.5) * 1000, percentile(values, 0.99) * 1000
        print(f"  {what}, {words}: p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(values)} signals)", flush=True)


def _publish(local: Local, number: int) -> None:
    row = pb.PublishRow(line=1, type="url", value=_url(number), fields=0)
    said = b'{"stance":"harmful","severity":"high"}'
    requests = [
        pb.PublishRequest(start=pb.PublishStart(feed="bench")),
        pb.PublishRequest(chunk=pb.PublishChunk(fields=[said], rows=[row])),
    ]
    list(local.node.Publish(iter(requests)))


def _matches(local: Local, number: int) -> bool:
    request = pb.MatchRequest(queries=[pb.Query(type="url", value=_url(number))])
    return bool(local.node.Match(request).verdicts[0].assertions)


def _url(number: int) -> str:
    return f"https://www.example.com/latency/{number}"


if __name__ == "__main__":
    raise SystemExit(main())
