"""`tocsin init` and `tocsin serve`: making a node's home, and running the node."""

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import grouped

if TYPE_CHECKING:
    from tocsin_node.home import Home
    from tocsin_node.init import InitReport
    from tocsin_node.keys import Unlock


def register(app: typer.Typer) -> None:
    """Declare the commands."""
    command(app, "init")(init)
    command(app, "serve")(serve)


def init(
    run: Invocation,
    *,
    organisation: Annotated[str, typer.Option(help="DNS-like id, such as hotline.example.", show_default=False)],
    role: Annotated[str, typer.Option(help="platform, hotline, ngo, financial, police or other.", show_default=False)],
    listen: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="Where peers connect; a free port is chosen once.")
    ] = "127.0.0.1",
    endpoint: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="What the card tells peers, else as --listen.", show_default=False)
    ] = "",
    passphrase_prompt: Annotated[
        bool, typer.Option("--passphrase-prompt", help="Protect the keys by a passphrase, asked now.")
    ] = False,
) -> None:
    """Make a node's home: keys, configuration, database and first card; all of it or nothing.

    Keys are sealed by TOCSIN_PASSPHRASE, TOCSIN_KEY or TOCSIN_KEY_FILE, else by a file in the home.

    Example: tocsin --home hotline init --organisation hotline.example --role hotline
    """
    from tocsin_node.home import Home
    from tocsin_node.init import init_home
    from tocsin_node.rules import own_rules

    home, rules = Home(run.home), own_rules()
    report = init_home(
        home,
        organisation=organisation,
        role=role,
        listen=listen,
        endpoint=endpoint,
        unlock=_unlock(ask=passphrase_prompt),
        profiles=rules.profiles,
        manifest=rules.manifest,
        clock=lambda: time.time_ns() // 1_000_000,
    )
    if run.out.json:
        run.out.emit(
            {
                "home": str(home.root),
                "organisation": report.organisation,
                "fingerprint": report.fingerprint,
                "listen": report.listen,
                "endpoint": report.endpoint,
                "unlocked_by": report.unlocked_by,
                "operator_token": str(report.operator_token),
                "root_key": str(report.root_key),
            }
        )
    else:
        _tell(run, home, report)


def _unlock(*, ask: bool) -> "Unlock | None":
    from tocsin_crypto.keyfile import Passphrase
    from tocsin_node.cli.errors import UsageError
    from tocsin_node.keys import Unlock

    given = Unlock.given(os.environ)
    if not ask:
        return given
    if given:
        raise UsageError(f"--passphrase-prompt and {given.how}: which of them is to protect the keys?")
    text: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    return Unlock(Passphrase(text), "the passphrase you typed; TOCSIN_PASSPHRASE gives it to commands")


def _tell(run: Invocation, home: "Home", report: "InitReport") -> None:
    run.out.pairs(
        [
            ("home", str(home.root)),
            ("organisation", report.organisation),
            ("fingerprint", grouped(report.fingerprint)),
            ("listens on", report.listen),
            ("card says", report.endpoint if report.endpoint != report.listen else ""),
            ("keys opened by", report.unlocked_by),
            ("root key", f"{report.root_key}; keep it elsewhere until a card is renewed"),
            ("token", f"of the operator, in {report.operator_token}"),
        ]
    )
    run.out.say(
        "\nTell your peers the fingerprint by another channel than the card: by telephone, or on paper.\n"
        "Next:\n"
        f"  tocsin --home {home.root} card export -o {report.organisation}.card\n"
        f"  tocsin --home {home.root} serve"
    )


def serve(run: Invocation) -> None:
    """Run the node until SIGTERM or Ctrl-C; its log goes to stderr, one JSON object a line.

    Example: tocsin --home /srv/tocsin serve
    """
    from tocsin_node.serve import serve_home

    serve_home(run.home)
