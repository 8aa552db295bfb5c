"""`tocsin token`: tokens with which own applications speak to the node."""

from typing import Annotated

import typer

from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import when

app = typer.Typer(help="Tokens of your own applications.", no_args_is_help=True)


@command(app, "add")
def add(
    run: Invocation,
    name: Annotated[str, typer.Argument(help="Name of the application; the audit log's actor.", show_default=False)],
    *,
    role: Annotated[
        list[str],
        typer.Option("--role", help="match, publish, approve, operate or audit; repeatable.", show_default=False),
    ],
) -> None:
    """Make a token and print it, this once.

    Example: tocsin token add moderation --role match
    """
    from tocsin.v1.node_pb2 import AddTokenRequest

    with run.local() as local:
        token = local.node.AddToken(AddTokenRequest(name=name, roles=role)).token
    if run.out.json:
        run.out.emit({"name": name, "roles": role, "token": token})
        return
    run.out.text(token)
    run.out.note("This is shown once; the node keeps only its hash. Send it as `authorization: Bearer ...`.")


@command(app, "list")
def list_(run: Invocation) -> None:
    """List the tokens by name, never their text.

    Example: tocsin token list
    """
    from tocsin.v1.node_pb2 import ListTokensRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        tokens = local.node.ListTokens(ListTokensRequest())
    if run.out.json:
        run.out.emit(plain(tokens))
        return
    rows = [
        (item.name, ", ".join(item.roles), "revoked" if item.revoked else "valid", when(item.created_at))
        for item in tokens.tokens
    ]
    run.out.table(("name", "roles", "state", "created"), rows)


@command(app, "revoke")
def revoke(
    run: Invocation,
    name: Annotated[str, typer.Argument(help="The token's name.", show_default=False)],
) -> None:
    """Revoke a token; calls with it fail from now on.

    Example: tocsin token revoke moderation
    """
    from tocsin.v1.node_pb2 import RevokeTokenRequest

    with run.local() as local:
        local.node.RevokeToken(RevokeTokenRequest(name=name))
    if run.out.json:
        run.out.emit({"name": name, "revoked": True})
    run.out.say(f"The token {name} is revoked.")
