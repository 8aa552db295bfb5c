"""`tocsin guard`: the lists of the never-share guard, and second persons for what it blocks.

Values that are asked for are shown to those who may decide; they are kept sealed and never logged.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.columns import make_mapping
from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.lines import open_input
from tocsin_node.cli.output import when
from tocsin_node.limits import GUARD_ASKED

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import AskedRow, GuardRequestStatus, PublishRow, ShowGuardResponse
    from tocsin_node.cli.upload import Defaults
    from tocsin_signals.mapping import ColumnMapping

app = typer.Typer(help="The never-share guard, and second persons for what it blocks.")

Reason = Annotated[
    str, typer.Option(metavar="TEXT", help="In writing, without the value; for the audit log.", show_default=False)
]
Number = Annotated[int, typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="Of the request.", show_default=False)]

DIGEST_CHARS: Final = 12
"""Of a list's digest in the table; --json has it whole."""


@command(app, "status", default=True)
def status(run: Invocation) -> int:
    """Show the guard's lists with date, source and licence, own assets, counters, and what waits.

    Status 1 if the pack is old.

    Example: tocsin guard
    """
    from tocsin.v1.node_pb2 import ShowGuardRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        shown = local.node.ShowGuard(ShowGuardRequest())
    if run.out.json:
        run.out.emit(plain(shown))
        return Exit.FINDINGS if shown.pack_stale else Exit.OK
    run.out.pairs(_facts(shown))
    rows = [(one.name, one.kind, f"{one.count:,}", one.licence, one.sha256[:DIGEST_CHARS]) for one in shown.lists]
    run.out.table(("list", "kind", "entries#", "licence", "sha256"), rows)
    run.out.note("--json has the source and the whole digest of each list.")
    if shown.pack_stale:
        run.out.note(f"warning: the pack is {shown.pack_age_days} days old; update, or name a newer one as guard.pack")
    return Exit.FINDINGS if shown.pack_stale else Exit.OK


def _facts(shown: "ShowGuardResponse") -> Iterator[tuple[str, str]]:
    yield "pack", f"{shown.pack or 'built in'}, of {shown.pack_date} ({shown.pack_age_days} days ago)"
    yield "digest", shown.pack_sha256
    yield "own assets", f"{shown.own_assets:,} in {shown.own}" if shown.own else "none: name a file as guard.own"
    yield "made to block", ", ".join(shown.block)
    yield "blast radius", f"at most {shown.radius_limit} own users in {shown.radius_days} days"
    dropped = f", {shown.radius_dropped:,} found no room" if shown.radius_dropped else ""
    yield "remembered", f"{shown.radius_pairs:,} pairs of expression and own user{dropped}"
    yield "requests", f"{shown.waiting} waiting, {shown.approved} approved"


@command(app, "ask")
def ask(
    run: Invocation,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="CSV or JSON Lines, such as a rejects file; - for stdin."),
    ] = None,
    *,
    feed: Annotated[str, typer.Option(metavar="FEED", help="Name or origin of your feed.", show_default=False)],
    reason: Reason,
    value: Annotated[str, typer.Option(metavar="TEXT", help="One value, with --type.", show_default=False)] = "",
    type_: Annotated[
        str, typer.Option("--type", "-t", metavar="TYPE", help="Of rows that name none.", show_default=False)
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="XX", help="Of rows that name none, such as GB.", show_default=False)
    ] = "",
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="Of rows that do not say: 30d, 2027-01-31.", show_default=False)
    ] = "",
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="KEY=COLUMN", help="As for publish.", show_default=False)
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A saved mapping of columns.", show_default=False)
    ] = None,
) -> int:
    """Ask for a second person to approve rows that the guard blocks.

    Give the options that the rows are published with. Once approved, publish the rows again. Status 1 if some could not
    be asked for.

    Example: tocsin guard ask list.csv.rejects.csv --feed urls --reason "whole site, confirmed by its owner"
    """
    from tocsin.v1.node_pb2 import AskGuardRequest, PublishRow
    from tocsin_node.cli.wire import plain

    if bool(file) == bool(value) or (value and not type_):
        raise UsageError("name a file of rows, or one value with --value TEXT and --type TYPE")
    answers: list[AskedRow] = []
    said = make_mapping(mapping, map_ or [], {}, default_type=type_, region=region, expires=expires)
    ends = _ends(said)
    rows: Iterator[PublishRow] = iter(
        (PublishRow(line=1, type=type_, value=value, region=region, valid_until=ends.unsaid()),)
    )
    if file:
        rows = _rows(file, said, ends, answers)
    with run.local() as local:
        while part := list(itertools.islice(rows, GUARD_ASKED)):
            answers += local.node.AskGuard(AskGuardRequest(feed=feed, reason=reason, rows=part)).rows
    if run.out.json:
        run.out.emit({"rows": [plain(one) for one in answers]})
    else:
        run.out.table(("line#", "request#", "sets aside", "note"), [_row(one) for one in answers])
        if any(one.id for one in answers):
            run.out.say("Another person decides: tocsin guard pending, then tocsin guard approve ID --reason TEXT")
    return Exit.OK if all(one.id for one in answers) else Exit.FINDINGS


def _row(one: "AskedRow") -> tuple[str, str, str, str]:
    note = f"{one.reason}: {one.sentence}" if one.reason else ""
    return str(one.line), str(one.id or ""), ", ".join(one.rules), note


def _ends(said: "ColumnMapping") -> "Defaults":
    from tocsin_node.cli.upload import Defaults
    from tocsin_signals.errors import Rejected
    from tocsin_signals.rows import parse_expiry

    try:
        return Defaults(
            now_ms=time.time_ns() // 1_000_000, expires=parse_expiry(said.expires) if said.expires else None
        )
    except Rejected as error:
        raise UsageError(error.sentence) from None


def _rows(file: Path, said: "ColumnMapping", ends: "Defaults", unread: "list[AskedRow]") -> "Iterator[PublishRow]":
    """The rows of a file; those that cannot be read are added to `unread`."""
    from tocsin.v1.node_pb2 import AskedRow, PublishRow
    from tocsin_node.client.chunks import sendable
    from tocsin_signals.errors import Rejected
    from tocsin_signals.formats import format_of
    from tocsin_signals.rowfile import open_rows
    from tocsin_signals.rows import RowReject

    with open_input(file) as stream:
        try:
            rows = open_rows(stream, format_of(file), default_type=said.default_type or None, mapping=said)
        except Rejected as error:
            raise UsageError(f"{file}: {error.sentence}") from None
        for row in rows:
            if isinstance(row, RowReject):
                unread.append(AskedRow(line=row.line, reason=row.reason, sentence=row.sentence))
                continue
            yield PublishRow(
                line=row.line,
                type=row.type,
                value=sendable(row.value) or "",
                region=row.region or said.region,
                valid_until=ends.valid_until(row),
            )


@command(app, "pending")
def pending(
    run: Invocation,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> None:
    """List requests that wait and approvals that stand, with their values.

    Example: tocsin guard pending
    """
    from tocsin.v1.node_pb2 import ListGuardRequestsRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        found = local.node.ListGuardRequests(ListGuardRequestsRequest(ended=all_))
    if run.out.json:
        run.out.emit(plain(found))
        return
    if not found.requests:
        run.out.say("Nothing waits, and no approval stands.")
    for one in found.requests:
        run.out.pairs(_shown(one), title=f"request {one.id}: {one.state}")


def _shown(one: "GuardRequestStatus") -> Iterator[tuple[str, str]]:
    yield "  value", f"{one.value} ({one.type})"
    yield "  feed", one.feed
    yield "  sets aside", ", ".join(one.rules)
    yield "  own users hit", str(one.users or "")
    yield "  asked", f"by {one.asked_by}, {when(one.asked_at)}: {one.asked_reason}"
    yield "  decided", f"by {one.decided_by}, {when(one.decided_at)}: {one.decided_reason}" if one.decided_at else ""
    yield "  ends", when(one.ends_at)


@command(app, "approve")
def approve(
    run: Invocation,
    number: Number,
    *,
    reason: Reason,
    days: Annotated[int, typer.Option(min=1, max=30, metavar="N", help="How long the row may be published.")] = 7,
) -> None:
    """Approve what somebody else asked for: that value may be published on that feed until the approval ends.

    Needs a token of another name than the one that asked, with the role approve or operate.

    Example: tocsin guard approve 12 --reason "seen both pages, the site has no other use"
    """
    _decide(run, number, approve=True, reason=reason, days=days)


@command(app, "refuse")
def refuse(run: Invocation, number: Number, *, reason: Reason) -> None:
    """Refuse what somebody else asked for, or end an approval.

    Example: tocsin guard refuse 12 --reason "the page is enough"
    """
    _decide(run, number, approve=False, reason=reason, days=0)


def _decide(run: Invocation, number: int, *, approve: bool, reason: str, days: int) -> None:
    from tocsin.v1.node_pb2 import DecideGuardRequestRequest

    request = DecideGuardRequestRequest(id=number, approve=approve, reason=reason, days=days)
    with run.local() as local:
        done = local.node.DecideGuardRequest(request).request
    _done(run, done)


@command(app, "withdraw")
def withdraw(
    run: Invocation,
    number: Number,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="In writing, if there is one.", show_default=False)] = "",
) -> None:
    """Take back what you asked for yourself, approved or not.

    Example: tocsin guard withdraw 12
    """
    from tocsin.v1.node_pb2 import WithdrawGuardRequestRequest

    with run.local() as local:
        done = local.node.WithdrawGuardRequest(WithdrawGuardRequestRequest(id=number, reason=reason)).request
    _done(run, done)


def _done(run: Invocation, done: "GuardRequestStatus") -> None:
    from tocsin_node.cli.wire import plain

    if run.out.json:
        run.out.emit(plain(done))
    elif done.state == "approved":
        run.out.say(f"Request {done.id} is approved until {when(done.ends_at)}: publish the row on {done.feed} again.")
    else:
        run.out.say(f"Request {done.id} is {done.state}.")
