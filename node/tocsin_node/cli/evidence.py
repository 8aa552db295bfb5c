"""`tocsin peer evidence`: what peers sent that was false, as a list and as files that others can check.

`verify` needs no node: a file holds all that judges it. Files are written with mode 0600, because a message of a peer
is for those who have to judge it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import grouped, iso, read_file, size, when, write_file
from tocsin_node.limits import EVIDENCE_FILE_BYTES

if TYPE_CHECKING:
    from tocsin_node.peers.proof import Evidence, Judgement

app = typer.Typer(help="What peers sent that was false: list, export, verify.")


@command(app, "list", default=True)
def list_(
    run: Invocation,
    peer: Annotated[str, typer.Option(metavar="PEER", help="Of this peer only.", show_default=False)] = "",
) -> None:
    """List what was kept, newest first.

    Example: tocsin peer evidence list --peer hotline.example
    """
    from tocsin.v1.node_pb2 import ListEvidenceRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.ListEvidence(ListEvidenceRequest(peer=peer))
    if run.out.json:
        run.out.emit(plain(answer))
    elif not answer.evidence:
        run.out.say("No evidence: nothing false was received.")
    else:
        rows = [
            (str(e.id), iso(e.at), e.peer, e.origin, f"{e.code}: {e.sentence}", size(e.bytes)) for e in answer.evidence
        ]
        run.out.table(("id#", "when", "from", "about", "what", "message#"), rows)


@command(app, "export")
def export(
    run: Invocation,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `evidence` lists it.", show_default=False)],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.", show_default=False)
    ],
) -> None:
    """Write one record as a self-contained file: the message, the finding, and the keys that judge it.

    Example: tocsin peer evidence export 3 -o fork.json
    """
    from tocsin.v1.node_pb2 import ExportEvidenceRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.ExportEvidence(ExportEvidenceRequest(id=number))
    write_file(output, answer.file, mode=0o600)
    if run.out.json:
        run.out.emit(plain(answer.evidence))
    run.out.say(f"Evidence {number} is in {output}. `tocsin peer evidence verify {output}` says what it proves.")


@command(app, "verify", node=False)
def verify(
    run: Invocation,
    file: Annotated[Path, typer.Argument(help="An evidence file; - for stdin.", show_default=False)],
    *,
    fingerprint: Annotated[
        str, typer.Option(help="Of the organisation's root key, as its people told you.", show_default=False)
    ] = "",
) -> int:
    """Say what an evidence file proves to somebody who was not there; status 1 if it proves nothing. Needs no node.

    Without --fingerprint the file is judged by the root key in it, which is shown for you to compare.

    Example: tocsin peer evidence verify fork.json --fingerprint "9f0c 11d2 ..."
    """
    from tocsin_node.cli.fingerprint import digits
    from tocsin_node.peers.proof import judge, read_evidence_file

    found = read_evidence_file(read_file(file, limit=EVIDENCE_FILE_BYTES, what="evidence file"))
    told = judge(found)
    same = not fingerprint or digits(fingerprint) == digits(told.root or "0" * 64)
    proved = told.proved and same
    if run.out.json:
        run.out.emit(
            {
                "proved": proved,
                "why": told.why,
                "organisation": told.organisation,
                "root": told.root,
                "compared": bool(fingerprint),
                "same_root": same,
                "code": found.code,
                "origin": found.origin,
                "peer": found.peer,
                "at": iso(found.at),
            }
        )
    else:
        _show(run, found, told, same=same, compared=bool(fingerprint))
    return Exit.OK if proved else Exit.FINDINGS


def _show(run: Invocation, found: "Evidence", told: "Judgement", *, same: bool, compared: bool) -> None:
    run.out.pairs(
        [
            ("finding", f"{found.code}: {found.sentence}"),
            ("about", found.origin),
            ("sent by", found.peer),
            ("kept by", f"{found.kept_by}, {when(found.at)}"),
            ("root key", grouped(told.root)),
        ]
    )
    if not same:
        run.out.say("Proves nothing: the root key in the file is not the one whose fingerprint you gave.")
    elif told.proved:
        run.out.say(f"Proved: {told.why}.")
        if not compared:
            run.out.say(
                f"It stands on the root key above: compare it with what the people of {told.organisation} told you."
            )
    else:
        run.out.say(f"Proves nothing to somebody who was not there: {told.why}.")
