"""`tocsin policy`: what this node believes of whom, and why; `check` needs no node."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.match import MAX_SIGNAL
from tocsin_node.cli.output import read_file, when

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import ExplainPolicyResponse, PolicyFile
    from tocsin_node.policy.model import Policy

app = typer.Typer(help="Policies: one file per peer, and `self`.", no_args_is_help=True)

POLICY_BYTES: Final = 64 * 1024
"""Largest policy file, in bytes, as the node's own limit."""

FilesArgument = Annotated[
    list[Path], typer.Argument(help="Policy files, or directories of *.toml.", show_default=False)
]


def _paths(given: list[Path]) -> list[Path]:
    """The files named, with the *.toml of named directories in order of name."""
    found: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"directory {path} holds no *.toml file")
        found += inside
    return found


@command(app, "check", node=False)
def check(run: Invocation, files: FilesArgument) -> int:
    """Read policy files and say everything that is wrong in them; status 1 if anything is. Needs no node.

    Example: tocsin policy check hotline.example.toml
    """
    from tocsin_node.policy.model import PolicyErrors, parse_policy

    good: list[tuple[Path, Policy]] = []
    errors: list[str] = []
    for path in _paths(files):
        try:
            policy = parse_policy(read_file(path, limit=POLICY_BYTES, what="policy"), str(path))
        except PolicyErrors as error:
            errors += error.sentences
            continue
        errors += [
            f"{path}: {other} is a policy for {policy.peer} too" for other, seen in good if seen.peer == policy.peer
        ]
        good.append((path, policy))
    if run.out.json:
        policies = [{"file": str(path), "peer": policy.peer, "digest": policy.digest.hex()} for path, policy in good]
        run.out.emit({"policies": policies, "errors": errors})
    for path, policy in good:
        run.out.say(f"{path}: for {policy.peer}, {_words(policy)}")
    for error in errors if not run.out.json else ():
        run.out.error(error)
    return Exit.FINDINGS if errors else Exit.OK


def _words(policy: "Policy") -> str:
    """What a policy holds, for people."""
    rules = (
        f"{len(policy.rules)} rule{'' if len(policy.rules) == 1 else 's'}" if policy.rules else "no rule: all ignored"
    )
    parts = [f"{len(policy.refusals)} refusals" if policy.refusals else "", rules]
    parts.append(f"sends {', '.join(policy.send.feeds)}" if policy.send.feeds else "")
    return ", ".join(filter(None, parts))


@command(app, "apply")
def apply(run: Invocation, files: FilesArgument) -> int:
    """Check the files and let them count from now on: all of them or none.

    Example: tocsin policy apply policies/
    """
    from tocsin.v1.node_pb2 import PoliciesRequest
    from tocsin_node.cli.wire import plain

    request = PoliciesRequest(files=_read(files))
    with run.local() as local:
        answer = local.node.ApplyPolicies(request)
    if run.out.json:
        run.out.emit(plain(answer))
    for error in answer.errors:
        run.out.error(error)
    if answer.errors:
        run.out.note("Nothing was applied.")
        return Exit.USAGE
    for item in answer.policies:
        run.out.say(f"{item.peer}: {'applied' if item.changed else 'unchanged'}")
    return Exit.OK


def _read(files: list[Path]) -> "list[PolicyFile]":
    from tocsin.v1.node_pb2 import PolicyFile

    return [
        PolicyFile(name=str(path), toml=read_file(path, limit=POLICY_BYTES, what="policy")) for path in _paths(files)
    ]


@command(app, "show")
def show(
    run: Invocation,
    peer: Annotated[str, typer.Argument(help="A peer's organisation id, or self; all without it.")] = "",
) -> None:
    """Print the policies that count now, as their files were applied.

    Example: tocsin policy show hotline.example
    """
    from tocsin.v1.node_pb2 import ShowPoliciesRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.ShowPolicies(ShowPoliciesRequest(peer=peer))
    if run.out.json:
        run.out.emit(plain(answer))
        return
    for item in answer.policies:
        since = f"applied {when(item.applied_at)}" if item.applied_at else "the default, none was applied"
        run.out.text(f"# {item.peer}: {since}; sha256 {item.digest}")
        run.out.text(item.toml.decode(errors="replace"))


@command(app, "explain")
def explain(
    run: Invocation,
    feed: Annotated[str, typer.Argument(help="Origin of the feed, or the name of an own one.", show_default=False)],
    signal: Annotated[
        int, typer.Argument(metavar="ID", min=0, max=MAX_SIGNAL, help="The signal's id.", show_default=False)
    ],
    peer: Annotated[
        str,
        typer.Argument(
            metavar="PEER", help="Its publisher; of an own signal: a receiver, or self.", show_default=False
        ),
    ],
) -> None:
    """Say what became of one signal between you and a peer, and why: every rule tried, every cap, every condition.

    With its publisher: what counts of a received signal here. With another peer: whether it receives yours. With self:
    what your own applications see of it.

    Example: tocsin policy explain hotline.example/feed/urls 17 hotline.example
    """
    from tocsin.v1.node_pb2 import ExplainPolicyRequest
    from tocsin_node.cli.wire import plain

    with run.local() as local:
        answer = local.node.ExplainPolicy(ExplainPolicyRequest(feed=feed, signal=signal, peer=peer))
    if run.out.json:
        run.out.emit(plain(answer))
    else:
        _show_explained(run, answer)


def _show_explained(run: Invocation, answer: "ExplainPolicyResponse") -> None:
    from tocsin_node.cli.wire import effect_word

    name = f"{answer.feed} {answer.signal}"
    if answer.direction == "sent":
        held = answer.delivered
        run.out.pairs(
            [
                ("signal", name),
                ("receiver", answer.peer),
                ("receives", "yes" if answer.receives else "no"),
                ("acknowledged", f"{held.size:,} entries of the feed, {when(held.at)}" if held.at else "nothing"),
            ]
        )
    else:
        effect = effect_word(answer.effect)
        run.out.pairs(
            [
                ("signal", name),
                ("policy", f"for {answer.peer}, sha256 {answer.digest[:16]}..."),
                ("effect", f"{effect}, by {answer.rule}" if answer.rule else effect),
                ("lowered by", ", ".join(answer.caps)),
            ]
        )
    rows = [(step.stage, step.name, step.outcome, step.why) for step in answer.steps]
    run.out.table(("step", "name", "outcome", "why"), rows, title="\nIn the order of counting")
