"""What appears on the terminal: machine output or tables on stdout, notes and errors on stderr.

Rules: with `--json` stdout carries one JSON object or JSON Lines and nothing else. Text that came from elsewhere is
cleaned of control and direction characters before a terminal sees it. Tables fold, they never cut a value short.
rich is imported when first needed, so that a filter such as `canon --jsonl` starts quickly.
"""

import contextlib
import json
import sys
import time
import unicodedata
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_FINGERPRINT_GROUP: Final = 4
_LAST_MS: Final = 253_402_300_799_000
"""The last instant a four-digit year can name; later ones are shown as `no end`."""


class Output:
    """One command's output; `json` chooses machine output."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def emit(self, value: object) -> None:
        """One JSON object on one line of stdout, in ASCII."""
        sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")

    def text(self, value: str) -> None:
        """Text as it is, on stdout: a card, an invite, a policy."""
        sys.stdout.write(value if value.endswith("\n") else value + "\n")

    def say(self, sentence: str) -> None:
        """A line for people on stdout; nothing with `--json`."""
        if not self.json:
            _console(error=False).print(clean(sentence), soft_wrap=True)

    def note(self, sentence: str) -> None:
        """A line for people on stderr."""
        _console(error=True).print(clean(sentence), soft_wrap=True)

    def error(self, sentence: str) -> None:
        """What went wrong, on stderr."""
        sys.stderr.write(f"error: {clean(sentence)}\n")

    def warning(self, sentence: str) -> None:
        """What went well and should be looked at, on stderr."""
        sys.stderr.write(f"warning: {clean(sentence)}\n")

    def pairs(self, rows: Iterable[tuple[str, str]], *, title: str = "") -> None:
        """Names and values, one pair a line; empty values are left out."""
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            if value:
                grid.add_row(name, clean(value))
        self._titled(title)
        _console(error=False).print(grid)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
        """Rows under their column names; a column is set right where its name ends in `#`."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            table.add_column(column.rstrip("#"), justify="right" if column.endswith("#") else "left", overflow="fold")
        for row in rows:
            table.add_row(*(clean(value) for value in row))
        self._titled(title)
        _console(error=False).print(table)

    def _titled(self, title: str) -> None:
        if title:
            from rich.text import Text

            _console(error=False).print(Text(clean(title), style="bold"))


def _console(*, error: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=error, markup=False, emoji=False, highlight=False)


def clean(text: str) -> str:
    """The text without anything that moves a cursor, colours or turns writing round."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "�" for c in text)


def iso(ms: int) -> str:
    """A time in ms UTC as ISO 8601 to the second; empty for 0 (never)."""
    if not ms:
        return ""
    if ms > _LAST_MS:
        return "no end"
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(ms: int) -> str:
    """A time in ms UTC as ISO 8601 to the minute, where several stand side by side."""
    text = iso(ms)
    return f"{text[:16]}Z" if text.endswith("Z") else text


def when(ms: int, *, now_ms: int | None = None) -> str:
    """A time in ms UTC with its distance from now: `2026-01-05T12:03:04Z (3 min ago)`."""
    if not 0 < ms <= _LAST_MS:
        return iso(ms)
    return f"{iso(ms)} ({age(ms, now_ms=now_ms)})"


def age(ms: int, *, now_ms: int | None = None) -> str:
    """The distance of a time in ms UTC from now in its largest unit: `3 min ago`, `in 90 d`; `never` for 0."""
    if not ms:
        return "never"
    seconds = ((time.time_ns() // 1_000_000 if now_ms is None else now_ms) - ms) / 1000
    for size, unit in _UNITS:
        count = int(abs(seconds) // size)
        if count:
            return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return "now"


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four, eight groups a line, to be read aloud."""
    plain, step = "".join(fingerprint.split()), _FINGERPRINT_GROUP
    groups = [plain[at : at + step] for at in range(0, len(plain), step)]
    return "\n".join(" ".join(groups[at : at + 2 * step]) for at in range(0, len(groups), 2 * step))


def some(count: int, thing: str) -> str:
    """A number of things: `1 signal`, `2,000 signals`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def size(count: int) -> str:
    """A number of bytes for people."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def read_file(path: Path, *, limit: int, what: str) -> bytes:
    """A small input file, or stdin for `-`; UsageError where it cannot be read or is larger than `limit` bytes."""
    from tocsin_node.cli.errors import UsageError

    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with path.open("rb") as stream:
                data = stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{what} {path}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(data) > limit:
        raise UsageError(f"{what} {path}: larger than {limit} bytes")
    return data


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file whole or not at all, replacing an older one."""
    import os
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[TextIO]:
    """A text file that only its owner reads, under its name once the block ends well and not at all otherwise.

    UsageError where it cannot be made.
    """
    import os
    import tempfile

    from tocsin_node.cli.errors import UsageError

    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or 'cannot be written').lower()}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
