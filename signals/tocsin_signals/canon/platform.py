"""Names and ids on platforms: profiles username/1 and account/1, both `platform:something`. Reference signals 3.4, 3.5.

username/1: trim · split at the first colon · the platform in lower case, by its aliases · one leading `@` off · only
characters of Unicode 13.0 · compatibility folding · no control, format or space character left. Known platforms fix
characters and length and nothing more, for old accounts break every finer rule. Any other platform is named by the
domain of its site. On the fediverse a name has its server.

account/1: trim · split · the platform must be known, for nobody could tell what an id elsewhere looks like · the id is
text, never a number: no leading zero, no sign but Telegram's, no compatibility folding. Three notations of Steam are
one id. An id survives a change of name: publish the account where both are known.
"""

import re
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.host import domain_name
from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import nfkc_cf, refang_dots, trim
from tocsin_signals.canon.unicode13 import IGNORABLE, INVISIBLE, all_assigned

MAX_NAME_CHARS: Final = 128
"""Longest user name, in characters, after folding."""

ALIASES: Final = MappingProxyType(
    {"twitter": "x", "ig": "instagram", "insta": "instagram", "tg": "telegram", "snap": "snapchat"}
)
FEDIVERSE: Final = "fediverse"

NAMES: Final = MappingProxyType(
    {
        platform: re.compile(pattern)
        for platform, pattern in {
            "x": r"[a-z0-9_]{1,15}",
            "instagram": r"[a-z0-9_.]{1,30}",
            "telegram": r"[a-z0-9_]{1,32}",
            "tiktok": r"[a-z0-9_.]{1,24}",
            "reddit": r"[a-z0-9_-]{1,20}",
            "discord": r"[a-z0-9_.]{1,32}",
            "snapchat": r"[a-z0-9._-]{1,15}",
            "github": r"[a-z0-9-]{1,39}",
            "roblox": r"[a-z0-9_]{1,20}",
            "twitch": r"[a-z0-9_]{1,25}",
        }.items()
    }
)
"""Characters and length of user names, by known platform."""

_NUMBER: Final = r"[1-9][0-9]{0,19}"  # what 64 bits can hold has at most 20 digits
IDS: Final = MappingProxyType(
    {
        platform: re.compile(pattern)
        for platform, pattern in {
            "discord": r"[1-9][0-9]{16,19}",
            "x": _NUMBER,
            "facebook": _NUMBER,
            "instagram": _NUMBER,
            "roblox": _NUMBER,
            "telegram": f"-?{_NUMBER}",
            "youtube": r"UC[A-Za-z0-9_-]{22}",
            "steam": r"[1-9][0-9]{16}",
            "bluesky": r"did:plc:[a-z2-7]{24}",
        }.items()
    }
)
"""The form of account ids, by platform."""

_PLATFORM: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_UNSEEN: Final = re.compile(f"[{IGNORABLE}{INVISIBLE}]")

_STEAM_BASE: Final = 76_561_197_960_265_728  # individual accounts of the public universe start here
_STEAM_ACCOUNTS: Final = 2**32
_COUNT: Final = r"(0|[1-9][0-9]{0,9})"
_STEAM_2: Final = re.compile(rf"STEAM_[01]:([01]):{_COUNT}", re.IGNORECASE | re.ASCII)
_STEAM_3: Final = re.compile(rf"\[U:1:{_COUNT}\]", re.IGNORECASE | re.ASCII)


def username(text: str) -> str:
    """Canonical form of a name on a platform."""
    platform, name = _split(text)
    if not _PLATFORM.fullmatch(platform):
        raise reject("platform")
    name = name.removeprefix("@")
    if not all_assigned(name):
        raise reject("unassigned")
    folded = _fediverse(name) if platform == FEDIVERSE else nfkc_cf(name)
    if not folded:
        raise reject("empty")
    allowed = NAMES.get(platform)
    if allowed and not allowed.fullmatch(folded):
        raise reject("charset")
    if folded.startswith("@") or _UNSEEN.search(folded):  # a second @ would be taken off when the result is read again
        raise reject("charset")
    if len(folded) > MAX_NAME_CHARS:
        raise reject("too-long")
    return f"{platform}:{folded}"


def account(text: str) -> str:
    """Canonical form of an account's id on a platform."""
    platform, number = _split(text)
    allowed = IDS.get(platform)
    if allowed is None:
        raise reject("unknown-platform")
    if platform == "steam":
        number = _steam(number)
    if not allowed.fullmatch(number):
        raise reject("format")
    return f"{platform}:{number}"


def _split(text: str) -> tuple[str, str]:
    """The platform under its own name, and what follows the colon."""
    platform, colon, rest = trim(text).partition(":")
    platform = trim(platform)
    if not (colon and platform):
        raise reject("no-platform")
    if platform.isascii():  # some letters beyond ASCII become ASCII in lower case
        platform = platform.lower()
    return ALIASES.get(platform, platform), trim(rest)


def _fediverse(name: str) -> str:
    user, at, host = name.rpartition("@")
    if not (at and host):
        raise reject("fediverse-host")
    folded = nfkc_cf(user)
    if not folded or "@" in folded:
        raise reject("charset")
    return f"{folded}@{domain_name(refang_dots(host))}"


def _steam(text: str) -> str:
    """The 64-bit id behind the two older notations; any other text as it is."""
    if old := _STEAM_2.fullmatch(text):
        number = 2 * int(old[2]) + int(old[1])
    elif new := _STEAM_3.fullmatch(text):
        number = int(new[1])
    elif text.isascii() and text.isdigit() and text[0] != "0":
        number = int(text) - _STEAM_BASE if len(text) == len(str(_STEAM_BASE)) else 0
    else:
        raise reject("format")
    if not 0 < number < _STEAM_ACCOUNTS:
        raise reject("format")
    return str(_STEAM_BASE + number)
