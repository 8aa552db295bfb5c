"""A real node by itself: it publishes the feed `urls` and believes what it publishes."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tocsin_node.demo.cast import Player

OWN_POLICY = 'peer = "self"\n[[rule]]\nname = "own"\neffect = "review"\nstance = ["harmful"]\n'


@pytest.fixture
def node(tmp_path: Path) -> Generator[Player]:
    player = Player("hotline.example", "hotline", tmp_path / "node")
    try:
        player.run("init", "--organisation", player.organisation, "--role", player.role)
        config = player.home / "tocsin.toml"
        config.write_text(f'{config.read_text()}partners = ["platform.example"]\n')
        player.start()
        player.run("community", "create", "c")
        player.run("feed", "create", "urls", "--community", "c.hotline.example", "--audience", "partners")
        policy = tmp_path / "self.toml"
        policy.write_text(OWN_POLICY)
        player.run("policy", "apply", str(policy))
        yield player
    finally:
        player.stop()
