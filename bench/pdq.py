"""Near matches of PDQ hashes by themselves, on one core: the node's index, plain numpy, and faiss.

Questions per second of CPU within 31 of 256 bits, all at once and one by one; half of the questions are 0 to 31 bits
from a hash that is held, half are random. Sets: uniform hashes, 100,000 and 1,000,000; and a million that cluster
around a thousand centres, 24 bits from them, as hashes of real pictures may. faiss runs in an environment of its own
under `.bench/`; "not run" and why where it cannot be had. All must find the same number of matches.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.environment import NotRun, run_guest
from bench.federation import stage
from bench.limits import machine
from bench.options import parser
from tocsin_node.match.near import MAX_DISTANCE, NearIndex

FAISS: Final = ("faiss-cpu==1.15.1", "numpy")
LIMIT_S: Final = 600.0
QUESTIONS: Final = 200
SLOW: Final = 20  # questions asked of plain numpy
BLOCK: Final = 8192  # hashes added at a time: a segment

Hashes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of CPU; `questions` were asked each way."""

    build_s: float
    batch_s: float
    single_s: float
    hits: int
    questions: int = QUESTIONS

    def words(self) -> str:
        """As rates."""
        built = f"built in {self.build_s:.2f} s, " if self.build_s else ""
        return (
            f"{built}at once {self.questions / self.batch_s:,.0f}/s, one by one {self.questions / self.single_s:,.0f}/s"
        )


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    args = options.parse_args()
    print(f"machine: {machine()}")
    sizes = (1_000_000, 10_000_000) if args.large else (100_000, 1_000_000)
    random = np.random.default_rng(3)
    for size in sizes:
        _compare(f"{size:,} uniform", random.integers(0, 256, (size, 32), dtype=np.uint8), random)
    centres = random.integers(0, 256, (1000, 32), dtype=np.uint8)
    _compare(f"{sizes[-1]:,} clustered", _flipped(centres.repeat(sizes[-1] // 1000, axis=0), 24, random), random)
    return 0


def _compare(name: str, held: Hashes, random: np.random.Generator) -> None:
    asked = random.integers(0, 256, (QUESTIONS, 32), dtype=np.uint8)
    near = held[random.integers(0, len(held), QUESTIONS // 2)]
    for place, one in enumerate(near):
        asked[2 * place] = _flipped(one[np.newaxis], place % (MAX_DISTANCE + 1), random)[0]
    own, plain = _own(held, asked), _plain(held, asked[:SLOW])
    print(f"{name}: tocsin {own.words()} ({own.hits} matches)", flush=True)
    print(f"  numpy row by row: {plain.words()}; tocsin / numpy {_ratios(own, plain)}")
    try:
        faiss = _faiss(held, asked)
    except NotRun as why:
        print(f"  faiss: not run: {why}")
        return
    print(f"  faiss flat: {faiss.words()}; tocsin / faiss {_ratios(own, faiss)}")
    if faiss.hits != own.hits:
        raise SystemExit(f"tocsin found {own.hits} matches and faiss {faiss.hits}")


def _ratios(own: Figures, other: Figures) -> str:
    def ratio(mine: float, theirs: float) -> str:
        return f"{theirs / other.questions / (mine / own.questions):.2f}"

    return f"{ratio(own.batch_s, other.batch_s)} at once, {ratio(own.single_s, other.single_s)} one by one"


def _own(held: Hashes, asked: Hashes) -> Figures:
    index = NearIndex()
    started = time.thread_time()
    for start in range(0, len(held), BLOCK):
        index.add(held[start : start + BLOCK])
    built = time.thread_time() - started
    within = np.full(len(asked), MAX_DISTANCE, np.uint8)
    batch, hits = _timed(lambda: len(index.search(asked, within)))
    single, _ = _timed(lambda: sum(len(index.search(asked[n : n + 1], within[:1])) for n in range(len(asked))))
    return Figures(built, batch, single, hits)


def _plain(held: Hashes, asked: Hashes) -> Figures:
    """What one writes first: every hash as a row of four words."""
    rows, questions = held.view(np.uint64), asked.view(np.uint64)

    def ask() -> int:
        return sum(int(np.count_nonzero(np.bitwise_count(rows ^ one).sum(axis=1) <= MAX_DISTANCE)) for one in questions)

    seconds, hits = _timed(ask)
    return Figures(0, seconds, seconds, hits, questions=len(asked))


def _faiss(held: Hashes, asked: Hashes) -> Figures:
    with stage() as folder:
        _save(folder / "held.npy", held)
        _save(folder / "asked.npy", asked)
        (folder / "within.txt").write_text(str(MAX_DISTANCE))
        figures: dict[str, Any] = json.loads(run_guest("faiss", FAISS, str(folder), limit_s=LIMIT_S))
    return Figures(**figures)


def _save(path: Path, hashes: Hashes) -> None:
    np.save(path, hashes, allow_pickle=False)


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    started = time.thread_time()
    found = work()
    return time.thread_time() - started, found


def _flipped(hashes: Hashes, bits: int, random: np.random.Generator) -> Hashes:
    """Copies that differ in so many bits, anywhere."""
    changed = np.unpackbits(hashes, axis=1)
    for start in range(0, len(changed), BLOCK):
        part = changed[start : start + BLOCK]
        places = (
            np.argpartition(random.random(part.shape), bits, axis=1)[:, :bits]
            if bits
            else np.empty((len(part), 0), int)
        )
        part[np.arange(len(part))[:, np.newaxis], places] ^= 1
    return np.packbits(changed, axis=1)


if __name__ == "__main__":
    raise SystemExit(main())
