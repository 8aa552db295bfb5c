"""What this machine can do at best: the references other figures are divided by."""

import os
import platform
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path


def hash_limit(seconds: float = 1.0, clock: Callable[[], float] = time.perf_counter) -> float:
    """Entries per second of the bare minimum of verifying a feed: two SHA-256 calls per entry in one Python loop.

    One call hashes a 113-byte row (its leaf), one 65 bytes (the amortised inner node of a Merkle tree). A bench that
    counts its CPU time gives `time.thread_time`.
    """
    row, node = os.urandom(113), os.urandom(65)
    done, chunk, started = 0, 20_000, clock()
    while (elapsed := clock() - started) < seconds:
        for _ in range(chunk):
            sha256(row).digest()
            sha256(node).digest()
        done += chunk
    return done / elapsed


def machine() -> str:
    """One line that says what the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}, {platform.system()}"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
