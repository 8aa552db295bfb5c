"""The guard's lists as the configuration names them, and what their age is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tocsin_node.config import GuardTable, parse_config
from tocsin_node.errors import Misconfigured
from tocsin_node.guard.radius import Radius
from tocsin_node.guard.sources import Sources, guard_of, load
from tocsin_node.guard.warn import warnings
from tocsin_node.home import Home
from tocsin_signals.guard.pack import Listed, write_pack

PACK = write_pack("2025-01-01", [Listed("mine", "shortener", "by hand", "CC0-1.0", ("go.example",))])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.guard.mkdir()
    (home.guard / "pack.xz").write_bytes(PACK)
    (home.guard / "own.txt").write_text("domain hotline.example\n")
    return home


def test_the_files_named_take_effect_and_equal_ones_are_one_guard(home: Home) -> None:
    found = load(GuardTable(own="own.txt", pack="pack.xz", block=("role-mailbox",)), home)
    assert guard_of(found) is guard_of(load(GuardTable(own="own.txt", pack="pack.xz", block=("role-mailbox",)), home))
    assert guard_of(found).check("url", "go.example/").rule == "url-shortener"
    assert guard_of(found).check("domain", "hotline.example").rule == "own-asset"
    assert load(GuardTable(), home) == Sources()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (GuardTable(own="nowhere.txt"), r"guard\.own: .*nowhere\.txt cannot be read"),
        (GuardTable(own="pack.xz"), r"guard\.own: .*pack\.xz: Line 1: it is not UTF-8"),
        (GuardTable(pack="own.txt"), r"guard\.pack: .*own\.txt: This is not a guard pack"),
        (GuardTable(pack="."), r"guard\.pack: .* cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_key(home: Home, table: GuardTable, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        load(table, home)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("block = ['top-site']", "guard.block.0 is not a rule of the guard that warns"),
        ("radius_limit = 0", "guard.radius_limit"),
        ("radius_limit = 256", "guard.radius_limit"),
        ("radius_days = 366", "guard.radius_days"),
        ("colour = 1", "guard.colour is not a known key"),
    ],
)
def test_a_wrong_key_is_named(text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        parse_config(f'organisation = "a.example"\nrole = "ngo"\n[guard]\n{text}\n'.encode(), "x.toml")


def test_an_old_pack_and_dropped_counts_are_told(home: Home, tmp_path: Path) -> None:
    radius = Radius(tmp_path / "radius.db", days=lambda: 30, clock=lambda: 0)
    guarding: Any = SimpleNamespace(sources=lambda: load(GuardTable(pack="pack.xz"), home), radius=radius)
    made = datetime(2025, 1, 1, tzinfo=UTC)

    def told(days: int) -> list[str]:
        return list(warnings(guarding, int((made + timedelta(days=days)).timestamp() * 1000)))

    assert told(400) == []
    assert "401 days old" in told(401)[0]
    radius.dropped = 7
    assert "7 counts" in told(1)[0]
