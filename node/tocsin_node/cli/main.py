"""The command line `tocsin`: the root command and its groups.

Each group lives in a module of its own and imports the node's code, gRPC and the like inside its functions, so that
`--help` and filters start quickly. How a command is declared: invocation.py; how failures are told: errors.py.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from tocsin_node.cli import (
    audit,
    canon,
    card,
    community,
    demo,
    export,
    feed,
    guard,
    home,
    match,
    peer,
    policy,
    publish,
    restore,
    signal,
    status,
    token,
)
from tocsin_node.cli.exits import EPILOG
from tocsin_node.cli.invocation import Common

app = typer.Typer(
    name="tocsin",
    help="Warn other organisations about harmful URLs, addresses and files without showing what you hold.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_GROUPS: Final = (
    ("card", card.app),
    ("peer", peer.app),
    ("community", community.app),
    ("feed", feed.app),
    ("signal", signal.app),
    ("guard", guard.app),
    ("policy", policy.app),
    ("token", token.app),
    ("audit", audit.app),
)


def _version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        typer.echo(f"tocsin {importlib.metadata.version('tocsin')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", envvar="TOCSIN_HOME", help="The node's home directory."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TEXT", help="Token for the node, else TOCSIN_TOKEN, else the operator's own."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine output on stdout.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before the command's name; each is accepted after it too."""
    context.obj = Common(home=home, token=token, json=json)


demo.register(app)
home.register(app)
status.register(app)
restore.register(app)
canon.register(app)
publish.register(app)
export.register(app)
match.register(app)
for _name, _group in _GROUPS:
    app.add_typer(_group, name=_name)


def main() -> None:
    """Run `tocsin` with the process's arguments."""
    app(prog_name="tocsin")
