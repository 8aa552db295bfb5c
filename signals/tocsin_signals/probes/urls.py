"""Fresh probes of URLs, hosts and e-mail addresses: a plain spelling, and the same rewritten as logs and people do.

Plain spellings carry what implementations read differently (letters of later Unicode, escapes, dots, ports, routed
fragments); rewrites are those that must not matter. Reference signals 1.3.
"""

import re
from typing import Final

from tocsin_signals.probes.draw import Draw

# fmt: off
_HOSTS: Final = (
    "probe.example", "a.b.probe.example", "shop.example.com", "Fa\u00df.example", "b\u00fccher.example",
    "xn--bcher-kva.example", "STRA\u1e9eE.example", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2.example",
    "\u0440\u0440\u043e\u0431\u0435.example", "\u200cprobe.example", "\ufb01sh.example", "probe_1.example",
    "xn--a.example", "a..b.example", "a=b.example", "\u087bprobe.example", "\u0627\u0628.example",
    "\u0130stanbul.example", "probe.invalid", "1.2.probe.test", "tocsin",
)
_ADDRESSES: Final = ("192.0.2.7", "198.51.100.23", "203.0.113.255", "[2001:db8::7]", "[2001:DB8:0:0:1::9]")
_PORTS: Final = ("", "", "", ":8080", ":8443", ":81")
_PATHS: Final = (
    "/", "/a/b/c", "/Case/SENSITIVE", "/\u00fc/\u00e9", "/a%2Fb", "/a%252Fb", "/100%", "/%7Euser", "/a b", "/a;p=1",
    "/index.html", "/(.)/x", "/\u0661\u0662", "/a^b", "/%e9%C3%A9", "/a:b@c", "/x|y", "/'q'", "/d/e/f/g/h",
)
_QUERIES: Final = (
    "", "", "id=1", "b=2&a=1", "q=a%20b", "a=1&a=0", "x=%26y&w=%3D", "s=\u00fc", "ref=x&si=2", "token=AbC%2B%2f",
    "a=1;b=2", "p=%25", "q=1%", "=v", "k=v?w", "A=1&a=2",
)
_FRAGMENTS: Final = ("", "", "", "", "#!/route", "#/page/2", "#F!AbCdEfGh!key", "#!", "#/")
_DROPPED_FRAGMENTS: Final = ("#top", "#:~:text=hi", "#section-2", "#")
TRACKED: Final = (
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "twclid", "ttclid", "yclid", "ysclid",
    "igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp",
    "hsctatracking", "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id", "_openstat", "wickedid", "rb_clickid",
    "s_cid", "srsltid", "_ga", "_gl", "epik", "li_fat_id", "scid", "sccid", "rdt_cid", "ml_subscriber",
    "ml_subscriber_hash", "phpsessid", "jsessionid",
    "utm_", "mtm_", "pk_", "piwik_", "matomo_", "hsa_", "itm_", "otm_", "fb_action_", "ga_",
)
"""Names of parameters that url/1 drops; those ending in `_` begin longer ones. A copy on purpose: both sides of a probe
try the same names, whatever their tables say."""
_LOCALS: Final = (
    "probe", "first.last", "Probe.One", "probe+tag", "a+b+c", "+tag", "\u00fcser", "\ufb01sh", "o'neil", "a..b", ".a",
    "probe#1", "pro\u00adbe", "\u0440robe", "\u087b", "x" * 64, "x" * 65, "user%40host",
)
_MAIL_HOSTS: Final = (
    "probe.example", "example.com", "b\u00fccher.example", "xn--bcher-kva.example", "Sub.Example.ORG",
    "googlemail.com", "gmail.com", "me.com", "mac.com", "protonmail.com", "protonmail.ch", "pm.me", "192.0.2.7",
)
# fmt: on
_SCHEMES: Final = ("http://", "HTTP://", "hxxps://", "hxxp[:]//", "h**ps://", "//", "ws://", "https:")
_DOTS: Final = ("[.]", "(.)", "{.}", "[dot]", "(DOT)", "\u3002", "\uff0e")
_LETTER: Final = re.compile(r"(?<!%)(?<!%.)[A-Za-z]")
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_SINGLE: Final = re.compile(r"(?<=[^/])/(?=[^/])")


def url(draw: Draw, *, whole: bool) -> tuple[str, str]:
    """(plain, rewritten) of a URL; one without query and fragment unless `whole`."""
    address = draw.once_in(5)
    host, port, path = draw.one_of(_ADDRESSES if address else _HOSTS), draw.one_of(_PORTS), draw.one_of(_PATHS)
    query = draw.one_of(_QUERIES) if whole else ""
    fragment = draw.one_of(_FRAGMENTS) if whole else ""
    plain = f"https://{host}{port}{path}{'?' if query else ''}{query}{fragment}"
    scheme = draw.one_of(_SCHEMES) if draw.once_in(2) else "https://"
    user = draw.one_of(("user@", "user:pw@", ":@")) if draw.once_in(4) else ""
    shown = _address(draw, host) if address else _host(draw, host)
    port = port or (draw.one_of((":443", ":80")) if draw.once_in(3) else "")
    query = _query(draw, query) if whole else ""
    fragment = fragment or (draw.one_of(_DROPPED_FRAGMENTS) if whole and draw.once_in(2) else "")
    said = f"{scheme}{user}{shown}{port}{_path(draw, path)}{'?' if query else ''}{query}{fragment}"
    return plain, _spaced(draw, said)


def domain(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a domain."""
    host = draw.one_of(_HOSTS)
    return host, _spaced(draw, ("*." if draw.once_in(5) else "") + _host(draw, host, web=False))


def email(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of an address."""
    local, host = draw.one_of(_LOCALS), draw.one_of(_MAIL_HOSTS)
    at = draw.one_of(("@", "@", "[at]", "(at)", "[@]"))
    said = local.upper() if local.isascii() and draw.once_in(3) else local
    said = f'"{said}"' if said.isascii() and not said.startswith(".") and ".." not in said and draw.once_in(6) else said
    said = f"{said}{at}{_dotted(draw, _case(draw, host), bare=True)}"
    return f"{local}@{host}", _spaced(draw, f"mailto:{said}?subject=x" if draw.once_in(5) else said)


def _host(draw: Draw, host: str, *, web: bool = True) -> str:
    said = _case(draw, host)
    if web and host.isascii() and "." in host and draw.once_in(4):
        said = "www." + said
    if web and draw.once_in(5):
        said = _LETTER.sub(lambda found: f"%{ord(found[0]):02x}", said, count=1) if said.isascii() else said
    said = _dotted(draw, said, bare=False)
    return said + "." if "." in host and draw.once_in(4) else said


def _case(draw: Draw, host: str) -> str:
    return host.upper() if host.isascii() and draw.once_in(3) else host


def _dotted(draw: Draw, host: str, *, bare: bool) -> str:
    """With one dot or all of them written in another way; `bare`: only in brackets."""
    if not draw.once_in(3):
        return host
    return host.replace(".", draw.one_of(_DOTS[:5] if bare else _DOTS), 1 if draw.once_in(2) else -1)


def _address(draw: Draw, host: str) -> str:
    if host.startswith("["):
        return host.upper() if draw.once_in(2) else host
    number = int.from_bytes(bytes(map(int, host.split("."))))
    first, rest = number >> 24, number & 0xFFFFFF
    ways = (host, f"0x{number:x}", str(number), f"0{first:o}.{rest}", f"[::ffff:{host}]", f"[64:ff9b::{host}]")
    return draw.one_of((*ways, host + "."))


def _path(draw: Draw, path: str) -> str:
    way = draw.one_of(("escaped", "small", "parted", "ended", "bare", "", ""))
    between = draw.one_of(("//", "/./", "/%2e/", "/x/../", "\\"))
    match way:
        case "escaped":
            return _LETTER.sub(lambda found: f"%{ord(found[0]):02x}", path)
        case "small":
            return _ESCAPE.sub(lambda found: found[0].lower(), path)
        case "parted":
            return _SINGLE.sub(lambda _: between, path, count=1)
        case "ended":
            return path.removesuffix("/") + "/"
        case "bare" if path == "/":
            return ""
        case _:
            return path


def _query(draw: Draw, query: str) -> str:
    pieces = query.split("&") if query else []
    names = [piece.partition("=")[0] for piece in pieces]
    if len(set(names)) == len(names) and draw.once_in(2):
        pieces.reverse()
    if draw.once_in(3):
        pieces = [_LETTER.sub(lambda found: f"%{ord(found[0]):02X}", piece, count=1) for piece in pieces]
    if draw.once_in(3):
        pieces = [piece.replace("%20", "+") for piece in pieces]
    for _ in range(draw.number(3)):
        name = draw.one_of(TRACKED)
        name = name + draw.one_of(("source", "x1")) if name.endswith("_") else name
        name = name.upper() if draw.once_in(4) else name
        pieces.insert(draw.number(len(pieces) + 1), draw.one_of((f"{name}=1", name, f"{name}=a%20b")))
    if pieces and draw.once_in(5):
        pieces.insert(draw.number(len(pieces) + 1), "")
    return "&".join(pieces)


def _spaced(draw: Draw, text: str) -> str:
    return draw.one_of((" ", "\t", "\n", "\x00")) + text + " " if draw.once_in(6) else text
