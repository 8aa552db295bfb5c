"""Hello: what this node says of itself when a session opens, and what it makes of the other side's."""

from collections.abc import Callable
from typing import Final

from tocsin_node.card import OwnCard
from tocsin_node.community.service import Communities
from tocsin_node.errors import Refused
from tocsin_node.exchange.wire import EpochKeyId, Hello
from tocsin_node.limits import HELLO_KEYS, PROTOCOL_MAJOR, PROTOCOL_MINOR
from tocsin_node.peers.book import Peer, PeerState
from tocsin_node.rules import Rules
from tocsin_signals.probes import GENERATOR

SOFTWARE: Final = "tocsin"


class Greeting:
    """Makes this node's Hello and checks another's."""

    def __init__(self, *, own: OwnCard, communities: Communities, rules: Rules, clock: Callable[[], int]) -> None:
        self._own = own
        self._profiles = {name: digest.hex() for name, digest in rules.profiles.items()}
        self._vectors = {name: digest.hex() for name, digest in rules.vectors.items()}
        self._communities = communities
        self._clock = clock

    def hello(self, peer: Peer) -> Hello:
        """What this node says to a peer."""
        now = self._clock()
        keys = [
            EpochKeyId(key.community, key.epoch, key.key_id)
            for key in self._communities.matching(now)
            if self._shared(key.community, peer.organisation)
        ]
        return Hello(
            major=PROTOCOL_MAJOR,
            minor=PROTOCOL_MINOR,
            features=(GENERATOR,),
            card_sequence=self._own.card.sequence,
            card=self._own.signed.note_bytes,
            paused=peer.state is not PeerState.ACTIVE,
            profiles=self._profiles,
            vectors=self._vectors,
            epoch_keys=tuple(keys[:HELLO_KEYS]),
            now=now,
            software=SOFTWARE,
        )

    def _shared(self, community: str, organisation: str) -> bool:
        """Whether this node knows that the peer is in the community: it founded it, or was invited by us."""
        founder = self._communities.get(community).founder
        if founder == self._own.card.organisation:
            return organisation in self._communities.members(community)
        return founder == organisation


def check_major(hello: Hello) -> None:
    """Return when both sides speak one major version. Errors: Refused."""
    if hello.major != PROTOCOL_MAJOR:
        raise Refused(f"the other side speaks protocol {hello.major}, this node speaks {PROTOCOL_MAJOR}")
