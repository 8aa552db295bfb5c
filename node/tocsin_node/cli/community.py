"""`tocsin community`: organisations that tag with the same key material, in epochs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.output import minute, read_file, when, write_file

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import CommunityStatus, EpochStatus

app = typer.Typer(help="Communities: who can match with whom.", no_args_is_help=True)

INVITE_BYTES: Final = 64 * 1024
"""Largest invite read, in bytes; one with several epochs has some 4,000."""

EPOCH_COLUMNS: Final = ("epoch#", "key id", "publish from", "publish until", "match until")


def epoch_row(epoch: "EpochStatus") -> tuple[str, ...]:
    """One epoch under EPOCH_COLUMNS."""
    times = (epoch.publish_from, epoch.publish_until, epoch.match_until)
    return str(epoch.number), epoch.key_id[:8], *map(minute, times)


def show_community(run: Invocation, status: "CommunityStatus") -> None:
    """A community's id, founder and epochs."""
    run.out.pairs([("community", status.id), ("founder", status.founder)])
    run.out.table(EPOCH_COLUMNS, [epoch_row(epoch) for epoch in status.epochs])


@command(app, "create")
def create(
    run: Invocation,
    name: Annotated[str, typer.Argument(help="Short name; the id becomes NAME.YOUR-ORGANISATION.", show_default=False)],
) -> None:
    """Found a community and make its first epoch.

    Example: tocsin community create demo
    """
    from tocsin.v1.node_pb2 import CreateCommunityRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        community = local.node.CreateCommunity(CreateCommunityRequest(name=name)).community
    if run.out.json:
        run.out.emit(plain(community))
        return
    show_community(run, community)
    run.out.say(f"Next: tocsin community invite {community.id} ORGANISATION -o FILE")


@command(app, "invite")
def invite(
    run: Invocation,
    community: Annotated[str, typer.Argument(help="Id of a community you founded.", show_default=False)],
    organisation: Annotated[str, typer.Argument(help="A peer's organisation id.", show_default=False)],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of stdout.")
    ] = None,
) -> None:
    """Make an invite that only this peer can open; send it by any channel.

    Example: tocsin community invite demo.hotline.example platform.example -o platform.invite
    """
    from tocsin.v1.node_pb2 import InviteRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.InviteToCommunity(InviteRequest(community=community, organisation=organisation))
    if output:
        write_file(output, answer.invite)
    if run.out.json:
        run.out.emit(plain(answer))
        return
    if not output:
        run.out.text(answer.invite.decode())
    where = f"written to {output}" if output else "above"
    run.out.note(f"The invite for {organisation} is {where}; valid until {when(answer.not_after)}.")


@command(app, "join")
def join(
    run: Invocation,
    invite: Annotated[Path, typer.Argument(help="The invite's file; - for stdin.", show_default=False)],
) -> None:
    """Join a community, or take its next epoch, by an invite of its founder.

    Example: tocsin community join platform.invite
    """
    from tocsin.v1.node_pb2 import JoinRequest
    from tocsin_node.cli.wire import plain

    note = read_file(invite, limit=INVITE_BYTES, what="invite")
    with run.local() as local:
        community = local.node.JoinCommunity(JoinRequest(invite=note)).community
    if run.out.json:
        run.out.emit(plain(community))
    else:
        show_community(run, community)


@command(app, "rotate")
def rotate(
    run: Invocation,
    community: Annotated[str, typer.Argument(help="Id of a community you founded.", show_default=False)],
    *,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="ORGANISATION", help="Leave this member out; repeatable.")
    ] = None,
    directory: Annotated[
        Path, typer.Option("--directory", "-d", metavar="DIR", help="Where ORGANISATION.invite files go.")
    ] = Path(),
) -> None:
    """Make the next epoch, tag your live signals anew, and invite the remaining members.

    Example: tocsin community rotate demo.hotline.example --remove former.example -d invites
    """
    from tocsin.v1.node_pb2 import RotateRequest
    from tocsin_node.cli.wire import plain

    directory.mkdir(parents=True, exist_ok=True)
    with run.local() as local:
        answer = local.node.RotateCommunity(RotateRequest(community=community, remove=remove or []))
    paths = [directory / f"{_file_name(item.organisation)}.invite" for item in answer.invites]
    for path, item in zip(paths, answer.invites, strict=True):
        write_file(path, item.invite)
    if run.out.json:
        run.out.emit(plain(answer) | {"files": [str(path) for path in paths]})
        return
    show_community(run, answer.community)
    run.out.say(f"{answer.retagged:,} live signals of yours were tagged anew.")
    for path in paths:
        run.out.say(f"Send {path} to its organisation; `tocsin community join` takes it there.")


def _file_name(organisation: str) -> str:
    """The organisation id as a file name: ids are DNS-like, so anything else is replaced."""
    return "".join(c if c.isalnum() or c in "-." else "_" for c in organisation).lstrip(".") or "_"
