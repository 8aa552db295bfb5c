"""The page on the guard names every rule there is, on the side it is on."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from tocsin_node.guard.terms import RADIUS
from tocsin_signals.guard import WARNING_RULES, GuardVerdict, Level, pack

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "guard.md").read_text(encoding="utf-8")
ROWS: Final = [line.split("|")[2:4] for line in PAGE.splitlines() if line.startswith(("| `", "| every"))]
MODULES: Final = ("", ".addresses", ".files", ".hosts", ".names", ".payments", ".phones", ".things")


def rules(level: Level) -> set[str]:
    """The rules of verdicts that stand anywhere in the guard's modules."""
    found: set[str] = set()

    def look(item: Any) -> None:
        if isinstance(item, GuardVerdict):
            found.update({item.rule} if item.level is level else ())
        elif isinstance(item, tuple):
            for inner in cast("tuple[Any, ...]", item):
                look(inner)
        elif isinstance(item, Mapping):
            for inner in cast("Mapping[Any, Any]", item).values():
                look(inner)

    for name in MODULES:
        for item in vars(import_module(f"tocsin_signals.guard{name}")).values():
            look(item)
    return found


def named(column: int) -> set[str]:
    return {rule for row in ROWS for rule in re.findall(r"`([a-z0-9-]+)`", row[column])}


def test_every_rule_that_blocks_is_on_the_page() -> None:
    assert named(0) == rules(Level.BLOCK) | {RADIUS}


def test_every_rule_that_warns_is_on_the_page_and_may_be_made_to_block() -> None:
    assert named(1) == rules(Level.WARN) == set(WARNING_RULES)


def test_the_page_says_when_a_pack_is_old() -> None:
    assert f"from {pack.STALE_DAYS} days on" in PAGE
