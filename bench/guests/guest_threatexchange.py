"""threatexchange, Meta's library and command: a file of URLs is fetched and indexed, then queried through the library.

Publishing is writing the file: the exchange `local_file` is the one that needs no account.
"""

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any


def main() -> None:
    """Write, fetch, look up; print the figures."""
    folder = Path(sys.argv[1])
    rows: list[str] = json.loads((folder / "rows.json").read_text())
    lookups: list[str] = json.loads((folder / "lookups.json").read_text())
    file = folder / "signals.txt"

    started = time.perf_counter()
    file.write_text("\n".join(rows) + "\n")
    published = time.perf_counter() - started

    _command(
        folder,
        "config",
        "collab",
        "edit",
        "local_file",
        "--create",
        "bench",
        "--filename",
        str(file),
        "--signal-type",
        "url",
    )
    started = time.perf_counter()
    _command(folder, "fetch", "--only-collab", "bench")
    fetched = time.perf_counter() - started

    kind: Any = import_module("threatexchange.signal_type.url").URLSignal
    index: Any = kind.get_index_cls().build((row, number) for number, row in enumerate(rows))
    started = time.perf_counter()
    hits = sum(bool(index.query(value)) for value in lookups)
    looked = time.perf_counter() - started
    print(json.dumps({"publish_s": published, "fetch_s": fetched, "lookup_s": looked, "hits": hits}))


def _command(folder: Path, *args: str) -> None:
    program = str(Path(sys.executable).parent / "threatexchange")
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run([program, *args], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"threatexchange {args[0]}: {done.stderr[-300:]}")


if __name__ == "__main__":
    main()
