"""`tocsin match` and `tocsin withdraw`: ask the own node about values, take own signals back.

Values go to the organisation's own node and nowhere else. A value that came from a file is named by its line, never
shown; one that was typed is shown as typed.
"""

import codecs
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation, command
from tocsin_node.cli.lines import arriving_lines, open_input
from tocsin_node.cli.named import Region, Values, ValueType, identifiers
from tocsin_node.cli.output import when
from tocsin_node.cli.sightings import open_sightings
from tocsin_node.limits import IDENTIFIER_BYTES, MATCH_BATCH

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import MatchedAssertion, Verdict
    from tocsin_node.cli.connect import Local

MAX_SIGNAL: Final = 2**63 - 1
"""Largest id taken: an index in a log, which SQL holds as a signed number."""

NAMED_IDS: Final = 20
"""Ids listed in a sentence; --json lists all."""

FileOption = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="One value a line; - for stdin.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A value to look up: `line` counts from 1 in a file and is 0 for a typed value; `value` is None if not UTF-8."""

    line: int
    value: str | None

    @property
    def name(self) -> str:
        """How it is called in output."""
        return f"line {self.line}" if self.line else self.value or "(not UTF-8)"


def register(app: typer.Typer) -> None:
    """Declare the commands."""
    command(app, "match")(match)
    command(app, "withdraw")(withdraw)


def match(
    run: Invocation,
    values: Annotated[list[str] | None, typer.Argument(metavar="VALUE...", help="What to look up.")] = None,
    *,
    type_: Annotated[
        str, typer.Option("--type", "-t", metavar="TYPE", help="url, email, domain ...", show_default=False)
    ],
    file: FileOption = None,
    region: Annotated[
        str, typer.Option(metavar="XX", help="Hint for types that need one, such as GB.", show_default=False)
    ] = "",
    purpose: Annotated[str, typer.Option(metavar="WORD", help="Why you ask; goes into the audit log.")] = "detect",
    sightings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your values that match, as a STIX 2.1 bundle too.", show_default=False),
    ] = None,
) -> None:
    """Ask your own node what it makes of values: effect, publishers, rule, caps and reasons.

    Status 0 whether or not something matches; --json gives one line per value.

    Example: tocsin match https://example.com/page --type url
    """
    from tocsin.v1.node_pb2 import MatchRequest, Query

    def ask(local: "Local", batch: list[Asked]) -> "list[Verdict]":
        sent = [Query(type=type_, value=item.value, region=region) for item in batch if item.value is not None]
        verdicts = iter(local.node.Match(MatchRequest(queries=sent, purpose=purpose)).verdicts if sent else ())
        return [_not_utf8() if item.value is None else next(verdicts) for item in batch]

    if bool(values) == bool(file):
        raise UsageError("name the values to look up, or a file of them with --file")
    counts: dict[str, int] = {}
    with run.local() as local, open_sightings(run, sightings, type_, region) as sighted:
        for batch in _batches(_typed(values or []) if file is None else _lines(file)):
            for asked, verdict in zip(batch, ask(local, batch), strict=True):
                word = _show(run, asked, verdict)
                counts[word] = counts.get(word, 0) + 1
                if asked.value is not None and verdict.assertions:
                    sighted(asked.value, verdict)
    if file and not run.out.json:
        run.out.say(", ".join(f"{count:,} {word}" for word, count in sorted(counts.items())) or "no values")


def _not_utf8() -> "Verdict":
    from tocsin.v1.node_pb2 import Verdict

    return Verdict(reject="not-utf8", sentence="The value is not UTF-8.")


def _typed(values: list[str]) -> Iterator[Asked]:
    from tocsin_node.client.chunks import sendable

    return (Asked(0, sendable(value)) for value in values)


def _lines(file: Path) -> Iterator[Asked]:
    from tocsin_node.client.chunks import sendable

    with open_input(file) as stream:
        lines = itertools.chain.from_iterable(arriving_lines(stream, IDENTIFIER_BYTES))
        for number, line in enumerate(lines, start=1):
            data = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            try:
                value = data.decode()
            except UnicodeDecodeError as error:
                # A line cut at the limit may end inside a character: too long then, not ill-formed.
                value = data[: error.start].decode() if len(line) > IDENTIFIER_BYTES else None
            if value is None or value.strip():
                yield Asked(number, sendable(value) if value else value)


def _batches(asked: Iterator[Asked]) -> Iterator[list[Asked]]:
    while batch := list(itertools.islice(asked, MATCH_BATCH)):
        yield batch


def _show(run: Invocation, asked: Asked, verdict: "Verdict") -> str:
    """Show one verdict; the word it is counted under."""
    from tocsin_node.cli.wire import effect_word, plain

    word = effect_word(verdict.effect)
    if run.out.json:
        name = {"line": asked.line} if asked.line else {"value": asked.name}
        fields = plain(verdict)
        del fields["query"]  # a position in our own request says nothing to the caller
        run.out.emit(name | fields)
    elif verdict.reject:
        run.out.say(f"{asked.name}: not looked up, {verdict.reject}: {verdict.sentence}")
    elif not verdict.assertions:
        run.out.say(f"{asked.name}: no signal" + (" that counts" if verdict.reasons else ""))
        for reason in verdict.reasons:
            run.out.say(f"  {reason}")
    else:
        run.out.say(f"{asked.name}: {word}")
        for assertion in verdict.assertions:
            run.out.pairs([(f"  {key}", value) for key, value in _assertion(assertion)])
        for reason in verdict.reasons:
            run.out.say(f"  {reason}")
    if verdict.reject:
        return "not looked up"
    return word if verdict.assertions else "without a signal"


def _assertion(item: "MatchedAssertion") -> Iterator[tuple[str, str]]:
    from tocsin_node.cli.wire import details, effect_word

    yield "publisher", item.publisher
    yield "signal", f"{item.feed} {item.signal} ({item.type})"
    yield "effect", effect_word(item.effect)
    yield "rule", item.rule
    yield "caps", ", ".join(item.caps)
    yield "valid until", when(item.valid_until)
    if item.counts_until and item.counts_until != item.valid_until:
        yield "counts until", f"{when(item.counts_until)}, by policy"
    yield from details_pairs(details(item.details))


def details_pairs(details: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Names and values of signed details, in their own order, without the salt."""
    for name, value in (details or {}).items():
        if name != "salt":
            items = cast("list[object]", value) if isinstance(value, list) else [value]
            words = [item if isinstance(item, str) else json.dumps(item) for item in items]
            yield name.replace("_", " "), ", ".join(words)


def withdraw(
    run: Invocation,
    *,
    feed: Annotated[str, typer.Option(metavar="FEED", help="Name or origin of your feed.", show_default=False)],
    signal: Annotated[
        list[int] | None,
        typer.Option("--signal", "-s", min=0, max=MAX_SIGNAL, metavar="ID", help="A signal's id; repeatable."),
    ] = None,
    value: Values = None,
    type_: ValueType = "",
    region: Region = "",
    reason: Annotated[
        str, typer.Option(metavar="WORD", help="false_positive, content_removed ...", show_default=False)
    ],
    action: Annotated[
        str, typer.Option(metavar="WORD", help="What receivers must do: stop_matching, erase or erase_and_undo.")
    ] = "stop_matching",
) -> int:
    """Take signals of yours back, by id or by what was published.

    Status 1 if some were not found.

    Example: tocsin withdraw --feed urls --value https://example.com/page --type url --reason false_positive
    """
    from tocsin.v1.node_pb2 import WithdrawRequest
    from tocsin_node.cli.wire import plain

    if bool(signal) == bool(value) or bool(value) != bool(type_):
        raise UsageError("name what to withdraw with --signal ID, or with --value TEXT and --type TYPE")
    request = WithdrawRequest(
        feed=feed,
        signals=signal or [],
        identifiers=identifiers(value, type_, region),
        reason=reason,
        required_action=action,
    )
    with run.local() as local:
        answer = local.node.Withdraw(request)
    if run.out.json:
        run.out.emit(plain(answer))
    run.out.say(f"{len(answer.withdrawn)} withdrawn{_ids(answer.withdrawn)}.")
    if answer.already:
        run.out.say(f"{len(answer.already)} withdrawn before{_ids(answer.already)}.")
    if answer.not_found:
        run.out.say(f"{answer.not_found} not found in this feed.")
    return Exit.FINDINGS if answer.not_found else Exit.OK


def _ids(signals: Iterable[int]) -> str:
    named = ", ".join(str(item) for item in itertools.islice(signals, NAMED_IDS))
    return f" (signal {named})" if named else ""
