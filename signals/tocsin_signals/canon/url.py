"""URLs: profile url/1, its three scopes. Reference signals 1.4, 1.5.

In order: trim · refang · settle the scheme · WHATWG parse · host checks · port · `www.` · path, query and fragment
through one decode-and-escape pass · tracking parameters dropped, the rest sorted. The scheme is not part of the result
(ftp is); fragments are dropped unless a page routes by them. The result is ASCII and a fixed point.

Where the reference leaves room: tabs and line ends inside the text go first, as the WHATWG parser does anyway, so that
every step sees the same text. The fragment is judged after its pass, so that `%21` and `!` are one. `(.)` and `(dot)`
in a result keep an escaped opening parenthesis, else reading the result again would refang it. A host such as `tel`
with a port is refused, else the result would read as a scheme. A result longer than an input may be is refused.

A `url-prefix` is given as the URL of a directory, with or without its last slash; it covers what lies below. Depth 0
to 3, as look-ups try no more. A query or fragment on it is refused rather than dropped.

No redirector is unwrapped and no site has rules of its own: importers may publish such forms as further signals.
"""

import re
from collections.abc import Iterator
from string import ascii_letters, digits
from typing import Final, NamedTuple

from tocsin_signals.canon.engine import parse_and_serialise
from tocsin_signals.canon.host import canonical_address, canonical_name, check_raw_host, is_address
from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import MAX_TEXT_BYTES, refang_dots, trim

MAX_PREFIX_DEPTH: Final = 3
"""Directories in a url-prefix: look-ups try the root and the first three."""

_SCHEMES: Final = frozenset({"http", "https", "ws", "wss", "ftp"})
_REFUSED: Final = "mailto|javascript|data|tel|sms|about|blob|file|magnet|urn|tg|news|view-source"
_READS_AS_SCHEME: Final = frozenset({*_REFUSED.split("|"), "http", "https", "hxxp", "hxxps"})
_REFUSED_SCHEME: Final = re.compile(f"(?:{_REFUSED}):", re.IGNORECASE | re.ASCII)
_HAS_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://|https?:", re.IGNORECASE | re.ASCII)
_HXXP: Final = re.compile(r"h(?:xx|\*\*)p(s?):", re.IGNORECASE | re.ASCII)
_LINE_ENDS: Final = re.compile(r"[\t\n\r]")
_SLASHES: Final = re.compile(r"//+")
_ROUTED: Final = re.compile(r"(?!(?:/|!|!/)$)(?:[!/]|[A-Z]!)")

_UNRESERVED: Final = ascii_letters + digits + "-._~"
_PATH_DECODE: Final = _UNRESERVED + "!$&'()*+,;=:@"
_QUERY_DECODE: Final = _UNRESERVED + "!$'()*,:@/?"
_REFANGED: Final = re.compile(r"\((?=\.\)|dot\))", re.IGNORECASE)

# fmt: off
TRACKING: Final = frozenset({
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "twclid", "ttclid", "yclid", "ysclid",
    "igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking",
    "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id", "_openstat", "wickedid", "rb_clickid", "s_cid", "srsltid",
    "_ga", "_gl", "epik", "li_fat_id", "scid", "sccid", "rdt_cid", "ml_subscriber", "ml_subscriber_hash", "phpsessid",
    "jsessionid",
})
TRACKING_PREFIXES: Final = (
    "utm_", "mtm_", "pk_", "piwik_", "matomo_", "hsa_", "itm_", "otm_", "fb_action_", "ga_",
)
# fmt: on
"""Tracking list trk/1, compared with lower-case parameter names. Frozen: a change is a new profile."""


class ParsedUrl(NamedTuple):
    """A URL after url/1: `host` with its `www.`, `authority` without; `query`, `fragment` with their sign or empty."""

    host: str
    authority: str
    path: str
    query: str
    fragment: str


class _Pass:
    """One decode-and-escape pass: decode what is in `decode`, escape all but that and `keep`, upper-case the hex."""

    def __init__(self, decode: str, keep: str, special: dict[str, str]) -> None:
        table = {chr(byte): f"%{byte:02X}" for byte in range(256)} | special
        for byte in range(256):
            text = chr(byte) if chr(byte) in decode else f"%{byte:02X}"
            for high in {f"{byte >> 4:x}", f"{byte >> 4:X}"}:
                table |= {f"%{high}{low}": text for low in (f"{byte & 15:x}", f"{byte & 15:X}")}
        self._table = table
        self._find = re.compile(f"%[0-9A-Fa-f]{{2}}|[^{re.escape(decode + keep)}]")

    def __call__(self, text: str) -> str:
        """Apply the pass to ASCII `text` from the URL parser."""
        table = self._table
        text = self._find.sub(lambda found: table[found[0]], text)
        return _REFANGED.sub("%28", text) if "(" in text else text


_path_pass: Final = _Pass(_PATH_DECODE, "/", {})
_query_pass: Final = _Pass(_QUERY_DECODE, ";=&", {"+": "%20"})


def url(text: str) -> str:
    """Canonical form of one resource."""
    return whole(parse(text))


def url_path(text: str) -> str:
    """Canonical form of a path under any query: url/1 without query and fragment."""
    parsed = parse(text)
    return parsed.authority + parsed.path


def url_prefix(text: str) -> str:
    """Canonical form of a directory and all below it: authority and path, ending in `/`."""
    href = _href(text)
    for sign, reason in (("?", "query"), ("#", "fragment")):
        if sign in href:
            raise reject(reason)
    parsed = _split(href)
    directory = parsed.path.rstrip("/") + "/"
    if directory.count("/") > MAX_PREFIX_DEPTH + 1:
        raise reject("depth")
    return parsed.authority + directory


def parse(text: str) -> ParsedUrl:
    """Apply url/1 and keep the parts, for those who need more than the whole."""
    return _split(_href(text))


def steps(text: str) -> Iterator[tuple[str, str]]:
    """What url/1 makes of the text step by step, as (step, text); Rejected where a step refuses it.

    For people who ask why; the same functions in the same order as `parse`.
    """
    plain = _LINE_ENDS.sub("", trim(text))
    yield "trimmed", plain
    plain = _refang(plain)
    yield "refanged", plain
    yield "scheme settled", _settle_scheme(plain)
    href = _href(text)
    yield "parsed and written (WHATWG)", href
    parsed = _split(href)
    yield "host", parsed.host
    yield "host shown, port", parsed.authority
    yield "path", parsed.path
    yield "query, sorted, no tracking", parsed.query
    yield "fragment, where routed by", parsed.fragment


def whole(parsed: ParsedUrl) -> str:
    """The url/1 text of a parsed URL."""
    return parsed.authority + parsed.path + parsed.query + parsed.fragment


def _href(text: str) -> str:
    """Steps 1 to 4: what the WHATWG parser makes of the text."""
    prepared = _settle_scheme(_refang(_LINE_ENDS.sub("", trim(text))))
    check_raw_host(prepared)
    try:
        return parse_and_serialise(prepared)
    except ValueError:
        raise reject("whatwg") from None


def _refang(text: str) -> str:
    text = refang_dots(text)
    if "[" in text:
        text = text.replace("[:]", ":").replace("[/]", "/")
    return _HXXP.sub(r"http\1:", text, count=1) if _HXXP.match(text) else text


def _settle_scheme(text: str) -> str:
    if text.startswith("//"):
        return "https:" + text
    if not text or text[0] in "/?#":
        raise reject("no-host")
    if _HAS_SCHEME.match(text):
        return text
    if _REFUSED_SCHEME.match(text):
        raise reject("scheme")
    return "https://" + text


def _split(href: str) -> ParsedUrl:
    """Steps 5 to 10 on a serialised URL, which for these schemes always reads `scheme://authority/path?query#fragment`."""
    scheme, _, rest = href.partition("://")
    if scheme not in _SCHEMES:
        raise reject("scheme")
    authority, _, tail = rest.partition("/")
    tail, _, fragment = tail.partition("#")
    path, _, query = tail.partition("?")
    host, shown = _authority(authority.rpartition("@")[2], "ftp://" if scheme == "ftp" else "")
    fragment = _path_pass(fragment)
    parsed = ParsedUrl(
        host,
        shown,
        _path(path),
        _query(query) if query else "",
        "#" + fragment if _ROUTED.match(fragment) else "",
    )
    if sum(map(len, parsed[1:])) > MAX_TEXT_BYTES:
        raise reject("too-long")
    return parsed


def _authority(text: str, scheme: str) -> tuple[str, str]:
    """Steps 5 to 7: (host, what the canonical form shows of scheme, host and port)."""
    host, colon, port = text, "", ""
    if ":" in text and not text.endswith("]"):
        host, colon, port = text.rpartition(":")
    if port in {"80", "443"}:
        colon = port = ""
    if is_address(host):
        host = shown = canonical_address(host)
    else:
        shown = host = canonical_name(host, prefix="host-")
        while shown.startswith("www.") and shown.find(".", 4) > 0:
            shown = shown[4:]
        if port and not scheme and shown in _READS_AS_SCHEME:
            raise reject("scheme")
    return host, scheme + shown + colon + port


def _path(text: str) -> str:
    path = "/" + _path_pass(text)
    if "//" in path:
        path = _SLASHES.sub("/", path)
    return path if path == "/" else path.removesuffix("/")


def _query(text: str) -> str:
    pieces = [piece for piece in _query_pass(text).split("&") if piece and not _is_tracking(piece)]
    if not pieces:
        return ""
    if len(pieces) > 1:
        pieces.sort(key=_name)
    return "?" + "&".join(pieces)


def _name(piece: str) -> str:
    return piece.partition("=")[0]


def _is_tracking(piece: str) -> bool:
    name = _name(piece).lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIXES)
