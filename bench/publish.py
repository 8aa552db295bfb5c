"""Publishing mixed rows: from raw identifiers at a local client to durable, signed and matchable.

One node and one client, as `tocsin publish` would send: chunks of 4,096 rows. First each stage that needs no node is
timed by itself over the same rows on one core: canonicalise, guard, tag, seal. Then 100,000 rows are published, and
once more, which changes nothing; printed are rows per second, the share of each stage in the CPU time of the node and
its workers, and the ratio to the rate of one core that did nothing but the stages. Commit is what the node's own
process spends: messages, group commit, checkpoints, own records, index. At last rows that each have their own details.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.federation import introduce, open_local, running, stage
from bench.limits import hash_limit, machine
from bench.options import parser
from bench.processes import Cost, cost
from tocsin.v1 import node_pb2 as pb
from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.cli.connect import Local
from tocsin_node.demo.cast import Player
from tocsin_node.limits import PUBLISH_ROWS
from tocsin_node.publish.prepare import seal
from tocsin_signals.canon import canonicalise
from tocsin_signals.guard import Guard
from tocsin_signals.types import REGISTRY, by_name

SAMPLE: Final = 10_000  # rows whose stages are timed one by one
SAID: Final = {"stance": "harmful", "abuse_types": ["grooming"], "severity": "high"}

MAKERS: Final[dict[str, Callable[[int], str]]] = {
    "url": lambda n: f"https://www.Site{n % 977}.example.com/a/b{n}?q={n}&x=1#top",
    "email": lambda n: f"User{n}@mail{n % 97}.example.org",
    "domain": lambda n: f"host{n}.example.net",
    "phone": lambda n: f"+49 30 {20_000_000 + n}",
    "username": lambda n: f"x:Some_User{n}",
    "account": lambda n: f"x:{10_000_000 + n}",
    "ip": lambda n: f"2a0f:ff00:0:{n >> 16:x}::{(n & 0xFFFF) + 1:x}",
    "filehash": lambda n: f"sha256:{n:08x}{'0123456789abcdef' * 3}{n:08x}",
}


@dataclass(frozen=True, slots=True)
class Raw:
    """One row: a type and what somebody wrote."""

    type: str
    value: str


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=100_000, help="rows that share details")
    options.add_argument("--own", type=int, default=20_000, help="rows that each have their own details of 300 bytes")
    args = options.parse_args()
    rows, own = (10 * args.rows, 10 * args.own) if args.large else (args.rows, args.own)
    print(f"machine: {machine()}")
    stages = _stages(mixed(0, min(rows, SAMPLE)))
    with stage() as folder:
        publisher, *_ = introduce(folder)
        with running(publisher), open_local(publisher) as local:
            _publish(publisher, local, mixed(0, rows), [json.dumps(SAID).encode()], stages)
            again = _send(local, mixed(0, rows), [json.dumps(SAID).encode()])
            print(f"  again, nothing new: {rows / again:,.0f} rows/s")
            print(f"{own:,} rows with their own 300 bytes of details:")
            _publish(publisher, local, mixed(rows, own), _own_details(own), stages)
    return 0


def mixed(first: int, count: int) -> list[Raw]:
    """Rows of every type there is, in turn."""
    names = [entry.name for entry in REGISTRY if entry.name in MAKERS]
    return [Raw(names[n % len(names)], MAKERS[names[n % len(names)]](n)) for n in range(first, first + count)]


def _own_details(count: int) -> list[bytes]:
    return [json.dumps({**SAID, "case_ref": f"{n:09d}".ljust(200, ".")}).encode() for n in range(count)]


def _stages(rows: Sequence[Raw]) -> dict[str, float]:
    """Seconds of each stage for one row, on one core."""
    guard, key, found = Guard(), EpochKey("bench.publisher.example", 1, bytes(32)), dict[str, float]()

    def timed(name: str, work: Callable[[], list[str]]) -> list[str]:
        started = time.thread_time()
        result = work()
        found[name] = (time.thread_time() - started) / len(rows)
        return result

    def guarded() -> list[str]:
        for row, form in zip(rows, forms, strict=True):
            guard.check(row.type, form)
        return []

    def tagged() -> list[str]:
        kinds = [by_name(row.type) for row in rows]
        tag_batch(key, [TagRequest(k.profile, k.scope, form) for k, form in zip(kinds, forms, strict=True)])
        return []

    def sealed() -> list[str]:
        for form in forms:
            seal(form, "publisher.example/feed/bench", 1, bytes(32))
        return []

    forms = timed("canonicalise", lambda: [canonicalise(row.type, row.value) for row in rows])
    timed("guard", guarded)
    timed("tag", tagged)
    timed("seal", sealed)
    return found


def _publish(
    publisher: Player, local: Local, rows: Sequence[Raw], details: Sequence[bytes], stages: dict[str, float]
) -> None:
    assert publisher.process is not None
    before = cost(publisher.process.pid)
    took = _send(local, rows, details)
    spent = cost(publisher.process.pid).since(before)
    limit, rate = 1 / sum(stages.values()), len(rows) / took
    print(f"  published {len(rows):,} rows in {took:.2f} s: {rate:,.0f} rows/s, durable and matchable")
    print(f"  limit (one core doing the stages and nothing else): {limit:,.0f} rows/s; ratio {rate / limit:.2f}")
    print(f"  hash limit: {hash_limit():,.0f} entries/s")
    _shares(len(rows), spent, stages)


def _shares(rows: int, spent: Cost, stages: dict[str, float]) -> None:
    per_row = spent.total / rows
    parts = {**stages, "commit": spent.own / rows}
    parts["passing rows about"] = max(0.0, per_row - sum(parts.values()))
    shown = ", ".join(f"{name} {seconds * 1e6:.1f} us ({seconds / per_row:.0%})" for name, seconds in parts.items())
    print(f"  CPU per row {per_row * 1e6:.1f} us: {shown}", flush=True)


def _send(local: Local, rows: Sequence[Raw], details: Sequence[bytes]) -> float:
    """Seconds until the last chunk is answered."""
    started = time.perf_counter()
    done = sum(
        answer.published + answer.revised + answer.unchanged for answer in local.node.Publish(_requests(rows, details))
    )
    took = time.perf_counter() - started
    if done != len(rows):
        raise SystemExit(f"{len(rows) - done} of {len(rows)} rows were refused")
    return took


def _requests(rows: Sequence[Raw], details: Sequence[bytes]) -> Iterator[pb.PublishRequest]:
    yield pb.PublishRequest(start=pb.PublishStart(feed="bench"))
    for first in range(0, len(rows), PUBLISH_ROWS):
        part = rows[first : first + PUBLISH_ROWS]
        own = len(details) > 1
        yield pb.PublishRequest(
            chunk=pb.PublishChunk(
                fields=details[first : first + PUBLISH_ROWS] if own else details,
                rows=[
                    pb.PublishRow(line=place, type=row.type, value=row.value, region="", fields=place if own else 0)
                    for place, row in enumerate(part)
                ],
            )
        )


if __name__ == "__main__":
    raise SystemExit(main())
