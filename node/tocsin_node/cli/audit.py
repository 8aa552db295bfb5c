"""`tocsin audit verify`: do the logs of a home hold, from stored bytes to signed checkpoints?

A running node checks itself over its Audit service; otherwise the files are read here without starting a node, so that
a copy, damaged or not, can be examined. Says what was not checked, too.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

from tocsin_node.cli.errors import CliError
from tocsin_node.cli.exits import VERIFY_EPILOG, VerifyExit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.progress import Bar

if TYPE_CHECKING:
    from tocsin.v1.audit_pb2 import LogReport, VerifyResponse

FORK_WORD: Final = "fork"
"""A finding that tells of two histories of one log has this word in its sentence."""

app = typer.Typer(help="The logs this node keeps.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The logs this node keeps."""


@command(app, "verify", epilog=VERIFY_EPILOG, failure=VerifyExit.CANNOT)
def verify(run: Invocation) -> int:
    """Check every log of a home, byte by byte; of a copy with --home COPY, without starting a node.

    --json gives one line per log.

    Example: tocsin audit verify --home /backup/node-monday
    """
    status = VerifyExit.CANNOT
    logs, unseen = 0, dict[str, list[str]]()
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Bar("verifying", unit="entries"))
        reports = _reports(_responses(run, stack), bar)
        for report in reports:
            status = _worst(status, report)
            _show(run, report)
            for item in report.not_checked:
                unseen.setdefault(item, []).append(report.origin)
            logs += 1
    if status is VerifyExit.CANNOT:
        raise CliError(f"{run.home} keeps no log that could be verified")
    for item, origins in unseen.items():
        where = "" if len(origins) == logs else f" for {', '.join(origins)}"
        run.out.say(f"Not checked{where}: {item.rstrip('.')}.")
    return status


def _responses(run: Invocation, stack: contextlib.ExitStack) -> "Iterator[VerifyResponse]":
    from tocsin_node.cli.connect import node_runs

    if node_runs(run.home):
        from tocsin.v1.audit_pb2 import VerifyRequest

        return iter(stack.enter_context(run.local(start=False)).audit.Verify(VerifyRequest()))
    from tocsin_node.audit.verify import verify_home

    return iter(verify_home(run.home))


def _reports(responses: "Iterator[VerifyResponse]", bar: Bar) -> "Iterator[LogReport]":
    for response in responses:
        if response.HasField("progress"):
            bar.move(response.progress.done, response.progress.total, response.progress.origin)
        else:
            yield response.report


def _worst(status: VerifyExit, report: "LogReport") -> VerifyExit:
    if not report.ok and any(FORK_WORD in finding.lower() for finding in report.findings):
        return VerifyExit.FORK
    if not report.ok:
        return VerifyExit.FORK if status is VerifyExit.FORK else VerifyExit.FINDING
    return VerifyExit.OK if status is VerifyExit.CANNOT else status


def _show(run: Invocation, report: "LogReport") -> None:
    from tocsin_node.cli.wire import plain

    if run.out.json:
        run.out.emit(plain(report))
        return
    verdict = "ok" if report.ok else "DOES NOT CHECK"
    root = f", root {report.root.hex()[:16]}..." if report.root else ""
    run.out.say(f"{report.origin}: {verdict}, {report.size:,} entries{root}")
    for finding in report.findings:
        run.out.say(f"  finding: {finding}")
