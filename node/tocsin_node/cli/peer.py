"""`tocsin peer`: other organisations' nodes, deny by default both ways.

A peer is added by its card *and* the fingerprint that its people told by another channel: the card alone proves only
that somebody made it.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.card import CARD_BYTES, card_pairs, read_card
from tocsin_node.cli.errors import CliError, UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import age, grouped, read_file, when

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import PeerStatus

app = typer.Typer(help="Peers: whom you exchange with.", no_args_is_help=True)

FINGERPRINT_DIGITS: Final = 64
"""Hex digits of a fingerprint, spaces and colons apart: SHA-256 in full."""

SKEW_MS: Final = 10_000
"""Clock difference in ms from which it is shown: below it the network explains it."""

PeerArgument = Annotated[str, typer.Argument(metavar="PEER", help="Its organisation id.", show_default=False)]


@command(app, "add")
def add(
    run: Invocation,
    card: Annotated[Path, typer.Argument(help="The peer's card; - for stdin.", show_default=False)],
    *,
    fingerprint: Annotated[
        str, typer.Option(help="As its people told you by another channel.", show_default=False)
    ] = "",
    endpoint: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Connect here instead of where the card says.", show_default=False)
    ] = "",
) -> None:
    """Pin a peer's root key. It receives and counts nothing before you also apply a policy.

    Without --fingerprint the card's is shown and you are asked, on a terminal only.

    Example: tocsin peer add platform.card --fingerprint "9f0c 11d2 ..."
    """
    from tocsin.v1.node_pb2 import AddPeerRequest
    from tocsin_node.cli.wire import plain

    data = read_file(card, limit=CARD_BYTES, what="card")
    found, own = read_card(data)
    if fingerprint:
        if _digits(fingerprint) != _digits(own):
            raise UsageError(f"this card of {found.organisation} has another fingerprint than the one you gave")
    elif card != Path("-") and sys.stdin.isatty() and not run.out.json:
        run.out.pairs(card_pairs(found, own))
        typer.confirm("Did its people tell you exactly this fingerprint by another channel?", abort=True, err=True)
    else:
        raise UsageError("--fingerprint is required: ask the peer's people for it by another channel")
    with run.local() as local:
        peer = local.node.AddPeer(AddPeerRequest(card=data, fingerprint=own, endpoint=endpoint)).peer
    if run.out.json:
        run.out.emit(plain(peer))
    run.out.say(f"{peer.organisation} is a peer now, reached at {peer.endpoint or 'no address'}.")
    if not peer.policy:
        run.out.say(f"Nothing of it counts yet: tocsin policy apply {peer.organisation}.toml")


def _digits(fingerprint: str) -> str:
    """The bare hex digits; UsageError if this is no fingerprint in full."""
    digits = fingerprint.lower().replace(" ", "").replace(":", "")
    if len(digits) != FINGERPRINT_DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise UsageError(f"a fingerprint has {FINGERPRINT_DIGITS} hex digits; give all of them, grouped or not")
    return digits


@command(app, "list")
def list_(run: Invocation) -> None:
    """List the peers with their state and link.

    Example: tocsin peer list
    """
    from tocsin_node.cli.wire import plain

    peers = _ask(run, "")
    if run.out.json:
        run.out.emit({"peers": [plain(peer) for peer in peers]})
    elif not peers:
        run.out.say("No peer yet; `tocsin peer add` pins one.")
    else:
        columns = ("organisation", "role", "state", "link", "policy", "heard")
        run.out.table(columns, [_row(peer) for peer in peers])


@command(app, "status")
def status(
    run: Invocation,
    peer: Annotated[str, typer.Argument(metavar="PEER", help="Its organisation id; all without it.")] = "",
) -> int:
    """Show peers in full: link, clock, feeds followed, and what of yours they hold.

    Status 1 if the link of an active peer is refused or a feed of it is stopped.

    Example: tocsin peer status platform.example
    """
    from tocsin_node.cli.wire import plain

    peers = _ask(run, peer)
    if run.out.json:
        run.out.emit({"peers": [plain(item) for item in peers]})
    else:
        for item in peers:
            _show(run, item)
    return Exit.FINDINGS if any(_troubled(item) for item in peers) else Exit.OK


@command(app, "check")
def check(run: Invocation, peer: PeerArgument) -> int:
    """Call a peer now and say what stands between you; status 1 if there is a finding.

    Example: tocsin peer check platform.example
    """
    from tocsin.v1.node_pb2 import CheckPeerRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.CheckPeer(CheckPeerRequest(organisation=peer))
    if run.out.json:
        run.out.emit(plain(answer))
    for finding in answer.findings:
        run.out.say(finding)
    if answer.ok:
        run.out.say(f"{peer} answers in {answer.round_trip_us / 1000:.1f} ms and accepts us.")
    return Exit.OK if answer.ok else Exit.FINDINGS


@command(app, "pause")
def pause(run: Invocation, peer: PeerArgument) -> None:
    """Cut the exchange with a peer at once; what it published goes on counting until it is silent for too long.

    Example: tocsin peer pause platform.example
    """
    _set(run, peer, "paused")


@command(app, "resume")
def resume(run: Invocation, peer: PeerArgument) -> None:
    """Take the exchange with a paused peer up again.

    Example: tocsin peer resume platform.example
    """
    _set(run, peer, "active")


@command(app, "remove")
def remove(
    run: Invocation,
    peer: PeerArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Cut a peer off at once; nothing of it counts from that moment.

    Example: tocsin peer remove former.example --yes
    """
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("removing a peer needs --yes where nobody can be asked")
        typer.confirm(f"Remove {peer}? Nothing it published will count any more.", abort=True, err=True)
    _set(run, peer, "removed")


def _ask(run: Invocation, organisation: str) -> "list[PeerStatus]":
    from tocsin.v1.node_pb2 import ListPeersRequest

    with run.local() as local:
        peers = list(local.node.ListPeers(ListPeersRequest(organisation=organisation)).peers)
    if organisation and not peers:
        raise CliError(f"{organisation} is not a peer; `tocsin peer list` names them", Exit.USAGE)
    return peers


def _set(run: Invocation, organisation: str, state: str) -> None:
    from tocsin.v1.node_pb2 import SetPeerStateRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        peer = local.node.SetPeerState(SetPeerStateRequest(organisation=organisation, state=state)).peer
    if run.out.json:
        run.out.emit(plain(peer))
    run.out.say(f"{peer.organisation} is {peer.state}.")


def _row(peer: "PeerStatus") -> tuple[str, ...]:
    return peer.organisation, peer.role, peer.state, peer.link, "yes" if peer.policy else "none", age(peer.heard_at)


def _troubled(peer: "PeerStatus") -> bool:
    refused = peer.state == "active" and peer.link.startswith("refused")
    return refused or any(feed.state == "stopped" for feed in peer.feeds)


def _show(run: Invocation, peer: "PeerStatus") -> None:
    skew = abs(peer.skew_ms) >= SKEW_MS
    run.out.pairs(
        [
            ("role", peer.role),
            ("state", peer.state),
            ("link", peer.link),
            ("endpoint", peer.endpoint),
            ("heard", when(peer.heard_at) or "never"),
            ("clock", f"{peer.skew_ms / 1000:+.0f} s against ours" if skew else ""),
            ("policy", "applied" if peer.policy else "none: nothing of it counts, nothing goes to it"),
            ("card", f"{peer.card_sequence}, until {when(peer.card_not_after)}"),
            ("fingerprint", grouped(peer.fingerprint)),
        ],
        title=peer.organisation,
    )
    if peer.feeds:
        from tocsin_node.cli.status import FOLLOWED_COLUMNS, followed_row

        run.out.table(FOLLOWED_COLUMNS, [followed_row(feed) for feed in peer.feeds], title="\nFollowed from it")
    if peer.delivered:
        rows = [(item.feed, f"{item.size:,}", when(item.at)) for item in peer.delivered]
        run.out.table(("feed", "entries#", "since"), rows, title="\nDelivered to it")
    run.out.say("")
