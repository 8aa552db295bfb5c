"""`tocsin match --sightings`: which of the organisation's own values matched, as a file for its other systems.

It holds the own values that were looked up and the names of the signals they matched. It is readable by its owner
only, and appears when the look-ups are done.
"""

import contextlib
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin_node.cli.invocation import Invocation
from tocsin_node.cli.output import some, whole_file

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import MatchedAssertion, Verdict
    from tocsin_signals.exports.sightings import Hit

Sighted = Callable[[str, "Verdict"], None]
"""Takes a value and the verdict on it."""


@contextlib.contextmanager
def open_sightings(run: Invocation, path: Path | None, type_name: str, region: str) -> Generator[Sighted]:
    """What takes the values that matched; without a path they are not kept."""
    if path is None:
        yield lambda _value, _verdict: None
        return
    from tocsin_node.config import load_config
    from tocsin_node.home import Home
    from tocsin_signals.canon import canonicalise
    from tocsin_signals.exports.sightings import SightingsExport

    observer = load_config(Home(run.home).config).organisation
    with whole_file(path) as stream:
        to = SightingsExport(stream, observer=observer, as_of=time.time_ns() // 1_000_000)

        def take(value: str, verdict: "Verdict") -> None:
            canonical = canonicalise(type_name, value, region=region or None)
            to.write(type_name, canonical, [_hit(one) for one in verdict.assertions])

        yield take
        to.close()
    run.out.note(f"{path}: {some(to.sightings, 'sighting')}; it holds your own values.")


def _hit(one: "MatchedAssertion") -> "Hit":
    from tocsin_node.cli.wire import details
    from tocsin_signals.exports.sightings import Hit

    said = details(one.details) or {}
    return Hit(one.feed, one.publisher, one.signal, one.type, one.issued_at, said.get("tlp"))
