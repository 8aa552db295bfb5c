"""What a process has cost so far, by /proc: user and system seconds of it and its children, and its memory."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of a process, and of the processes it started."""

    own: float
    children: float

    @property
    def total(self) -> float:
        """Seconds of all of them."""
        return self.own + self.children

    def since(self, earlier: "Cost") -> "Cost":
        """What was spent after `earlier`."""
        return Cost(self.own - earlier.own, self.children - earlier.children)


def cost(process: int) -> Cost:
    """CPU seconds of a running process and of its running children (the workers of a node)."""
    children = [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    for task in Path(f"/proc/{process}/task").iterdir():
        children += [int(child) for child in (task / "children").read_text().split()]
    return Cost(_seconds(process), sum(map(_seconds, set(children))))


def resident(process: int) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK
