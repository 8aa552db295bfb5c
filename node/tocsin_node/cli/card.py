"""`tocsin card`: a node's signed description of itself, for handing out and for reading others'."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import grouped, iso, read_file, when, write_file

if TYPE_CHECKING:
    from tocsin_crypto.card import Card

app = typer.Typer(help="Cards: who a node is, signed by its organisation.", no_args_is_help=True)

CARD_BYTES: Final = 64 * 1024
"""Largest card read, in bytes; four certificates and five keys take some 6,000."""


def read_card(data: bytes) -> "tuple[Card, str]":
    """The card in a signed note and the fingerprint of its root key; CryptoError if its signature does not hold."""
    from tocsin_crypto.card import open_card
    from tocsin_crypto.ed25519 import fingerprint

    card = open_card(data).card
    return card, fingerprint(card.keys.root.public)


@command(app, "export")
def export(
    run: Invocation,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of stdout.")
    ] = None,
) -> None:
    """Give out this node's card; tell its fingerprint by another channel.

    Example: tocsin card export -o hotline.card
    """
    from tocsin.v1.node_pb2 import GetCardRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.GetCard(GetCardRequest())
    if output:
        write_file(output, answer.card)
    if run.out.json:
        run.out.emit(plain(answer))
        return
    if not output:
        run.out.text(answer.card.decode())
    run.out.note(f"The fingerprint, to be compared by another channel:\n{grouped(answer.fingerprint)}")


@command(app, "show")
def show(
    run: Invocation,
    file: Annotated[
        Path | None, typer.Argument(help="A card's file, - for stdin; this node's own without it.", show_default=False)
    ] = None,
) -> int:
    """Verify a card's signature and show what it says; status 1 if it is not valid now.

    Example: tocsin card show platform.card
    """
    if file is None:
        from tocsin.v1.node_pb2 import GetCardRequest

        with run.local() as local:
            data = local.node.GetCard(GetCardRequest()).card
    else:
        data = read_file(file, limit=CARD_BYTES, what="card")
    card, fingerprint = read_card(data)
    why = _why_not_valid(card)
    if run.out.json:
        run.out.emit(_plain(card, fingerprint) | {"valid": why is None})
        return Exit.OK if why is None else Exit.FINDINGS
    run.out.pairs(card_pairs(card, fingerprint))
    rows = [(name, key["public"][:16] + "...", key["not_before"], key["not_after"]) for name, key in _keys(card)]
    run.out.table(("key", "begins", "from", "until"), rows, title="\nKeys")
    if why is not None:
        run.out.note(f"Warning: {why}.")
    return Exit.OK if why is None else Exit.FINDINGS


@command(app, "renew")
def renew(
    run: Invocation,
    *,
    endpoint: Annotated[
        list[str] | None,
        typer.Option("--endpoint", metavar="HOST:PORT", help="Where peers reach you now; repeatable, else as before."),
    ] = None,
) -> None:
    """Sign a new card of the next sequence, valid for another 400 days; peers take it at their next hello.

    Example: tocsin card renew --endpoint node.hotline.example:7443
    """
    from tocsin.v1.node_pb2 import RenewCardRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.RenewCard(RenewCardRequest(endpoints=endpoint or []))
    if run.out.json:
        run.out.emit(plain(answer))
    run.out.say(f"Card {answer.sequence} is valid until {when(answer.not_after)}.")


def card_pairs(card: "Card", fingerprint: str) -> list[tuple[str, str]]:
    """What a person needs to know of a card before trusting it."""
    return [
        ("organisation", card.organisation),
        ("role", card.role),
        ("sequence", str(card.sequence)),
        ("valid from", when(card.not_before)),
        ("valid until", when(card.not_after)),
        ("endpoints", ", ".join(f"{name} {address}" for name, address in card.endpoints.items())),
        ("manifest", card.manifest.hex() or "none"),
        ("fingerprint", grouped(fingerprint)),
    ]


def _why_not_valid(card: "Card") -> str | None:
    from tocsin_crypto.errors import Refused

    try:
        card.check_valid(time.time_ns() // 1_000_000)
    except Refused as error:
        return str(error)
    return None


def _plain(card: "Card", fingerprint: str) -> dict[str, object]:
    return {
        "organisation": card.organisation,
        "role": card.role,
        "sequence": card.sequence,
        "not_before": iso(card.not_before),
        "not_after": iso(card.not_after),
        "fingerprint": fingerprint,
        "endpoints": dict(card.endpoints),
        "keys": dict(_keys(card)),
        "certificates": len(card.certificates),
        "manifest": card.manifest.hex(),
    }


def _keys(card: "Card") -> list[tuple[str, dict[str, str]]]:
    """Every key by name, in hex, with its validity."""
    keys = card.keys
    named = (
        *(("root", keys.root), ("signing", keys.signing), ("audit", keys.audit), ("witness", keys.witness)),
        ("sealing", keys.sealing),
    )
    return [
        (
            name,
            {"public": key.public.raw.hex(), "not_before": iso(key.not_before), "not_after": iso(key.not_after)},
        )
        for name, key in named
    ]
