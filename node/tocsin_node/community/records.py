"""Communities in the store: descriptors as the founder signed them, and who was invited. Never a key."""

from collections.abc import Sequence

from tocsin_crypto import statement
from tocsin_crypto.epoch import KIND, EpochDescriptor, SignedEpoch
from tocsin_crypto.errors import CryptoError
from tocsin_node.community.held import Community, Epoch, MadeInvite
from tocsin_node.errors import Unsound
from tocsin_node.keys import EpochKeys
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.store.protocol import Session


def load_communities(session: Session, keys: EpochKeys) -> dict[str, Community]:
    """Every community with its keys, by id; Unsound when a descriptor or key is not what this node wrote.

    Signatures were verified when the epochs were taken; the founder may have renewed its key since.
    """
    found: dict[str, Community] = {}
    for community, founder in session.all("SELECT id, founder FROM community ORDER BY id"):
        query = "SELECT number, descriptor FROM epoch WHERE community = ? ORDER BY number"
        epochs = [_epoch(keys, community, number, bytes(note)) for number, note in session.all(query, (community,))]
        found[community] = Community(community, founder, tuple(epochs))
    return found


def store_epochs(tx: Tx, community: str, founder: str, epochs: Sequence[Epoch]) -> None:
    """Keep new epochs of a community, itself perhaps new."""
    tx.sql.execute(
        "INSERT INTO community (id, founder) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (community, founder)
    )
    tx.sql.execute_many(
        "INSERT INTO epoch (community, number, descriptor) VALUES (?, ?, ?)",
        [(community, epoch.number, epoch.signed.note_bytes) for epoch in epochs],
    )


def store_invites(tx: Tx, community: str, newest: Epoch, invites: Sequence[MadeInvite], actor: Actor) -> None:
    """Keep and log who was invited up to which epoch."""
    for made in invites:
        tx.sql.execute(
            "INSERT INTO invite (id, community, organisation, epoch, at) VALUES (?, ?, ?, ?, ?)",
            (made.invite_id, community, made.organisation, newest.number, tx.now),
        )
        about = {"community": community, "invite": made.invite_id, **about_epoch(newest)}
        tx.audit("community.invited", actor=actor, peer=made.organisation, about=about)


def remove_member(tx: Tx, community: str, organisation: str, actor: Actor) -> None:
    """Take a member off the list of those who get later epochs."""
    tx.sql.execute("DELETE FROM invite WHERE community = ? AND organisation = ?", (community, organisation))
    tx.audit("community.member_removed", actor=actor, peer=organisation, about={"community": community})


def members(session: Session, community: str) -> tuple[str, ...]:
    """Who was invited and not removed, by organisation id."""
    query = "SELECT DISTINCT organisation FROM invite WHERE community = ? ORDER BY organisation"
    return tuple(str(name) for (name,) in session.all(query, (community,)))


def about_epoch(epoch: Epoch) -> dict[str, str]:
    """How the audit log names an epoch."""
    return {"epoch": str(epoch.number), "key_id": epoch.descriptor.key_id.hex()}


def _epoch(keys: EpochKeys, community: str, number: int, data: bytes) -> Epoch:
    key = keys.load(community, number)
    try:
        note, fields = statement.read(data, KIND)
        descriptor = EpochDescriptor.read(fields)
    except CryptoError as error:
        raise Unsound(f"epoch {number} of {community} in the store is not what this node took") from error
    if (descriptor.community, descriptor.number, descriptor.key_id) != (community, number, key.key_id):
        raise Unsound(f"the stored key of epoch {number} of {community} is not the one its founder named")
    return Epoch(SignedEpoch(descriptor, data, statement.digest(note)), key)
