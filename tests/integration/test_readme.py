"""The README's walk-through, as a newcomer would type it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = "hxxp://www.BAD[.]example/page/?a=1&b=2"


@pytest.mark.timeout(120)
def test_the_walk_through_with_two_nodes_works(tmp_path: Path) -> None:
    found = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    script = tmp_path / "walk.sh"
    script.write_text(found[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    walk = subprocess.Popen(
        ["bash", "-e", str(script)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = walk.communicate(timeout=90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(walk.pid, signal.SIGKILL)
    assert walk.returncode == 0, errors
    matched, _, rest = output.partition("1 withdrawn")
    assert f"{ASKED}: review" in matched
    assert f"{ASKED}: no signal" in rest
    assert "platform.example/audit/" in rest
    assert "hotline.example/feed/reports: ok, 3 entries" in rest
