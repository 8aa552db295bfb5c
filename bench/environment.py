"""Environments of their own for other people's software, made on first use under `.bench/` and kept.

What cannot be installed or fails is `NotRun`, with the reason: its bench prints that, never a stored figure.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ENVIRONMENTS: Final = Path(__file__).parent.parent / ".bench"
GUESTS: Final = Path(__file__).parent / "guests"


class NotRun(Exception):
    """Why a guest has no figures."""


def run_guest(name: str, packages: tuple[str, ...], *arguments: str, limit_s: float, script: str = "") -> str:
    """The last line that `guests/guest_SCRIPT.py` prints in the environment NAME of these packages. Errors: NotRun.

    The script is called as the environment unless it says otherwise.
    """
    command = [_interpreter(name, packages), str(GUESTS / f"guest_{script or name}.py"), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise NotRun(f"it needed more than {limit_s:.0f} s") from None
    if done.returncode:
        raise NotRun(_last_line(done.stderr)[-300:])
    return _last_line(done.stdout)


def _interpreter(name: str, packages: tuple[str, ...]) -> str:
    place = ENVIRONMENTS / name
    python, made = place / "bin" / "python", place / ".made"
    if made.exists() and made.read_text() == " ".join(packages):
        return str(python)
    print(f"making an environment for {name} ...", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    for command in ([sys.executable, "-m", "venv", str(place)], install):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotRun(f"it cannot be installed: {_last_line(done.stderr)[-300:]}")
    made.write_text(" ".join(packages))
    return str(python)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
