"""Calls of role operate: the node, its card, peers, communities, feeds, policies and tokens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from tocsin.v1 import node_pb2 as pb
from tocsin_node.audience import recipients, still_told
from tocsin_node.backup import backup
from tocsin_node.card import CardContent, OwnCard
from tocsin_node.community.service import Communities, Community
from tocsin_node.config import Address, Config
from tocsin_node.errors import Invalid, Refused
from tocsin_node.exchange.check import Probe
from tocsin_node.exchange.recovery import Progress, Recovery
from tocsin_node.explain import Explainer
from tocsin_node.home import Home
from tocsin_node.local import wire
from tocsin_node.local.threads import spoken
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.names import organisation_id
from tocsin_node.peers.book import Peer
from tocsin_node.peers.service import Peers
from tocsin_node.policies import Policies
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.retag import Retagger
from tocsin_node.relays import Relays
from tocsin_node.rules import Rules
from tocsin_node.status import Status
from tocsin_node.store.protocol import Store
from tocsin_node.tokens import Tokens

Audiences = Callable[[], Mapping[str, Collection[str]]]


class Checks(Protocol):
    """What can dial a peer."""

    async def check(self, organisation: str) -> Probe:
        """Dial and compare."""
        ...


class NodeCalls:
    """Handlers about the node itself."""

    def __init__(
        self,
        *,
        status: Status,
        home: Home,
        store: Store,
        writer: Writer,
        organisation: str,
        clock: Callable[[], int],
        reload: Callable[[Actor], Awaitable[list[str]]],
    ) -> None:
        self._status = status
        self._home = home
        self._store = store
        self._writer = writer
        self._organisation = organisation
        self._clock = clock
        self._reload = reload

    async def status(self, request: pb.StatusRequest, actor: Actor) -> pb.StatusResponse:  # noqa: ARG002
        """The whole node."""
        return wire.status(await asyncio.to_thread(self._status.node))

    async def reload(self, request: pb.ReloadRequest, actor: Actor) -> pb.ReloadResponse:  # noqa: ARG002
        """Read the configuration again."""
        return pb.ReloadResponse(changed=await self._reload(actor))

    async def backup(self, request: pb.BackupRequest, actor: Actor) -> AsyncGenerator[pb.BackupResponse, None]:
        """Copy the home; progress, then the result."""
        directory = Path(request.directory)

        def copy(say: Callable[[pb.BackupResponse], None]) -> None:
            def progress(done: int, total: int) -> None:
                say(pb.BackupResponse(progress=pb.BackupProgress(done=done, total=total)))

            size = backup(
                self._home,
                self._store,
                self._writer,
                directory,
                organisation=self._organisation,
                clock=self._clock,
                actor=actor,
                progress=progress,
            )
            say(pb.BackupResponse(result=pb.BackupResult(directory=str(directory), bytes=size)))

        async with aclosing(spoken(copy)) as responses:
            async for response in responses:
                yield response


class PeerCalls:
    """Handlers about the own card and the peers."""

    def __init__(
        self,
        *,
        own: OwnCard,
        rules: Callable[[], Rules],
        peers: Peers,
        status: Status,
        config: Callable[[], Config],
        exchange: Checks | None,
    ) -> None:
        self._own = own
        self._rules = rules
        self._peers = peers
        self._status = status
        self._config = config
        self._exchange = exchange

    async def card(self, request: pb.GetCardRequest, actor: Actor) -> pb.CardResponse:  # noqa: ARG002
        """The own card."""
        return wire.card(self._own)

    async def renew(self, request: pb.RenewCardRequest, actor: Actor) -> pb.CardResponse:
        """The next card."""
        try:
            endpoints = tuple(Address.parse(text) for text in request.endpoints) or self._config().endpoints
        except ValueError as error:
            raise Invalid(f"an endpoint {error}") from None
        rules = await asyncio.to_thread(self._rules)
        content = CardContent(self._config().role, endpoints, rules.profiles, rules.manifest)
        await self._own.renew(content, actor=actor)
        return wire.card(self._own)

    async def add(self, request: pb.AddPeerRequest, actor: Actor) -> pb.PeerResponse:
        """Pin a peer."""
        peer = await self._peers.add(request.card, request.fingerprint, actor=actor, endpoint=request.endpoint)
        return pb.PeerResponse(peer=await self._shown(peer))

    async def list(self, request: pb.ListPeersRequest, actor: Actor) -> pb.ListPeersResponse:  # noqa: ARG002
        """Every peer, or one."""
        found = [self._peers.get(request.organisation)] if request.organisation else self._peers.list()
        return pb.ListPeersResponse(peers=[await self._shown(peer) for peer in found])

    async def set_state(self, request: pb.SetPeerStateRequest, actor: Actor) -> pb.PeerResponse:
        """Pause, resume or remove."""
        peer = await self._peers.set_state(request.organisation, request.state, actor=actor)
        return pb.PeerResponse(peer=await self._shown(peer))

    async def check(self, request: pb.CheckPeerRequest, actor: Actor) -> pb.CheckPeerResponse:  # noqa: ARG002
        """Dial a peer."""
        self._peers.get(request.organisation)
        if self._exchange is None:
            raise Refused("no node runs on this home: start it with `tocsin serve` to check a peer")
        return wire.probe(await self._exchange.check(request.organisation))

    async def _shown(self, peer: Peer) -> pb.PeerStatus:
        return wire.peer(peer, await asyncio.to_thread(self._status.peer, peer.organisation))


class CommunityCalls:
    """Handlers about communities."""

    def __init__(self, *, communities: Communities, feeds: Feeds, retagger: Retagger, clock: Callable[[], int]) -> None:
        self._communities = communities
        self._feeds = feeds
        self._retagger = retagger
        self._clock = clock

    async def create(self, request: pb.CreateCommunityRequest, actor: Actor) -> pb.CommunityResponse:
        """Found one."""
        found = await self._communities.create(request.name, actor=actor)
        return pb.CommunityResponse(community=wire.community(found))

    async def invite(self, request: pb.InviteRequest, actor: Actor) -> pb.InviteResponse:
        """Invite a peer."""
        made = await self._communities.invite(request.community, request.organisation, actor=actor)
        return pb.InviteResponse(invite=made.note, invite_id=made.invite_id, not_after=made.not_after)

    async def join(self, request: pb.JoinRequest, actor: Actor) -> pb.CommunityResponse:
        """Take an invite."""
        found = await self._communities.join(request.invite, actor=actor)
        await self._retag(found)
        return pb.CommunityResponse(community=wire.community(found))

    async def rotate(self, request: pb.RotateRequest, actor: Actor) -> pb.RotateResponse:
        """The next epoch, and the own feeds carried into it."""
        found, invites = await self._communities.rotate(request.community, list(request.remove), actor=actor)
        retagged = await self._retag(found)
        return pb.RotateResponse(community=wire.community(found), invites=wire.invites(invites), retagged=retagged)

    async def _retag(self, community: Community) -> int:
        """Carry own feeds into the newest epoch; where it is not open for publishing yet, the next publish does it."""
        epoch = community.publishing(self._clock())
        if epoch is None:
            return 0
        own = [feed for feed in self._feeds.all() if feed.community == community.id and feed.state == "open"]
        return sum([await self._retagger.ensure(feed, epoch.key) for feed in own])


class FeedCalls:
    """Handlers about own feeds, and about followed ones that are served on."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        relays: Relays,
        status: Status,
        peers: Peers,
        policies: Policies,
        audiences: Audiences,
        recovery: Recovery | None,
    ) -> None:
        self._feeds = feeds
        self._relays = relays
        self._recovery = recovery
        self._status = status
        self._peers = peers
        self._policies = policies
        self._audiences = audiences

    async def create(self, request: pb.CreateFeedRequest, actor: Actor) -> pb.FeedResponse:
        """Add a feed."""
        made = await self._feeds.create(
            name=request.name,
            community=request.community,
            audience=request.audience,
            relay=request.relay,
            actor=actor,
        )
        states = await asyncio.to_thread(self._status.own_feeds)
        state = next(one for one in states if one.origin == made.origin)
        return pb.FeedResponse(feed=wire.feed(state))

    async def relay(self, request: pb.RelayFeedRequest, actor: Actor) -> pb.FeedResponse:
        """Serve a followed feed on, or no more."""
        relay = await self._relays.serve_on(wire.feed_name(request.feed), request.audience, actor=actor)
        return await self._followed(relay.origin)

    async def trust(self, request: pb.TrustRelayRequest, actor: Actor) -> pb.FeedResponse:
        """Take a followed feed from a peer again whose serving of it was false."""
        peer = organisation_id(request.peer, "PEER")
        relay = await self._relays.trust(wire.feed_name(request.feed), peer, actor=actor)
        return await self._followed(relay.origin)

    async def _followed(self, origin: str) -> pb.FeedResponse:
        states = await asyncio.to_thread(self._status.followed_feeds)
        return pb.FeedResponse(feed=wire.feed(next(one for one in states if one.origin == origin)))

    async def recover(
        self, request: pb.RecoverFeedRequest, actor: Actor
    ) -> AsyncGenerator[pb.RecoverFeedResponse, None]:
        """Fetch an own feed back, with progress."""
        if self._recovery is None:
            raise Refused("no node runs on this home: start it with `tocsin serve` to ask its peers")
        moves: asyncio.Queue[Progress | None] = asyncio.Queue()
        work = asyncio.create_task(
            self._recovery.recover(
                wire.feed_name(request.feed), peer=request.peer, actor=actor, report=moves.put_nowait
            )
        )
        work.add_done_callback(lambda _: moves.put_nowait(None))
        try:
            while (move := await moves.get()) is not None:
                yield wire.recovering(move)
            yield wire.recovered(work.result())
        finally:
            work.cancel()

    async def list(self, request: pb.ListOwnFeedsRequest, actor: Actor) -> pb.ListOwnFeedsResponse:  # noqa: ARG002
        """Every own feed."""
        states = await asyncio.to_thread(self._status.own_feeds)
        return pb.ListOwnFeedsResponse(feeds=[wire.feed(one) for one in states])

    async def recipients(self, request: pb.FeedRecipientsRequest, actor: Actor) -> pb.FeedRecipientsResponse:  # noqa: ARG002
        """Who receives a feed and why."""
        name = wire.feed_name(request.feed)
        if "/" in name and not name.startswith(f"{self._feeds.organisation}/"):
            return wire.recipients(self._relays.recipients(name))
        feed = self._feeds.get(name)
        members = self._audiences().get(feed.audience, ())
        found = recipients(feed.name, members=members, book=self._peers.book, policy_of=self._policies.policy_of)
        held = {one.peer: one for one in await asyncio.to_thread(self._status.deliveries, feed.log)}
        return wire.recipients(still_told(one, self._peers.book, held.get(one.organisation)) for one in found)


class PolicyCalls:
    """Handlers about policies."""

    def __init__(self, *, policies: Policies, explainer: Explainer) -> None:
        self._policies = policies
        self._explainer = explainer

    async def check(self, request: pb.PoliciesRequest, actor: Actor) -> pb.PoliciesResponse:  # noqa: ARG002
        """What is wrong with these files."""
        _, wrong = await asyncio.to_thread(self._policies.check, wire.policy_files(request))
        return wire.policies([], wrong)

    async def apply(self, request: pb.PoliciesRequest, actor: Actor) -> pb.PoliciesResponse:
        """Put them in force, or none of them."""
        files = wire.policy_files(request)
        _, wrong = await asyncio.to_thread(self._policies.check, files)
        if wrong:
            return wire.policies([], wrong)
        return wire.policies(await self._policies.apply(files, actor=actor))

    async def show(self, request: pb.ShowPoliciesRequest, actor: Actor) -> pb.PoliciesResponse:  # noqa: ARG002
        """What is in force."""
        return wire.policies((one, False) for one in self._policies.all(request.peer))

    async def explain(self, request: pb.ExplainPolicyRequest, actor: Actor) -> pb.ExplainPolicyResponse:  # noqa: ARG002
        """What became of one signal."""
        feed = wire.feed_name(request.feed)
        return wire.explained(await asyncio.to_thread(self._explainer.explain, feed, request.signal, request.peer))


class TokenCalls:
    """Handlers about tokens."""

    def __init__(self, *, tokens: Tokens) -> None:
        self._tokens = tokens

    async def add(self, request: pb.AddTokenRequest, actor: Actor) -> pb.AddTokenResponse:
        """A new token, shown once."""
        return pb.AddTokenResponse(token=await self._tokens.add(request.name, list(request.roles), actor=actor))

    async def list(self, request: pb.ListTokensRequest, actor: Actor) -> pb.ListTokensResponse:  # noqa: ARG002
        """Every token ever made."""
        return wire.tokens(self._tokens.list())

    async def revoke(self, request: pb.RevokeTokenRequest, actor: Actor) -> pb.RevokeTokenResponse:
        """End a token."""
        await self._tokens.revoke(request.name, actor=actor)
        return pb.RevokeTokenResponse()
