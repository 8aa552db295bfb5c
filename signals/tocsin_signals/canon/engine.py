"""The one door to the URL parser, and the check that the installed one follows the rules the profiles were frozen on.

Engines before ada-url 1.32 follow an older UTS 46 (capital sharp s becomes `ss`), so two nodes would make different
tags of the same address without anybody noticing. With such an engine every host is rejected with the word `engine`.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Final, NoReturn

import ada_url

from tocsin_signals.errors import Rejected

MIN_ENGINE: Final = (1, 32)
WRONG_ENGINE: Final = "engine"
"""The reason word of a value that the installed library must not be asked about."""


def require_engine(found: str) -> None:
    """Raise Rejected when ada-url version `found` is older than the profiles need."""
    major, minor = (int(part) for part in found.split(".")[:2])
    if (major, minor) < MIN_ENGINE:
        least = ".".join(map(str, MIN_ENGINE))
        raise Rejected(WRONG_ENGINE, f"Hosts need ada-url {least} or newer; version {found} is installed.")


def doors(found: str) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """Parser and ToASCII of the engine of version `found`; both reject everything when it will not do."""
    try:
        require_engine(found)
    except Rejected as error:
        wrong = error

        def refuse(_: str) -> NoReturn:
            raise Rejected(wrong.reason, wrong.sentence)

        return refuse, refuse
    return ada_url.normalize_url, _to_ascii


def _to_ascii(host: str) -> str:
    return ada_url.idna_to_ascii(host).decode("ascii", "replace")


parse_and_serialise, to_ascii = doors(version("ada-url"))
"""WHATWG parse and serialise, ValueError if the text is no URL; UTS 46 ToASCII of a host, empty if it has none."""
