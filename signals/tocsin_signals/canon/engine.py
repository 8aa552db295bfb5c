"""The one door to the URL parser, and the check that the installed one follows the rules the profiles were frozen on.

Engines before ada-url 1.32 follow an older UTS 46 (capital sharp s becomes `ss`), so two nodes would make different
tags of the same address without anybody noticing. Refusing to load is the safe answer.
"""

from importlib.metadata import version
from typing import Final

import ada_url

MIN_ENGINE: Final = (1, 32)


def require_engine(found: str) -> None:
    """Raise ImportError when ada-url version `found` is older than the profiles need."""
    major, minor = (int(part) for part in found.split(".")[:2])
    if (major, minor) < MIN_ENGINE:
        raise ImportError(
            f"tocsin needs ada-url {MIN_ENGINE[0]}.{MIN_ENGINE[1]} or newer; version {found} is installed"
        )


require_engine(version("ada-url"))

parse_and_serialise = ada_url.normalize_url
"""WHATWG parse and serialise; ValueError if the text is no URL."""


def to_ascii(host: str) -> str:
    """UTS 46 ToASCII of a whole host; empty if it has none."""
    return ada_url.idna_to_ascii(host).decode("ascii", "replace")
