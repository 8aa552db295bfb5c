"""A publisher started from an old copy of its disk while its follower holds more: it says so, and signs nothing twice.

A copy made with `tocsin backup` knows that it is one; this is the other kind, a snapshot below the program.
"""

import shutil
from pathlib import Path

import grpc
import pytest

from tocsin_node.testing.processes import FEED, QUICK, open_federation, publish, status, until, verified


@pytest.mark.timeout(180)
def test_an_old_copy_freezes_what_a_follower_holds_more_of_and_refuses_to_publish(tmp_path: Path) -> None:
    with open_federation(tmp_path, exchange=QUICK) as federation:
        hotline, platform = federation.hotline, federation.platform
        list(publish(hotline, ["https://before.example/"]))
        hotline.stop()
        shutil.copytree(hotline.home, tmp_path / "copy", ignore=shutil.ignore_patterns("run", "highwater"))
        hotline.start()
        list(publish(hotline, ["https://after.example/"]))
        until(federation.caught_up)
        hotline.stop()
        for name in ("tocsin.db", "tocsin.db-wal", "tocsin.db-shm", "highwater"):
            (hotline.home / name).unlink(missing_ok=True)
        shutil.copytree(tmp_path / "copy", hotline.home, dirs_exist_ok=True)
        hotline.start()
        until(lambda: any(feed.state == "frozen" for feed in status(hotline).own), 60)
        with pytest.raises(grpc.RpcError, match="restored from an old copy") as refused:
            list(publish(hotline, ["https://other.example/"]))
        assert isinstance(refused.value, grpc.Call)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        told = hotline.run("status", expect=(0, 1))
        assert any("restored from an old copy?" in feed.get("why", "") for feed in told["own"])
        assert federation.published() == 2, "nothing was signed beyond what the copy holds"
        assert next(feed.state for feed in status(platform).followed if feed.origin == FEED) != "stopped"
        assert federation.effect("https://after.example/") == "enforce", "what the follower verified still counts"
        assert verified(platform)
