"""`tocsin feed`: own feeds and who receives them."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import FeedStatus

app = typer.Typer(help="Your own feeds and who receives them.", no_args_is_help=True)


def feed_row(item: "FeedStatus") -> tuple[str, str, str, str, str]:
    """An own feed as a row under OWN_COLUMNS, by its name."""
    state = f"{item.state}: {item.why}" if item.why else item.state
    return item.origin.rpartition("/feed/")[2], state, f"{item.size:,}", item.community, item.audience


OWN_COLUMNS = ("feed", "state", "entries#", "community", "audience")


@command(app, "create")
def create(
    run: Invocation,
    name: Annotated[str, typer.Argument(help="Name of the feed.", show_default=False)],
    *,
    community: Annotated[str, typer.Option(help="Community whose tags it carries.", show_default=False)],
    audience: Annotated[str, typer.Option(help="Audience of your configuration that may follow.", show_default=False)],
) -> None:
    """Open a feed for one community and one audience, for life.

    Example: tocsin feed create urls --community demo.hotline.example --audience platforms
    """
    from tocsin.v1.node_pb2 import CreateFeedRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        feed = local.node.CreateFeed(CreateFeedRequest(name=name, community=community, audience=audience)).feed
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
    """Show who receives a feed, who does not, and why; status 1 if nobody does.

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
