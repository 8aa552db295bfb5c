"""What releases froze: `released.json`, read, checked against and added to.

`tables` holds the digest of every table by profile; `rows` by release, for each type, how many rows were written by
hand and the SHA-256 over them as sorted JSON. A release adds its own (`python -m tests.conformance.canon.generate
--release VERSION`); nothing in it is ever changed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from tocsin_signals import manifest, vectorfile

PATH: Final = Path(__file__).with_name("released.json")


def load() -> dict[str, Any]:
    """The file."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="ascii"))
    return found


def tables() -> dict[str, dict[str, str]]:
    """The tables of every profile that has any, as they are now."""
    return {name: dict(entry.tables) for name, entry in manifest.load().profiles.items() if entry.tables}


def written(name: str) -> list[dict[str, Any]]:
    """The rows of a type that were written by hand, in their order."""
    cases: list[dict[str, Any]] = json.loads(vectorfile.bundled(name)[name])["cases"]
    return [row for row in cases if row["id"].removeprefix(f"{name}-").isdigit()]


def rows_digest(name: str, count: int) -> str:
    """SHA-256 over the first `count` written rows of a type."""
    return hashlib.sha256(json.dumps(written(name)[:count], sort_keys=True).encode()).hexdigest()


def add(release: str) -> None:
    """Freeze what there is now under a release. Errors: ValueError when that would change a frozen table."""
    content = load()
    if any(tables().get(profile) != frozen for profile, frozen in content["tables"].items()):
        raise ValueError("a frozen table was changed: that is a new profile")
    counts = {name: len(written(name)) for name in vectorfile.bundled()}
    rows = {name: {"count": count, "digest": rows_digest(name, count)} for name, count in counts.items()}
    content = {"rows": {**content["rows"], release: rows}, "tables": tables()}
    PATH.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="ascii")
