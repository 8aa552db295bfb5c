"""The demo's file: what the story says of it holds before any node runs."""

from pathlib import Path

from tocsin_node.demo.rows import REFUSED_SPELLING, SPELLINGS, write_rows
from tocsin_signals import types
from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.errors import Rejected
from tocsin_signals.formats import format_of
from tocsin_signals.guard import Guard, Level
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import Row, RowReject


def rows(path: Path) -> list[Row | RowReject]:
    with path.open("rb") as stream:
        return list(open_rows(stream, format_of(path)))


def refused(row: Row | RowReject, guard: Guard) -> bool:
    if isinstance(row, RowReject):
        return True
    try:
        canonical = canonicalise(row.type, row.value, region=row.region)
    except Rejected:
        return True
    return guard.check(row.type, canonical).level is not Level.OK


def test_every_type_is_told_of_and_found_in_its_other_spelling() -> None:
    assert {one.type for one in SPELLINGS} == {entry.name for entry in types.REGISTRY if not entry.clear}
    for one in (*SPELLINGS, REFUSED_SPELLING):
        published = canonicalise(one.type, one.published, region=one.region or None)
        assert one.asked != one.published
        assert (one.type, published) in expand(one.asked_type or one.type, one.asked)


def test_the_file_has_as_many_rows_as_asked_of_every_type_and_few_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", 2000)
    found = rows(tmp_path / "rows.csv")
    guard = Guard()
    assert len(found) == 2000
    kinds = [row.type for row in found if isinstance(row, Row)]
    assert min(kinds.count(entry.name) for entry in types.REGISTRY if not entry.clear) > 100
    assert sum(refused(row, guard) for row in found) == 15  # and one row whose stance the node refuses


def test_both_formats_hold_the_same_rows(tmp_path: Path) -> None:
    for name in ("rows.csv", "rows.jsonl"):
        write_rows(tmp_path / name, 600)
    csv, lines = rows(tmp_path / "rows.csv"), rows(tmp_path / "rows.jsonl")
    assert [row.line - 1 for row in csv] == [row.line for row in lines]
    for one, other in zip(csv, lines, strict=True):
        if isinstance(one, Row):
            assert isinstance(other, Row)
            assert (one.type, one.value, one.region, one.fields) == (
                other.type,
                other.value,
                other.region,
                other.fields,
            )
        else:
            assert isinstance(other, RowReject)
            assert one.reason == other.reason
