"""The page on types says what the program does."""

import io
import re
from pathlib import Path
from typing import Final

import pytest

from tocsin_signals import types
from tocsin_signals.canon import canonicalise, platform
from tocsin_signals.canon.device import KINDS
from tocsin_signals.canon.wallet import CHAINS
from tocsin_signals.formats import Format
from tocsin_signals.lint.words import SENTENCES
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import Row

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "types.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| ([0-9]+) d \|", PAGE, re.MULTILINE)


def test_every_type_has_one_row_with_its_lifetime() -> None:
    assert [(name, int(days)) for name, _, _, days in ROWS] == [
        (entry.name, entry.default_lifetime_days) for entry in sorted(types.REGISTRY, key=order)
    ]


def order(entry: types.SignalType) -> int:
    """The page puts addresses beside the other hosts."""
    return 0x02F0 + (entry.code & 0xF) if entry.profile in {"ip/1", "cidr/1"} else entry.code


@pytest.mark.parametrize(("name", "written", "canonical", "_days"), ROWS)
def test_each_example_has_the_canonical_form_it_shows(name: str, written: str, canonical: str, _days: str) -> None:
    assert canonicalise(name, written) == canonical


def test_the_platforms_named_are_those_that_are_known() -> None:
    names = re.search(r"Known platforms: (.*?) and `fediverse", PAGE, re.DOTALL)
    ids = re.search(r"`platform:id`, of (.*?)\. An", PAGE, re.DOTALL)
    assert names is not None
    assert ids is not None
    assert set(re.findall(r"`(\w+)`", names[1])) == set(platform.NAMES)
    assert set(re.findall(r"`(\w+)`", ids[1])) == set(platform.IDS)


def test_the_chains_kinds_and_warnings_named_are_those_that_there_are() -> None:
    chains = re.search(r"`chain:address`, of (.*?); links", PAGE, re.DOTALL)
    kinds = re.search(r"`kind:id`, of (.*?)\. Zeros", PAGE, re.DOTALL)
    warnings = re.search(r"is allowed: (.*?)\. A warning", PAGE, re.DOTALL)
    assert chains is not None
    assert kinds is not None
    assert warnings is not None
    assert set(re.findall(r"`([a-z]+)`", chains[1])) == {*CHAINS, "eth", "bsc", "polygon"}
    assert set(re.findall(r"`([a-z]+)`", kinds[1])) == set(KINDS)
    assert set(re.findall(r"`([a-z-]+)`", warnings[1])) == set(SENTENCES)


def test_both_examples_of_a_file_say_the_same() -> None:
    csv, lines = re.findall(r"```\n(.*?)```", PAGE.partition("\n## Files\n")[2], re.DOTALL)
    (one,) = open_rows(io.BytesIO(csv.encode()), Format.CSV)
    (other,) = open_rows(io.BytesIO(lines.encode()), Format.JSONL)
    assert isinstance(one, Row)
    assert isinstance(other, Row)
    assert (one.type, one.value, one.region, one.fields) == (other.type, other.value, other.region, other.fields)
