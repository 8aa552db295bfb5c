"""`tocsin signal verify`: is this file a publisher's word? Offline; with --key or --card no node and no home is needed.

Says what the publisher asserted, since when and until when, and plainly what a proof cannot show.
"""

import hmac
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import PROOF_EPILOG, ProofExit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.match import details_pairs
from tocsin_node.cli.output import grouped, iso, read_file, when

if TYPE_CHECKING:
    from tocsin_crypto.card import Card
    from tocsin_crypto.note import NoteVerifier
    from tocsin_node.life.state import Event
    from tocsin_node.proof.verify import Proven

CARD_BYTES: Final = 64 * 1024
"""Largest card read, in bytes; four certificates and five keys take some 6,000."""


class Pinned(NamedTuple):
    """The key a proof is checked under, and where it comes from, for the reader to judge."""

    verifier: "NoteVerifier"
    source: str


def register(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, "verify", epilog=PROOF_EPILOG, failure=ProofExit.CANNOT)(verify)


def verify(
    run: Invocation,
    file: Annotated[Path, typer.Argument(help="The proof; - for stdin.", show_default=False)],
    *,
    key: Annotated[
        str, typer.Option("--key", metavar="VKEY", help="The publisher's key: NAME+ID+KEY.", show_default=False)
    ] = "",
    card: Annotated[
        Path | None, typer.Option("--card", metavar="FILE", help="The publisher's card.", show_default=False)
    ] = None,
    peer: Annotated[
        str, typer.Option("--peer", metavar="ORG", help="A peer of the node at --home, or its own.", show_default=False)
    ] = "",
    value: Annotated[
        str, typer.Option("--value", metavar="TEXT", help="Is it about this? Needs a member's --home.")
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="XX", help="Hint for types that need one, such as GB.", show_default=False)
    ] = "",
) -> int:
    """Check a file that `signal prove` wrote, offline, and say what it shows and what it does not.

    Example: tocsin signal verify case-17.tlog-proof --card hotline.card
    """
    from tocsin_crypto.errors import Forged
    from tocsin_node.limits import PROOF_BYTES
    from tocsin_node.proof.verify import verify_proof

    pinned = _pinned(run, key, card, peer)
    data = read_file(file, limit=PROOF_BYTES, what="proof")
    try:
        proven = verify_proof(data, pinned.verifier)
    except Forged as error:
        if run.out.json:
            run.out.emit({"holds": False, "why": str(error)})
        run.out.error(f"the proof is FALSE: {error}")
        return ProofExit.FALSE
    about = _about(run, proven, value, region) if value else None
    if run.out.json:
        run.out.emit(_plain(proven, pinned, about))
    else:
        _show(run, proven, pinned, about)
    return ProofExit.OK if about is not False else ProofExit.FALSE


def _pinned(run: Invocation, key: str, card: Path | None, peer: str) -> Pinned:
    from tocsin_crypto.note import NoteVerifier
    from tocsin_node.proof.verify import publisher_of

    if sum(map(bool, (key, card, peer))) != 1:
        raise UsageError("name the publisher's key: one of --key VKEY, --card FILE or --peer ORGANISATION")
    if key:
        verifier = NoteVerifier.from_vkey(key)
        publisher_of(verifier)
        return Pinned(verifier, "the key given with --key")
    if card:
        from tocsin_node.cli.card import read_card

        found, fingerprint = read_card(read_file(card, limit=CARD_BYTES, what="card"))
        return Pinned(_signing(found), f"the card {card}, if this is its fingerprint:\n{grouped(fingerprint)}")
    return Pinned(_signing(_peer_card(run.home, peer)), f"the card of {peer} that the node at {run.home} pinned")


def _signing(card: "Card") -> "NoteVerifier":
    from tocsin_crypto.names import node_key_name
    from tocsin_crypto.note import NoteVerifier

    return NoteVerifier(node_key_name(card.organisation), card.keys.signing.public)


def _peer_card(home: Path, organisation: str) -> "Card":
    from contextlib import closing

    from tocsin_node.home import Home
    from tocsin_node.proof.pinned import pinned_card
    from tocsin_node.store.sqlite import SqliteStore

    found = Home(home)
    found.require()
    with closing(SqliteStore.open_read_only(found.database)) as store:
        return pinned_card(store, organisation)


def _about(run: Invocation, proven: "Proven", value: str, region: str) -> bool:
    """Whether the signal is about this value, by the epoch keys of a home. Errors: when it holds none that fits."""
    from tocsin_node.home import Home
    from tocsin_node.proof.pinned import epoch_keys
    from tocsin_node.proof.value import tags_of

    home = Home(run.home)
    home.require()
    made = tags_of(proven, value, region, epoch_keys(home, os.environ))
    return any(hmac.compare_digest(tag, event.entry.tag) for event, tag in made)


def _show(run: Invocation, proven: "Proven", pinned: Pinned, about: bool | None) -> None:
    from tocsin_node.cli.wire import details
    from tocsin_signals.types import by_code

    life = proven.life
    kind = by_code(life.type)
    run.out.say(f"The proof holds: {proven.publisher} said this.")
    run.out.pairs(
        [
            ("signal", f"{proven.origin} {proven.signal}"),
            ("type", kind.name if kind else f"unknown type {life.type:#06x}"),
            ("value", _in_the_clear(proven)),
            ("about", {None: "", True: "the value given", False: "NOT the value given, under any key held"}[about]),
            ("state", f"{_state(proven)}, by the entries in the file and this machine's clock"),
            ("as of", f"{proven.size:,} entries of the feed, root {proven.root.hex()[:16]}..."),
            ("checked with", pinned.source),
        ]
    )
    for event in proven.events:
        said = details(event.details)
        shown = list(details_pairs(said)) if said is not None else [("details", "not understood")]
        fields = [("issued", when(event.entry.issued_at)), ("valid until", when(event.entry.valid_until))]
        run.out.pairs([*fields, *shown], title=f"\n{event.entry.kind_word} at {event.index}")
    run.out.say("\nNot shown by a proof:")
    for item in _not_shown(proven, about):
        run.out.say(f"- {item}")


def _plain(proven: "Proven", pinned: Pinned, about: bool | None) -> dict[str, object]:
    from tocsin_signals.types import by_code

    kind = by_code(proven.life.type)
    return {
        "holds": True,
        "feed": proven.origin,
        "publisher": proven.publisher,
        "signal": proven.signal,
        "type": kind.name if kind else None,
        "state": _state(proven),
        "value": _in_the_clear(proven) or None,
        "about_value": about,
        "size": proven.size,
        "root": proven.root.hex(),
        "key": pinned.verifier.vkey,
        "entries": [_event(event) for event in proven.events],
        "not_shown": list(_not_shown(proven, about)),
    }


def _event(event: "Event") -> dict[str, object]:
    from tocsin_node.cli.wire import details

    entry = event.entry
    return {
        "index": event.index,
        "kind": entry.kind_word,
        "issued_at": iso(entry.issued_at) or None,
        "valid_until": iso(entry.valid_until) or None,
        "epoch": entry.epoch,
        "details": details(event.details),
    }


def _state(proven: "Proven") -> str:
    return proven.life.standing.state(time.time_ns() // 1_000_000).value


def _in_the_clear(proven: "Proven") -> str:
    """The value itself where the publisher signed it as it is; else empty."""
    from tocsin_node.clear import CLEAR_CODES, CLEAR_EPOCH, clear_value

    entry = proven.life.tagged[0].entry
    return clear_value(entry.tag) if entry.type in CLEAR_CODES and entry.epoch == CLEAR_EPOCH else ""


def _not_shown(proven: "Proven", about: bool | None) -> tuple[str, ...]:
    from tocsin_node.proof.verify import NOT_SHOWN, NOT_SHOWN_VALUE

    told = about is not None or bool(_in_the_clear(proven))
    return NOT_SHOWN if told else (*NOT_SHOWN, NOT_SHOWN_VALUE)
