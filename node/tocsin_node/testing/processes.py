"""Two nodes as real processes, for tests: a hotline that publishes the feed `urls`, a platform that follows it.

Started, stopped, killed, frozen and published to as an operator and an application would, over the local listener.
Between the two there may be a relay that misbehaves like a network. Everything lies in one folder.
"""

import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, cast

from tocsin.v1 import node_pb2 as pb
from tocsin_node.cli.connect import connect
from tocsin_node.config import load_config
from tocsin_node.demo.cast import Player
from tocsin_node.testing.relay import Relay, open_relay

COMMUNITY: Final = "c.hotline.example"
FEED: Final = "hotline.example/feed/urls"
HARMFUL: Final = b'{"stance":"harmful"}'
SEND: Final = b'peer = "platform.example"\n[send]\nfeeds = ["urls", "hidden"]\n'
BELIEVE: Final = b'peer = "hotline.example"\n[[rule]]\neffect = "enforce"\nstance = ["harmful"]\n'
ASK_S: Final = 30.0  # for an answer of a node that is not frozen
QUICK: Final = "heartbeat_seconds = 1\nsilence_seconds = 4\n"
"""A frozen publisher is noticed after 4 s, not 45."""


class Federation:
    """Both nodes; `open_federation` makes it. `relay` is None unless the platform reaches the hotline through one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hotline = Player("hotline.example", "hotline", folder / "hotline")
        self.platform = Player("platform.example", "platform", folder / "platform")
        self.relay: Relay | None = None

    def players(self) -> tuple[Player, Player]:
        """Both nodes."""
        return self.hotline, self.platform

    def make_homes(self, exchange: str) -> None:
        """`init` on both sides; `exchange` is added to that table of their configurations."""
        for player in (self.hotline, self.platform):
            player.run("init", "--organisation", player.organisation, "--role", player.role)
            config = player.home / "tocsin.toml"
            config.write_text(config.read_text().replace("[exchange]\n", f"[exchange]\n{exchange}"))
        config = self.hotline.home / "tocsin.toml"
        config.write_text(config.read_text() + 'partners = ["platform.example"]\nnobody = ["other.example"]\n')

    def introduce(self) -> None:
        """Start both nodes and have them exchange cards, keys and policies."""
        for player in (self.hotline, self.platform):
            player.start()
        with connect(self.hotline.home, None, start=False) as one, connect(self.platform.home, None) as other:
            hotline, platform = one.node, other.node
            cards = [node.GetCard(pb.GetCardRequest(), timeout=ASK_S) for node in (hotline, platform)]
            through = self.relay.address if self.relay else ""
            for node, card, endpoint in ((hotline, cards[1], ""), (platform, cards[0], through)):
                node.AddPeer(pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint, endpoint=endpoint))
            hotline.CreateCommunity(pb.CreateCommunityRequest(name="c"))
            asked = pb.InviteRequest(community=COMMUNITY, organisation="platform.example")
            platform.JoinCommunity(pb.JoinRequest(invite=hotline.InviteToCommunity(asked).invite))
            for name, audience in (("urls", "partners"), ("hidden", "nobody")):
                hotline.CreateFeed(pb.CreateFeedRequest(name=name, community=COMMUNITY, audience=audience))
            for node, text in ((hotline, SEND), (platform, BELIEVE)):
                node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=text)]))

    def caught_up(self) -> bool:
        """Whether the platform's copy of `urls` is as long as the feed."""
        return self.followed() == self.published()

    def published(self) -> int:
        """Entries of `urls` at the hotline."""
        return _size(status(self.hotline).own)

    def followed(self) -> int:
        """Entries of `urls` that the platform holds."""
        return _size(status(self.platform).followed)

    def copies_agree(self) -> bool:
        """Whether both hold the same root for `urls`, each by its own check of its own entries."""
        roots = [{report["origin"]: report["root"] for report in reports(player)}[FEED] for player in self.players()]
        return roots[0] == roots[1]

    def link(self) -> str:
        """What the platform says of its session with the hotline; `connected` where it is live or behind."""
        with connect(self.platform.home, None, start=False) as local:
            word = str(local.node.ListPeers(pb.ListPeersRequest(), timeout=ASK_S).peers[0].link)
        return "connected" if word in {"live", "behind"} else word

    def effect(self, value: str, kind: str = "url") -> str:
        """What the platform's applications are told of a value."""
        request = pb.MatchRequest(queries=[pb.Query(type=kind, value=value)])
        with connect(self.platform.home, None, start=False) as local:
            found = local.node.Match(request, timeout=ASK_S).verdicts[0].effect
        return pb.Effect.Name(found).removeprefix("EFFECT_").lower()


@contextmanager
def open_federation(folder: Path, *, exchange: str = "", relayed: bool = False) -> Generator[Federation]:
    """Both nodes running and introduced; they and the relay end with the block."""
    made = Federation(folder)
    with ExitStack() as stack:
        for player in (made.hotline, made.platform):
            stack.callback(end, player)
        made.make_homes(exchange)
        if relayed:
            listen = load_config(made.hotline.home / "tocsin.toml").exchange.listen
            made.relay = stack.enter_context(open_relay(str(listen)))
        made.introduce()
        yield made


def kill(player: Player) -> None:
    """SIGKILL, as the kernel does when memory is short."""
    assert player.process is not None
    player.process.kill()
    player.process.wait()
    player.process = None
    (player.home / "run" / "address").unlink(missing_ok=True)  # so that `start` waits for the new one


def end(player: Player) -> None:
    """End a node that may be frozen."""
    if player.process is not None:
        thaw(player)
        player.stop()


def freeze(player: Player) -> None:
    """SIGSTOP: its connections stay open, and nothing answers."""
    assert player.process is not None
    os.kill(player.process.pid, signal.SIGSTOP)


def thaw(player: Player) -> None:
    """Let it go on."""
    assert player.process is not None
    os.kill(player.process.pid, signal.SIGCONT)


def until(check: Callable[[], bool], seconds: float = 30.0) -> float:
    """Return once the check holds, with the seconds that took; AssertionError when it does not in time."""
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.1)
    return time.monotonic() - started


def publish(player: Player, values: Sequence[str], *, chunk: int = 1) -> Iterator[pb.PublishResponse]:
    """Publish to `urls`; yields after each chunk of rows, which is an acknowledged commit of its own."""
    requests = [pb.PublishRequest(start=pb.PublishStart(feed="urls"))]
    for start in range(0, len(values), chunk):
        rows = [pb.PublishRow(line=1, type="url", value=value) for value in values[start : start + chunk]]
        requests.append(pb.PublishRequest(chunk=pb.PublishChunk(fields=[HARMFUL], rows=rows)))
    with connect(player.home, None, start=False) as local:
        yield from local.node.Publish(iter(requests))


def status(player: Player) -> pb.StatusResponse:
    """What a running node says of itself."""
    with connect(player.home, None, start=False) as local:
        return local.node.Status(pb.StatusRequest(), timeout=ASK_S)


def reports(player: Player) -> Sequence[Mapping[str, Any]]:
    """What `audit verify` says of each log, whatever it found."""
    found: Any = player.run("audit", "verify", expect=(0, 1))
    return cast("list[Mapping[str, Any]]", found if isinstance(found, list) else [found])


def verified(player: Player) -> bool:
    """Whether every log of a node checks."""
    return all(bool(report["ok"]) for report in reports(player))


def _size(feeds: Iterable[pb.FeedStatus]) -> int:
    return next((int(feed.size) for feed in feeds if feed.origin == FEED), 0)
