"""The communities this node founded or joined, their epochs and keys.

Rules:

1. The founder signs one descriptor per epoch and hands the key out by invites, each sealed to one member.
2. An epoch key is on disk, sealed, before the database knows its epoch. One change at a time, so that no other attempt
   replaces the file in between.
3. Rotating makes the next epoch, publishable at once; the one before it is matched until its own end. Who gets no
   invite to the new epoch is out when the old one stops matching.
4. Every live epoch is tried by look-ups; publishing uses the newest whose publish window is open.
5. What is held is swapped by the writer thread when a change is durable, before anybody is answered.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tocsin_crypto.ed25519 import Random
from tocsin_crypto.epoch import KEYED, EpochDescriptor, open_epoch, sign_epoch
from tocsin_crypto.errors import CryptoError, Refused as CryptoRefused
from tocsin_crypto.invite import (
    INVITE_ID_BYTES,
    MAX_EPOCHS,
    Invite,
    InvitedEpoch,
    claimed_community,
    make_invite,
    open_invite,
)
from tocsin_crypto.names import founder_of, node_key_name
from tocsin_crypto.tag import EPOCH_KEY_BYTES, EpochKey
from tocsin_node.card import OwnCard
from tocsin_node.community.held import Community, Epoch, MadeInvite
from tocsin_node.community.records import (
    about_epoch,
    load_communities,
    members,
    remove_member,
    store_epochs,
    store_invites,
)
from tocsin_node.config import DAY_MS
from tocsin_node.errors import Invalid, Misbehaviour, NotFound, Refused
from tocsin_node.keys import EpochKeys
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.names import local_name
from tocsin_node.peers.book import Peer, PeerState
from tocsin_node.peers.evidence import keep_evidence
from tocsin_node.peers.service import Peers
from tocsin_node.store.protocol import Store
from tocsin_signals.types import REGISTRY

EPOCH_MS: Final = 90 * DAY_MS  # one epoch is published under
OVERLAP_MS: Final = 14 * DAY_MS  # and matched for this much longer: time to retag
INVITE_MS: Final = 14 * DAY_MS  # an invite is usable this long
INVITE_BYTES: Final = 64 * 1024  # largest invite read: eight epochs take about 10 kB

__all__ = ["Communities", "Community", "Epoch", "MadeInvite"]


class Communities:
    """Founds, joins and rotates communities; holds their keys in memory."""

    def __init__(
        self,
        *,
        store: Store,
        writer: Writer,
        own: OwnCard,
        keys: EpochKeys,
        peers: Peers,
        clock: Callable[[], int],
        random: Random = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._writer = writer
        self._own = own
        self._keys = keys
        self._peers = peers
        self._clock = clock
        self._random = random
        self._changing = asyncio.Lock()
        with store.read() as session:
            self._held: Mapping[str, Community] = load_communities(session, keys)

    def ids(self) -> Sequence[str]:
        """Communities this node is a member of."""
        return tuple(self._held)

    def all(self) -> tuple[Community, ...]:
        """Every community, by id."""
        return tuple(self._held[name] for name in sorted(self._held))

    def get(self, community: str) -> Community:
        """One community. Errors: NotFound."""
        found = self._held.get(community)
        if found is None:
            raise NotFound("this node is not a member of a community of that id: `tocsin status` shows them")
        return found

    def publishing(self, community: str, now: int) -> EpochKey:
        """The key to publish with at `now` (ms UTC). Errors: NotFound; Refused when no epoch is open."""
        found = self.get(community)
        epoch = found.publishing(now)
        if epoch is None and found.newest.descriptor.publish_from > now:
            raise Refused(f"epoch {found.newest.number} of {community} has not begun: is this node's clock right?")
        if epoch is None:
            who = f"its founder, {found.founder}, must rotate it and invite this node"
            raise Refused(f"no epoch of {community} is open for publishing: {who}")
        return epoch.key

    def matching(self, now: int) -> list[EpochKey]:
        """Every key that look-ups try at `now` (ms UTC)."""
        return [epoch.key for found in self._held.values() for epoch in found.matching(now)]

    def ended(self, epoch: int, now: int) -> frozenset[str]:
        """The communities whose epoch of this number is no longer matched at `now` (ms UTC)."""
        held = ((name, found.epoch(epoch)) for name, found in self._held.items())
        return frozenset(name for name, one in held if one is not None and not one.matched(now))

    def tagging(self, community: str) -> list[EpochKey]:
        """Every key held of a community, of ended epochs too: own records may stand under one. Errors: NotFound."""
        return [epoch.key for epoch in self.get(community).epochs]

    def epochs(self, community: str) -> tuple[Epoch, ...]:
        """The epochs held of a community; none when this node is no member of it."""
        found = self._held.get(community)
        return () if found is None else found.epochs

    def members(self, community: str) -> tuple[str, ...]:
        """Who was invited to a community founded here and not removed. Errors: NotFound, Refused."""
        self._founded(community)
        with self._store.read() as session:
            return members(session, community)

    async def create(self, name: str, *, actor: Actor) -> Community:
        """Found a community with its first epoch. Errors: Invalid, Refused."""
        local_name(name, "the community's name")
        founder = self._own.card.organisation
        community = f"{name}.{founder}"
        async with self._changing:
            if community in self._held:
                raise Refused(f"the community {community} exists already")
            epoch = await self._new_epoch(community, 1)

            def operation(tx: Tx) -> Community:
                store_epochs(tx, community, founder, [epoch])
                tx.audit("community.created", actor=actor, about={"community": community, **about_epoch(epoch)})
                return self._holding(tx, Community(community, founder, (epoch,)))

            return await self._submit(operation)

    async def invite(self, community: str, organisation: str, *, actor: Actor) -> MadeInvite:
        """An invite to every live epoch for a peer. Errors: NotFound, Refused."""
        live = self._founded(community).matching(self._clock())
        if not live:
            raise Refused(f"every epoch of {community} has ended: rotate it first")
        made = self._make_invite(live, self._peer(organisation))
        await self._writer.submit(lambda tx: store_invites(tx, community, live[-1], [made], actor))
        return made

    async def join(self, invite: bytes, *, actor: Actor) -> Community:
        """Take an invite's epochs and keys; the same invite again changes nothing.

        Errors: Invalid or Refused, each in its own sentence; Misbehaviour, with the evidence kept, when the founder
        signed an epoch that is held already a second time with other content.
        """
        async with self._changing:
            opened, founder = self._open(invite)
            held = self._held.get(opened.community) or Community(opened.community, founder.organisation, ())
            fresh: list[Epoch] = []
            for one in opened.epochs:
                known = held.epoch(one.descriptor.number)
                if known is None:
                    fresh.append(Epoch(one.signed, EpochKey(opened.community, one.descriptor.number, one.key)))
                elif known.signed.digest != one.signed.digest:
                    await self._two_faced(founder.organisation, known, invite)
            if not fresh:
                return held
            for epoch in fresh:
                await asyncio.to_thread(self._keys.store, epoch.key)

            def operation(tx: Tx) -> Community:
                store_epochs(tx, held.id, held.founder, fresh)
                about = {"community": held.id, "invite": opened.invite_id.hex(), **about_epoch(fresh[-1])}
                tx.audit("community.joined", actor=actor, peer=held.founder, about=about)
                return self._holding(tx, held.with_epochs(fresh))

            return await self._submit(operation)

    async def rotate(
        self, community: str, remove: Sequence[str], *, actor: Actor
    ) -> tuple[Community, tuple[MadeInvite, ...]]:
        """Begin the next epoch; returns invites for every member that is not removed. Errors: NotFound, Refused."""
        async with self._changing:
            found = self._founded(community)
            invited = self.members(community)
            strangers = sorted(set(remove) - set(invited))
            if strangers:
                raise NotFound("one of those to remove was not invited to this community: nothing was changed")
            staying = [self._peers.book.get(name) for name in invited if name not in remove]
            epoch = await self._new_epoch(community, found.newest.number + 1)
            epochs = (*found.matching(self._clock())[-1:], epoch)
            invites = tuple(
                self._make_invite(epochs, peer) for peer in staying if peer and peer.state is not PeerState.REMOVED
            )

            def operation(tx: Tx) -> Community:
                store_epochs(tx, community, found.founder, [epoch])
                for gone in sorted(set(remove)):
                    remove_member(tx, community, gone, actor)
                tx.audit("community.rotated", actor=actor, about={"community": community, **about_epoch(epoch)})
                store_invites(tx, community, epoch, invites, actor)
                return self._holding(tx, found.with_epochs([epoch]))

            return await self._submit(operation), invites

    # ---- parts

    async def _submit(self, operation: Callable[[Tx], Community]) -> Community:
        """Run to the end although the caller gives up: the lock must outlast the change."""
        submitted = asyncio.ensure_future(self._writer.submit(operation))
        try:
            return await asyncio.shield(submitted)
        except asyncio.CancelledError:
            await asyncio.wait({submitted})
            raise

    def _holding(self, tx: Tx, community: Community) -> Community:
        def swap() -> None:
            self._held = {**self._held, community.id: community}

        tx.after(swap)
        return community

    def _founded(self, community: str) -> Community:
        found = self.get(community)
        if found.founder != self._own.card.organisation:
            raise Refused(f"only its founder, {found.founder}, invites to {community} and rotates it")
        return found

    def _peer(self, organisation: str) -> Peer:
        peer = self._peers.get(organisation)
        if peer.state is PeerState.REMOVED:
            raise Refused(f"{organisation} is not a peer: add it with its card first")
        return peer

    async def _new_epoch(self, community: str, number: int) -> Epoch:
        now = self._clock()
        key = EpochKey(community, number, self._random(EPOCH_KEY_BYTES))
        try:
            descriptor = EpochDescriptor(
                community=community,
                number=number,
                publish_from=now,
                publish_until=now + EPOCH_MS,
                match_until=now + EPOCH_MS + OVERLAP_MS,
                key_id=key.key_id,
                protection={kind.name: KEYED for kind in REGISTRY if not kind.clear},
            )
            note = sign_epoch(descriptor, self._own.keyring.feed_signer())
            epoch = Epoch(open_epoch(note, self._own.keyring.signing.public), key)
        except CryptoError as error:
            raise Invalid(f"the community cannot be made: {error}") from error
        await asyncio.to_thread(self._keys.store, key)
        return epoch

    def _make_invite(self, epochs: Sequence[Epoch], peer: Peer) -> MadeInvite:
        not_after = self._clock() + INVITE_MS
        drawn = self._random(INVITE_ID_BYTES)
        note = make_invite(
            [InvitedEpoch(epoch.signed, epoch.key.key) for epoch in epochs[-MAX_EPOCHS:]],
            recipient=peer.organisation,
            recipient_key=peer.card.keys.sealing.public,
            not_after=not_after,
            founder=self._own.keyring.feed_signer(),
            random=lambda _: drawn,
        )
        return MadeInvite(peer.organisation, note, drawn.hex(), not_after)

    def _open(self, invite: bytes) -> tuple[Invite, Peer]:
        if len(invite) > INVITE_BYTES:
            raise Invalid(f"an invite has at most {INVITE_BYTES} bytes, this has {len(invite)}")
        now = self._clock()
        try:
            community = claimed_community(invite)
            founder = self._founder(founder_of(community))
            founder.card.check_valid(now)
            signing = founder.signing_key(now)
            if signing is None:
                raise Refused(f"the signing key in the card of {founder.organisation} is not valid now")
            held = self._held.get(community)
            opened = open_invite(
                invite,
                founder_signing_key=signing,
                organisation=self._own.card.organisation,
                sealing_key=self._own.keyring.sealing,
                now=now,
                newest_held=held.newest.number if held else 0,
            )
        except CryptoRefused as error:
            raise Refused(str(error)) from error
        except CryptoError as error:
            raise Invalid(f"the invite cannot be accepted: {error}") from error
        return opened, founder

    def _founder(self, organisation: str) -> Peer:
        if organisation == self._own.card.organisation:
            raise Refused("the invite is to a community that this node founded")
        peer = self._peers.book.get(organisation)
        if peer is None or peer.state is PeerState.REMOVED:
            raise Refused(f"the invite is of {organisation}, which is not a peer: add it with its card first")
        return peer

    async def _two_faced(self, founder: str, known: Epoch, proof: bytes) -> None:
        sentence = f"{founder} has signed epoch {known.number} of {known.key.community} twice with different content"
        error, origin = Misbehaviour("epoch_conflict", sentence), node_key_name(founder)
        held = known.signed.note_bytes
        await self._writer.submit(
            lambda tx: keep_evidence(tx, origin=origin, peer=founder, error=error, proof=proof, held=held)
        )
        raise error
