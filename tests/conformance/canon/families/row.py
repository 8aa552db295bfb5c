"""One row that a family makes."""

from typing import NamedTuple


class Row(NamedTuple):
    """A value, its canonical form or why it has none, and the region of a national notation."""

    data: str | bytes
    out: str | None
    reject: str = ""
    region: str | None = None
