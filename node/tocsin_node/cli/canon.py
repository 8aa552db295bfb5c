"""`tocsin canon`: the canonical form of values. Needs no home, no node and no network.

`--jsonl` is a filter for other implementations to compare with: one request a line, `{"type": ..., "in": ...,
"hint": {"region": ...}}` (or `in_b64`, bytes in base64), and exactly one answer a line, in order: `{"out": ...}` or
`{"reject": REASON}`. Answers are written as soon as the lines at hand are done.

What looks wrong about a canonical form (`tocsin_signals.lint`) is said beside it and changes neither it nor the status:
a line each on stderr, `"warnings"` in JSON, their words alone in answers, no key where there are none.

`--explain` shows the way to the form: every step, what a look-up tries, the guard's verdict, how secret a tag of it is
and the context a tag is made of; never a key.

`--check` runs the self-check: every profile of this installation over the vectors it carries, or over a vector file of
somebody else.
"""

import base64
import binascii
import codecs
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from tocsin_node.cli.canon_check import run_check
from tocsin_node.cli.canon_explain import run_explain
from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.lines import arriving_lines, open_input

LINE_BYTES: Final = 1024 * 1024
"""Longest request line, in bytes: the longest identifier, escaped sixfold, fits many times."""

NOT_A_REQUEST: Final = "not-a-request"
NOT_UTF8: Final = "not-utf8"


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "canon", node=False)(canon)


def canon(
    run: Invocation,
    value: Annotated[
        str | None,
        typer.Argument(
            help="The value; with --jsonl a file, - or nothing for stdin; with --check a vector file.",
            show_default=False,
        ),
    ] = None,
    *,
    type_: Annotated[
        str, typer.Option("--type", "-t", metavar="TYPE", help="url, email, wallet ...", show_default=False)
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="XX", help="Hint for types that need one, such as GB.", show_default=False)
    ] = "",
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Answer requests, one JSON object a line.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Every step, what look-ups try, what the guard says.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Run the test vectors; status 4 if a profile fails.")] = False,
) -> int:
    """Print the canonical form of a value; status 1 if it has none.

    Example: tocsin canon 'HXXP://www.Example[.]com/a/' --type url
    """
    if check:
        if type_ or region or jsonl or explain:
            raise UsageError("--check takes a vector file and nothing else")
        return run_check(run, None if value is None else Path(value))
    if jsonl:
        if type_ or region or explain:
            raise UsageError("with --jsonl each line names its own type and region")
        return _filter(Path(value or "-"))
    if value is None or not type_:
        raise UsageError("name a value and its --type, give requests with --jsonl, or --check this installation")
    return (run_explain if explain else _one)(run, value, type_, region)


def _one(run: Invocation, value: str, type_name: str, region: str) -> int:
    from tocsin_signals.canon import canonicalise
    from tocsin_signals.errors import Rejected
    from tocsin_signals.lint import lint

    try:
        out = canonicalise(type_name, value, region=region or None)
    except Rejected as error:
        if error.reason == "unknown-type":
            raise UsageError(error.sentence) from None
        if run.out.json:
            run.out.emit({"reject": error.reason, "sentence": error.sentence})
        else:
            run.out.error(f"{error.reason}: {error.sentence}")
        return Exit.FINDINGS
    found = lint(type_name, out)
    if run.out.json:
        warnings = [warning._asdict() for warning in found]
        run.out.emit({"out": out} | ({"warnings": warnings} if warnings else {}))
    else:
        run.out.text(out)
        for word, sentence in found:
            run.out.warning(f"{word}: {sentence}")
    return Exit.OK


def _filter(path: Path) -> int:
    with open_input(path, "requests") as stream:
        for number, lines in enumerate(arriving_lines(stream, LINE_BYTES)):
            if number == 0 and lines:
                lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
            sys.stdout.write("".join(json.dumps(answer(line), separators=(",", ":")) + "\n" for line in lines))
            sys.stdout.flush()
    return Exit.OK


def answer(line: bytes) -> dict[str, str | list[str]]:
    """The answer to one request line, whatever it holds."""
    from tocsin_signals.canon import canonicalise
    from tocsin_signals.errors import Rejected
    from tocsin_signals.lint import lint

    try:
        type_name, text, region = _request(line)
        out = canonicalise(type_name, text, region=region)
    except Rejected as error:
        return {"reject": error.reason}
    words = [warning.word for warning in lint(type_name, out)]
    return {"out": out, "warnings": words} if words else {"out": out}


def _request(line: bytes) -> tuple[str, str, str | None]:
    """Type, value and region of a request; Rejected if it is none."""
    from tocsin_signals.errors import Rejected

    wrong = Rejected(NOT_A_REQUEST, "The line is not a request.")
    if len(line) > LINE_BYTES:
        raise wrong
    try:
        request: Any = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(request, dict):
        raise wrong
    fields = cast("dict[str, Any]", request)
    hint = fields.get("hint")
    region = cast("dict[str, Any]", hint).get("region") if isinstance(hint, dict) else hint
    type_name = fields.get("type")
    text = fields.get("in")
    if "in_b64" in fields and "in" not in fields:
        text = _text(fields["in_b64"], wrong)
    if not (isinstance(type_name, str) and isinstance(text, str) and (region is None or isinstance(region, str))):
        raise wrong
    return type_name, text, region


def _text(encoded: Any, wrong: Exception) -> str:
    from tocsin_signals.errors import Rejected

    try:
        return base64.b64decode(encoded, validate=True).decode()
    except UnicodeDecodeError:
        raise Rejected(NOT_UTF8, "The value is not UTF-8.") from None
    except (binascii.Error, TypeError, ValueError):
        raise wrong from None
