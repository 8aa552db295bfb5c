"""Messages of the Node service to domain values and back: the only module that touches their fields."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, cast

from tocsin.v1 import node_pb2 as pb
from tocsin_node.audience import Recipient
from tocsin_node.card import OwnCard
from tocsin_node.community.service import Community, MadeInvite
from tocsin_node.errors import Invalid
from tocsin_node.exchange.check import Probe
from tocsin_node.exchange.recovery import Progress, Recovered
from tocsin_node.explain import Explained
from tocsin_node.life.show import Shown
from tocsin_node.limits import (
    CHANGES_BYTES,
    MATCH_QUERIES,
    PUBLISH_ROWS,
    REVISE_SIGNALS,
    SUBJECT_BYTES,
    WITHDRAW_SIGNALS,
)
from tocsin_node.log.runs import Delivery
from tocsin_node.match.query import Query
from tocsin_node.match.service import QueryVerdict
from tocsin_node.peers.book import Peer
from tocsin_node.peers.evidence import Listed
from tocsin_node.policies import Applied
from tocsin_node.policy.effect import Effect
from tocsin_node.publish.prepare import RowIn
from tocsin_node.publish.revise import Revised
from tocsin_node.publish.service import ChunkResult, Withdrawn
from tocsin_node.publish.trial import TrialResult
from tocsin_node.status import FeedState, NodeState, PeerReport, SentFeed
from tocsin_node.tokens import Token

_FEED: Final = re.compile(r"(?:[a-z0-9.-]{1,180}/feed/)?[a-z0-9-]{1,63}")


def queries(items: Sequence[pb.Query], most: int = MATCH_QUERIES) -> list[Query]:
    """Identifiers within their limit."""
    if len(items) > most:
        raise Invalid(f"{len(items)} identifiers in one request; at most {most} are allowed")
    if any(len(item.subject) > SUBJECT_BYTES for item in items):
        raise Invalid(f"the subject of a look-up has at most {SUBJECT_BYTES} characters")
    return [
        Query(item.type, item.value, item.region, item.distance if item.HasField("distance") else None, item.subject)
        for item in items
    ]


def withdrawal(request: pb.WithdrawRequest) -> tuple[list[int], list[Query]]:
    """What a withdrawal names."""
    if len(request.signals) > WITHDRAW_SIGNALS:
        raise Invalid(f"{len(request.signals)} signals in one request; at most {WITHDRAW_SIGNALS} are allowed")
    return list(request.signals), queries(request.identifiers, WITHDRAW_SIGNALS)


def revision(request: pb.ReviseSignalsRequest) -> tuple[list[int], list[Query]]:
    """What a revision names."""
    if len(request.signals) > REVISE_SIGNALS:
        raise Invalid(f"{len(request.signals)} signals in one request; at most {REVISE_SIGNALS} are allowed")
    if len(request.changes) > CHANGES_BYTES:
        raise Invalid(f"changes of {len(request.changes)} bytes; at most {CHANGES_BYTES} are allowed")
    return list(request.signals), queries(request.identifiers, REVISE_SIGNALS)


def revised(result: Revised) -> pb.ReviseSignalsResponse:
    """What a revision did."""
    return pb.ReviseSignalsResponse(size=result.size, revised=result.revised, unchanged=result.unchanged)


def feed_name(text: str) -> str:
    """The origin or local name of a feed; Invalid when it can be neither, and not repeated then: it may be a value."""
    if not _FEED.fullmatch(text):
        raise Invalid("the feed is neither a local name such as urls nor an origin such as hotline.example/feed/urls")
    return text


def chunk(sent: pb.PublishChunk) -> tuple[list[bytes], list[RowIn]]:
    """The details and the rows of a publish chunk."""
    if len(sent.rows) > PUBLISH_ROWS or len(sent.fields) > PUBLISH_ROWS:
        raise Invalid(
            f"a chunk of {len(sent.rows)} rows with {len(sent.fields)} details; at most {PUBLISH_ROWS} of each fit"
        )
    rows = [RowIn(row.line, row.type, row.value, row.region, row.fields, row.valid_until) for row in sent.rows]
    return list(sent.fields), rows


def chunk_result(result: ChunkResult) -> pb.PublishResponse:
    """What a chunk did."""
    return pb.PublishResponse(
        size=result.size,
        published=result.published,
        revised=result.revised,
        unchanged=result.unchanged,
        refused=[pb.RowRefusal(line=r.line, reason=r.reason, sentence=r.sentence) for r in result.refused],
        warnings=[pb.RowWarning(line=w.line, rule=w.rule, sentence=w.sentence) for w in result.warnings],
        signals=result.signals,
        overridden=result.overridden,
        most_users=result.widest.users,
        most_users_line=result.widest.line,
    )


def trial_result(result: TrialResult) -> pb.PublishResponse:
    """What a chunk would do."""
    return pb.PublishResponse(
        refused=[pb.RowRefusal(line=r.line, reason=r.reason, sentence=r.sentence) for r in result.refused],
        warnings=[pb.RowWarning(line=w.line, rule=w.rule, sentence=w.sentence) for w in result.warnings],
        tried=[
            pb.TriedRow(line=t.line, outcome=pb.Outcome.ValueType(t.outcome), changed=t.changed, key=t.key)
            for t in result.tried
        ],
        overridden=result.overridden,
        most_users=result.widest.users,
        most_users_line=result.widest.line,
    )


def withdrawn(result: Withdrawn) -> pb.WithdrawResponse:
    """What a withdrawal did."""
    return pb.WithdrawResponse(
        size=result.size, withdrawn=result.withdrawn, already=result.already, not_found=result.not_found
    )


def verdicts(found: Iterable[QueryVerdict]) -> pb.MatchResponse:
    """The answers of a look-up."""
    return pb.MatchResponse(verdicts=[_verdict(one) for one in found])


def effect(value: Effect) -> pb.Effect.ValueType:
    """An effect's number on the wire."""
    return cast("pb.Effect.ValueType", int(value))


def card(own: OwnCard) -> pb.CardResponse:
    """The node's own card."""
    found = own.card
    return pb.CardResponse(
        card=own.signed.note_bytes, fingerprint=own.fingerprint, sequence=found.sequence, not_after=found.not_after
    )


def peer(one: Peer, report: PeerReport) -> pb.PeerStatus:
    """A peer with what the exchange knows of it."""
    return pb.PeerStatus(
        organisation=one.organisation,
        role=one.card.role,
        state=one.state.value,
        fingerprint=one.fingerprint,
        endpoint=str(one.endpoints[0]) if one.endpoints else "",
        card_sequence=one.card.sequence,
        card_not_after=one.card.not_after,
        policy=report.policy,
        link=report.said.word,
        why=report.said.why,
        heard_at=report.heard_at,
        skew_ms=report.contact.skew_ms,
        trip_at=report.contact.trip_at,
        trip_us=report.contact.trip_us,
        trip_by=report.contact.trip_by,
        called_at=report.contact.called_at,
        feeds=[feed(item) for item in report.feeds],
        sent=[_sent(item) for item in report.sent],
        canon=_canon(one, report),
    )


def _canon(one: Peer, report: PeerReport) -> pb.CanonAgreement:
    found = report.agreement
    probed, first = found.probed, found.probed.first
    return pb.CanonAgreement(
        manifest=one.card.manifest.hex(),
        own_manifest=report.manifest.hex(),
        told_at=found.told_at,
        same=found.same,
        differ=[pb.ProfileDifference(profile=d.profile, ours=d.ours, theirs=d.theirs) for d in found.differ],
        probed_at=probed.at,
        probes=probed.count,
        disagreement=(
            pb.ProbeDisagreement(type=first.type_name, text=first.text, ours=first.ours, theirs=first.theirs)
            if first
            else None
        ),
        not_probed=probed.why,
        signals=[
            pb.ProbeSignals(feed=s.origin, at=s.at, expected=s.expected, found=s.found, missed=s.missed, why=s.why)
            for s in found.signals
        ],
        alarms=found.alarms(),
        other_vectors=found.other_vectors,
    )


def probe(found: Probe) -> pb.CheckPeerResponse:
    """What a check of a peer found."""
    return pb.CheckPeerResponse(
        ok=not found.findings,
        findings=[pb.CheckFinding(what=one.what, sentence=one.sentence) for one in found.findings],
        round_trip_us=found.round_trip_us,
        endpoint=found.endpoint,
        notes=found.notes,
    )


def _sent(one: SentFeed) -> pb.SentFeed:
    return pb.SentFeed(
        feed=one.origin,
        receives=one.receives,
        why=one.why,
        size=one.size,
        at=one.at,
        behind=one.behind,
        behind_since=one.behind_since,
    )


def community(found: Community) -> pb.CommunityStatus:
    """A community and its epochs."""
    return pb.CommunityStatus(
        id=found.id,
        founder=found.founder,
        epochs=[
            pb.EpochStatus(
                number=epoch.descriptor.number,
                key_id=epoch.descriptor.key_id.hex(),
                publish_from=epoch.descriptor.publish_from,
                publish_until=epoch.descriptor.publish_until,
                match_until=epoch.descriptor.match_until,
            )
            for epoch in found.epochs
        ],
    )


def invites(made: Iterable[MadeInvite]) -> list[pb.NamedInvite]:
    """Invites with their recipients."""
    return [pb.NamedInvite(organisation=one.organisation, invite=one.note) for one in made]


def feed(state: FeedState) -> pb.FeedStatus:
    """A feed, own or followed."""
    return pb.FeedStatus(
        origin=state.origin,
        publisher=state.publisher,
        size=state.size,
        state=state.state,
        why=state.why,
        heard_at=state.heard_at,
        community=state.community,
        audience=state.audience,
        delivered=deliveries(state.delivered),
        behind=state.behind,
        behind_since=state.behind_since,
        delivered_at=state.delivered_at,
        relay=state.relay,
        relayed_to=state.relayed_to,
        source=state.source,
        probes=state.probes,
        clear=state.clear,
    )


def recovering(move: Progress) -> pb.RecoverFeedResponse:
    """How far a recovery is."""
    return pb.RecoverFeedResponse(progress=pb.RecoverProgress(peer=move.peer, done=move.done, total=move.total))


def recovered(found: Recovered) -> pb.RecoverFeedResponse:
    """What became of a recovery."""
    asked = [
        pb.AskedPeer(organisation=one.peer, size=one.size, returned=one.returned, why=one.why) for one in found.asked
    ]
    result = pb.RecoveredFeed(
        feed=found.origin,
        size=found.size,
        open=found.open,
        why=found.why,
        returned=sum(one.returned for one in found.asked),
        without_identifier=found.without_identifier,
        missing_epochs=found.missing_epochs,
        asked=asked,
    )
    return pb.RecoverFeedResponse(result=result)


def deliveries(found: Iterable[Delivery]) -> list[pb.Delivered]:
    """What peers have acknowledged."""
    return [pb.Delivered(peer=one.peer, size=one.size, at=one.at, feed=one.origin) for one in found]


def recipients(found: Iterable[Recipient]) -> pb.FeedRecipientsResponse:
    """Who receives a feed and why."""
    return pb.FeedRecipientsResponse(
        recipients=[pb.Recipient(organisation=r.organisation, receives=r.receives, why=r.why) for r in found]
    )


def policy_files(request: pb.PoliciesRequest) -> list[tuple[str, bytes]]:
    """(file name, bytes) of each policy file."""
    return [(Path(one.name).name or "policy", one.toml) for one in request.files]


def policies(found: Iterable[tuple[Applied, bool]], errors: Sequence[str] = ()) -> pb.PoliciesResponse:
    """Policies in force, or what is wrong with the files given."""
    return pb.PoliciesResponse(
        policies=[
            pb.PolicyStatus(
                peer=one.policy.peer,
                digest=one.policy.digest.hex(),
                applied_at=one.applied_at,
                toml=one.toml,
                changed=changed,
            )
            for one, changed in found
        ],
        errors=errors,
    )


def explained(found: Explained) -> pb.ExplainPolicyResponse:
    """What became of a signal between this node and one organisation."""
    return pb.ExplainPolicyResponse(
        feed=found.feed,
        publisher=found.publisher,
        signal=found.signal,
        peer=found.peer,
        direction="sent" if found.sent else "received",
        digest=found.policy.hex(),
        steps=[
            pb.ExplainStep(stage=step.stage, name=step.name, outcome=step.outcome.value, why=step.why)
            for step in found.steps
        ],
        effect=effect(found.effect),
        rule=found.rule,
        caps=found.caps,
        receives=found.receives,
        delivered=deliveries([found.delivered])[0] if found.delivered else None,
    )


def evidence(found: Iterable[Listed]) -> pb.ListEvidenceResponse:
    """What was kept of peers' false messages."""
    return pb.ListEvidenceResponse(evidence=[_listed(one) for one in found])


def evidence_file(data: bytes, listed: Listed) -> pb.ExportEvidenceResponse:
    """One record as a file."""
    return pb.ExportEvidenceResponse(file=data, evidence=_listed(listed))


def _listed(one: Listed) -> pb.EvidenceStatus:
    return pb.EvidenceStatus(
        id=one.number,
        peer=one.peer,
        origin=one.origin,
        code=one.code,
        sentence=one.sentence,
        at=one.at,
        bytes=one.size,
    )


def tokens(found: Iterable[Token]) -> pb.ListTokensResponse:
    """What is known of the tokens."""
    return pb.ListTokensResponse(
        tokens=[pb.TokenStatus(name=t.name, roles=t.words, created_at=t.created_at, revoked=t.revoked) for t in found]
    )


def shown(found: Shown) -> pb.ShowSignalResponse:
    """A signal's whole life."""
    return pb.ShowSignalResponse(
        feed=found.feed,
        publisher=found.publisher,
        signal=found.signal,
        type=found.type_name,
        tag=found.events[0].entry.tag[:4].hex(),
        state=found.state.value,
        why=found.why,
        effect=effect(found.effect),
        rule=found.rule,
        caps=found.caps,
        counts_until=found.counts_until,
        tags=[
            pb.SignalTag(epoch=tag.epoch, tag=tag.tag[:4].hex(), match_until=tag.match_until or 0) for tag in found.tags
        ],
        events=[
            pb.SignalEvent(
                index=event.index,
                kind=event.entry.kind_word,
                issued_at=event.entry.issued_at,
                valid_until=event.entry.valid_until,
                epoch=event.entry.epoch,
                details=event.details,
                held_by=[one.peer for one in found.delivered if one.has(event.index, event.entry)],
            )
            for event in found.events
        ],
        delivered=deliveries(one for one in found.delivered if one.has(found.events[-1].index, found.events[-1].entry)),
        identifier=found.identifier,
        left_out=found.left_out,
    )


def status(state: NodeState) -> pb.StatusResponse:
    """The node as a whole."""
    return pb.StatusResponse(
        organisation=state.organisation,
        fingerprint=state.fingerprint,
        software=state.software,
        started_at=state.started_at,
        exchange=state.exchange,
        own=[feed(one) for one in state.own],
        followed=[feed(one) for one in state.followed],
        audit_size=state.audit_size,
        signals=state.signals,
        peers_active=state.peers_active,
        peers_paused=state.peers_paused,
        card_not_after=state.card_not_after,
        warnings=state.warnings,
        communities=[community(one) for one in state.communities],
    )


def _verdict(one: QueryVerdict) -> pb.Verdict:
    return pb.Verdict(
        query=one.query,
        effect=effect(one.verdict.effect),
        assertions=[
            pb.MatchedAssertion(
                feed=judged.assertion.feed,
                publisher=judged.assertion.publisher,
                signal=judged.assertion.signal,
                type=judged.assertion.type_name,
                issued_at=judged.assertion.issued_at,
                valid_until=judged.assertion.valid_until,
                details=one.blobs[judged.assertion.feed, judged.assertion.signal],
                effect=effect(judged.effect),
                rule=judged.assertion.decision.rule,
                caps=judged.caps,
                counts_until=judged.assertion.counts_until,
                distance=judged.assertion.distance,
            )
            for judged in one.verdict.assertions
        ],
        reasons=one.verdict.reasons,
        reject=one.reject,
        sentence=one.sentence,
    )
