"""How a command is declared, and what it is given: home, token, output.

`@command(app, "name")` gives every command the common options (`--json`, `--home`, `--token`), also accepted before the
command's name; the later one wins. It runs the function with an Invocation first, turns any failure into one sentence
on stderr and an exit status (see errors.py), and the returned status into the process's.
"""

import contextlib
import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tocsin_node.cli.errors import UsageError, explain
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.output import Output

if TYPE_CHECKING:
    from tocsin_node.cli.connect import Local

PANEL: Final = "Common options"

HomeOption = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="The node's home, else TOCSIN_HOME.", rich_help_panel=PANEL)
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", metavar="TEXT", help="Else TOCSIN_TOKEN, else the operator's own.", rich_help_panel=PANEL),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine output on stdout.", rich_help_panel=PANEL)]


@dataclass(frozen=True, slots=True)
class Common:
    """The options given before the command's name."""

    home: Path | None = None
    token: str | None = None
    json: bool = False


@dataclass(frozen=True, slots=True)
class Invocation:
    """What every command is given first."""

    common: Common
    out: Output

    @property
    def home(self) -> Path:
        """The node's home as an absolute path; UsageError where none is named."""
        given = self.common.home or Path(os.environ.get("TOCSIN_HOME", ""))
        if given == Path():
            raise UsageError("name the node's home with --home DIR or TOCSIN_HOME")
        return given.expanduser().absolute()

    def local(self, *, start: bool = True) -> "contextlib.AbstractContextManager[Local]":
        """A connection to the node of this home; where none runs, its core is started unless `start` is false."""
        from tocsin_node.cli.connect import connect

        return connect(self.home, self.common.token or os.environ.get("TOCSIN_TOKEN") or None, start=start)


_COMMON: Final = {"home": HomeOption, "token": TokenOption, "json": JsonOption}
_DEFAULTS: Final[dict[str, object]] = {"home": None, "token": None, "json": False}


def command(
    app: typer.Typer,
    name: str,
    *,
    node: bool = True,
    epilog: str | None = None,
    failure: int | None = None,
    default: bool = False,
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Declare a command of `app`.

    `node` is false where no home and token are needed; `failure` is the exit status of every failure, else errors.py's.
    With `default` the group does this when no command is named; its own options are the command's.
    """

    def register(function: Callable[..., int | None]) -> Callable[..., int | None]:
        names = ("home", "token", "json") if node else ("json",)

        @functools.wraps(function)
        def run(context: typer.Context, **values: Any) -> None:
            own = {key: values.pop(key) for key in names}
            if context.invoked_subcommand is not None:
                context.obj = _merge(context, own)
                return
            raise typer.Exit(_run(function, _merge(context, own), values, failure))

        _declare(run, function, names)
        app.command(name, epilog=epilog)(run)
        if default:
            app.callback(invoke_without_command=True, help=app.info.help)(run)
        return function

    return register


def _declare(run: Callable[..., None], function: Callable[..., int | None], names: tuple[str, ...]) -> None:
    """Show typer the function's own parameters but the first, the context and the common options."""
    kind = inspect.Parameter.KEYWORD_ONLY
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    parameters = [
        inspect.Parameter("context", kind, annotation=typer.Context),
        *(parameter.replace(kind=kind) for parameter in own),
        *(inspect.Parameter(key, kind, annotation=_COMMON[key], default=_DEFAULTS[key]) for key in names),
    ]
    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]


def _merge(context: typer.Context, own: dict[str, Any]) -> Common:
    before = context.find_object(Common) or Common()
    return Common(
        home=own.get("home") or before.home,
        token=own.get("token") or before.token,
        json=own["json"] or before.json,
    )


def _run(function: Callable[..., int | None], common: Common, values: dict[str, Any], failure: int | None) -> int:
    out = Output(json=common.json)
    try:
        status = function(Invocation(common, out), **values) or Exit.OK
        sys.stdout.flush()
    except typer.Abort:
        out.error("not confirmed; nothing was done")
        return Exit.NOT_NOW
    except typer.Exit:
        raise
    except BrokenPipeError:
        # Whoever read our output stopped: keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINDINGS
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop before the user
        code, sentence = explain(error)
        out.error(sentence)
        return int(code if failure is None or code is Exit.INTERRUPTED else failure)
    return int(status)
