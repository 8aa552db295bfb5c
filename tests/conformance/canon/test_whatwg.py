"""The vectors against the WHATWG's own reference implementation of URLs, `whatwg-url` in JavaScript, where it is there.

It needs Node.js and the npm package; `NODE_PATH` names the folder that holds it:
`npm install whatwg-url && NODE_PATH=$PWD/node_modules make test TESTS=tests/conformance/canon`.
What it parses must lead to the form of the row; what it refuses, the row must reject.
"""

import json
import re
import shutil
import subprocess
from typing import Final

import pytest

from tocsin_signals import vectorfile
from tocsin_signals.canon import canonicalise

SCRIPT: Final = """
const { URL } = require("whatwg-url");
const read = (text) => { try { const url = new URL(text); return [url.href, url.hostname]; } catch { return null; } };
process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(read)));
"""
PLAIN_URL: Final = re.compile(r"(?:https?|wss?|ftp)://", re.IGNORECASE)
FANGED: Final = re.compile(r"\[[.:/]\]|[(\[{](?:\.|dot)[)\]}]|^\*\.", re.IGNORECASE)

UNEVEN: Final = frozenset({"url-0098"})
"""A label of digits beside one of right-to-left letters: engines differ in applying RFC 5893 to it; url/1 takes it."""


def parsed(texts: list[str]) -> list[list[str] | None]:
    """(href, hostname) of each text, or None for what is no URL."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    done = subprocess.run(
        [node, "-e", SCRIPT], input=json.dumps(texts), capture_output=True, text=True, timeout=60, check=False
    )
    if "Cannot find module" in done.stderr:
        pytest.skip("the npm package whatwg-url is not installed, or NODE_PATH does not name its folder")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(name: str, pattern: re.Pattern[str]) -> list[tuple[str, str, str | None]]:
    """(id, text, form) of the rows that are written plainly."""
    cases = vectorfile.parse(vectorfile.bundled(name)[name]).cases
    return [
        (case.id, case.data, case.out)
        for case in cases
        if isinstance(case.data, str) and pattern.match(case.data) and not FANGED.search(case.data)
    ]


def test_urls_lead_to_the_form_of_their_row() -> None:
    found = rows("url", PLAIN_URL)
    assert len(found) > 1500
    answers = parsed([text for _, text, _ in found])
    for (name, _, form), answer in zip(found, answers, strict=True):
        assert answer is not None or form is None or name in UNEVEN, name
        assert answer is None or form is None or canonicalise("url", answer[0]) == form, name


def test_domains_are_the_hosts_it_makes() -> None:
    found = rows("domain", re.compile(r"[^\x00-\x20/\\?#@:%]+\Z"))
    assert len(found) > 1200
    answers = parsed([f"https://{text}/" for _, text, _ in found])
    for (name, _, form), answer in zip(found, answers, strict=True):
        assert answer is not None or form is None, name
        assert answer is None or form is None or answer[1].removesuffix(".") == form, name
