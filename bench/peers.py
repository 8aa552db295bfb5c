"""The same work in other people's software: `make bench BENCH=peers`.

Publish URLs at one organisation, fetch them at another, look up as many of which half were shared; for Tocsin with
verification, policy, audit log and sync to disk, for the others as they come. Each guest runs in an environment of its
own under `.bench/`, made on first use; one that cannot be installed or fails prints "not run" and why. Every figure is
measured in this run; a guest and Tocsin do the same number of rows, so that their rates may be divided.
"""

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.environment import NotRun, run_guest
from bench.federation import follow, followed_size, introduce, open_local, running, stage
from bench.limits import machine
from tocsin.v1 import node_pb2 as pb

BATCH: Final = 1000  # look-ups per call
LIMIT_S: Final = 600.0  # for one guest


@dataclass(frozen=True, slots=True)
class Guest:
    """Software to compare with: what to install, and how many rows it can take in reasonable time."""

    name: str
    packages: tuple[str, ...]
    rows: int
    does: str
    """What its steps are, where they are less than the words say."""


_DICT: Final = "looked up as exact text in a dict of the client"
GUESTS: Final = (
    Guest(
        "medallion",
        ("medallion==3.0.0", "taxii2-client==2.3.0"),
        2_000,  # its reads are quadratic in the rows
        f"kept in the server's memory only; {_DICT}",
    ),
    Guest("opentaxii", ("opentaxii==0.9.3", "taxii2-client==2.3.0"), 10_000, f"kept in SQLite; {_DICT}"),
    Guest(
        "threatexchange",
        ("threatexchange==1.2.17",),
        10_000,
        "publishing is writing a text file, nobody is asked or told; looked up as exact text in the library's index",
    ),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of each step."""

    publish_s: float
    fetch_s: float
    lookup_s: float
    hits: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="ten times as many rows")
    parser.add_argument("--only", choices=[guest.name for guest in GUESTS], action="append")
    args = parser.parse_args(argv)
    times = 10 if args.large else 1
    guests = [replace(guest, rows=guest.rows * times) for guest in GUESTS if not args.only or guest.name in args.only]
    print(f"machine: {machine()}")
    own = {rows: _measured(rows, _tocsin) for rows in sorted({guest.rows for guest in guests})}
    for rows, figures in own.items():
        print(f"tocsin, {rows:,} rows: {_rates(figures, rows)}")
    for guest in guests:
        try:
            figures = _measured(guest.rows, lambda folder, guest=guest: _guest(guest, folder))
        except NotRun as why:
            print(f"{guest.name}: not run: {why}")
            continue
        print(f"{guest.name}, {guest.rows:,} rows: {_rates(figures, guest.rows)} ({guest.does})")
        print(f"  tocsin / {guest.name}: {_ratios(own[guest.rows], figures)}")
    return 0


def _rates(figures: Figures, rows: int) -> str:
    steps = (("publish", figures.publish_s), ("fetch", figures.fetch_s), ("look up", figures.lookup_s))
    return ", ".join(f"{name} {rows / seconds:,.0f}/s" for name, seconds in steps)


def _ratios(own: Figures, other: Figures) -> str:
    steps = (
        ("publish", own.publish_s, other.publish_s),
        ("fetch", own.fetch_s, other.fetch_s),
        ("look up", own.lookup_s, other.lookup_s),
    )
    whole = (other.publish_s + other.fetch_s + other.lookup_s) / (own.publish_s + own.fetch_s + own.lookup_s)
    return ", ".join(f"{name} {theirs / ours:.3g} times as fast" for name, ours, theirs in steps) + f"; all {whole:.3g}"


def _measured(rows: int, work: Callable[[Path], Figures]) -> Figures:
    with stage() as folder:
        shared = [f"https://site-{number}.example/path/{number * 7919 % rows}?item={number}" for number in range(rows)]
        lookups = [row if number % 2 else row + "x" for number, row in enumerate(shared)]
        (folder / "rows.json").write_text(json.dumps(shared))
        (folder / "lookups.json").write_text(json.dumps(lookups))
        figures = work(folder)
    if figures.hits != rows // 2:
        raise NotRun(f"it found {figures.hits} of {rows // 2} shared values")
    return figures


def _tocsin(folder: Path) -> Figures:
    """A publisher and a follower in processes of their own: from the CSV file to verdicts."""
    shared: list[str] = json.loads((folder / "rows.json").read_text())
    lookups: list[str] = json.loads((folder / "lookups.json").read_text())
    with (folder / "rows.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["type", "url", "stance", "severity"])
        lines.writerows(["url", row, "harmful", "high"] for row in shared)
    publisher, follower = introduce(folder)
    with running(publisher, follower), open_local(follower) as local:
        started = time.perf_counter()
        publisher.run("publish", str(folder / "rows.csv"), "--feed", "bench")
        published = time.perf_counter() - started
        started = time.perf_counter()
        follow(local)
        while followed_size(local) < len(shared) + 1:
            time.sleep(0.005)
        fetched = time.perf_counter() - started
        started = time.perf_counter()
        hits = 0
        for first in range(0, len(lookups), BATCH):
            queries = [pb.Query(type="url", value=value) for value in lookups[first : first + BATCH]]
            verdicts = local.node.Match(pb.MatchRequest(queries=queries)).verdicts
            hits += sum(verdict.effect == pb.EFFECT_REVIEW for verdict in verdicts)
        return Figures(published, fetched, time.perf_counter() - started, hits)


def _guest(guest: Guest, folder: Path) -> Figures:
    return Figures(**json.loads(run_guest(guest.name, guest.packages, str(folder), limit_s=LIMIT_S)))


if __name__ == "__main__":
    raise SystemExit(main())
