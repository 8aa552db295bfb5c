"""`tocsin peer`: other organisations' nodes, deny by default both ways.

A peer is added by its card *and* the fingerprint that its people told by another channel: the card alone proves only
that somebody made it.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli import evidence
from tocsin_node.cli.agreement import canon_pairs
from tocsin_node.cli.card import CARD_BYTES, card_pairs, read_card
from tocsin_node.cli.errors import CliError, UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.fingerprint import digits
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import age, grouped, read_file, when
from tocsin_node.limits import SKEW_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.v1.node_pb2 import FeedStatus, PeerStatus, SentFeed

app = typer.Typer(help="Peers: whom you exchange with.", no_args_is_help=True)
app.add_typer(evidence.app, name="evidence")

_BY: Final = {"hello": "Hello", "list": "list of feeds", "ack": "delivery acknowledged"}

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
        if digits(fingerprint) != digits(own):
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


@command(app, "list")
def list_(run: Invocation) -> None:
    """List the peers: state in words, entries held on both sides, last contact.

    Example: tocsin peer list
    """
    from tocsin_node.cli.wire import plain

    peers = _ask(run, "")
    if run.out.json:
        run.out.emit({"peers": [plain(peer) for peer in peers]})
    elif not peers:
        run.out.say("No peer yet; `tocsin peer add` pins one.")
    else:
        columns = ("organisation", "state", "we hold#", "it holds#", "contact")
        run.out.table(columns, [_row(peer) for peer in peers])
        for peer in filter(_troubled, peers):
            canon = " and makes other canonical forms" if peer.canon.alarms else ""
            more = f"`tocsin peer status {peer.organisation}` tells more."
            run.out.say(f"{peer.organisation} is {_state(peer)}{canon}. {more}")


@command(app, "status")
def status(
    run: Invocation,
    peer: Annotated[str, typer.Argument(metavar="PEER", help="Its organisation id; all without it.")] = "",
) -> int:
    """Show peers in full: state, last round trip, clock, canonical forms, feeds followed, what of yours they hold.

    Status 1 if one is stopped, silent, unreachable, refuses you or makes other canonical forms.

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
    """Call a peer now and name what differs: address, certificate, name, card, protocol, canonical forms.

    Status 1 if anything does.

    Example: tocsin peer check platform.example
    """
    from tocsin.v1.node_pb2 import CheckPeerRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.CheckPeer(CheckPeerRequest(organisation=peer))
    if run.out.json:
        run.out.emit(plain(answer))
    elif answer.findings:
        where = f" at {answer.endpoint}" if answer.endpoint else ""
        run.out.say(f"{peer}{where}:")
        run.out.pairs([(f"  {finding.what}", finding.sentence) for finding in answer.findings])
    else:
        ms = answer.round_trip_us / 1000
        run.out.say(f"{peer} at {answer.endpoint} answers in {ms:.1f} ms, is who we pinned, and accepts us.")
    for note in answer.notes:
        run.out.say(f"Note: {note}.")
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
    from tocsin_node.peers.words import Word

    since = min((feed.behind_since for feed in peer.feeds if feed.behind_since), default=0)
    state = f"{peer.link} {age(since).removesuffix(' ago')}" if peer.link == Word.BEHIND and since else peer.link
    ours = [feed for feed in peer.sent if feed.receives]
    contact = age(max(peer.trip_at, peer.heard_at))
    return peer.organisation, state, _share(peer.feeds), _share(ours), contact


def _state(peer: "PeerStatus") -> str:
    """The word, and why where there is more to say."""
    return f"{peer.link}: {peer.why}" if peer.why else peer.link


def _share(feeds: "Sequence[FeedStatus] | Sequence[SentFeed]") -> str:
    """Entries held of those there are: `all 42`, `40 of 42`; a dash where there is no feed."""
    held, behind = sum(feed.size for feed in feeds), sum(feed.behind for feed in feeds)
    if not feeds:
        return "-"
    return f"{held:,} of {held + behind:,}" if behind else f"all {held:,}"


def _troubled(peer: "PeerStatus") -> bool:
    from tocsin_node.peers.words import TROUBLE

    return peer.link in TROUBLE or any(feed.state in TROUBLE for feed in peer.feeds) or bool(peer.canon.alarms)


def _show(run: Invocation, peer: "PeerStatus") -> None:
    skew = abs(peer.skew_ms) >= SKEW_MS
    trip = f"{_BY.get(peer.trip_by, peer.trip_by)} in {peer.trip_us / 1000:.1f} ms, {when(peer.trip_at)}"
    run.out.pairs(
        [
            ("state", _state(peer)),
            ("role", peer.role),
            ("endpoint", peer.endpoint),
            ("round trip", trip if peer.trip_at else "none since this node started"),
            ("it called", when(peer.called_at) or "not since this node started"),
            ("clock", f"{peer.skew_ms / 1000:+.0f} s against ours" if skew else ""),
            *canon_pairs(peer.canon),
            ("policy", "applied" if peer.policy else "none: nothing of it counts, nothing goes to it"),
            ("card", f"{peer.card_sequence}, until {when(peer.card_not_after)}"),
            ("fingerprint", grouped(peer.fingerprint)),
        ],
        title=peer.organisation,
    )
    if peer.feeds:
        columns = ("feed", "state", "held#", "behind", "last entries", "heard")
        run.out.table(columns, [_from_row(feed, peer.why) for feed in peer.feeds], title="\nWe follow")
    if peer.sent:
        columns = ("feed", "goes to it", "acknowledged#", "when", "behind")
        run.out.table(columns, [_to_row(feed) for feed in peer.sent], title="\nIt receives")
    run.out.say("")


def _from_row(feed: "FeedStatus", told: str) -> tuple[str, ...]:
    """A followed feed; what was `told` of the peer already is not repeated."""
    state = f"{feed.state}: {feed.why}" if feed.why and feed.why != told else feed.state
    behind = _behind(feed.behind, feed.behind_since)
    return _local(feed.origin), state, f"{feed.size:,}", behind, age(feed.delivered_at), age(feed.heard_at)


def _to_row(feed: "SentFeed") -> tuple[str, ...]:
    goes = "yes" if feed.receives else f"no: {feed.why}"
    return _local(feed.feed), goes, f"{feed.size:,}", age(feed.at), _behind(feed.behind, feed.behind_since)


def _local(origin: str) -> str:
    """A feed's local name: whose it is stands above the table."""
    return origin.rpartition("/feed/")[2]


def _behind(count: int, since: int) -> str:
    """`12 for 3 min`, empty where nothing is missing."""
    if not count:
        return ""
    return f"{count:,} for {age(since).removesuffix(' ago')}" if since else f"{count:,}"
