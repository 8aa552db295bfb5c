"""The example of docs/testing.md does what it says."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "testing.md"


def test_the_example_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert example.count("assert") == 4
    exec(compile(example, str(DOCUMENT), "exec"), {})
