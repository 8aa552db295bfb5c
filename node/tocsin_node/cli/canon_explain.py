"""`tocsin canon --explain`: one value through its profile, for people who ask why it does or does not match."""

from typing import TYPE_CHECKING, Final

from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation

if TYPE_CHECKING:
    from tocsin_signals.explain import Explanation

ENUMERABLE: Final = "All plausible values can be tried: a plain hash would hide nothing, only a key or custodians do."
NOT_ENUMERABLE: Final = "Nobody can try all values; who has a list of known ones can still try that."
CLEAR: Final = "Travels as it is, in clear feeds: no tag hides it."
CONTEXT: Final = "lp(tocsin/tag/1) lp(COMMUNITY) u32(EPOCH) lp({profile}) lp({scope}) lp({canonical})"


def run_explain(run: Invocation, value: str, type_name: str, region: str) -> int:
    """Say every step of one value; status 1 if it has no canonical form or the guard blocks it."""
    from tocsin_signals.errors import Rejected
    from tocsin_signals.explain import explain
    from tocsin_signals.guard import Guard, Level
    from tocsin_signals.lint import lint

    try:
        found = explain(type_name, value, region=region or None)
    except Rejected as error:
        raise UsageError(error.sentence) from None
    if found.rejected is not None:
        _show(run, found, [], {"reject": found.rejected.reason, "sentence": found.rejected.sentence})
        return Exit.FINDINGS
    verdict = Guard().check(type_name, found.canonical)
    warnings = [warning._asdict() for warning in lint(type_name, found.canonical)]
    guard = {"level": verdict.level.name, "rule": verdict.rule, "sentence": verdict.sentence}
    _show(run, found, warnings, {"guard": guard, "context": _context(found)})
    return Exit.FINDINGS if verdict.level is Level.BLOCK else Exit.OK


def _show(
    run: Invocation, found: "Explanation", warnings: list[dict[str, str]], rest: dict[str, str | dict[str, str]]
) -> None:
    kind, secrecy = found.kind, _secrecy(found)
    if run.out.json:
        said: dict[str, object] = {
            "type": kind.name,
            "profile": kind.profile,
            "steps": [{"step": step.name, "text": step.text} for step in found.steps],
            "out": found.canonical or None,
            "expressions": [list(expression) for expression in found.expressions],
            "warnings": warnings,
            "enumerable": kind.enumerable,
            "clear": kind.clear,
        }
        run.out.emit(said | rest)
        return
    run.out.table((f"{kind.name} by {kind.profile}", "text after it"), _changes(found))
    if found.rejected is not None:
        run.out.error(f"{found.rejected.reason}: {found.rejected.sentence}")
        return
    run.out.table(("a look-up tries", "canonical form"), found.expressions)
    for warning in warnings:
        run.out.warning(f"{warning['word']}: {warning['sentence']}")
    guard = rest["guard"]
    assert isinstance(guard, dict)
    run.out.say(f"Guard: {guard['level']}{'' if guard['level'] == 'OK' else ' ' + guard['rule']}. {guard['sentence']}")
    run.out.say(f"Secrecy: {secrecy}")
    run.out.say(f"Tag context: {rest['context']}")


def _changes(found: "Explanation") -> list[tuple[str, str]]:
    """The steps, one that left the text as it was said so."""
    rows, before = list[tuple[str, str]](), ""
    for step in found.steps:
        rows.append((step.name, "(the same)" if step.text == before else step.text or "(nothing)"))
        before = step.text
    return [*rows, ("canonical form", found.canonical)] if found.canonical else rows


def _secrecy(found: "Explanation") -> str:
    if found.kind.clear:
        return CLEAR
    return ENUMERABLE if found.kind.enumerable else NOT_ENUMERABLE


def _context(found: "Explanation") -> str:
    kind = found.kind
    if kind.clear:
        return "none: the value itself stands where a tag would"
    return CONTEXT.format(profile=kind.profile, scope=kind.scope, canonical=found.canonical)
