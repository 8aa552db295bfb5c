"""The guard's lists as the configuration names them: read and checked at start and reload, carried to worker processes.

A Sources is bytes, so that it pickles and two equal ones are one; each process makes the Guard of it once.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tocsin_node.config import GuardTable
from tocsin_node.errors import Misconfigured
from tocsin_node.home import Home
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, OwnAssets, own, pack, read_pack
from tocsin_signals.guard.pack import PackHeader


class Sources(NamedTuple):
    """Packed pack (empty: the built-in one), file of own assets (empty: none), and rules that block here."""

    pack: bytes = b""
    own: bytes = b""
    block: tuple[str, ...] = ()


def load(table: GuardTable, home: Home) -> Sources:
    """Read and check the files that the configuration names; paths are relative to HOME/guard, which backups hold.

    Errors: Misconfigured names the file, and the line where there is one.
    """
    packed = _read(home.guard, table.pack, "guard.pack", pack.MAX_BYTES, read_pack)
    assets = _read(home.guard, table.own, "guard.own", own.MAX_BYTES, OwnAssets.parse)
    return Sources(packed, assets, table.block)


@lru_cache(maxsize=2)
def header_of(sources: Sources) -> PackHeader:
    """What their pack says of itself, quickly."""
    return pack.read_header(sources.pack or pack.built_in_file())


@lru_cache(maxsize=2)
def guard_of(sources: Sources) -> Guard:
    """The guard of these lists, made once per process: the old one and, after a reload, the new. Takes a second."""
    given = read_pack(sources.pack) if sources.pack else None
    return Guard(pack=given, own_assets=OwnAssets.parse(sources.own), block=sources.block)


def _read(folder: Path, name: str, key: str, most: int, check: Callable[[bytes], object]) -> bytes:
    if not name:
        return b""
    path = folder / name
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
        check(data)
    except OSError as error:
        raise Misconfigured(f"{key}: {path} cannot be read: {(error.strerror or '').lower()}") from None
    except Rejected as error:
        raise Misconfigured(f"{key}: {path}: {error.sentence}") from None
    return data
