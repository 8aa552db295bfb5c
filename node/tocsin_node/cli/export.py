"""`tocsin export`: an own feed's signals with their identifiers, as a file.

The node logs the export before it gives the first identifier away. The file is readable by its owner only, and appears
under its name when it is whole; whatever breaks the export off leaves nothing behind.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from tocsin_node.cli.errors import CliError, UsageError
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import size, some, whole_file
from tocsin_node.cli.progress import Bar
from tocsin_signals.formats import Format, Written, format_of

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import ExportSignalsResponse
    from tocsin_signals.exportfile import Export


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "export")(export)


@dataclass(slots=True)
class Told:
    """What an export came to."""

    feed: str = ""
    signals: int = 0
    without_identifier: int = 0
    details_left_out: int = 0


def export(
    run: Invocation,
    feed: Annotated[str, typer.Argument(metavar="FEED", help="Name or origin of your feed.", show_default=False)],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; an older file is replaced.")
    ],
    format_: Annotated[
        Written | None,
        typer.Option("--format", help="Else by suffix: .jsonl, .stix.json, or CSV."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Expired and withdrawn signals too.")] = False,
) -> None:
    """Write what you published into a feed to a file, identifiers included: for yourself, or to hand on.

    The file is CSV, JSON Lines or a STIX 2.1 bundle; `tocsin publish` reads each of them again. Making it is logged.

    What was withdrawn says so in it, and is not published again when it is read.

    Example: tocsin export urls -o urls.stix.json
    """
    from tocsin.v1.node_pb2 import ExportSignalsRequest
    from tocsin_signals.imports.document import MAX_FILE_BYTES

    written = Format(format_ or format_of(output))
    if written not in set(Written):
        raise UsageError(f"{output}: files of format {written} are read, not written; csv, jsonl and stix are written")
    with whole_file(output) as stream, run.local() as local, Bar("exporting", unit="entries") as bar:
        answers = iter(local.node.ExportSignals(ExportSignalsRequest(feed=feed, all=all_)))
        told = _write(stream, written, answers, bar)
    length = output.stat().st_size
    if run.out.json:
        run.out.emit({"file": str(output), "feed": told.feed, "format": written, "bytes": length, **_counts(told)})
        return
    run.out.say(f"{output}: {some(told.signals, 'signal')} of {told.feed}, {size(length)}; it holds identifiers.")
    if told.without_identifier:
        lost = some(told.without_identifier, "signal")
        run.out.note(f"Left out: {lost} without an identifier; it was lost in a restore.")
    if told.details_left_out:
        some_details = some(told.details_left_out, "detail")
        run.out.note(f"Left out: {some_details} that CSV has no room for; JSON Lines and STIX hold them all.")
    if written is Format.STIX and length > MAX_FILE_BYTES:
        run.out.note(f"Bundles beyond {MAX_FILE_BYTES // 2**20} MiB are not read again; JSON Lines of any size are.")


def _counts(told: Told) -> dict[str, int]:
    return {
        "signals": told.signals,
        "without_identifier": told.without_identifier,
        "details_left_out": told.details_left_out,
    }


def _write(stream: TextIO, written: Format, answers: "Iterator[ExportSignalsResponse]", bar: Bar) -> Told:
    from tocsin_signals.exportfile import open_export

    first = next(answers, None)
    if first is None:
        raise CliError("the node ended the export before it began")
    publisher = first.feed.partition("/")[0]
    to = open_export(stream, written, feed=first.feed, publisher=publisher, as_of=time.time_ns() // 1_000_000)
    told = Told(first.feed)
    for answer in answers:
        _take(to, answer)
        told.signals += len(answer.signals)
        told.without_identifier += answer.without_identifier
        bar.move(answer.done, max(answer.total, answer.done))
    to.close()
    told.details_left_out = to.left_out
    return told


def _take(to: "Export", answer: "ExportSignalsResponse") -> None:
    from tocsin_signals.exports.signal import Signal

    details = [_details(blob) for blob in answer.details]
    for one in answer.signals:
        to.write(
            Signal(
                feed=answer.feed,
                signal=one.signal,
                type=one.type,
                value=one.value,
                state=one.state,
                issued_at=one.issued_at,
                valid_until=one.valid_until,
                details=details[one.details],
            )
        )


def _details(blob: bytes) -> dict[str, object]:
    """What was asserted, without its salt; nothing where it was erased."""
    found: dict[str, object] = json.loads(blob) if blob else {}
    return {key: item for key, item in found.items() if key != "salt"}
