"""`tocsin feed`: own feeds, who receives them, bringing them back; and serving another's feed on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import AskedPeer, FeedStatus, RecoveredFeed, RecoverFeedResponse

app = typer.Typer(help="Your own feeds, who receives them, and feeds you serve on.", no_args_is_help=True)


def feed_row(item: "FeedStatus") -> tuple[str, ...]:
    """An own feed as a row under OWN_COLUMNS, by its name."""
    state = f"{item.state}: {item.why}" if item.why else item.state
    return item.origin.rpartition("/feed/")[2], state, f"{item.size:,}", f"{item.probes}", item.community, item.audience


OWN_COLUMNS: Final = ("feed", "state", "entries#", "probes#", "community", "audience")


@command(app, "create")
def create(
    run: Invocation,
    name: Annotated[str, typer.Argument(help="Name of the feed.", show_default=False)],
    *,
    community: Annotated[str, typer.Option(help="Community whose tags it carries.", show_default=False)],
    audience: Annotated[str, typer.Option(help="Audience of your configuration that may follow.", show_default=False)],
    relay: Annotated[bool, typer.Option("--relay", help="Let followers serve it on to their own peers.")] = False,
) -> None:
    """Open a feed for one community and one audience, for life. Whether it may be served on is for life too.

    Example: tocsin feed create urls --community demo.hotline.example --audience platforms
    """
    from tocsin.v1.node_pb2 import CreateFeedRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        wanted = CreateFeedRequest(name=name, community=community, audience=audience, relay=relay)
        feed = local.node.CreateFeed(wanted).feed
    if run.out.json:
        run.out.emit(plain(feed))
    run.out.say(f"The feed {feed.origin} is open. `tocsin feed recipients {name}` shows who will receive it.")


@command(app, "list")
def list_(run: Invocation) -> None:
    """List your feeds.

    Example: tocsin feed list
    """
    from tocsin.v1.node_pb2 import ListOwnFeedsRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        feeds = local.node.ListOwnFeeds(ListOwnFeedsRequest())
    if run.out.json:
        run.out.emit(plain(feeds))
    elif feeds.feeds:
        run.out.table(OWN_COLUMNS, [feed_row(item) for item in feeds.feeds])
    else:
        run.out.say("No feed yet; `tocsin feed create` opens one.")


@command(app, "recipients")
def recipients(
    run: Invocation,
    feed: Annotated[str, typer.Argument(help="Name or origin of the feed.", show_default=False)],
) -> int:
    """Show who receives a feed of yours, or one you serve on, who does not, and why; status 1 if nobody does.

    Example: tocsin feed recipients urls
    """
    from tocsin.v1.node_pb2 import FeedRecipientsRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.FeedRecipients(FeedRecipientsRequest(feed=feed))
    anybody = any(item.receives for item in answer.recipients)
    if run.out.json:
        run.out.emit(plain(answer))
    else:
        rows = [(item.organisation, "yes" if item.receives else "no", item.why) for item in answer.recipients]
        if rows:
            run.out.table(("organisation", "receives", "why"), rows)
        if not anybody:
            run.out.say("Nobody receives this feed.")
    return Exit.OK if anybody else Exit.FINDINGS


@command(app, "relay")
def relay(
    run: Invocation,
    feed: Annotated[str, typer.Argument(metavar="ORIGIN", help="Origin of a feed you follow.", show_default=False)],
    *,
    audience: Annotated[
        str, typer.Option(help="Audience of your configuration that it is served on to.", show_default=False)
    ] = "",
    off: Annotated[bool, typer.Option("--off", help="Serve it on to nobody any more.")] = False,
) -> None:
    """Serve a feed you follow on to your own peers, bytes untouched, where its publisher permits it.

    A peer receives it if it is in the audience and your policy for it names the full origin under [send].

    Example: tocsin feed relay hotline.example/feed/urls --audience platforms
    """
    from tocsin.v1.node_pb2 import RelayFeedRequest
    from tocsin_node.cli.errors import UsageError
    from tocsin_node.cli.wire import plain

    if off == bool(audience):
        raise UsageError("name either --audience or --off")
    with run.local() as local:
        found = local.node.RelayFeed(RelayFeedRequest(feed=feed, audience=audience)).feed
    if run.out.json:
        run.out.emit(plain(found))
    if off:
        run.out.say(f"{found.origin} is served on to nobody.")
    else:
        run.out.say(f"{found.origin} is served on. `tocsin feed recipients {found.origin}` shows to whom.")


@command(app, "trust")
def trust(
    run: Invocation,
    feed: Annotated[str, typer.Argument(metavar="ORIGIN", help="Origin of a feed you follow.", show_default=False)],
    peer: Annotated[str, typer.Argument(metavar="PEER", help="Who served it on to you.", show_default=False)],
) -> None:
    """Take a feed from a peer again whose serving of it was false.

    Do so once its people have told you what happened. What it sent stays as evidence; one more false message and the
    feed is not taken from it any more. A feed whose publisher itself was false stays stopped.

    Example: tocsin feed trust hotline.example/feed/urls platform.example
    """
    from tocsin.v1.node_pb2 import TrustRelayRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        found = local.node.TrustRelay(TrustRelayRequest(feed=feed, peer=peer)).feed
    if run.out.json:
        run.out.emit(plain(found))
    run.out.say(f"{found.origin} is taken from {peer} again where it serves it.")


@command(app, "recover")
def recover(
    run: Invocation,
    feed: Annotated[str, typer.Argument(help="Name of the feed.", show_default=False)],
    *,
    from_: Annotated[
        str, typer.Option("--from", metavar="PEER", help="Ask this peer only, not every active one.")
    ] = "",
) -> int:
    """Fetch entries of a feed of yours that this node no longer has back from those who follow it.

    Run it for every feed after restoring a home from a backup, and for a feed that is frozen. It may be interrupted and
    repeated. Status 1 while the feed stays frozen.

    Example: tocsin feed recover urls
    """
    from tocsin.v1.node_pb2 import RecoverFeedRequest
    from tocsin_node.cli.wire import plain

    with run.local(start=False) as local:
        result = _watch(local.node.RecoverFeed(RecoverFeedRequest(feed=feed, peer=from_)))
    if run.out.json:
        run.out.emit(plain(result))
    else:
        _tell(run, result)
    return Exit.OK if result.open else Exit.FINDINGS


def _watch(responses: "Iterable[RecoverFeedResponse]") -> "RecoveredFeed":
    from tocsin_node.cli.errors import CliError
    from tocsin_node.cli.progress import Bar

    with Bar("recovering", unit="entries") as bar:
        for response in responses:
            if response.HasField("result"):
                return response.result
            bar.move(response.progress.done, response.progress.total, f"from {response.progress.peer}")
    raise CliError("the node ended without an answer; run the command again")


def _tell(run: Invocation, result: "RecoveredFeed") -> None:
    run.out.table(("asked", "holds#", "came back#", "note"), [_asked(one) for one in result.asked])
    if result.open and not result.returned:
        run.out.say(f"Nothing of {result.feed} is missing: {result.size:,} entries are here.")
    else:
        run.out.say(f"{result.returned:,} entries of {result.feed} came back; {result.size:,} are here now.")
    if result.without_identifier:
        run.out.say(
            f"{result.without_identifier:,} live signals came back without their identifier, which only you had: "
            "publish your lists again and they have it back. Until then withdraw them by id."
        )
    if result.missing_epochs:
        epochs = ", ".join(map(str, result.missing_epochs))
        run.out.say(f"This node holds no key of epoch {epochs}: ask the community's founder for a new invite.")
    run.out.say("The feed is open." if result.open else f"The feed stays frozen: {result.why}.")


def _asked(one: "AskedPeer") -> tuple[str, str, str, str]:
    if not one.size:
        return one.organisation, "", "", one.why or "it holds none of it"
    return one.organisation, f"{one.size:,}", f"{one.returned:,}", one.why
