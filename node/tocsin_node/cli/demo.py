"""`tocsin demo`: the whole story on this machine; told by tocsin_node.demo."""

from typing import Annotated

import typer

from tocsin_node.cli.invocation import Invocation, command


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "demo", node=False)(demo)


def demo(
    _run: Invocation,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the nodes' homes and say how to go on by hand.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=500, max=100_000, help="Rows of the published file.")] = 10_000,
) -> int:
    """Three nodes publish, replicate, match, withdraw and verify, here and now.

    Example: tocsin demo --keep
    """
    from tocsin_node.demo.main import run as tell

    return tell(keep=keep, rows=rows)
