"""Generate the Python code of the contract, or check that it is current.

The compiler is pinned to the oldest line the project supports, so that generated code runs on every allowed protobuf
and grpcio (see the floors in pyproject.toml). It runs in an environment of its own, apart from the lock.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COMPILER = "grpcio-tools==1.75.1"
STUBS = "mypy-protobuf==3.6.0"
ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "tocsin" / "v1"


def generate(out: Path, uv: str) -> None:
    """Write the generated modules and stubs for every .proto file under `out`."""
    protos = sorted(str(path.relative_to(ROOT)) for path in PACKAGE.glob("*.proto"))
    command = [
        *(uv, "run", "--no-project", "--isolated", "--quiet", "--with", COMPILER, "--with", STUBS),
        *("--with", "setuptools<81", "python", "-m", "grpc_tools.protoc", f"--proto_path={ROOT}"),
        *(f"--python_out={out}", f"--grpc_python_out={out}", f"--mypy_out={out}", f"--mypy_grpc_out={out}"),
        *protos,
    ]
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 -- fixed words and our own file names


def main() -> int:
    """Generate in place, or with --check compare a fresh generation with what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the code is not current")
    parser.add_argument("--uv", default="uv", help="the uv to use")
    args = parser.parse_args()
    uv = str(Path(args.uv).resolve()) if "/" in args.uv else args.uv
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch), uv)
        made = sorted((Path(scratch) / "tocsin" / "v1").iterdir())
        if not args.check:
            for path in made:
                shutil.copy(path, PACKAGE / path.name)
            return 0
        stale = [p.name for p in made if not _same(p, PACKAGE / p.name)]
    if stale:
        sys.stderr.write(f"generated code is not current: {', '.join(stale)}; run `make proto`\n")
        return 1
    return 0


def _same(left: Path, right: Path) -> bool:
    return right.exists() and filecmp.cmp(left, right, shallow=False)


if __name__ == "__main__":
    raise SystemExit(main())
