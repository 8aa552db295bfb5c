"""`tocsin publish`: files of identifiers into a feed, as a stream, however large they are.

Everything counted is durable; a run that was broken off is repeated and doubles nothing. Rows that are refused, here or
by the node, go to a rejects file as they were, to be corrected and published again; those of a document such as a STIX
bundle as JSON Lines. A dry run goes the same way, says
what would become of each row, and publishes nothing; without a feed it needs no node.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from tocsin_node.cli.counts import Counts, Tally, Trial
from tocsin_node.cli.errors import CliError, UsageError, explain
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.lines import open_input
from tocsin_node.cli.progress import Bar
from tocsin_node.cli.rejects import Rejects
from tocsin_signals.formats import Format, format_of

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import PublishResponse
    from tocsin_node.cli.upload import Chunk, Defaults, Interruption
    from tocsin_signals.errors import Rejected
    from tocsin_signals.mapping import ColumnMapping
    from tocsin_signals.rowfile import RowFile
    from tocsin_signals.rows import RowReject

    Send = Callable[[Iterable[Chunk], Interruption], Iterator[tuple[Chunk, PublishResponse]]]

BATCH: Final = 2048
"""Rows per chunk: one commit each, so this is also what an interruption can leave undecided."""

NAMED: Final = 20
"""Kinds of context in a document that are named on the terminal; --json has all of them."""

MAX_BATCH: Final = 4096
"""What the contract allows."""

STDIN: Final = Path("-")

AUTO: Final = "auto"
"""In place of a type: only suggest some."""

_NO_TYPE: Final = frozenset({"no-type-column", "no-type"})
_HINTS: Final = {
    "no-type-column": " Name one with --type.",
    "no-type": " Name one with --type.",
    "no-value-column": " Or say which it is with --map value=NAME.",
    "unknown-column": " With --map or --mapping, columns that are not named are left out.",
    "separator": " Name it with --separator.",
    "not-json": " --format says which: stix, misp, threatexchange ...",
    "workbook": " --format xlsx reads a workbook.",
    "xlsx-sheet": " --sheet says which.",
}
"""What an option would mend, by reason."""


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "publish")(publish)


def publish(
    run: Invocation,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV, XLSX, JSON Lines, STIX ...; - for stdin.", show_default=False),
    ],
    *,
    feed: Annotated[str, typer.Option(metavar="FEED", help="Name or origin of your feed.", show_default=False)] = "",
    type_: Annotated[
        str,
        typer.Option(
            *("--type", "--default-type", "-t"),
            metavar="TYPE",
            help="Of rows that name none: url, email ...; auto only suggests.",
            show_default=False,
        ),
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="XX", help="Of rows that name none, such as GB.", show_default=False)
    ] = "",
    format_: Annotated[
        Format | None, typer.Option("--format", help="Of the files, else by suffix: .stix.json, .misp.json ... or CSV.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Details of rows that do not say; repeatable."),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="Of rows that do not say: 90d or 2026-12-31.", show_default=False)
    ] = "",
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="KEY=COLUMN", help="Which column holds what: value=Link,type=col3; repeatable."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A saved mapping of columns.", show_default=False)
    ] = None,
    save_mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save this mapping, with type, region and --set.", show_default=False),
    ] = None,
    separator: Annotated[
        str, typer.Option(metavar="SIGN", help="Of columns, where the header does not show it: ; or tab.")
    ] = "",
    sheet: Annotated[str, typer.Option(metavar="NAME", help="Of a workbook with several.", show_default=False)] = "",
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Refused rows, else FILE.rejects.csv and so on.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing; say what would become of the rows.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=MAX_BATCH, metavar="N", help="Rows per commit.")] = BATCH,
) -> int:
    """Publish the rows of files into a feed; what is there already stays as it is, so any run can be repeated.

    The first line names the columns: value, type, stance, abuse_types, severity, region, expires ... Columns of other
    names are mapped with --map, once and for all with --save-mapping.

    JSON Lines (.jsonl) has one object a line with the same names as keys; lists are arrays.

    STIX 2.1 bundles, MISP events and ThreatExchange descriptors are one document of at most 64 MiB.

    Their rejects are JSON Lines, each with its place in the document.

    Example: tocsin publish list.csv --feed urls --type url --set stance=harmful
    """
    from tocsin_node.cli.columns import make_mapping, save_mapping as save

    if not (feed or dry_run or type_ == AUTO):
        raise UsageError("name the feed with --feed; without one, --dry-run examines the rows")
    if rejects and (len(files) > 1 or any(_same(rejects, path) for path in files)):
        raise UsageError("--rejects names one file of its own, for one file that is published")
    said = make_mapping(
        mapping,
        map_ or [],
        _settings(set_ or []),
        default_type="" if type_ == AUTO else type_,
        region=region,
        separator=separator,
        sheet=sheet,
        expires=expires,
    )
    defaults = _defaults(said)
    if type_ == AUTO and not said.default_type and _only_suggested(run, files, format_, said):
        return Exit.USAGE
    status = Exit.OK
    with _sender(run, feed, dry_run=dry_run) as send:
        for path in files:
            with open_input(path) as stream:
                source = _source(path, stream, format_, said)
                if save_mapping:
                    save(save_mapping, said)
                to = Rejects(rejects or _rejects_path(path, source), source.file.rejects_writer)
                counts = Trial(known=bool(feed)) if dry_run else Tally()
                _send(send, source, defaults, batch, to, counts)
            _summary(run, path, feed, counts, to, source.file)
            status = max(status, counts.refusals.exit_status)
    return status


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _rejects_path(path: Path, source: "Source") -> Path | None:
    return None if path == STDIN else path.with_name(f"{path.name}.rejects.{source.written.rejects}")


def _settings(given: list[str]) -> dict[str, str]:
    named = [setting.partition("=") for setting in given]
    if not all(key and equals and value.strip() for key, equals, value in named):
        raise UsageError("--set takes KEY=VALUE, such as stance=harmful")
    if len({key for key, _, _ in named}) != len(named):
        raise UsageError("--set says one key twice")
    return {key: value for key, _, value in named}


def make_defaults(settings: list[str], region: str, expires: str) -> "Defaults":
    """What --set, --region and --expires say, read exactly as a cell of the file would be."""
    from tocsin_signals.mapping import ColumnMapping

    return _defaults(ColumnMapping(settings=_settings(settings), region=region, expires=expires))


def _defaults(said: "ColumnMapping") -> "Defaults":
    from tocsin_node.cli.upload import Defaults
    from tocsin_signals.columns import Columns
    from tocsin_signals.rows import Row, parse_expiry

    header = ("value", "type", "region", *said.settings)
    columns = Columns(header, separator=",", default_type=None)
    row = columns.row(1, ("placeholder", "url", said.region, *said.settings.values()))
    if not isinstance(row, Row):
        raise UsageError(f"--set or --region: {row.sentence}")
    if row.expires:
        raise UsageError("--set does not take an expiry; --expires does")
    end = parse_expiry(said.expires) if said.expires else None
    return Defaults(now_ms=time.time_ns() // 1_000_000, fields=row.fields, region=row.region or "", expires=end)


def _only_suggested(run: Invocation, files: list[Path], given: Format | None, said: "ColumnMapping") -> bool:
    """Suggest types for files that name none, and say that nothing was done; false where they all name some."""
    from tocsin_node.cli.suggestions import show_suggestions
    from tocsin_signals.errors import Rejected
    from tocsin_signals.rowfile import open_rows

    suggested = False
    for path in files:
        written = given or format_of(path)
        with open_input(path) as stream:
            try:
                open_rows(stream, written, mapping=said)
                continue
            except Rejected as error:
                if error.reason not in _NO_TYPE:
                    raise _unusable(path, error) from None
            if not stream.seekable():
                raise UsageError("--type auto reads a file twice, which a pipe does not allow")
            stream.seek(0)
            show_suggestions(run.out, str(path), open_rows(stream, written, default_type="url", mapping=said))
            suggested = True
    if suggested:
        run.out.note("Nothing was published: name the type with --type, or a column of types with --map type=COLUMN.")
    return suggested


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


def _source(path: Path, stream: BinaryIO, given: Format | None, said: "ColumnMapping") -> Source:
    from tocsin_signals.errors import Rejected
    from tocsin_signals.rowfile import open_rows

    written = given or format_of(path)
    try:
        file = open_rows(stream, written, default_type=said.default_type or None, mapping=said)
    except Rejected as error:
        raise _unusable(path, error) from None
    length = path.stat().st_size if path.is_file() else None
    return Source(file, written, stream, length)


def _unusable(path: Path, error: "Rejected") -> UsageError:
    return UsageError(f"{path}: {error.sentence}{_HINTS.get(error.reason, '')}")


@contextlib.contextmanager
def _sender(run: Invocation, feed: str, *, dry_run: bool) -> "Generator[Send]":
    """How chunks are answered: by the node; or here, where there is no feed to ask about."""
    from tocsin_node.cli.upload import Upload, try_here

    if dry_run and not feed:
        yield try_here
        return
    with run.local() as local:

        def send(chunks: "Iterable[Chunk]", interruption: "Interruption") -> "Iterator[tuple[Chunk, PublishResponse]]":
            with Upload(local.node, feed, interruption, dry_run=dry_run) as upload:
                yield from upload.send(chunks)

        yield send


def _send(send: "Send", source: Source, defaults: "Defaults", batch: int, to: Rejects, counts: Counts) -> None:
    """Send everything; what is done when it breaks off is told with the error."""
    from tocsin_node.cli.upload import Interruption, cut

    def take(answers: "Iterable[tuple[Chunk, PublishResponse]]") -> None:
        for chunk, response in answers:
            refused = [*chunk.rejects, *_refused(chunk, response)]
            counts.count(response, refused)
            to.write(refused)
            bar.move(chunk.position, note=f"{counts.done:,} rows")

    bar = Bar("reading" if isinstance(counts, Trial) else "publishing", unit="bytes", total=source.length)
    with contextlib.closing(to), bar, Interruption() as interruption:
        try:
            take(send(cut(source.file, defaults, batch=batch, position=source.position), interruption))
        except (Exception, KeyboardInterrupt) as error:  # the second Ctrl-C: what was under way may be durable too
            code, sentence = explain(error)
            raise CliError(f"{sentence.rstrip('.')}; {counts.broken_off()}", code) from error
    if interruption.asked:
        raise CliError(f"interrupted; {counts.broken_off()}", Exit.INTERRUPTED)


def _refused(chunk: "Chunk", response: "PublishResponse") -> "Iterator[RowReject]":
    from tocsin_signals.errors import Rejected

    for item in response.refused:
        if item.line in chunk.rows:
            yield chunk.rows[item.line].rejected(Rejected(item.reason, item.sentence))


def _summary(run: Invocation, path: Path, feed: str, counts: Counts, to: Rejects, file: "RowFile") -> None:
    from tocsin_signals.rowfile import passed_over
    from tocsin_signals.rows import is_plain

    rejects = str(to.path) if to.path and to.written else None
    names = [name if is_plain(name) else "(a name that is not shown)" for name in file.left_out]
    passed = Counter(passed_over(file))
    if run.out.json:
        run.out.emit(
            {
                "file": str(path),
                "feed": feed,
                **counts.plain(),
                "left_out": names,
                **({"passed_over": passed} if passed else {}),
                "rejects": rejects,
            }
        )
        return
    run.out.table((f"{path} into {feed}" if feed else str(path), "rows#"), counts.rows())
    if sentence := counts.sentence():
        run.out.say(sentence)
    if names:
        run.out.say(f"Left out, for the mapping does not name them: {', '.join(names)}")
    if passed:
        named = ", ".join(f"{what} {count:,}" for what, count in passed.most_common(NAMED))
        run.out.say(f"Not rows, passed over: {named}{' ...' if len(passed) > NAMED else ''}")
    if counts.refusals.refused["stance"]:
        run.out.say("Some rows take no stance that is known; --set stance=harmful is for those that say nothing.")
    if rejects:
        run.out.say(f"Refused rows with their reasons: {rejects}")
        if counts.refusals.blocked and feed:
            run.out.say(
                f"Where a block is wrong, ask a second person: tocsin guard ask {rejects} --feed {feed} --reason TEXT "
                "and the options of this command that say what its rows are"
            )
    elif counts.refusals.any:
        run.out.say("Refused rows were not kept; name a file for them with --rejects.")
