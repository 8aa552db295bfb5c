"""User names and account ids."""

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Final

from tests.conformance.canon.families.hosts import plain_words, wide
from tests.conformance.canon.families.row import Row

_LONGEST: Final = {
    "x": 15,
    "instagram": 30,
    "telegram": 32,
    "tiktok": 24,
    "reddit": 20,
    "discord": 32,
    "snapchat": 15,
    "github": 39,
    "roblox": 20,
    "twitch": 25,
}
_SIGNS: Final = {
    "x": "_",
    "instagram": "_.",
    "telegram": "_",
    "tiktok": "_.",
    "reddit": "_-",
    "discord": "_.",
    "snapchat": "._-",
    "github": "-",
    "roblox": "_",
    "twitch": "_",
}
_ALIASES: Final = (
    ("twitter", "x"),
    ("ig", "instagram"),
    ("insta", "instagram"),
    ("tg", "telegram"),
    ("snap", "snapchat"),
)
_STEAM: Final = 76561197960265728


def _known() -> Iterator[Row]:
    for platform, longest in _LONGEST.items():
        name = "Jack9"
        for text in (
            f"{platform}:{name}",
            f"{platform.upper()}:@{name}",
            f" {platform} : {name} ",
            f"{platform}:{wide(name)}",
            f"{platform}:ja\u200bck9",
        ):
            yield Row(text, f"{platform}:jack9")
        yield Row(f"{platform}:{'n' * longest}", f"{platform}:{'n' * longest}")
        yield Row(f"{platform}:{'n' * (longest + 1)}", None, "charset")
        for sign in "_.-+!":
            good = sign in _SIGNS[platform]
            yield Row(f"{platform}:a{sign}b", f"{platform}:a{sign}b" if good else None, "" if good else "charset")
        for text in ("\u0458ack", "@@jack", "ja ck", "ja\u00a0ck", "caf\u00e9"):
            yield Row(f"{platform}:{text}", None, "charset")
    for alias, platform in _ALIASES:
        yield Row(f"{alias.title()}:@jack", f"{platform}:jack")


def _elsewhere() -> Iterator[Row]:
    for word in plain_words():
        yield Row(
            f"Forum.example:{word.upper() if word.upper().casefold() == word else word}",
            f"forum.example:{word.casefold()}",
        )
        yield Row(f"fediverse:@Name@{word}.example", f"fediverse:name@{_server(word)}")
    for size in range(126, 131):
        good = size <= 128
        yield Row(
            f"site.example:{'n' * size}", f"site.example:{'n' * size}" if good else None, "" if good else "too-long"
        )
    for text in ("-x:jack", "a b:jack", "a_b:jack", "\u0445:jack"):
        yield Row(text, None, "platform")
    yield from (Row(text, None, "no-platform") for text in ("jack", ":jack", " :jack"))
    yield from (Row(text, None, "empty") for text in ("x:", "x:@"))


def _server(word: str) -> str:
    return f"xn--{word.encode('punycode').decode()}.example" if not word.isascii() else f"{word}.example"


def _numbers() -> Iterator[Row]:
    for platform in ("x", "facebook", "instagram", "roblox"):
        for number in ("1", "12", "9007199254740993", "18446744073709551615", "9" * 20):
            yield Row(f"{platform.upper()}: {number} ", f"{platform}:{number}")
        for number in ("0", "01", "-1", "+1", "1.0", "1e3", "9" * 21, "", "a1", "1 2", "\uff11", "\u0661", "0x1"):
            yield Row(f"{platform}:{number}", None, "format")
    for number in ("1", "-1", "-1001234567890", "777000"):
        yield Row(f"Tg:{number}", f"telegram:{number}")
    for number in ("--1", "-0", "0", "- 1", "-"):
        yield Row(f"telegram:{number}", None, "format")
    for size in range(15, 23):
        number = "80351110224678912345678"[:size]
        good = 17 <= size <= 20
        yield Row(f"discord:{number}", f"discord:{number}" if good else None, "" if good else "format")


def _steam() -> Iterator[Row]:
    for account in (1, 2, 22202, 22203, 1_000_000, 2**31, 2**32 - 1):
        out = f"steam:{_STEAM + account}"
        for text in (
            f"STEAM_0:{account % 2}:{account // 2}",
            f"steam_1:{account % 2}:{account // 2}",
            f"[U:1:{account}]",
            f"[u:1:{account}]",
            str(_STEAM + account),
        ):
            yield Row(f"Steam:{text}", out)
    for text in (
        "STEAM_0:0:0",
        "STEAM_2:1:1",
        "STEAM_0:2:1",
        "STEAM_0:1:01",
        "[U:1:0]",
        "[U:2:5]",
        "[G:1:5]",
        "[U:1:4294967296]",
        str(_STEAM),
        str(_STEAM + 2**32),
        "0" + str(_STEAM + 1),
        "1",
        "",
    ):
        yield Row(f"steam:{text}", None, "format")


def _others() -> Iterator[Row]:
    for tail in ("_x5XG1OV2P6uZZ5FSM9Ttw", "-" * 22, "a" * 22):
        yield Row(f"YouTube:UC{tail}", f"youtube:UC{tail}")
        yield Row(f"youtube:uc{tail}", None, "format")
        yield Row(f"youtube:UC{tail}a", None, "format")
    for tail in ("a" * 24, "z72i7hdynmk6r22z27h6tvur", "234567" * 4):
        yield Row(f"bluesky:did:plc:{tail}", f"bluesky:did:plc:{tail}")
        yield Row(f"bluesky:did:plc:{tail.upper()}1", None, "format")
        yield Row(f"bluesky:did:web:{tail}", None, "format")
    for platform in ("myspace", "github", "forum.example", "fediverse", "tiktok"):
        yield Row(f"{platform}:1", None, "unknown-platform")


USERNAME: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"known": _known, "elsewhere": _elsewhere})
ACCOUNT: Final = MappingProxyType[str, Callable[[], Iterable[Row]]](
    {"number": _numbers, "steam": _steam, "other": _others}
)
