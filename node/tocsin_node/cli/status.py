"""`tocsin status`, `reload`, `backup`: the node as a whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.exits import Exit
from tocsin_node.cli.feed import OWN_COLUMNS, feed_row
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import age, grouped, minute, size, when
from tocsin_node.cli.progress import Bar

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import EpochStatus, FeedStatus, StatusResponse

FOLLOWED_COLUMNS: Final = ("feed", "publisher", "state", "entries#", "heard")
COMMUNITY_COLUMNS: Final = ("community", "epoch#", "key id", "publish until", "match until")


def register(app: typer.Typer) -> None:
    """Declare the commands."""
    command(app, "status")(status)
    command(app, "reload")(reload)
    command(app, "backup")(backup)


def followed_row(item: "FeedStatus") -> tuple[str, ...]:
    """A followed feed as a row under FOLLOWED_COLUMNS."""
    state = f"{item.state}: {item.why}" if item.why else item.state
    if item.source and item.source != item.publisher:
        state += f", through {item.source}"
    if item.relayed_to:
        state += f", served on to {item.relayed_to}"
    return item.origin, item.publisher, state, f"{item.size:,}", age(item.heard_at)


def status(run: Invocation) -> int:
    """Show the node, its feeds, communities and warnings; status 1 if there are warnings.

    Example: tocsin status --json
    """
    from tocsin.v1.node_pb2 import StatusRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.Status(StatusRequest())
    if run.out.json:
        run.out.emit(plain(answer))
    else:
        _show(run, answer)
    return Exit.FINDINGS if answer.warnings else Exit.OK


def _show(run: Invocation, answer: "StatusResponse") -> None:
    run.out.pairs(
        [
            ("organisation", answer.organisation),
            ("fingerprint", grouped(answer.fingerprint)),
            ("software", answer.software),
            ("started", when(answer.started_at)),
            ("exchange", answer.exchange or "not listening"),
            ("peers", f"{answer.peers_active} active, {answer.peers_paused} paused"),
            ("signals", f"{answer.signals:,} in the match index"),
            ("audit log", f"{answer.audit_size:,} entries"),
            ("card until", when(answer.card_not_after)),
        ]
    )
    if answer.own:
        run.out.table(OWN_COLUMNS, [feed_row(item) for item in answer.own], title="\nOwn feeds")
    if answer.followed:
        run.out.table(FOLLOWED_COLUMNS, [followed_row(item) for item in answer.followed], title="\nFollowed feeds")
    if answer.communities:
        rows = [(item.id, *_epoch(epoch)) for item in answer.communities for epoch in item.epochs]
        run.out.table(COMMUNITY_COLUMNS, rows, title="\nCommunities")
    for warning in answer.warnings:
        run.out.say(f"Warning: {warning}")


def _epoch(epoch: "EpochStatus") -> tuple[str, ...]:
    return str(epoch.number), epoch.key_id[:8], minute(epoch.publish_until), minute(epoch.match_until)


def reload(run: Invocation) -> None:
    """Read the configuration of a running node anew: all of it or nothing.

    Example: tocsin reload
    """
    from tocsin.v1.node_pb2 import ReloadRequest
    from tocsin_node.cli.wire import plain

    with run.local(start=False) as local:
        answer = local.node.Reload(ReloadRequest())
    if run.out.json:
        run.out.emit(plain(answer))
        return
    for item in answer.changed:
        run.out.say(f"changed: {item}")
    if not answer.changed:
        run.out.say("Nothing changed.")


def backup(
    run: Invocation,
    directory: Annotated[Path, typer.Argument(help="A directory that does not exist yet.", show_default=False)],
) -> None:
    """Write a copy of the home as it is at one moment; the node goes on. `tocsin restore` makes a home of it.

    Sealed keys are in it; what opens them is not. Keep that elsewhere.

    Example: tocsin backup /backup/node-monday
    """
    from tocsin.v1.node_pb2 import BackupRequest, BackupResult
    from tocsin_node.cli.wire import plain
    from tocsin_node.home import Home

    request, result = BackupRequest(directory=str(directory.expanduser().absolute())), BackupResult()
    with run.local() as local, Bar("copying", unit="bytes") as bar:
        for answer in local.node.Backup(request):
            bar.move(answer.progress.done, answer.progress.total)
            result = answer.result
    if run.out.json:
        run.out.emit(plain(result))
    run.out.say(f"{size(result.bytes)} written to {result.directory}.")
    if (opener := Home(run.home).unlock_key).exists():
        run.out.say(f"What opens its keys is not in it: keep a copy of {opener} elsewhere, or it restores nothing.")
    else:
        run.out.say("What opens its keys is not in it: keep the passphrase or key elsewhere, or it restores nothing.")
