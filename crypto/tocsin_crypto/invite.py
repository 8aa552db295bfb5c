"""Invites: how a founder hands the epoch keys of a community to one member (kind ``tocsin/1/invite``).

An invite is a note signed by the founder's node key. In the open it names the community, the recipient organisation
and its sealing key, the invite's own id, its end, and carries the signed epoch descriptors; sealed to the recipient it
holds the epoch keys and *the same ids again*, because a sealed box alone proves no sender and could be moved into
another note.

``open_invite`` checks, in this order, each with its own sentence: form, the founder's signature, recipient, expiry,
sealing key, the ids inside the box, each descriptor's signature and community, each key against its descriptor's key
id, and that no newer epoch is held. Recording that an invite was used is the caller's.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin_crypto import statement
from tocsin_crypto._encoding import show_time, to_base64
from tocsin_crypto.ed25519 import PublicKey, Random
from tocsin_crypto.epoch import EpochDescriptor, SignedEpoch, open_epoch
from tocsin_crypto.errors import Forged, Malformed, Refused
from tocsin_crypto.names import check_organisation, founder_of, node_key_name
from tocsin_crypto.note import NoteVerifier, Signer
from tocsin_crypto.sealing import KEY_ID_BYTES as SEALING_KEY_ID_BYTES, SealingKey, SealingPublicKey
from tocsin_crypto.statement import MAX_STATEMENT, Fields
from tocsin_crypto.tag import EPOCH_KEY_BYTES, EpochKey

KIND = "tocsin/1/invite"
INVITE_ID_BYTES = 16
MAX_EPOCHS = 8
"""Epochs in one invite: the live ones of a community, usually one or two."""


@dataclass(frozen=True, slots=True)
class InvitedEpoch:
    """A signed descriptor and the key that belongs to it."""

    signed: SignedEpoch
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        descriptor = self.descriptor
        if EpochKey(descriptor.community, descriptor.number, self.key).key_id != descriptor.key_id:
            raise Forged(f"the key for epoch {descriptor.number} is not the one its descriptor names")

    @property
    def descriptor(self) -> EpochDescriptor:
        """The descriptor."""
        return self.signed.descriptor


@dataclass(frozen=True, slots=True)
class Invite:
    """What a recipient got: the epochs with their keys, lowest number first."""

    community: str
    invite_id: bytes
    not_after: int
    epochs: tuple[InvitedEpoch, ...]


def make_invite(
    epochs: Sequence[InvitedEpoch],
    *,
    recipient: str,
    recipient_key: SealingPublicKey,
    not_after: int,
    founder: Signer,
    random: Random = secrets.token_bytes,
) -> bytes:
    """The invite note for ``recipient`` to these epochs of one community, usable until ``not_after`` (ms UTC)."""
    if not 0 < len(epochs) <= MAX_EPOCHS or len({epoch.descriptor.number for epoch in epochs}) != len(epochs):
        raise Malformed(f"an invite takes 1 to {MAX_EPOCHS} different epochs")
    community = epochs[0].descriptor.community
    if any(epoch.descriptor.community != community for epoch in epochs):
        raise Malformed("an invite takes epochs of one community only")
    if founder.name != node_key_name(founder_of(community)):
        raise Malformed(f"an invite to {community} must be signed as {node_key_name(founder_of(community))}")
    ids: statement.Object = {
        "community": community,
        "recipient": check_organisation(recipient),
        "invite_id": random(INVITE_ID_BYTES).hex(),
    }
    keys: statement.Object = {str(epoch.descriptor.number): to_base64(epoch.key) for epoch in epochs}
    inside = statement.encode({**ids, "keys": keys}, "sealed part of an invite")
    body: statement.Object = {
        **ids,
        "sealing_key_id": recipient_key.key_id.hex(),
        "not_after": not_after,
        "epochs": [epoch.signed.note_bytes.decode() for epoch in epochs],
        "sealed": to_base64(recipient_key.seal(inside.encode())),
    }
    return statement.sign(KIND, body, founder)


def claimed_community(data: bytes) -> str:
    """The community an invite names, *not verified*: only to look up the pinned founder for ``open_invite``."""
    community = statement.read(data, KIND)[1].text("community")
    founder_of(community)
    return community


def open_invite(
    data: bytes,
    *,
    founder_signing_key: PublicKey,
    organisation: str,
    sealing_key: SealingKey,
    now: int,
    newest_held: int = 0,
) -> Invite:
    """The epochs and keys in an invite to ``organisation`` at ``now`` (ms UTC); see the module for every check.

    ``newest_held`` is the highest epoch number of this community already held: an invite whose newest epoch is older
    is an old one shown again.
    """
    fields = statement.read(data, KIND)[1]
    community = fields.text("community")
    statement.verify(data, KIND, NoteVerifier(node_key_name(founder_of(community)), founder_signing_key))
    _check_recipient(fields, organisation, sealing_key, now)
    keys = _unseal(fields, sealing_key)
    epochs: list[InvitedEpoch] = []
    for text in fields.texts("epochs", most=MAX_EPOCHS, longest=MAX_STATEMENT):
        signed = open_epoch(text.encode(), founder_signing_key)
        number = signed.descriptor.number
        if signed.descriptor.community != community:
            raise Forged(f"the invite to {community} holds an epoch of another community")
        epochs.append(InvitedEpoch(signed, keys.base64(str(number), length=EPOCH_KEY_BYTES)))
    numbers = sorted(epoch.descriptor.number for epoch in epochs)
    if sorted(keys.keys()) != sorted(map(str, numbers)) or not numbers:
        raise Malformed("the invite does not hold exactly one key for each of its epochs")
    if numbers[-1] < newest_held:
        raise Refused(f"the invite ends at epoch {numbers[-1]} of {community}, but epoch {newest_held} is already held")
    return Invite(
        community,
        fields.hex("invite_id", length=INVITE_ID_BYTES),
        fields.time("not_after"),
        tuple(sorted(epochs, key=lambda epoch: epoch.descriptor.number)),
    )


def _check_recipient(fields: Fields, organisation: str, sealing_key: SealingKey, now: int) -> None:
    """Refuse an invite that is for another organisation, over, or sealed to a key this node does not use."""
    recipient = check_organisation(fields.text("recipient"))
    if recipient != organisation:
        raise Refused(f"the invite is for {recipient}, not for {organisation}")
    not_after = fields.time("not_after")
    if now >= not_after:
        raise Refused(f"the invite expired at {show_time(not_after)}")
    if fields.hex("sealing_key_id", length=SEALING_KEY_ID_BYTES) != sealing_key.public.key_id:
        raise Refused("the invite is sealed to another key of this organisation: ask for one to the current card")


def _unseal(fields: Fields, sealing_key: SealingKey) -> Fields:
    """The keys in the box, its ids compared with those the founder signed outside."""
    box = fields.base64("sealed")
    inside = sealing_key.open(box, "the sealed part of the invite")
    try:
        text = inside.decode()
    except UnicodeDecodeError:
        raise Malformed("the sealed part of the invite is not UTF-8") from None
    what = "sealed part of the invite"
    sealed = Fields(what, statement.decode(text, what))
    for key in ("community", "recipient", "invite_id"):
        if sealed.text(key) != fields.text(key):
            raise Forged(f"the sealed part of the invite was made for another {key.removesuffix('_id')}")
    return sealed.object("keys")
