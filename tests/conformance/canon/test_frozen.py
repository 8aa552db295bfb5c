"""What is released stays: tables and rows of a profile never change; generated files are what their generator makes.

`released.json` holds the digest of every table by profile, and of the rows each release had. It changes in two ways
only: a new profile is added, or a release adds its rows. If a test here fails because a table or a row is another one,
the change needs a new profile number (`url/2`) beside the old.
"""

import json
from typing import Final

import pytest

from tests.conformance.canon import generate, oracle, released
from tocsin_signals import vectorfile
from tocsin_signals.canon import frozen

RELEASED: Final = released.load()
ROWS: Final[list[tuple[str, str]]] = [
    (release, name) for release in RELEASED["rows"] for name in RELEASED["rows"][release]
]
FILES: Final = vectorfile.bundled()


def test_a_table_that_changes_is_another_table_of_another_profile() -> None:
    assert released.tables() == RELEASED["tables"]
    for tables in released.tables().values():
        assert {name: frozen.table_digest(name) for name in tables} == tables


@pytest.mark.parametrize(("release", "name"), ROWS)
def test_released_rows_are_all_there_and_unchanged(release: str, name: str) -> None:
    said = RELEASED["rows"][release][name]
    assert released.rows_digest(name, said["count"]) == said["digest"]


def test_vector_files_and_manifest_are_what_the_generator_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert (generate.main(["--check"]), capsys.readouterr().out) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_vector_files_are_ascii_with_sorted_keys_and_name_the_digests_of_their_tables(name: str) -> None:
    content = json.loads(FILES[name].decode("ascii"))
    assert list(content) == sorted(content)
    assert content["license"] == "CC0-1.0"
    assert content["tables"] == {table: frozen.table_digest(table) for table in frozen.of(content["profile"]).tables}


@pytest.mark.parametrize("name", [name for name in FILES if oracle.known(name)])
def test_a_second_implementation_agrees_on_every_row(name: str) -> None:
    vectors = vectorfile.parse(FILES[name])
    wrong = [case.id for case in vectors.cases if oracle.form(name, case.data, case.region) != case.out]
    for group in vectors.classes:
        forms = {oracle.form(name, text, group.region) for text in group.texts}
        wrong += [] if len(forms) == 1 and None not in forms else [group.id]
    for pair in vectors.distinct:
        forms = {oracle.form(name, text, None) for text in pair.texts}
        wrong += [] if len(forms) == 2 and None not in forms else [pair.id]
    for row in vectors.expand:
        found = oracle.expressions(name, row.text, row.region)
        wrong += [] if (None if found is None else tuple(found)) == row.expressions else [row.id]
    assert wrong == []


def test_every_type_of_the_first_release_has_a_second_implementation() -> None:
    assert [name for name in RELEASED["rows"]["0.1.0"] if not oracle.known(name)] == []
