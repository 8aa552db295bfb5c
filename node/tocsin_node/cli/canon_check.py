"""`tocsin canon --check [FILE]`: does this installation make the canonical forms it should? Needs no home and no node.

Without a file: every profile, as a node checks itself when it starts. With one: the rows of that vector file, such as
those of another version or another implementation.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.exits import Exit
from tocsin_node.cli.invocation import Invocation
from tocsin_node.cli.lines import open_input

if TYPE_CHECKING:
    from tocsin_signals.selfcheck import Outcome

COLUMNS: Final = ("profile", "rows#", "behaviour", "result")


def run_check(run: Invocation, path: Path | None) -> int:
    """Print what every profile, or the one of a file, came to."""
    from tocsin_signals import selfcheck

    outcomes = list(selfcheck.run_all().values()) if path is None else [_of_file(path)]
    if run.out.json:
        run.out.emit([_plain(one) for one in outcomes])
    else:
        _show(run, outcomes, bundled=path is None)
    return Exit.OK if all(one.ok for one in outcomes) else Exit.NOT_NOW


def _of_file(path: Path) -> "Outcome":
    from tocsin_signals import selfcheck, types, vectorfile
    from tocsin_signals.errors import Rejected

    with open_input(path, "vector file") as stream:
        data = stream.read(vectorfile.MAX_FILE_BYTES + 1)
    try:
        vectors = vectorfile.parse(data)
        known = types.by_name(vectors.type).profile
    except Rejected as error:
        raise UsageError(f"{path}: {error.sentence}") from None
    if known != vectors.profile:
        raise UsageError(f"{path}: the file is about another profile; {vectors.type} is {known} in this version")
    return selfcheck.check(known, [vectors])


def _show(run: Invocation, outcomes: Sequence["Outcome"], *, bundled: bool) -> None:
    from tocsin_signals import manifest

    rows = [(one.profile, f"{one.rows:,}", one.digest[:16], one.problem or "holds") for one in outcomes]
    run.out.table(COLUMNS, rows)
    if bundled and all(one.ok for one in outcomes):  # else the file may be what is wrong
        run.out.say(f"manifest {manifest.digest()}")
    for one in outcomes:
        if not one.ok:
            run.out.error(one.sentence)


def _plain(one: "Outcome") -> dict[str, object]:
    return {
        "profile": one.profile,
        "ok": one.ok,
        "rows": one.rows,
        "behaviour": one.digest,
        "row": one.row,
        "problem": one.problem,
        "versions": one.versions,
    }
