"""Where a Follow stream starts, and what an opening tells a publisher about itself.

A follower opens with the next index it wants and the latest checkpoint it verified. A checkpoint that *this* node
signed, of a size beyond its head or with another root than it holds, means the node was restored from an old copy: it
must not sign that size a second time. `judge` decides; the caller freezes the feed and keeps the note.
"""

from collections.abc import Callable

from tocsin_crypto.checkpoint import open_checkpoint
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.note import Verifier
from tocsin_node.errors import Frozen, Invalid, Refused
from tocsin_node.exchange.wire import Open


class RolledBack(Frozen):
    """A peer holds a checkpoint of ours that our own copy of the feed contradicts."""


class Beyond(Refused):
    """A follower asks for entries after the end, and shows no proof that there were any."""


def judge(opened: Open, *, own: Verifier, head: int, root_at: Callable[[int], bytes | None]) -> int:
    """The size the follower has proved to hold, 0 without a checkpoint. Errors: Invalid, Beyond, RolledBack.

    `head` is the feed's size, `root_at` the root this node signed for a size, None where it signed none.
    """
    proved = 0
    if opened.checkpoint:
        try:
            shown = open_checkpoint(opened.checkpoint, opened.origin, own)
        except CryptoError as error:
            raise Invalid(f"the checkpoint shown is not of this feed: {error}") from error
        if shown.size > head:
            raise RolledBack(
                f"{opened.origin} holds {head} entries, but a peer shows this node's signature for {shown.size}: "
                "restored from an old copy?"
            )
        if shown.size and root_at(shown.size) != shown.root:
            raise RolledBack(
                f"{opened.origin}: a peer shows this node's signature for another root of size {shown.size}: "
                "restored from an old copy?"
            )
        proved = shown.size
    if opened.next > head:
        raise Beyond(f"entries from {opened.next} on are asked for; the feed has {head}")
    return proved
