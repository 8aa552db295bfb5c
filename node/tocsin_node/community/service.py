"""The communities this node founded or joined, their epochs and keys.

Rules:

1. The founder signs one descriptor per epoch and hands the key out by invites, each sealed to one member.
2. An epoch key is on disk, sealed, before the database knows its epoch.
3. Rotating makes the next epoch, publishable at once; the one before it is matched until its own end. Who gets no
   invite to the new epoch is out when the old one stops matching.
4. Every live epoch is tried by look-ups; publishing uses the newest whose publish window is open.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.epoch import KEYED, EpochDescriptor, SignedEpoch, open_epoch, sign_epoch
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.invite import Invite, InvitedEpoch, claimed_community, make_invite, open_invite
from tocsin_crypto.names import founder_of
from tocsin_crypto.tag import EPOCH_KEY_BYTES, EpochKey
from tocsin_node.card import OwnCard
from tocsin_node.config import DAY_MS
from tocsin_node.errors import Invalid, NotFound, Refused, Unsound
from tocsin_node.keys import EpochKeys
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.names import local_name
from tocsin_node.peers.book import PeerState
from tocsin_node.peers.service import Peers
from tocsin_node.store.protocol import Session, Store
from tocsin_signals.types import REGISTRY

EPOCH_MS: Final = 90 * DAY_MS  # one epoch is published under
OVERLAP_MS: Final = 14 * DAY_MS  # and matched for this much longer: time to retag
INVITE_MS: Final = 14 * DAY_MS  # an invite is usable this long
INVITE_BYTES: Final = 64 * 1024  # largest invite read


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch this node holds the key of."""

    signed: SignedEpoch
    key: EpochKey

    @property
    def descriptor(self) -> EpochDescriptor:
        """What the founder said."""
        return self.signed.descriptor


@dataclass(frozen=True, slots=True)
class Community:
    """A community and the epochs held, oldest first."""

    id: str
    founder: str
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True, slots=True)
class MadeInvite:
    """An invite for one organisation."""

    organisation: str
    note: bytes
    invite_id: str
    not_after: int


class Communities:
    """Founds, joins and rotates communities; holds their keys in memory."""

    def __init__(
        self, *, store: Store, writer: Writer, own: OwnCard, keys: EpochKeys, peers: Peers, clock: Callable[[], int]
    ) -> None:
        self._writer = writer
        self._own = own
        self._keys = keys
        self._peers = peers
        self._clock = clock
        with store.read() as session:
            self._held = {found.id: found for found in self._load(session)}
        self._store = store

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
            raise NotFound(f"this node is not a member of a community {community!r}")
        return found

    def publishing(self, community: str, now: int) -> EpochKey:
        """The key to publish with at `now` (ms). Errors: NotFound; Refused when no epoch is open."""
        found = self.get(community)
        for epoch in reversed(found.epochs):
            if epoch.descriptor.publish_from <= now < epoch.descriptor.publish_until:
                return epoch.key
        raise Refused(f"no epoch of {community} is open for publishing: its founder, {found.founder}, must rotate it")

    def matching(self, now: int) -> list[EpochKey]:
        """Every key that look-ups try at `now` (ms)."""
        return [
            epoch.key for found in self._held.values() for epoch in found.epochs if now < epoch.descriptor.match_until
        ]

    async def create(self, name: str, *, actor: Actor) -> Community:
        """Found a community with its first epoch. Errors: Invalid, Refused."""
        local_name(name, "the community's name")
        community = f"{name}.{self._own.card.organisation}"
        if community in self._held:
            raise Refused(f"the community {community} exists already")
        epoch = self._new_epoch(community, 1)

        def operation(tx: Tx) -> None:
            tx.sql.execute(
                "INSERT INTO community (id, founder) VALUES (?, ?)", (community, self._own.card.organisation)
            )
            _store_epoch(tx, epoch)
            tx.audit("community.created", actor=actor, about={"community": community, **_about(epoch)})

        await self._writer.submit(operation)
        self._add(community, [epoch])
        return self.get(community)

    async def invite(self, community: str, organisation: str, *, actor: Actor) -> MadeInvite:
        """An invite to every live epoch for a peer. Errors: NotFound, Refused."""
        found = self._founded(community)
        live = [epoch for epoch in found.epochs if self._clock() < epoch.descriptor.match_until]
        made = self._make_invite(live, organisation)
        await self._writer.submit(lambda tx: _store_invites(tx, community, live[-1], [made], actor))
        return made

    async def join(self, invite: bytes, *, actor: Actor) -> Community:
        """Take an invite's epochs and keys. Errors: Invalid, Refused, each in its own sentence."""
        opened = self._open(invite)
        epochs = [
            Epoch(one.signed, EpochKey(opened.community, one.descriptor.number, one.key)) for one in opened.epochs
        ]
        for epoch in epochs:
            self._keys.store(epoch.key)
        founder = founder_of(opened.community)

        def operation(tx: Tx) -> None:
            tx.sql.execute(
                "INSERT INTO community (id, founder) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                (opened.community, founder),
            )
            for epoch in epochs:
                _store_epoch(tx, epoch)
            about = {"community": opened.community, "invite": opened.invite_id.hex(), **_about(epochs[-1])}
            tx.audit("community.joined", actor=actor, peer=founder, about=about)

        await self._writer.submit(operation)
        self._add(opened.community, epochs)
        return self.get(opened.community)

    async def rotate(
        self, community: str, remove: Sequence[str], *, actor: Actor
    ) -> tuple[Community, tuple[MadeInvite, ...]]:
        """Begin the next epoch; returns invites for every member that is not removed. Errors: NotFound, Refused."""
        found = self._founded(community)
        epoch = self._new_epoch(community, found.epochs[-1].descriptor.number + 1)
        members = self._members(community)
        unknown = sorted(set(remove) - set(members))
        if unknown:
            raise NotFound(f"{unknown[0]} was not invited to {community}")
        staying = [member for member in members if member not in remove]
        live = [one for one in found.epochs if self._clock() < one.descriptor.match_until]
        invites = [self._make_invite([*live[-1:], epoch], member) for member in staying if self._is_active(member)]

        def operation(tx: Tx) -> None:
            _store_epoch(tx, epoch)
            for gone in remove:
                tx.sql.execute("DELETE FROM invite WHERE community = ? AND organisation = ?", (community, gone))
                tx.audit("community.member_removed", actor=actor, peer=gone, about={"community": community})
            tx.audit("community.rotated", actor=actor, about={"community": community, **_about(epoch)})
            _store_invites(tx, community, epoch, invites, actor)

        await self._writer.submit(operation)
        self._add(community, [epoch])
        return self.get(community), tuple(invites)

    def _founded(self, community: str) -> Community:
        found = self.get(community)
        if found.founder != self._own.card.organisation:
            raise Refused(f"only its founder, {found.founder}, invites to {community} and rotates it")
        return found

    def _members(self, community: str) -> list[str]:
        query = "SELECT DISTINCT organisation FROM invite WHERE community = ? ORDER BY organisation"
        with self._store.read() as session:
            return [str(name) for (name,) in session.all(query, (community,))]

    def _is_active(self, organisation: str) -> bool:
        peer = self._peers.book.get(organisation)
        return peer is not None and peer.state is not PeerState.REMOVED

    def _new_epoch(self, community: str, number: int) -> Epoch:
        now = self._clock()
        key = EpochKey(community, number, secrets.token_bytes(EPOCH_KEY_BYTES))
        descriptor = EpochDescriptor(
            community=community,
            number=number,
            publish_from=now,
            publish_until=now + EPOCH_MS,
            match_until=now + EPOCH_MS + OVERLAP_MS,
            key_id=key.key_id,
            protection={kind.name: KEYED for kind in REGISTRY},
        )
        note = sign_epoch(descriptor, self._own.keyring.feed_signer())
        self._keys.store(key)
        return Epoch(open_epoch(note, self._own.card.keys.signing.public), key)

    def _make_invite(self, epochs: Sequence[Epoch], organisation: str) -> MadeInvite:
        peer = self._peers.book.get(organisation)
        if peer is None or peer.state is PeerState.REMOVED:
            raise Refused(f"{organisation} is not a peer: add it with its card first")
        not_after = self._clock() + INVITE_MS
        drawn = secrets.token_bytes(16)
        note = make_invite(
            [InvitedEpoch(epoch.signed, epoch.key.key) for epoch in epochs],
            recipient=organisation,
            recipient_key=peer.card.keys.sealing.public,
            not_after=not_after,
            founder=self._own.keyring.feed_signer(),
            random=lambda _: drawn,
        )
        return MadeInvite(organisation, note, drawn.hex(), not_after)

    def _open(self, invite: bytes) -> Invite:
        if len(invite) > INVITE_BYTES:
            raise Invalid(f"an invite has at most {INVITE_BYTES} bytes, this has {len(invite)}")
        try:
            community = claimed_community(invite)
            founder = founder_of(community)
            peer = self._peers.book.get(founder)
            if peer is None or peer.state is PeerState.REMOVED:
                raise Refused(f"the invite is of {founder}, which is not a peer: add it with its card first")
            held = self._held.get(community)
            return open_invite(
                invite,
                founder_signing_key=peer.card.keys.signing.public,
                organisation=self._own.card.organisation,
                sealing_key=self._own.keyring.sealing,
                now=self._clock(),
                newest_held=held.epochs[-1].descriptor.number if held else 0,
            )
        except CryptoError as error:
            raise Invalid(f"the invite cannot be accepted: {error}") from error

    def _add(self, community: str, epochs: Sequence[Epoch]) -> None:
        held = self._held.get(community)
        merged = {epoch.descriptor.number: epoch for epoch in (*(held.epochs if held else ()), *epochs)}
        found = Community(community, founder_of(community), tuple(merged[number] for number in sorted(merged)))
        self._held = {**self._held, community: found}

    def _load(self, session: Session) -> Sequence[Community]:
        found: list[Community] = []
        for community, founder in session.all("SELECT id, founder FROM community ORDER BY id"):
            query = "SELECT number, descriptor FROM epoch WHERE community = ? ORDER BY number"
            signer = self._signer(founder)
            epochs: list[Epoch] = []
            for number, note in session.all(query, (community,)):
                try:
                    signed = open_epoch(bytes(note), signer)
                except CryptoError as error:
                    raise Unsound(f"epoch {number} of {community} in the store is not what was joined") from error
                epochs.append(Epoch(signed, self._keys.load(community, int(number))))
            found.append(Community(community, founder, tuple(epochs)))
        return found

    def _signer(self, founder: str) -> PublicKey:
        if founder == self._own.card.organisation:
            return self._own.card.keys.signing.public
        peer = self._peers.book.get(founder)
        if peer is None:
            raise Unsound(f"the founder {founder} of a joined community is not among the peers")
        return peer.card.keys.signing.public


def _store_epoch(tx: Tx, epoch: Epoch) -> None:
    tx.sql.execute(
        "INSERT INTO epoch (community, number, descriptor) VALUES (?, ?, ?) ON CONFLICT (community, number) DO NOTHING",
        (epoch.descriptor.community, epoch.descriptor.number, epoch.signed.note_bytes),
    )


def _store_invites(tx: Tx, community: str, newest: Epoch, invites: Sequence[MadeInvite], actor: Actor) -> None:
    for made in invites:
        tx.sql.execute(
            "INSERT INTO invite (id, community, organisation, epoch, at) VALUES (?, ?, ?, ?, ?)",
            (made.invite_id, community, made.organisation, newest.descriptor.number, tx.now),
        )
        about = {"community": community, "invite": made.invite_id, **_about(newest)}
        tx.audit("community.invited", actor=actor, peer=made.organisation, about=about)


def _about(epoch: Epoch) -> dict[str, str]:
    return {"epoch": str(epoch.descriptor.number), "key_id": epoch.descriptor.key_id.hex()}
