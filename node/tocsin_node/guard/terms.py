"""What the guard makes of one canonical form, with the approvals that stand: pure, and runs in worker processes.

An approval names the rules it sets aside. A row passes when every rule that blocks it is among those named for its
value on this feed; a rule that began to speak since then still blocks.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tocsin_node.guard.keyed import value_key
from tocsin_node.guard.sources import Sources, guard_of
from tocsin_signals.guard import GuardVerdict, Level

RADIUS: Final = "blast-radius"
"""The rule on how many own users a row would hit; only the node can count them."""


class Terms(NamedTuple):
    """What rows are guarded by: lists, the key values are remembered under, and the rules approved by value."""

    sources: Sources
    key: bytes
    approved: Mapping[bytes, frozenset[str]]


ALONE: Final = Terms(Sources(), b"", {})
"""For rows of no node: the lists of the program, nothing of its own, nothing approved."""


class Weighed(NamedTuple):
    """The verdict that stops a row, if one does; what it is warned of; whether an approval let it pass."""

    key: bytes
    blocked: GuardVerdict | None
    blocking: tuple[str, ...]
    """The rules that stop it, approved ones left out."""
    warned: GuardVerdict | None
    overridden: bool


def weigh(terms: Terms, type_name: str, code: int, canonical: str, days: int | None) -> Weighed:
    """The outcome for one canonical form to be published for `days` (None: the type's own lifetime)."""
    key = value_key(terms.key, code, canonical)
    verdicts = guard_of(terms.sources).verdicts(type_name, canonical, days=days)
    blocks = [one for one in verdicts if one.level is Level.BLOCK]
    approved = terms.approved.get(key, frozenset()) if blocks else frozenset[str]()
    left = [one for one in blocks if one.rule not in approved]
    warned = next((one for one in verdicts if one.level is Level.WARN), None)
    blocking = tuple(one.rule for one in left)
    return Weighed(key, left[0] if left else None, blocking, warned, overridden=bool(blocks) and not left)
