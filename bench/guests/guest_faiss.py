"""faiss, Meta's similarity search: one core, range search in a flat binary index.

FOLDER holds `held.npy` and `asked.npy`, (n, 32) bytes each, and `within.txt`. Printed: seconds of CPU to build the
index, to answer all questions at once and one by one, and how many matches there were.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any


def main() -> None:
    """Build, ask, print."""
    numpy: Any = import_module("numpy")
    faiss: Any = import_module("faiss")
    faiss.omp_set_num_threads(1)
    folder = Path(sys.argv[1])
    held, asked = numpy.load(folder / "held.npy"), numpy.load(folder / "asked.npy")
    radius = int((folder / "within.txt").read_text()) + 1  # faiss leaves out what is exactly as far as the radius

    started = time.process_time()
    index = faiss.IndexBinaryFlat(256)
    index.add(held)
    built = time.process_time() - started
    started = time.process_time()
    limits, _, _ = index.range_search(asked, radius)
    batch = time.process_time() - started
    started = time.process_time()
    for one in range(len(asked)):
        index.range_search(asked[one : one + 1], radius)
    single = time.process_time() - started
    print(json.dumps({"build_s": built, "batch_s": batch, "single_s": single, "hits": int(limits[-1])}))


if __name__ == "__main__":
    main()
