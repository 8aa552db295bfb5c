"""`tocsin restore`: a home again, from a backup."""

import os
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import iso, read_file
from tocsin_node.cli.progress import Bar

UNLOCK_BYTES: Final = 4096
"""Largest file that opens keys; the one `init` writes has 65 bytes."""


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "restore")(restore)


def restore(
    run: Invocation,
    directory: Annotated[Path, typer.Argument(help="What `tocsin backup` wrote.", show_default=False)],
    *,
    unlock: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A copy of the lost home's keys/unlock, where TOCSIN_PASSPHRASE, _KEY or _KEY_FILE do not open it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make the home named by --home from a backup: every byte checked first; all of it or nothing.

    Its feeds are frozen until `tocsin feed recover` has asked their followers for what was published since.

    Example: tocsin --home /srv/tocsin restore /backup/node-monday --unlock /safe/unlock
    """
    from tocsin_node.home import Home
    from tocsin_node.restore import restore

    key = None if unlock is None else read_file(unlock, limit=UNLOCK_BYTES, what="the unlock file")
    home = Home(run.home)
    with Bar("restoring", unit="entries") as bar:
        done = restore(
            directory.expanduser().absolute(),
            home,
            environment=os.environ,
            unlock_key=key,
            clock=lambda: time.time_ns() // 1_000_000,
            progress=lambda what, count, total: bar.move(count, total, what),
        )
    if run.out.json:
        run.out.emit(
            {
                "home": str(home.root),
                "organisation": done.organisation,
                "backup_made_at": iso(done.made_at),
                "frozen": list(done.feeds),
            }
        )
        return
    run.out.say(f"{home.root} is the home of {done.organisation} again, as it was at {iso(done.made_at)}.")
    if done.feeds:
        run.out.say(
            "Its feeds are frozen: what was published since then may be with their followers. Start the node, then:"
        )
        for origin in done.feeds:
            run.out.say(f"  tocsin --home {home.root} feed recover {origin.rpartition('/')[2]}")
