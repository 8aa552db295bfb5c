"""Is a proved signal about a given identifier? A member of its community can tell, by making the tag again.

Of a type in the clear the tag is the identifier, and anybody can tell.
"""

from collections.abc import Sequence

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.clear import CLEAR_EPOCH, clear_tag
from tocsin_node.errors import Invalid, NotFound
from tocsin_node.life.state import Event
from tocsin_node.proof.verify import Proven
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code


def tags_of(proven: Proven, value: str, region: str, keys: Sequence[EpochKey]) -> list[tuple[Event, bytes]]:
    """For each tag of the signal, what the value's tag would be under every key of that epoch.

    The community is not in a proof, so keys of several communities may be tried. Errors: Invalid for a value without a
    canonical form or of a type this version does not know, NotFound when no key fits.
    """
    life = proven.life
    kind = by_code(life.type)
    if kind is None:
        raise Invalid(f"the signal is of a type this version does not know ({life.type:#06x})")
    try:
        canonical = canonicalise(kind.name, value, region=region or None)
    except Rejected as error:
        raise Invalid(f"the value is no {kind.name}: {error.sentence}") from error
    if kind.clear:
        return [(event, clear_tag(canonical)) for event in life.tagged if event.entry.epoch == CLEAR_EPOCH]
    request = [TagRequest(kind.profile, kind.scope, canonical)]
    fitting = [(event, key) for event in life.tagged for key in keys if key.epoch == event.entry.epoch]
    if not fitting:
        epochs = ", ".join(str(event.entry.epoch) for event in life.tagged)
        raise NotFound(f"this home holds no key of epoch {epochs}, so the value cannot be compared")
    return [(event, tag_batch(key, request)[0]) for event, key in fitting]
