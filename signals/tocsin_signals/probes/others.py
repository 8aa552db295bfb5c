"""Fresh probes of numbers, names, addresses and hashes: a plain spelling, and the same rewritten. Reference signals 3.

Telephone numbers are from the ranges kept for fiction (+1 ... 555-01xx, +44 20 7946 0xxx), IP addresses from those kept
for documentation; ids and hashes are drawn.
"""

from typing import Final

from tocsin_signals.probes.draw import Draw

_FULL_WIDTH: Final = str.maketrans("0123456789+", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0b")
_ARABIC: Final = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")
# fmt: off
_NAMES: Final = (
    "tocsin_probe", "probe123", "Probe.One", "probe-2", "a", "\ufb01sh", "\u0440robe", "pro\u00adbe", "stra\u00dfe",
    "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u0130x", "@probe", "probe probe", "\u087bx", "\u1e9es",
    "probe_" * 6, "\u01c5x", "a\u0345b", "\u2168", "e\u0301",
)
_PLATFORMS: Final = (
    ("x", ("x", "X", "twitter", " Twitter ")), ("instagram", ("instagram", "IG", "insta")),
    ("telegram", ("telegram", "tg", "TG")), ("snapchat", ("snapchat", "snap")), ("tiktok", ("tiktok", "TikTok")),
    ("reddit", ("reddit",)), ("discord", ("discord", "Discord")), ("github", ("github",)), ("roblox", ("roblox",)),
    ("twitch", ("twitch",)), ("forum.example", ("forum.example", "Forum.Example")),
    ("fediverse", ("fediverse", "Fediverse")),
)
_ACCOUNTS: Final = (
    ("discord", ("discord", "Discord"), 18), ("x", ("x", "twitter"), 9), ("facebook", ("facebook", "Facebook"), 15),
    ("instagram", ("instagram", "ig"), 10), ("roblox", ("roblox",), 8), ("telegram", ("telegram", "tg"), 10),
)
_ALGORITHMS: Final = (
    ("md5", ("md5", "MD5"), 32), ("sha1", ("sha1", "SHA-1", "sha-1"), 40),
    ("sha256", ("sha256", "SHA-256", "Sha256"), 64), ("sha512", ("sha512", "SHA-512"), 128),
)
# fmt: on
_SERVERS: Final = ("probe.example", "b\u00fccher.example")
_STEAM: Final = 76_561_197_960_265_728


def phone(draw: Draw) -> tuple[str, str, str]:
    """(plain, rewritten, region the rewritten one is read in) of a number."""
    last = draw.digits(2)
    way = draw.number(4)
    if way == 0:
        plain, said, region = f"+120255501{last}", f"(202) 555-01{last}", "US"
    elif way == 1:
        plain, said, region = f"+4420794600{last}", f"020 7946 00{last}", "GB"
    elif way == 2:
        plain, said, region = f"+52550000{last}11", f"+52 1 55 0000 {last}11", ""
    else:
        area = draw.one_of(("206", "312", "415", "613", "876"))
        plain, said, region = f"+1{area}55501{last}", f"+1 {area}-555-01{last}", ""
    if draw.once_in(3):
        said = said.translate(draw.one_of((_FULL_WIDTH, _ARABIC)))
    if draw.once_in(3):
        said = draw.one_of(("\u200e{}", "{}\u202c", "{} x12", "{};ext=3", "tel:{}", " {}")).format(said)
    return plain, said, region


def username(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a name on a platform."""
    platform, spellings = draw.one_of(_PLATFORMS)
    name = draw.one_of(_NAMES)
    server = "@" + draw.one_of(_SERVERS) if platform == "fediverse" else ""
    said = name.upper() if name.isascii() and draw.once_in(3) else name
    said = "@" + said if not said.startswith("@") and draw.once_in(3) else said
    space = draw.one_of(("", "", " "))
    return f"{platform}:{name}{server}", f"{draw.one_of(spellings)}:{space}{said}{server}{space}"


def account(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of an account's id."""
    way = draw.number(4)
    if way == 0:
        number = 1 + draw.number(2**31)
        old, new = f"STEAM_{draw.number(2)}:{number & 1}:{number >> 1}", f"[U:1:{number}]"
        return f"steam:{_STEAM + number}", f"Steam:{draw.one_of((old, new, str(_STEAM + number)))}"
    if way == 1:
        name = draw.digits(22, "AZaz09-_")
        return f"youtube:UC{name}", f" YouTube : UC{name}"
    platform, spellings, length = draw.one_of(_ACCOUNTS)
    number = draw.one_of("0123456789-+") + draw.digits(length - 1)
    return f"{platform}:{number}", draw.one_of(("{}:{}", "{} : {} ")).format(draw.one_of(spellings), number)


def ip(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of an address."""
    if draw.once_in(2):
        host = draw.one_of(("192.0.2.{}", "198.51.100.{}", "203.0.113.{}", "203.0.0113.{}")).format(draw.number(300))
        ways = ("{}", "[{}]", "::ffff:{}", "64:FF9B::{}", "{}/32")
        said = draw.one_of(ways).format(host)
        return host, said.replace(".", draw.one_of(("[.]", "(dot)", "."))) if ":" not in said else said
    groups = [f"{draw.number(2**16):x}" if draw.once_in(2) else "0" for _ in range(6)]
    plain = ":".join(["2001", "db8", *groups])
    full = ":".join(["2001", "0DB8", *(group.zfill(4).upper() for group in groups)])
    return plain, draw.one_of(("{}", "[{}]", "{}/128", " {}")).format(draw.one_of((plain, full)))


def filehash(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a file's hash."""
    name, spellings, length = draw.one_of(_ALGORITHMS)
    digits = draw.digits(length - (1 if draw.once_in(8) else 0), "0123456789abcdef")
    said = digits.upper() if draw.once_in(2) else digits
    return f"{name}:{digits}", draw.one_of(("{}:{}", "{} : {}\n")).format(draw.one_of(spellings), said)
