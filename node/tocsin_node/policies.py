"""The policies in force: one per peer and one for `self`, applied all or none.

A new policy counts from the commit of `policy.changed`. Where the operator gave none, the default decides: no to every
peer both ways, review for the node's own signals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tocsin_node.errors import Misconfigured, NotFound, Unsound
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.names import SELF
from tocsin_node.peers.book import PeerState
from tocsin_node.peers.service import Peers
from tocsin_node.policy.model import Policy, PolicyErrors, default_policy, default_text, parse_policy
from tocsin_node.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy, its file's bytes, and when it was applied (ms UTC; 0 for a default)."""

    policy: Policy
    toml: bytes
    applied_at: int


class Policies:
    """Checks, applies and answers for policies."""

    def __init__(self, *, store: Store, writer: Writer, peers: Peers) -> None:
        self._writer = writer
        self._peers = peers
        self._observers: list[Callable[[], None]] = []
        with store.read() as session:
            records = session.all("SELECT peer, toml, applied_at FROM policy ORDER BY peer")
        try:
            self._applied: Mapping[str, Applied] = {
                peer: Applied(parse_policy(bytes(toml), f"the policy of {peer}"), bytes(toml), int(at))
                for peer, toml, at in records
            }
        except PolicyErrors as error:
            raise Unsound(f"a stored policy is not what this node applied: {error}") from error

    def on_change(self, observer: Callable[[], None]) -> None:
        """Call after each change, on the writer thread, before anybody is answered."""
        self._observers.append(observer)

    def has(self, peer: str) -> bool:
        """Whether the operator has applied a policy for this peer."""
        return peer in self._applied

    def policy_of(self, peer: str) -> Policy:
        """The policy that counts for a peer or `self`."""
        found = self._applied.get(peer)
        return found.policy if found else default_policy(peer)

    def all(self, peer: str = "") -> list[Applied]:
        """The policies applied, and defaults that stand for the others; of one peer where named. Errors: NotFound."""
        if peer and peer != SELF and self._peers.book.get(peer) is None:
            raise NotFound("no peer has that organisation id: `tocsin peer list` shows them")
        names = [peer] if peer else [SELF, *(one.organisation for one in self._peers.list())]
        return [
            self._applied.get(name) or Applied(default_policy(name), default_text(name), 0)
            for name in dict.fromkeys(names)
        ]

    def check(self, files: Sequence[tuple[str, bytes]]) -> tuple[list[Policy], list[str]]:
        """The policies in (name, bytes) files, and one sentence for everything wrong in them."""
        policies: list[Policy] = []
        wrong: list[str] = []
        for name, data in files:
            try:
                policy = parse_policy(data, name)
            except PolicyErrors as error:
                wrong.extend(error.sentences)
                continue
            if policy.peer in {other.peer for other in policies}:
                wrong.append(f"{name}: peer: {policy.peer} has a policy in another of these files already")
            elif not self._known(policy.peer):
                wrong.append(f"{name}: peer: {policy.peer} is not a peer of this node")
            policies.append(policy)
        return policies, wrong

    async def apply(self, files: Sequence[tuple[str, bytes]], *, actor: Actor) -> list[tuple[Applied, bool]]:
        """Put every file's policy in force, or none; with each, whether it changed. Errors: Misconfigured."""
        policies, wrong = self.check(files)
        if wrong:
            raise Misconfigured("; ".join(wrong))
        texts = {policy.peer: data for policy, (_, data) in zip(policies, files, strict=True)}

        def operation(tx: Tx) -> list[tuple[Applied, bool]]:
            results: list[tuple[Applied, bool]] = []
            for policy in policies:
                # From the transaction: another operation of the same commit may have changed it already.
                held = tx.sql.one("SELECT digest, applied_at FROM policy WHERE peer = ?", (policy.peer,))
                if held is not None and bytes(held[0]) == policy.digest:
                    results.append((Applied(policy, texts[policy.peer], int(held[1])), False))
                    continue
                _store(tx, policy, texts[policy.peer])
                old = bytes(held[0]) if held is not None else default_policy(policy.peer).digest
                about = {"policy_of": policy.peer, "old": old.hex(), "new": policy.digest.hex()}
                tx.audit("policy.changed", actor=actor, policy=policy.digest, about=about)
                results.append((Applied(policy, texts[policy.peer], tx.now), True))
            tx.after(lambda: self._swap([one for one, changed in results if changed]))
            return results

        return await self._writer.submit(operation)

    def _known(self, peer: str) -> bool:
        found = self._peers.book.get(peer)
        return peer == SELF or (found is not None and found.state is not PeerState.REMOVED)

    def _swap(self, changed: Sequence[Applied]) -> None:
        if changed:
            self._applied = {**self._applied, **{one.policy.peer: one for one in changed}}
            for observer in self._observers:
                observer()


def _store(tx: Tx, policy: Policy, text: bytes) -> None:
    tx.sql.execute(
        "INSERT INTO policy (peer, toml, digest, applied_at) VALUES (?, ?, ?, ?) ON CONFLICT (peer) DO UPDATE SET "
        "toml = excluded.toml, digest = excluded.digest, applied_at = excluded.applied_at",
        (policy.peer, text, policy.digest, tx.now),
    )
