"""Run the benches, each in a process of its own: `make bench`, or `make bench BENCH="replicate lookups"`.

A word that names no bench is an option for all of them: `make bench BENCH="index --large"`.
"""

import subprocess
import sys
import time
from typing import Final

BENCHES: Final = ("index", "replicate", "publish", "urls", "lookups", "restart", "latency", "followers", "pdq", "peers")


def main() -> int:
    """Run the benches named on the command line, or all; the exit status is that of the first that failed."""
    names = [word for word in sys.argv[1:] if not word.startswith("-")]
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench named {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for number, name in enumerate(names or BENCHES, start=1):
        print(f"[{number} of {len(names or BENCHES)}] {name}", flush=True)
        started = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False)
        if done.returncode:
            return done.returncode
        print(f"  (the bench took {time.monotonic() - started:.0f} s)\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
