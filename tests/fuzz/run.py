"""Coverage-guided fuzzing of the targets with atheris: `make fuzz`, or `python -m tests.fuzz.run [NAME ...]`.

Each target runs in a process of its own for --seconds, from the real values in its table; `all` is one process for all
of them, the first byte choosing the target: what CI has the time for. A crash ends the run with
exit status 1 and prints the input, to be mended and kept in REGRESSIONS. C extensions are opaque to it: what they do
with bytes is seen, how they come to it is not. Without atheris nothing is fuzzed, and that is said.
"""

import argparse
import importlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LONGEST = 64 * 1024  # bytes of an input: the limit of most of what is parsed
SLOW_S = 10  # for one input, instrumented and on a busy machine
ALL = "all"
OURS = ["tocsin_crypto", "tocsin_signals", "tocsin_node"]


def main() -> int:
    """Run every target asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets; all when none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("not run: atheris is not installed; `make fuzz` installs it where it can")
        return 0
    if args.one:
        fuzz(args.one, args.seconds, args.folder)
    from tests.fuzz.targets import TARGETS

    unknown = set(args.names) - {*TARGETS, ALL}
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    for name in args.names or TARGETS:
        if not passes(name, args.seconds):
            return 1
    return 0


def passes(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own; what it found is printed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.run", "--one", name, "--seconds", str(seconds), "--folder", folder]
        done = subprocess.run(command, capture_output=True, check=False)
        said = done.stderr.decode(errors="replace")
        runs = [line for line in said.splitlines() if line.startswith("stat::number_of_executed_units")]
        count = runs[0].split()[-1] if runs else "?"
        print(f"{name}: {count} inputs in {time.monotonic() - began:.0f} s, exit {done.returncode}", flush=True)
        if done.returncode:
            print("\n".join(said.splitlines()[-60:]))
            for crash in Path(folder).glob("*-*"):
                print(f"{crash.name}: {crash.read_bytes()!r}")
    return done.returncode == 0


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """Fuzz in this process, which libFuzzer ends."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=OURS):
        from tests.fuzz.targets import TARGETS
    names = list(TARGETS) if name == ALL else [name]

    def run(data: bytes) -> None:
        place, data = (data[0] % len(names), data[1:]) if name == ALL and data else (0, data)
        TARGETS[names[place]](data)

    corpus = folder / "corpus"
    corpus.mkdir()
    for place, one in enumerate(names):
        for number, seed in enumerate(TARGETS[one].seeds):
            (corpus / f"{one}.{number}").write_bytes(bytes([place] * (name == ALL)) + seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOW_S}"]
    kept = [f"-artifact_prefix={folder}/", "-print_final_stats=1", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, *kept, str(corpus)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
