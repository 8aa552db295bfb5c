"""A whole node in this process, with its web listener on a port of the system's choice."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tocsin_node.build import Node, wall_clock
from tocsin_node.home import Home
from tocsin_node.init import init_home


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    host: str
    port: int


Serve = Callable[[str], AbstractAsyncContextManager[Served]]


@pytest.fixture
def home() -> Iterator[Home]:
    root = Path(tempfile.mkdtemp(prefix="t-"))
    found = Home(root / "h")
    init_home(found, organisation="hotline.example", role="hotline", profiles={}, clock=wall_clock)
    try:
        yield found
    finally:
        shutil.rmtree(root)


@pytest.fixture
def serve(home: Home) -> Serve:
    @asynccontextmanager
    async def serving(web: str) -> AsyncGenerator[Served]:
        home.config.write_text(f"{home.config.read_text()}\n[web]\n{web}\n")
        node = Node(home, environment={}, exchange=True)
        await node.start()
        try:
            host, _, port = home.web_address.read_text().strip().removeprefix("http://").rpartition(":")
            yield Served(home, host, int(port))
        finally:
            await node.stop()

    return serving
