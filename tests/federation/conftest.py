"""The usual cast, under a fixed seed."""

from collections.abc import Generator

import pytest

from tocsin_node.testing.story import Story, tell


@pytest.fixture
def story() -> Generator[Story]:
    told = tell(7)
    with told.fed:
        yield told
