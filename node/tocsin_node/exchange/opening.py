"""Where a Follow stream starts, and what an opening tells the one who serves about itself.

A follower opens with the next index it wants and the latest checkpoint it verified. A checkpoint of the publisher's, of
a size beyond the copy served here or with another root than this copy has, says something about one of the three:
where this node is the publisher, it was restored from an old copy and must not sign that size a second time; where it
serves another's feed, it is behind, or the publisher has two histories. `judge` decides which; the caller acts.
"""

from collections.abc import Callable

from tocsin_crypto.checkpoint import open_checkpoint
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.note import Verifier
from tocsin_node.errors import Invalid, Refused
from tocsin_node.exchange.wire import Open


class Contradicted(Refused):
    """A follower shows a checkpoint of the publisher's that this copy does not lead to; `size` is the checkpoint's."""

    def __init__(self, sentence: str, size: int) -> None:
        super().__init__(sentence)
        self.size = size


class Ahead(Contradicted):
    """It is of a size beyond this copy."""


class SecondRoot(Contradicted):
    """It has another root than this copy for a size that is signed here too."""


class Beyond(Refused):
    """A follower asks for entries after the end, and shows no proof that there were any."""


def judge(opened: Open, *, key: Verifier, head: int, root_at: Callable[[int], bytes | None]) -> int:
    """The size the follower has proved to hold, 0 without a checkpoint. Errors: Invalid, Ahead, SecondRoot, Beyond.

    `key` is the publisher's, `head` the size of this copy, `root_at` the root of a size that has a checkpoint here.
    """
    proved = shown(opened.origin, opened.checkpoint, key=key, head=head, root_at=root_at) if opened.checkpoint else 0
    if opened.next > head:
        raise Beyond(f"entries from {opened.next} on are asked for; this node holds {head}")
    return proved


def shown(origin: str, note: bytes, *, key: Verifier, head: int, root_at: Callable[[int], bytes | None]) -> int:
    """The size of a checkpoint note that agrees with this copy. Errors: Invalid, Ahead, SecondRoot."""
    try:
        found = open_checkpoint(note, origin, key)
    except CryptoError as error:
        raise Invalid(f"the checkpoint shown is not of {origin}: {error}") from error
    if found.size > head:
        raise Ahead(f"the publisher has signed {found.size} entries of {origin}, {head} are here", found.size)
    held = root_at(found.size)
    if held is not None and held != found.root:
        raise SecondRoot(f"the publisher has signed two roots for size {found.size} of {origin}", found.size)
    return found.size
