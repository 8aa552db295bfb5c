"""The demo's nodes: each a real `tocsin serve` process on its own home, spoken to by the real command line."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tocsin_node.cli.connect import Local, connect

START_S: Final = 30.0  # a node on a loaded machine
COMMAND_S: Final = 120.0


class DemoFailed(Exception):
    """A step of the story did not go as told; the text says which."""


@dataclass(slots=True)
class Player:
    """One organisation and its node."""

    organisation: str
    role: str
    home: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What the story calls it."""
        return self.organisation.partition(".")[0]

    def run(self, *arguments: str, expect: tuple[int, ...] = (0,), show: bool = False) -> Any:
        """Run one command on this home and return what it says with --json. Errors: DemoFailed."""
        self.check()
        command = [sys.executable, "-m", "tocsin_node", "--home", str(self.home), "--json", *arguments]
        done = subprocess.run(  # noqa: S603 -- our own program
            command,
            stdout=subprocess.PIPE,
            stderr=None if show else subprocess.PIPE,
            timeout=COMMAND_S,
            check=False,
            env=environment(),
        )
        if done.returncode not in expect:
            why = (done.stderr or b"").decode(errors="replace").strip()
            raise DemoFailed(f"`tocsin {' '.join(arguments[:2])}` at {self.name} ended with {done.returncode}: {why}")
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return lines[0] if len(lines) == 1 else lines

    def check(self) -> None:
        """Notice a node that ended by itself: commands would go on without it. Errors: DemoFailed."""
        if self.process is not None and self.process.poll() is not None:
            raise DemoFailed(f"the node of {self.organisation} ended by itself with {self.process.returncode}")

    @contextmanager
    def asked(self) -> Generator[Local]:
        """The running node, over a channel of one's own. Errors: DemoFailed."""
        self.check()
        with connect(self.home, None, start=False) as local:
            yield local

    def start(self) -> None:
        """Start the node and wait until it answers."""
        with (self.home.parent / f"{self.name}.log").open("wb") as log:
            command = [sys.executable, "-m", "tocsin_node", "--home", str(self.home), "serve"]
            self.process = subprocess.Popen(  # noqa: S603 -- our own program
                command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True, env=environment()
            )
        deadline = time.monotonic() + START_S
        while not (self.home / "run" / "address").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed(
                    f"the node of {self.organisation} did not start; see {self.home.parent}/{self.name}.log"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End the node, politely first."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def environment() -> dict[str, str]:
    """The caller's environment without what belongs to a node of the caller's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
