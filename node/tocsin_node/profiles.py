"""Which profiles of canonical forms this node may publish and look up under.

Each is checked once in a process, on the first question: a serving node asks before it listens, a command with a core
of its own when it publishes or looks up. Under a profile that does not hold nothing is published and nothing is looked
up, for its tags would meet nobody's; the others go on. What is wrong with it is in the status, the metrics, `/readyz`
and once in the audit log. Mending it takes another installation, so nothing is checked again while the process runs.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Final

from tocsin_node.log.tx import Tx
from tocsin_signals import selfcheck, types
from tocsin_signals.selfcheck import Outcome

REASON: Final = "self-check"
"""The reason word of a value whose profile is refused."""


@cache
def check_once() -> dict[str, Outcome]:
    """Every profile's outcome, found out once per process: 0.2 s of one core."""
    return selfcheck.run_all()


class Profiles:
    """Asks `check` for the outcomes, by profile."""

    def __init__(self, check: Callable[[], Mapping[str, Outcome]] = check_once) -> None:
        self._check = check

    @cached_property
    def _refused(self) -> dict[str, str]:
        return {
            name: f"Nothing is published or looked up as {name}: {one.sentence}."
            for one in self.outcomes()
            if not one.ok
            for name in _types(one.profile)
        }

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every profile, in the order of their names."""
        return tuple(self._check().values())

    def problems(self) -> tuple[str, ...]:
        """A sentence for each refused profile, with the types it is about."""
        return tuple(
            f"nothing is published or looked up as {', '.join(_types(one.profile))}: {one.sentence}"
            for one in self.outcomes()
            if not one.ok
        )

    def refused(self) -> Mapping[str, str]:
        """By type name, why nothing of that type is published or looked up; empty where every profile holds."""
        return self._refused

    def record(self, tx: Tx) -> None:
        """One audit entry for each refused profile."""
        for one in self.outcomes():
            if not one.ok:
                about = {"profile": one.profile} | ({"row": one.row} if one.row else {})
                tx.audit("profile.refused", result="failed", why=one.sentence, about=about)


def _types(profile: str) -> list[str]:
    return [entry.name for entry in types.REGISTRY if entry.profile == profile]
