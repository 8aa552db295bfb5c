"""`tocsin publish`: a file of CSV or JSON Lines into a feed, as a stream, however large it is.

Everything counted is durable; a run that was broken off is repeated and doubles nothing. Rows that are refused, here or
by the node, go to a rejects file as they were, in the same format, to be corrected and published again.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, TextIO

import typer

from tocsin_node.cli.errors import CliError, UsageError, explain
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.lines import open_input
from tocsin_node.cli.progress import Bar
from tocsin_signals.formats import Format, format_of

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import PublishResponse
    from tocsin_node.cli.connect import Local
    from tocsin_node.cli.upload import Chunk, Defaults
    from tocsin_signals.rowfile import RejectsWriter, RowFile
    from tocsin_signals.rows import RowReject

BATCH: Final = 2048
"""Rows per chunk: one commit each, so this is also what an interruption can leave undecided."""

MAX_BATCH: Final = 4096
"""What the contract allows."""

GUARD: Final = "guard:"
"""Refusals of the never-share guard begin so."""

STDIN: Final = Path("-")

_HINTS: Final = {
    "no-type-column": " Name one with --type.",
    "no-type": " Name one with --type.",
    "not-json": " --format says which it is.",
}
"""What an option would mend, by reason."""


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "publish")(publish)


@dataclass(slots=True)
class Tally:
    """What became of one file's rows."""

    published: int = 0
    revised: int = 0
    unchanged: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    blocked: Counter[str] = field(default_factory=Counter[str])
    warnings: Counter[str] = field(default_factory=Counter[str])
    overridden: int = 0
    most_users: tuple[int, int] = (0, 0)
    """The most own users one row hits by their recent look-ups, and its line."""
    size: int = 0

    @property
    def durable(self) -> int:
        """Rows the feed holds now."""
        return self.published + self.revised + self.unchanged

    def count(self, response: "PublishResponse", rejects: "Iterable[RowReject]") -> None:
        """Take in one answer and the rows refused with it."""
        self.published += response.published
        self.revised += response.revised
        self.unchanged += response.unchanged
        self.warnings.update(warning.rule for warning in response.warnings)
        self.overridden += response.overridden
        self.most_users = max(self.most_users, (response.most_users, response.most_users_line))
        self.size = response.size or self.size
        for reject in rejects:
            (self.blocked if reject.reason.startswith(GUARD) else self.refused)[reject.reason] += 1

    @property
    def exit_status(self) -> Exit:
        """By the worst that happened."""
        if self.blocked:
            return Exit.GUARD
        return Exit.FINDINGS if self.refused else Exit.OK

    def plain(self) -> dict[str, object]:
        """For --json."""
        return {
            "size": self.size,
            "published": self.published,
            "revised": self.revised,
            "unchanged": self.unchanged,
            "refused": dict(self.refused),
            "blocked": dict(self.blocked),
            "warnings": dict(self.warnings),
            "overridden": self.overridden,
            "most_users": self.most_users[0],
            "most_users_line": self.most_users[1],
        }

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        counts = [("published", self.published), ("revised", self.revised), ("unchanged", self.unchanged)]
        counts += [(f"refused: {reason}", count) for reason, count in self.refused.most_common()]
        counts += [(f"blocked by {reason}", count) for reason, count in self.blocked.most_common()]
        counts += [(f"warning: {rule}", count) for rule, count in self.warnings.most_common()]
        counts += [("approved by a second person", self.overridden)] if self.overridden else []
        users, line = self.most_users
        counts += [(f"most own users a row hits (line {line})", users)] if users else []
        return [(name, f"{count:,}") for name, count in counts]


class Rejects:
    """The rejects file, made when the first row is refused; readable by its owner only, for it holds identifiers."""

    def __init__(self, path: Path | None, make: "Callable[[TextIO], RejectsWriter]") -> None:
        self.path = path
        self.written = 0
        self._make = make
        self._stream: TextIO | None = None
        self._writer: RejectsWriter | None = None

    def write(self, rejects: "Iterable[RowReject]") -> None:
        """Write rows in the order of their lines."""
        for reject in sorted(rejects, key=lambda reject: reject.line):
            if self.path is None:
                return
            if self._writer is None:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                self._stream = open(descriptor, "w", encoding="utf-8", newline="")  # noqa: PTH123, SIM115 - see close
                self._writer = self._make(self._stream)
            self._writer.write(reject)
            self.written += 1

    def close(self) -> None:
        """Everything written is on its way to the disk."""
        if self._stream:
            self._stream.close()


def publish(
    run: Invocation,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV or JSON Lines; - for stdin.", show_default=False)
    ],
    *,
    feed: Annotated[str, typer.Option(metavar="FEED", help="Name or origin of your feed.", show_default=False)],
    type_: Annotated[
        str,
        typer.Option("--type", "-t", metavar="TYPE", help="Of rows that name none: url, email ...", show_default=False),
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="XX", help="Of rows that name none, such as GB.", show_default=False)
    ] = "",
    format_: Annotated[
        Format | None, typer.Option("--format", help="Of the files, else by suffix: .jsonl, or csv.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Details of rows that do not say; repeatable."),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="Of rows that do not say: 90d or 2026-12-31.", show_default=False)
    ] = "",
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Refused rows, else FILE.rejects.csv or .jsonl.", show_default=False),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=MAX_BATCH, metavar="N", help="Rows per commit.")] = BATCH,
) -> int:
    """Publish the rows of files into a feed; what is there already stays as it is, so any run can be repeated.

    CSV names its columns in the first line: value, type, stance, abuse_types, severity, region, expires ...

    JSON Lines (.jsonl) has one object a line with the same names as keys; lists are arrays.

    Example: tocsin publish list.csv --feed urls --type url --set stance=harmful
    """
    if rejects and (len(files) > 1 or any(_same(rejects, path) for path in files)):
        raise UsageError("--rejects names one file of its own, for one file that is published")
    defaults = make_defaults(set_ or [], region, expires)
    status = Exit.OK
    with run.local() as local:
        for path in files:
            with open_input(path) as stream:
                source = _source(path, stream, format_, type_ or None)
                to = Rejects(rejects or _rejects_path(path, source), source.file.rejects_writer)
                tally = _send(local, feed, source, defaults, batch, to)
            _summary(run, path, feed, tally, to)
            status = max(status, tally.exit_status)
    return status


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _rejects_path(path: Path, source: "Source") -> Path | None:
    return None if path == STDIN else path.with_name(f"{path.name}.rejects.{source.written}")


def make_defaults(settings: list[str], region: str, expires: str) -> "Defaults":
    """What --set, --region and --expires say, read exactly as a cell of the file would be."""
    from tocsin_node.cli.upload import Defaults
    from tocsin_signals.rows import Columns, Row, parse_expiry

    named = [setting.partition("=") for setting in settings]
    for key, equals, value in named:
        if not (key and equals and value.strip()):
            raise UsageError("--set takes KEY=VALUE, such as stance=harmful")
    header = ("value", "type", "region", *(key for key, _, _ in named))
    columns = Columns(header, separator=",", default_type=None)
    row = columns.row(1, ("placeholder", "url", region, *(value for _, _, value in named)))
    if not isinstance(row, Row):
        raise UsageError(f"--set or --region: {row.sentence}")
    if row.expires:
        raise UsageError("--set does not take an expiry; --expires does")
    end = parse_expiry(expires) if expires else None
    return Defaults(now_ms=time.time_ns() // 1_000_000, fields=row.fields, region=row.region or "", expires=end)


@dataclass(frozen=True, slots=True)
class Source:
    """A file being read; `length` is None where nobody knows, as for a pipe."""

    file: "RowFile"
    written: Format
    stream: BinaryIO
    length: int | None

    def position(self) -> int:
        """Bytes read so far; 0 where nobody knows."""
        return self.stream.tell() if self.length is not None else 0


def _source(path: Path, stream: BinaryIO, given: Format | None, default_type: str | None) -> Source:
    from tocsin_signals.errors import Rejected
    from tocsin_signals.rowfile import open_rows

    written = given or format_of(path)
    try:
        file = open_rows(stream, written, default_type=default_type)
    except Rejected as error:
        hint = _HINTS.get(error.reason, "")
        raise UsageError(f"{path}: {error.sentence}{hint}") from None
    length = path.stat().st_size if path.is_file() else None
    return Source(file, written, stream, length)


def _send(local: "Local", feed: str, source: Source, defaults: "Defaults", batch: int, to: Rejects) -> Tally:
    """Send everything; what is done when it breaks off is told with the error."""
    from tocsin_node.cli.upload import Interruption, Upload, cut
    from tocsin_signals.errors import Rejected

    tally = Tally()

    def take(answers: "Iterable[tuple[Chunk, PublishResponse]]") -> None:
        for chunk, response in answers:
            refused = [
                chunk.rows[item.line].rejected(Rejected(item.reason, item.sentence))
                for item in response.refused
                if item.line in chunk.rows
            ]
            tally.count(response, [*chunk.rejects, *refused])
            to.write([*chunk.rejects, *refused])
            bar.move(chunk.position, note=f"{tally.durable:,} rows")

    bar = Bar("publishing", unit="bytes", total=source.length)
    with contextlib.closing(to), bar, Interruption() as interruption, Upload(local.node, feed, interruption) as upload:
        try:
            take(upload.send(cut(source.file, defaults, batch=batch, position=source.position)))
        except (Exception, KeyboardInterrupt) as error:  # the second Ctrl-C: what was under way may be durable too
            code, sentence = explain(error)
            raise CliError(f"{sentence}; {_durable(tally)}", code) from error
    if interruption.asked:
        raise CliError(f"interrupted; {_durable(tally)}", Exit.INTERRUPTED)
    return tally


def _durable(tally: Tally) -> str:
    return f"{tally.durable:,} rows are durable; to go on, repeat the command: it doubles nothing"


def _summary(run: Invocation, path: Path, feed: str, tally: Tally, to: Rejects) -> None:
    rejects = str(to.path) if to.path and to.written else None
    if run.out.json:
        run.out.emit({"file": str(path), "feed": feed, **tally.plain(), "rejects": rejects})
        return
    run.out.table((f"{path} into {feed}", "rows#"), tally.rows())
    if rejects:
        run.out.say(f"Refused rows with their reasons: {rejects}")
        if tally.blocked:
            run.out.say(
                f"Where a block is wrong, ask a second person: tocsin guard ask {rejects} --feed {feed} --reason TEXT"
            )
    elif tally.refused or tally.blocked:
        run.out.say("Refused rows were not kept; name a file for them with --rejects.")
