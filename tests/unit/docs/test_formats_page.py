"""The page on formats says what the importers do."""

import re
from pathlib import Path
from typing import Final

from tocsin_signals.formats import Format, format_of
from tocsin_signals.imports import document, misp, stix_names, threatexchange

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
ROWS: Final = [
    [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
BY_TYPE: Final = {name: row for row in ROWS if len(row) == 4 for name in re.findall(r"`([a-z-]+)`", row[0])}


def test_every_attribute_type_that_misp_has_a_row_for_is_named_beside_its_type() -> None:
    for kind, (type_name, _) in misp.PLAIN.items():
        assert re.search(rf"(?<![\w-]){re.escape(kind)}(?![\w-])", BY_TYPE[type_name][2]), kind
    for kind in (*misp.FIRST_PART, *misp.EACH_PART):
        assert kind in BY_TYPE["ip" if kind.startswith("ip") else "domain"][2]
    for name in misp.PLATFORMS:
        assert name in PAGE


def test_every_indicator_type_of_threatexchange_is_named() -> None:
    for kind, (type_name, _) in threatexchange.TYPES.items():
        assert kind in re.split(r", ", BY_TYPE[type_name][3]), kind
    for kind in (*threatexchange.REFUSED, *threatexchange.PRIVACY, *threatexchange.REVIEWS):
        assert kind in PAGE


def test_every_property_of_stix_is_named_beside_its_type() -> None:
    for (object_type, steps), held in stix_names.PROPERTIES.items():
        if held.type:
            cell = BY_TYPE[held.type][1]
            assert object_type in cell or (held.type == "username" and object_type == "user-account")
            assert steps[-1].removeprefix("x_") in cell
    for kind in stix_names.INTERNAL_ACCOUNTS:
        assert kind in PAGE


def test_the_limits_and_names_of_files_are_those_of_the_program() -> None:
    assert f"{document.MAX_FILE_BYTES // 2**20} MiB" in PAGE
    assert f"{document.MAX_PIECES:,} objects" in PAGE
    assert f"{document.MAX_NESTING}\nlevels" in PAGE
    for name, expected in (("a.stix.json", Format.STIX), ("a.b.STIX", Format.STIX), ("a.misp.json", Format.MISP),
                           ("a.threatexchange.json", Format.THREATEXCHANGE), ("a.json", Format.JSONL),
                           ("stix.json", Format.JSONL), ("a.txt", Format.CSV)):  # fmt: skip
        assert format_of(Path(name)) is expected
