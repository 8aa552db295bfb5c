"""`tocsin signal`: one signal as a thing of its own: shown, revised, proved to an outsider, checked by one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli import signal_verify
from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.match import MAX_SIGNAL, details_pairs
from tocsin_node.cli.named import Region, Values, ValueType, identifiers
from tocsin_node.cli.output import iso, minute, size, when, write_file

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import ShowSignalResponse, SignalEvent

app = typer.Typer(help="Single signals.", no_args_is_help=True)
signal_verify.register(app)

Feed = Annotated[str, typer.Argument(help="Origin of the feed, or the name of an own one.", show_default=False)]
OwnFeed = Annotated[str, typer.Argument(help="Name or origin of your feed.", show_default=False)]
Id = Annotated[int, typer.Argument(metavar="ID", min=0, max=MAX_SIGNAL, help="The signal's id.", show_default=False)]

PROOF_SUFFIX: Final = ".tlog-proof"
"""What C2SP calls such a file."""


@app.callback()
def group() -> None:
    """Single signals."""


@command(app, "show")
def show(run: Invocation, feed: Feed, signal: Id) -> None:
    """Show a signal's whole life: its state and why, what your policy makes of it, every entry, who has which.

    Example: tocsin signal show urls 17
    """
    from tocsin.v1.node_pb2 import ShowSignalRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.ShowSignal(ShowSignalRequest(feed=feed, signal=signal))
    if run.out.json:
        run.out.emit(plain(answer))
    else:
        _show(run, answer)


@command(app, "revise")
def revise(
    run: Invocation,
    feed: OwnFeed,
    signals: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", min=0, max=MAX_SIGNAL, help="Ids of signals.", show_default=False),
    ] = None,
    *,
    value: Values = None,
    type_: ValueType = "",
    region: Region = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="New details; the others stay; repeatable.")
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="Details to take away; repeatable.")
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="The new end: 90d or 2026-12-31.", show_default=False)
    ] = "",
) -> None:
    """Change details or end of live signals of yours: all that are named, or none.

    Receivers apply it to the signal, under every epoch it is tagged for. To end one, withdraw it.

    Example: tocsin signal revise urls 17 --set severity=critical --expires 180d
    """
    from tocsin.v1.node_pb2 import ReviseSignalsRequest
    from tocsin_node.cli.wire import plain

    if not (signals or value) or bool(value) != bool(type_):
        raise UsageError("name what to revise by id, or with --value TEXT and --type TYPE")
    changes, end = _changes(set_ or [], unset or [], expires)
    request = ReviseSignalsRequest(
        feed=feed,
        signals=signals or [],
        identifiers=identifiers(value, type_, region),
        changes=json.dumps(changes, ensure_ascii=False).encode() if changes else b"",
        valid_until=end,
    )
    with run.local() as local:
        answer = local.node.ReviseSignals(request)
    if run.out.json:
        run.out.emit(plain(answer))
    for word, ids in (("revised", answer.revised), ("unchanged: they say so already", answer.unchanged)):
        if ids:
            named = ", ".join(map(str, ids[:20])) + (" ..." if len(ids) > 20 else "")
            run.out.say(f"{len(ids)} {word} (signal {named}).")


@command(app, "prove")
def prove(
    run: Invocation,
    feed: Feed,
    signal: Id,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=f"Where to, such as case-17{PROOF_SUFFIX}.")
    ],
) -> None:
    """Write a signal and its proof to one file that anybody can check with the publisher's card.

    The file holds what was signed: type, tag, times and details; never the identifier. Making it is logged.

    Example: tocsin signal prove hotline.example/feed/urls 17 -o case-17.tlog-proof
    """
    from tocsin.v1.audit_pb2 import ProveSignalRequest

    with run.local() as local:
        answer = local.audit.ProveSignal(ProveSignalRequest(feed=feed, signal=signal))
    write_file(output, answer.proof)
    if run.out.json:
        told = {"file": str(output), "entries": answer.entries, "left_out": answer.left_out, "size": answer.size}
        run.out.emit(told)
    entries = "1 entry" if answer.entries == 1 else f"{answer.entries} entries"
    as_of = f"as of {answer.size:,} entries of the feed"
    run.out.say(f"{output}: {entries} about signal {signal} {as_of}, {size(len(answer.proof))}.")
    if answer.left_out:
        run.out.note(f"{answer.left_out} entries between the first and these did not fit and were left out.")


def _changes(settings: list[str], unset: list[str], expires: str) -> tuple[dict[str, object], int]:
    """What --set, --unset and --expires say: keys of details (None: taken away), and the end in ms UTC or 0."""
    from tocsin_node.cli.publish import make_defaults
    from tocsin_node.cli.upload import end_of

    defaults = make_defaults(settings, "", expires)
    changes: dict[str, object] = {**defaults.fields}
    for key in unset:
        if key in changes:
            raise UsageError(f"--set and --unset both name {key}")
        changes[key] = None
    return changes, end_of(defaults.expires, defaults.now_ms) if defaults.expires else 0


def _show(run: Invocation, answer: "ShowSignalResponse") -> None:
    from tocsin_node.cli.wire import details, effect_word

    by = [f"by rule {answer.rule}"] if answer.rule else []
    by += [f"capped by {', '.join(answer.caps)}"] if answer.caps else []
    run.out.pairs(
        [
            ("signal", f"{answer.feed} {answer.signal}"),
            ("publisher", answer.publisher),
            ("type", answer.type),
            ("published as", answer.identifier),
            ("state", f"{answer.state}: {answer.why}" if answer.why else answer.state),
            ("effect here", ", ".join([effect_word(answer.effect), *by])),
            ("counts until", when(answer.counts_until)),
            ("tags", "\n".join(_tag(tag.epoch, tag.tag, tag.match_until) for tag in answer.tags)),
        ]
    )
    before = None
    for event in answer.events:
        said = details(event.details)
        fields = _times(event)
        if event.kind == "retag":
            fields.append(("details", "as before" if said == before else "others, which do not count in a retag"))
        else:
            fields += details_pairs(said) if said is not None else [("details", "not understood")]
            before = said if event.kind != "withdraw" else before
        if event.held_by:
            fields.append(("held by", ", ".join(event.held_by)))
        run.out.pairs(fields, title=f"\n{event.kind} at {event.index}")
    if answer.left_out:
        run.out.say(f"\n{answer.left_out:,} entries between the first and these are not shown.")
    if answer.delivered:
        rows = [(item.peer, f"{item.size:,}", iso(item.at)) for item in answer.delivered]
        run.out.table(("has all of it", "entries#", "since"), rows, title="\nDelivered")


def _times(event: "SignalEvent") -> list[tuple[str, str]]:
    fields = [("issued", when(event.issued_at)), ("valid until", when(event.valid_until))]
    if event.kind == "retag":
        del fields[1]
    if event.epoch:
        fields.append(("epoch", str(event.epoch)))
    return fields


def _tag(epoch: int, tag: str, match_until: int) -> str:
    until = f"matched until {minute(match_until)}" if match_until else "this node does not hold that epoch"
    return f"{tag}... under epoch {epoch}, {until}"
