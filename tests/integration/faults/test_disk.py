"""Disks that are full or slow, under real limits: publishes are refused in words, look-ups go on, nothing is lost."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import grpc
import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.demo.cast import Player, environment
from tocsin_node.limits import FREE_BYTES
from tocsin_node.testing.processes import (
    FEED,
    QUICK,
    Federation,
    open_federation,
    publish,
    until,
    verified,
)

pytestmark = pytest.mark.timeout(180)
MIB = 1024 * 1024


def published(player: Player, rows: Sequence[str]) -> list[int]:
    """How many signals each row made."""
    return [response.published for response in publish(player, rows)]


def refusal(player: Player, value: str) -> tuple[grpc.StatusCode, str]:
    """The status and sentence of a publish that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        list(publish(player, [value]))
    assert isinstance(caught.value, grpc.Call)
    return caught.value.code(), str(caught.value.details())


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Generator[Federation]:
    with open_federation(tmp_path_factory.mktemp("disk"), exchange=QUICK) as made:
        yield made


@contextlib.contextmanager
def no_file_longer_than(player: Player, size: int) -> Generator[None]:
    """The kernel refuses every write of the node beyond `size` bytes of a file, as a full disk would."""
    assert player.process is not None
    soft, hard = resource.prlimit(player.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(player.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(player.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("side", ["publisher", "follower"])
def test_a_disk_that_takes_no_more_refuses_publishes_keeps_look_ups_and_goes_on_later(
    federation: Federation, side: str
) -> None:
    player = federation.hotline if side == "publisher" else federation.platform
    before = [f"https://{side}-before-{number}.example/" for number in range(20)]
    list(publish(federation.hotline, before))
    until(federation.caught_up)
    log = player.home / "tocsin.db-wal"
    with no_file_longer_than(player, log.stat().st_size):
        for number in range(3):
            value = f"https://{side}-during-{number}.example/"
            if player is federation.hotline:
                code, sentence = refusal(player, value)
                assert code in {grpc.StatusCode.DATA_LOSS, grpc.StatusCode.RESOURCE_EXHAUSTED}
                assert "full" in sentence
                assert "othing of it happened" in sentence
            else:
                list(publish(federation.hotline, [value]))
        assert federation.effect(before[0]) == "enforce"
        assert player.process is not None
        assert player.process.poll() is None
    last = f"https://{side}-after.example/"
    list(publish(federation.hotline, [last]))
    until(federation.caught_up, 60)
    assert [federation.effect(value) for value in (before[-1], last)] == ["enforce"] * 2
    during = federation.effect(f"https://{side}-during-0.example/")
    assert during == ("ignore" if side == "publisher" else "enforce"), "what was refused is not there, the rest is"
    assert verified(federation.hotline)
    assert verified(federation.platform)
    assert "Traceback" not in (federation.folder / f"{player.name}.log").read_text()


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of its own, with room for a federation and the free-space floor."""
    place = tmp_path / "disk"
    place.mkdir()
    size = f"size={FREE_BYTES + 40 * MIB}"
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)], capture_output=True, text=True, check=False
        )
        if shutil.which("mount")
        else None
    )
    if mounted is None or mounted.returncode:
        pytest.skip(f"a file system may not be mounted here: {mounted.stderr.strip() if mounted else 'no mount'}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, leave: int) -> None:
    """Add to the file `ballast` until only `leave` bytes are free; 0: until nothing more is taken."""
    descriptor = os.open(place / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        with contextlib.suppress(OSError):
            while (found := os.statvfs(place)).f_bavail * found.f_frsize > leave or not leave:
                os.write(descriptor, bytes(4096))
    finally:
        os.close(descriptor)


def test_publishes_are_refused_below_the_floor_and_a_full_disk_stops_nobody_and_loses_nothing(small_disk: Path) -> None:
    with open_federation(small_disk, exchange=QUICK) as federation:
        hotline, first, last = federation.hotline, "https://first.example/", "https://last.example/"
        list(publish(hotline, [first]))
        until(federation.caught_up)
        fill(small_disk, 30 * MIB)
        code, sentence = refusal(hotline, "https://refused.example/")
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert sentence == "the disk is nearly full; nothing is published until there is room"
        fill(small_disk, 0)
        for _ in range(30):
            refusal(hotline, "https://refused.example/")
            assert federation.effect(first) == "enforce"
        assert federation.published() == 2
        assert hotline.process is not None
        hotline.process.terminate()
        hotline.process.wait(timeout=20)
        command = [sys.executable, "-m", "tocsin_node", "--home", str(hotline.home), "serve"]
        again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
        assert again.returncode == 4
        assert "Traceback" not in again.stderr
        assert "full" in again.stderr
        (small_disk / "ballast").unlink()
        hotline.start()
        assert federation.published() == 2
        list(publish(hotline, [last]))
        until(federation.caught_up, 60)
        assert federation.effect(last) == "enforce"
        assert verified(hotline)
        assert verified(federation.platform)


@contextlib.contextmanager
def syncs_that_take(player: Player, seconds: float) -> Generator[None]:
    """Run the node so that the kernel returns from each sync to disk only after so long: strace injects the wait."""
    tracer = shutil.which("strace")
    if tracer is None:
        pytest.skip("strace is not installed: nothing here can slow a disk down")
    traced = ["--seccomp-bpf", "-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync"]
    delay = ["-e", f"inject=fdatasync,fsync:delay_exit={int(seconds * 1_000_000)}"]
    node = [sys.executable, "-m", "tocsin_node", "--home", str(player.home), "serve"]
    (player.home / "run" / "address").unlink(missing_ok=True)
    process = subprocess.Popen(
        [tracer, *traced, *delay, *node], stderr=subprocess.DEVNULL, start_new_session=True, env=environment()
    )
    try:
        deadline = time.monotonic() + 60
        while not (player.home / "run" / "address").exists():
            if process.poll() is not None:
                pytest.skip("strace may not trace here")
            assert time.monotonic() < deadline, "the node did not start"
            time.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_slow_disk_serves_many_publishers_with_one_sync_and_leaves_look_ups_alone(tmp_path: Path) -> None:
    with open_federation(tmp_path, exchange=QUICK) as federation:
        hotline, callers, rows = federation.hotline, 24, 5
        list(publish(hotline, ["https://known.example/"]))
        hotline.stop()
        with syncs_that_take(hotline, 0.1):
            done, looked_up = threading.Event(), 0
            with ThreadPoolExecutor(callers) as pool, connect(hotline.home, None, start=False) as local:
                values = [[f"https://c{caller}-{row}.example/" for row in range(rows)] for caller in range(callers)]
                asked = [pool.submit(published, hotline, mine) for mine in values]
                pool.submit(lambda: (wait(asked), done.set()))
                request = pb.MatchRequest(queries=[pb.Query(type="url", value="https://known.example/")])
                while not done.is_set():
                    assert local.node.Match(request, timeout=10).verdicts[0].effect == pb.EFFECT_REVIEW
                    looked_up += 1
            answers = [count for call in asked for count in call.result()]
            assert answers == [1] * callers * rows
        with contextlib.closing(sqlite3.connect(hotline.home / "tocsin.db")) as database:
            found = database.execute("SELECT COUNT(*) FROM checkpoint JOIN log ON id = log WHERE origin = ?", (FEED,))
            commits = int(found.fetchone()[0])
        print(f"{callers * rows} publishes in {commits} commits, {looked_up} look-ups meanwhile")
        assert commits < callers * rows / 3, "each caller waited for a sync of its own"
        assert looked_up > 3 * commits, "look-ups waited for the disk"
        hotline.start()
        assert verified(hotline)
