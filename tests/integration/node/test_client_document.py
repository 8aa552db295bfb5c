"""docs/client.md, as a reader would type it, against a real node."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tocsin_node.demo.cast import Player, environment

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
SAID = """\
2048 rows done
4096 rows done
5001 rows done
5000 published, 0 unchanged, 1 refused
row 5000 was refused: {refused}
review because of hotline.example own
to a reviewer: ['grooming']
5000 of 10000 match
2 revised, 0 said so already
low
1 withdrawn
now withdrawn after ['assert', 'withdraw']
withdrawn: False live: True
ask the operator: Status needs the role operate, which the token moderation does not have
"""


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL))


def test_the_examples_of_the_document_do_what_it_says(node: Player) -> None:
    folder = node.home.parent
    run(folder, "bash", "-e", "-c", blocks("sh"))
    (folder / "example.py").write_text(blocks("python"))
    said = run(folder, sys.executable, "example.py")
    assert said == SAID.format(refused="The value is not a URL by the WHATWG rules: its host or port is malformed.")
    assert (folder / "moderation.token").stat().st_mode & 0o777 == 0o600


def run(folder: Path, *command: str) -> str:
    variables = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
