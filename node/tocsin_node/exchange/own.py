"""What peers show of this node's own feeds: a checkpoint that its own copy does not lead to freezes the feed.

Followers show what they hold when they open a stream and when they list feeds: a publisher's own feeds are offered back
to it. A checkpoint under this node's own key that is beyond its head, or has another root than it holds, means that the
node was restored from an old copy, or that two copies of it have signed. The feed is frozen and the note kept before
anything else is signed. `recovery` brings the entries back.
"""

import asyncio
from collections.abc import Callable

from tocsin_crypto.checkpoint import Checkpoint, open_checkpoint
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.note import Verifier
from tocsin_node.errors import Frozen, Misbehaviour
from tocsin_node.log.prefix import noted_root, root_of
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import RECOVER, Writer, restored
from tocsin_node.names import local_name
from tocsin_node.peers.evidence import EVIDENCE_PER_PEER
from tocsin_node.publish.feeds import Feeds, OwnFeed, feed_origin
from tocsin_node.store.protocol import Session, Store

ROLLBACK = "rollback"
"""The code of a note that this node signed and no longer leads to."""


class OwnFeeds:
    """Judges what peers show of own feeds. Used on the event loop."""

    def __init__(
        self,
        *,
        organisation: str,
        store: Store,
        writer: Writer,
        feeds: Feeds,
        own: Verifier,
        on_state: Callable[[int, str], None],
    ) -> None:
        self._organisation = organisation
        self._store = store
        self._writer = writer
        self._feeds = feeds
        self._own = own
        self._on_state = on_state

    def origin_of(self, name: str) -> str:
        """The origin of an own feed by local name or origin, whether this node still knows the feed or not."""
        if name.startswith(f"{self._organisation}/feed/"):
            return name
        return feed_origin(self._organisation, local_name(name, "the feed's name"))

    def open(self, origin: str, note: bytes) -> Checkpoint:
        """A checkpoint of an own feed. Errors: Misbehaviour `bad-signature` when this node did not sign it."""
        try:
            return open_checkpoint(note, origin, self._own)
        except CryptoError as error:
            raise Misbehaviour("bad-signature", f"a checkpoint of {origin} that this node did not sign") from error

    def leads_to(self, log: int, size: int, root: bytes) -> bool:
        """Whether the own copy has this root at this size."""
        if size > self._writer.heads[log].size:
            return False
        with self._store.read() as session:
            return (noted_root(session, log, size) or root_of(session, log, size)) == root

    async def shown(self, origin: str, note: bytes, peer: str) -> None:
        """A peer shows a checkpoint of an own feed, or of one this node does not know any more."""
        found = self.open(origin, note)
        feed = await self._feed(origin)
        if feed.log in self._writer.frozen and await asyncio.to_thread(self._is_kept, origin, note):
            return
        if not await asyncio.to_thread(self.leads_to, feed.log, found.size, found.root):
            await self.contradicted(feed, found, note, peer)

    def _is_kept(self, origin: str, note: bytes) -> bool:
        with self._store.read() as session:
            return any(kept == note for _, kept in kept_notes(session, origin))

    async def contradicted(self, feed: OwnFeed, found: Checkpoint, note: bytes, peer: str) -> Frozen:
        """Freeze the feed and keep the note; returns what callers who want the feed to grow are told."""

        def operation(tx: Tx) -> str:
            held = tx.head(feed.log).size
            other = "" if found.size > held else "another root of "
            signed = restored(feed.origin, held, f"{peer} shows this node's signature for {other}{found.size}")
            why = f"{signed} {RECOVER.format(feed.name)}"
            _keep(tx, feed.origin, peer, why, note)
            self._writer.freeze(tx, feed.log, why)
            return why

        return Frozen(await asyncio.shield(asyncio.ensure_future(self._writer.submit(operation))))

    async def _feed(self, origin: str) -> OwnFeed:
        """The own feed; one that is gone is made anew, empty and frozen, so that nobody opens it a second time."""
        known = next((feed for feed in self._feeds.all() if feed.origin == origin), None)
        if known is not None:
            return known
        name = local_name(origin.rpartition("/feed/")[2], "the feed's name")
        if origin != feed_origin(self._organisation, name):
            raise Misbehaviour("malformed", f"{origin} is no origin of this node's feeds")

        def operation(tx: Tx) -> None:
            if not tx.sql.one("SELECT 1 FROM log WHERE origin = ?", (origin,)):
                log = tx.new_log(origin, "own", self._organisation, name=name, community="", audience="")
                why = f"{restored(origin, 0, 'it had more')} {RECOVER.format(name)}"
                self._writer.freeze(tx, log, why)
                tx.after(lambda: self._on_state(log, "frozen"))

        await self._writer.submit(operation)
        return self._feeds.get(origin)


def kept_notes(session: Session, origin: str) -> list[tuple[str, bytes]]:
    """(who showed it, note) of every checkpoint of an own feed that this node did not lead to when it was shown."""
    query = "SELECT peer, proof FROM evidence WHERE origin = ? AND code = ? ORDER BY id"
    return [(str(peer), bytes(proof)) for peer, proof in session.all(query, (origin, ROLLBACK))]


def _keep(tx: Tx, origin: str, peer: str, sentence: str, note: bytes) -> None:
    """Evidence about this node itself; the same note is kept once, whoever shows it, and no peer fills the disk."""
    known = tx.sql.one("SELECT 1 FROM evidence WHERE origin = ? AND code = ? AND proof = ?", (origin, ROLLBACK, note))
    count = tx.sql.one("SELECT COUNT(*) FROM evidence WHERE peer = ? AND code = ?", (peer, ROLLBACK))
    if known is None and count is not None and count[0] < EVIDENCE_PER_PEER:
        columns = (origin, peer, tx.now, ROLLBACK, sentence, note)
        insert = "INSERT INTO evidence (origin, peer, at, code, sentence, proof) VALUES (?, ?, ?, ?, ?, ?)"
        tx.sql.execute(insert, columns)
