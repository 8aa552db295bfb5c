"""The exchange of one node: the listener for its peers, and a link to every peer it follows.

It follows an active peer once a policy for it was applied: without one nothing of it would count. Peers, cards and
policies may change at any time; listener and links follow without a restart.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tocsin_crypto.ed25519 import Random
from tocsin_node.card import OwnCard
from tocsin_node.community.service import Communities
from tocsin_node.config import Address
from tocsin_node.exchange.agreement import Agreement, Agreements
from tocsin_node.exchange.check import Checker, Probe
from tocsin_node.exchange.contact import Contact, Contacts
from tocsin_node.exchange.copy import Ask, Copies, OnState, Tools
from tocsin_node.exchange.credentials import ServerIdentity
from tocsin_node.exchange.dial import Dialler
from tocsin_node.exchange.greeting import Greeting
from tocsin_node.exchange.link import Jitter, Link, Linking, LinkState
from tocsin_node.exchange.network import Listening, Network
from tocsin_node.exchange.offers import Offers
from tocsin_node.exchange.own import OwnFeeds
from tocsin_node.exchange.probing import Answerer, Prober
from tocsin_node.exchange.recovery import Recovering, Recovery
from tocsin_node.exchange.server import Servicer, Serving
from tocsin_node.exchange.wakes import Wakes
from tocsin_node.limits import DRAIN_S, HEARTBEAT_S, PROBES_EVERY_S, PROBES_FIRST_S, SHOW_S, SILENCE_S
from tocsin_node.log.writer import Writer
from tocsin_node.meter import Meter
from tocsin_node.peers.book import PeerBook
from tocsin_node.peers.service import Peers
from tocsin_node.policies import Policies
from tocsin_node.publish.feeds import Feeds
from tocsin_node.publish.retag import Retagger
from tocsin_node.relays import Relays
from tocsin_node.rules import Rules
from tocsin_node.store.protocol import Store
from tocsin_node.tally import Tally
from tocsin_node.workers import Workers

LIST_S: Final = 5.0  # between two looks at which feeds a peer offers
_READERS: Final = 4  # threads that read runs from the store


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; shortened in tests."""

    heartbeat_s: float = HEARTBEAT_S
    silence_s: float = SILENCE_S
    list_s: float = LIST_S
    show_s: float = SHOW_S
    probes_first_s: float = PROBES_FIRST_S
    probes_every_s: float = PROBES_EVERY_S


class Exchange:
    """Start once, stop once."""

    def __init__(
        self,
        *,
        own: OwnCard,
        store: Store,
        writer: Writer,
        peers: Peers,
        policies: Policies,
        communities: Communities,
        feeds: Feeds,
        relays: Relays,
        retagger: Retagger,
        workers: Workers,
        tally: Tally,
        meter: Meter,
        audiences: Callable[[], Mapping[str, Collection[str]]],
        ask: Ask,
        on_state: OnState,
        on_heard: Callable[[int, int], None],
        network: Network,
        rules: Rules,
        probes_enabled: Callable[[], bool],
        clock: Callable[[], int],
        random: Random,
        jitter: Jitter,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self._own = own
        self._peers = peers
        self._policies = policies
        self._network = network
        self._clock = clock
        self._reads = ThreadPoolExecutor(_READERS, thread_name_prefix="tocsin-read")
        self._wakes = Wakes()
        writer.observe(self._wakes.stored)
        self.agreements = Agreements(rules=rules, clock=clock)
        self._greeting = Greeting(own=own, communities=communities, rules=rules, clock=clock)
        self._contacts = Contacts(clock=clock)
        prober = Prober(
            forms=rules.forms, agreements=self.agreements, enabled=probes_enabled, clock=clock, random=random
        )
        self._show_s = timing.show_s
        self._showing: asyncio.Task[None] | None = None
        verifier = own.keyring.feed_signer().verifier
        copies = Copies(Tools(store, writer, self._reads, ask, on_state, on_heard, clock))
        relays.on_trust(copies.trust)
        own_feeds = OwnFeeds(
            organisation=own.card.organisation,
            store=store,
            writer=writer,
            feeds=feeds,
            own=verifier,
            on_state=on_state,
        )
        dialler = Dialler(
            peers=peers,
            greeting=self._greeting,
            identity=own.identity,
            dial=network.dial,
            contacts=self._contacts,
            agreements=self.agreements,
            clock=clock,
        )
        self._identity = ServerIdentity(own.identity(), peers.book.trusted(clock()))
        self._servicer = Servicer(
            Serving(
                peers=peers,
                feeds=feeds,
                own_feeds=own_feeds,
                offers=Offers(
                    store=store,
                    feeds=feeds,
                    relays=relays,
                    copies=copies,
                    peers=peers,
                    own=verifier,
                    policy_of=policies.policy_of,
                    audiences=audiences,
                    clock=clock,
                ),
                greeting=self._greeting,
                store=store,
                writer=writer,
                reads=self._reads,
                wakes=self._wakes,
                tally=tally,
                contacts=self._contacts,
                agreements=self.agreements,
                answerer=Answerer(forms=rules.forms, clock=clock, random=random),
                meter=meter,
                clock=clock,
                random=random,
                heartbeat_s=timing.heartbeat_s,
            )
        )
        self.recovery = Recovery(
            Recovering(
                feeds=feeds,
                own_feeds=own_feeds,
                retagger=retagger,
                peers=peers,
                dialler=dialler,
                store=store,
                writer=writer,
                workers=workers,
                key=own.card.keys.signing.public.raw,
                epoch_keys=lambda: communities.matching(clock()),
                on_state=on_state,
                silence_s=timing.silence_s,
            )
        )
        self._linking = Linking(
            organisation=own.card.organisation,
            dialler=dialler,
            peers=peers,
            follows=self._follows,
            copies=copies,
            own_feeds=own_feeds,
            prober=prober,
            workers=workers,
            clock=clock,
            jitter=jitter,
            silence_s=timing.silence_s,
            list_s=timing.list_s,
        )
        self._checker = Checker(
            own=own,
            peers=peers,
            greeting=self._greeting,
            contacts=self._contacts,
            agreements=self.agreements,
            prober=prober,
            network=network,
            has_policy=policies.has,
            clock=clock,
        )
        self._links: dict[str, tuple[Link, asyncio.Task[None]]] = {}
        self._listening: Listening | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, listen: Address | None) -> None:
        """Serve peers on `listen` and follow those with a policy. Errors: Misconfigured when the port is taken."""
        self._loop = asyncio.get_running_loop()
        if listen is not None:
            self._listening = await self._network.listen(listen, self._servicer, self._identity)
        self._peers.on_change(self._peers_changed)
        self._policies.on_change(self._policies_changed)
        self._own.on_change(self._show)
        self._showing = asyncio.create_task(self._keep_showing(), name="certificates")
        self._link()

    async def stop(self, grace: float = DRAIN_S) -> None:
        """End every link, let calls under way finish within `grace` seconds."""
        self._loop = None
        tasks = [task for _, task in self._links.values()]
        tasks += [self._showing] if self._showing is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._links = {}
        if self._listening is not None:
            await self._listening.stop(grace)
        self._reads.shutdown(wait=False, cancel_futures=True)

    def states(self) -> dict[str, LinkState]:
        """What every link is doing, by peer."""
        return {name: link.state() for name, (link, _) in self._links.items()}

    def contact(self, organisation: str) -> Contact:
        """When a peer was last in touch."""
        return self._contacts.of(organisation)

    def agreement(self, organisation: str) -> Agreement:
        """Whether a peer makes the same canonical forms."""
        return self.agreements.of(organisation)

    async def check(self, organisation: str) -> Probe:
        """Dial a peer and say what differs from what is pinned. Errors: NotFound."""
        return await self._checker.check(organisation)

    def _peers_changed(self, _: PeerBook) -> None:
        self._show()
        self._link()

    def _policies_changed(self) -> None:
        """Called on the writer's thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._link)

    def _follows(self, peer: str) -> bool:
        return self._peers.book.is_active(peer) and self._policies.has(peer)

    def _show(self) -> None:
        self._identity.update(self._own.identity(), self._peers.book.trusted(self._clock()))

    async def _keep_showing(self) -> None:
        """Certificates come into date and go out of it without anybody changing anything."""
        while True:
            await asyncio.sleep(self._show_s)
            self._show()

    def _link(self) -> None:
        """One link per active peer with a policy; a link to anybody else ends."""
        if self._loop is None:
            return
        wanted = {peer.organisation for peer in self._peers.book.active() if self._follows(peer.organisation)}
        for name in sorted(self._links.keys() - wanted):
            self._links.pop(name)[1].cancel()
        for name in sorted(wanted - self._links.keys()):
            link = Link(name, self._linking)
            self._links[name] = (link, asyncio.create_task(link.run(), name=f"link {name}"))
