"""`tocsin signal show`: the life of one signal."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.match import MAX_SIGNAL, details_pairs
from tocsin_node.cli.output import iso, when

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import ShowSignalResponse

app = typer.Typer(help="Single signals.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Single signals."""


@command(app, "show")
def show(
    run: Invocation,
    feed: Annotated[str, typer.Argument(help="Origin of the feed, or the name of an own one.", show_default=False)],
    signal: Annotated[
        int, typer.Argument(metavar="ID", min=0, max=MAX_SIGNAL, help="The signal's id.", show_default=False)
    ],
) -> None:
    """Show a signal: state, what your policy makes of it, every entry, and for own ones who holds the newest.

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


def _show(run: Invocation, answer: "ShowSignalResponse") -> None:
    from tocsin_node.cli.wire import details, effect_word

    run.out.pairs(
        [
            ("signal", f"{answer.feed} {answer.signal}"),
            ("publisher", answer.publisher),
            ("type", answer.type),
            ("tag", f"{answer.tag}..." if answer.tag else ""),
            ("published as", answer.identifier),
            ("state", answer.state),
            (
                "effect",
                f"{effect_word(answer.effect)}, by {answer.rule}" if answer.rule else effect_word(answer.effect),
            ),
        ]
    )
    for event in answer.events:
        fields = [("issued", when(event.issued_at)), ("valid until", when(event.valid_until))]
        if event.epoch:
            fields.append(("epoch", str(event.epoch)))
        run.out.pairs([*fields, *details_pairs(details(event.details))], title=f"\n{event.kind} at {event.index}")
    if answer.delivered:
        rows = [(item.peer, f"{item.size:,}", iso(item.at)) for item in answer.delivered]
        run.out.table(("held by", "entries#", "since"), rows, title="\nDelivered")
