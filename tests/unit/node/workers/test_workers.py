"""Worker processes: they end with the node, however it ends."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

NODE = """
import asyncio, os, sys
from tocsin_node.workers import Workers

async def main():
    print(await Workers(processes=1).run(os.getpid), flush=True)
    sys.stdin.read()

if __name__ == "__main__":
    asyncio.run(main())
"""


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and not yet collected by whoever inherited it


@pytest.mark.timeout(60)
def test_a_worker_ends_when_the_node_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "node.py"
    script.write_text(NODE)
    node = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    worker = int(node.stdout.readline())
    assert running(worker)
    node.kill()
    node.communicate()
    deadline = time.monotonic() + 20
    while running(worker):
        assert time.monotonic() < deadline, "the worker outlives its node"
        time.sleep(0.05)
