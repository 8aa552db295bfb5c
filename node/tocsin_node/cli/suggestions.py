"""What `publish --type auto` says: which types the values of a file might be of, and why. It shows no value."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tocsin_node.cli.output import Output
    from tocsin_signals.rows import Row, RowReject

ROWS: Final = 10_000
"""Rows looked at: enough to know a file by."""
LINES: Final = 5
"""Lines named for each suggestion."""

NOTHING: Final = "nothing"


@dataclass(slots=True)
class _Group:
    why: str
    rows: int = 0
    lines: list[int] = field(default_factory=list[int])


def show_suggestions(out: "Output", name: str, rows: "Iterable[Row | RowReject]") -> None:
    """Suggestions for the first ROWS rows, in groups of rows that have the same."""
    groups = _grouped(islice(rows, ROWS))
    if out.json:
        found = [{"types": types.split(" or "), "why": g.why, "rows": g.rows, "lines": g.lines} for types, g in groups]
        out.emit({"file": name, "suggestions": found})
        return
    shown = [(types, f"{group.rows:,}", ", ".join(map(str, group.lines)), group.why) for types, group in groups]
    out.table(("might be", "rows#", "first in line", "because"), shown, title=name)


def _grouped(rows: "Iterable[Row | RowReject]") -> list[tuple[str, _Group]]:
    from tocsin_signals.rows import Row
    from tocsin_signals.suggest import suggest

    groups: dict[str, _Group] = {}
    for row in rows:
        if isinstance(row, Row):
            found = suggest(row.value)
            types, why = " or ".join(one.type for one in found), "; ".join(one.why for one in found)
        else:
            types, why = "", row.sentence
        group = groups.setdefault(types or NOTHING, _Group(why or "no type takes it as it is"))
        group.rows += 1
        if len(group.lines) < LINES:
            group.lines.append(row.line)
    return sorted(groups.items(), key=lambda item: -item[1].rows)
