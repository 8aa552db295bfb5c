"""The page on publishing files says what the program does."""

import re
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from tocsin_node.cli.exits import TABLE
from tocsin_node.cli.main import app
from tocsin_signals import damage, details
from tocsin_signals.mapping import read_mapping
from tocsin_signals.rows import MAX_CELL_BYTES, MAX_COLUMNS, column_meaning
from tocsin_signals.xlsx.archive import MAX_FILE_BYTES

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "publishing.md").read_text(encoding="utf-8")


def test_every_option_on_the_page_exists() -> None:
    shown = CliRunner().invoke(app, ["publish", "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"}).output
    named = set(re.findall(r"--[a-z][a-z-]*", PAGE))
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]*", shown))


def test_every_name_of_a_column_on_the_page_means_what_it_says_and_none_is_missing() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`.*`) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 9
    for name, others in rows:
        assert {column_meaning(word) for word in (name, *re.findall(r"`(\w+)`", others))} == {name}
    rest = re.search(r"\nand (`stance`.*?)\. Case", PAGE, re.DOTALL)
    assert rest is not None
    plain = set(re.findall(r"`(\w+)`", rest[1]))
    assert {name for name, _ in rows} | plain == details.KNOWN_KEYS | {"value", "type", "expires", "region", "quality"}


def test_the_mapping_on_the_page_is_read() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    mapping = read_mapping(text.encode())
    assert mapping.columns["value"] == "Adresse"
    assert mapping.words["severity"] == {"very bad": "critical"}


def test_the_reasons_statuses_and_limits_on_the_page_are_the_programs() -> None:
    rows = re.findall(r"^\| (`excel-.*?`) \|", PAGE, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([a-z-]+)`", row)}
    source = Path(damage.__file__).read_text(encoding="utf-8")
    assert named == set(re.findall(r'"(excel-[a-z-]+)"', source))
    statuses = {int(code) for code in re.findall(r"^\| ([0-9]+) \|", PAGE, re.MULTILINE)}
    assert statuses == {int(code) for code, _ in TABLE}
    for limit in (f"{MAX_FILE_BYTES >> 20} MiB", f"{MAX_COLUMNS} columns", f"{MAX_CELL_BYTES:,} bytes a cell"):
        assert limit in PAGE
