"""The approvals that stand, in memory: publishing asks for them with every chunk, and nearly always there are none."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tocsin_node.guard import requests
from tocsin_node.guard.requests import APPROVED, GuardRequest
from tocsin_node.store.protocol import Store

Approved = Mapping[bytes, frozenset[str]]
"""The rules set aside, by value."""
_NONE: Final[Approved] = MappingProxyType({})


class Approvals:
    """Loaded once; the writer swaps the table after each decision."""

    def __init__(self, store: Store) -> None:
        with store.read() as session:
            self._standing = {one.id: one for one in requests.open_ones(session, 0) if one.state == APPROVED}

    def put(self, request: GuardRequest) -> None:
        """Take in what became of a request."""
        others = {number: one for number, one in self._standing.items() if number != request.id}
        self._standing = {**others, request.id: request} if request.state == APPROVED else others

    def of(self, log: int, now: int) -> Approved:
        """What is set aside on a feed at `now` (ms)."""
        if not self._standing:
            return _NONE
        found: dict[bytes, frozenset[str]] = {}
        for one in self._standing.values():
            if one.log == log and one.ends_at > now:
                found[one.key] = found.get(one.key, frozenset()) | frozenset(one.rules.split())
        return found
