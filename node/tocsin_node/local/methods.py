"""Which handler answers which method of the local services."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.v1 import audit_pb2, node_pb2
from tocsin_node.config import Config
from tocsin_node.exchange.contact import Contact
from tocsin_node.exchange.service import Exchange
from tocsin_node.explain import Explainer
from tocsin_node.local.audit import AuditCalls
from tocsin_node.local.calls import Calls, Once, Stream
from tocsin_node.local.evidence import EvidenceCalls
from tocsin_node.local.export import ExportCalls
from tocsin_node.local.guard import GuardCalls
from tocsin_node.local.match import MatchCalls
from tocsin_node.local.operate import CommunityCalls, FeedCalls, NodeCalls, PeerCalls, PolicyCalls, TokenCalls
from tocsin_node.local.publish import PublishCalls
from tocsin_node.log.envelope import Actor
from tocsin_node.rooms import Core, Guarding, Matching, Publishing, Trust
from tocsin_node.status import Status

Handlers = Mapping[str, Once | Stream]
"""By method name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that local calls ask."""

    core: Core
    trust: Trust
    guarding: Guarding
    matching: Matching
    publishing: Publishing
    exchange: Exchange | None
    """None when no peers are served: the node only answers one command."""
    status: Status
    config: Callable[[], Config]
    reload: Callable[[Actor], Awaitable[list[str]]]


def services(asked: Asked) -> Sequence[Calls]:
    """The services Node and Audit; roles are `auth`'s."""
    core = asked.core
    audit = AuditCalls(home=core.home, store=core.store, writer=core.writer, book=asked.matching.book)
    audited: Handlers = {"Verify": audit.verify, "ReadAudit": audit.read, "ProveSignal": audit.prove}
    meter = core.meter
    node = {
        **_matching(asked),
        **_publishing(asked),
        **_operating(asked),
        **_peers(asked),
        **_communities(asked),
        **_policies(asked),
        **_evidence(asked),
        **_guard(asked),
    }
    return [
        Calls(node_pb2.DESCRIPTOR.services_by_name["Node"], node, meter=meter),
        Calls(audit_pb2.DESCRIPTOR.services_by_name["Audit"], audited, meter=meter),
    ]


def _matching(asked: Asked) -> Handlers:
    calls = MatchCalls(matcher=asked.matching.matcher)
    return {"Match": calls.match, "Check": calls.check}


def _publishing(asked: Asked) -> Handlers:
    calls = PublishCalls(
        publisher=asked.publishing.publisher,
        book=asked.matching.book,
        judge=asked.matching.judge,
        index=asked.matching.index,
        epochs=asked.trust.communities,
        store=asked.core.store,
        data_key=asked.publishing.data_key,
        clock=asked.core.clock,
        meter=asked.core.meter,
    )
    export = ExportCalls(
        book=asked.matching.book,
        store=asked.core.store,
        writer=asked.core.writer,
        data_key=asked.publishing.data_key,
        clock=asked.core.clock,
    )
    return {
        "ExportSignals": export.export,
        "Publish": calls.publish,
        "Withdraw": calls.withdraw,
        "ReviseSignals": calls.revise,
        "ShowSignal": calls.show,
    }


def _guard(asked: Asked) -> Handlers:
    guarding = asked.guarding
    calls = GuardCalls(
        desk=asked.publishing.desk,
        radius=guarding.radius,
        sources=guarding.sources,
        table=guarding.table,
        clock=asked.core.clock,
    )
    return {
        "ShowGuard": calls.show,
        "AskGuard": calls.ask,
        "ListGuardRequests": calls.list,
        "DecideGuardRequest": calls.decide,
        "WithdrawGuardRequest": calls.withdraw,
    }


def _operating(asked: Asked) -> Handlers:
    core = asked.core
    node = NodeCalls(
        status=asked.status,
        home=core.home,
        store=core.store,
        writer=core.writer,
        organisation=core.organisation,
        clock=core.clock,
        reload=asked.reload,
    )
    tokens = TokenCalls(tokens=asked.trust.tokens)
    return {
        "Status": node.status,
        "Reload": node.reload,
        "Backup": node.backup,
        "AddToken": tokens.add,
        "ListTokens": tokens.list,
        "RevokeToken": tokens.revoke,
    }


def _peers(asked: Asked) -> Handlers:
    calls = PeerCalls(
        own=asked.trust.own,
        rules=asked.core.edges.rules,
        peers=asked.trust.peers,
        status=asked.status,
        config=asked.config,
        exchange=asked.exchange,
    )
    return {
        "GetCard": calls.card,
        "RenewCard": calls.renew,
        "AddPeer": calls.add,
        "ListPeers": calls.list,
        "SetPeerState": calls.set_state,
        "CheckPeer": calls.check,
    }


def _communities(asked: Asked) -> Handlers:
    calls = CommunityCalls(
        communities=asked.trust.communities,
        feeds=asked.publishing.feeds,
        retagger=asked.publishing.retagger,
        clock=asked.core.clock,
    )
    return {
        "CreateCommunity": calls.create,
        "InviteToCommunity": calls.invite,
        "JoinCommunity": calls.join,
        "RotateCommunity": calls.rotate,
    }


def _policies(asked: Asked) -> Handlers:
    trust = asked.trust
    policies = PolicyCalls(policies=trust.policies, explainer=_explainer(asked))
    feeds = FeedCalls(
        feeds=asked.publishing.feeds,
        status=asked.status,
        peers=trust.peers,
        policies=trust.policies,
        relays=asked.publishing.relays,
        audiences=asked.publishing.audiences,
        recovery=asked.exchange.recovery if asked.exchange else None,
    )
    return {
        "CheckPolicies": policies.check,
        "ApplyPolicies": policies.apply,
        "ShowPolicies": policies.show,
        "ExplainPolicy": policies.explain,
        "CreateFeed": feeds.create,
        "ListOwnFeeds": feeds.list,
        "FeedRecipients": feeds.recipients,
        "RecoverFeed": feeds.recover,
        "RelayFeed": feeds.relay,
        "TrustRelay": feeds.trust,
    }


def _explainer(asked: Asked) -> Explainer:
    core, trust, matching = asked.core, asked.trust, asked.matching
    return Explainer(
        organisation=core.organisation,
        store=core.store,
        feeds=asked.publishing.feeds,
        book=matching.book,
        index=matching.index,
        peers=lambda: trust.peers.book,
        policy_of=trust.policies.policy_of,
        audiences=asked.publishing.audiences,
        epochs=trust.communities.epochs,
        contact=asked.exchange.contact if asked.exchange else lambda _: Contact(),
        clock=core.clock,
    )


def _evidence(asked: Asked) -> Handlers:
    core = asked.core
    calls = EvidenceCalls(organisation=core.organisation, store=core.store, writer=core.writer, clock=core.clock)
    return {"ListEvidence": calls.list, "ExportEvidence": calls.export}
