"""Worker processes: they end with the node, however it ends; and which work is theirs."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tocsin_node.limits import INLINE_SLOW_VALUES, INLINE_VALUES
from tocsin_node.match.query import Query
from tocsin_node.workers import are_few

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


def test_many_values_are_the_workers_and_so_are_fewer_of_a_slow_type() -> None:
    urls, wallets = [Query("url", "x")] * INLINE_VALUES, [Query("wallet", "x")] * INLINE_SLOW_VALUES
    assert are_few([])
    assert are_few(urls)
    assert not are_few([*urls, *urls[:1]])
    assert are_few([*wallets, *urls[: -len(wallets)]])
    assert not are_few([*wallets, *wallets[:1]])
