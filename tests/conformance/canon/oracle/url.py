"""url/1 by the letter of the WHATWG URL standard and the reference's steps, character by character."""

import re
from typing import Final, NamedTuple

from tests.conformance.canon.oracle.host import url_host
from tests.conformance.canon.oracle.text import LONGEST, dots, edges

_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
OTHER_SCHEMES: Final = [
    "mailto",
    "javascript",
    "data",
    "tel",
    "sms",
    "about",
    "blob",
    "file",
    "magnet",
    "urn",
    "tg",
    "news",
    "view-source",
]
_PLAIN: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
_IN_PATH: Final = _PLAIN + "!$&'()*+,;=:@"
_IN_QUERY: Final = _PLAIN + "!$'()*,:@/?"
TRACKING: Final = [
    "fbclid",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "twclid",
    "ttclid",
    "yclid",
    "ysclid",
    "igshid",
    "igsh",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "_hsenc",
    "_hsmi",
    "__hssc",
    "__hstc",
    "__hsfp",
    "hsctatracking",
    "vero_id",
    "vero_conv",
    "oly_anon_id",
    "oly_enc_id",
    "_openstat",
    "wickedid",
    "rb_clickid",
    "s_cid",
    "srsltid",
    "_ga",
    "_gl",
    "epik",
    "li_fat_id",
    "scid",
    "sccid",
    "rdt_cid",
    "ml_subscriber",
    "ml_subscriber_hash",
    "phpsessid",
    "jsessionid",
]
TRACKING_PREFIXES: Final = ["utm_", "mtm_", "pk_", "piwik_", "matomo_", "hsa_", "itm_", "otm_", "fb_action_", "ga_"]


class Parts(NamedTuple):
    """What is left of a URL: `whole_host` has its `www.`."""

    whole_host: str
    authority: str
    path: str
    query: str
    fragment: str
    bare: bool
    """Neither `?` nor `#` was written."""


def url(text: str) -> str | None:
    """Profile url/1, scope url."""
    parts = split(text)
    return parts and parts.authority + parts.path + parts.query + parts.fragment


def url_path(text: str) -> str | None:
    """Profile url/1, scope url-path."""
    parts = split(text)
    return parts and parts.authority + parts.path


def url_prefix(text: str) -> str | None:
    """Profile url/1, scope url-prefix."""
    parts = split(text)
    if parts is None or not parts.bare:
        return None
    directories = [one for one in parts.path.split("/") if one]
    return parts.authority + "/" + "".join(one + "/" for one in directories) if len(directories) <= 3 else None


def expand(text: str) -> list[tuple[str, str]] | None:
    """What a look-up of a URL tries."""
    parts = split(text)
    if parts is None:
        return None
    found = [("url", parts.authority + parts.path + parts.query + parts.fragment)]
    found.append(("url-path", parts.authority + parts.path))
    directories = [one for one in parts.path.split("/") if one][:3]
    found += [
        ("url-prefix", parts.authority + "/" + "".join(one + "/" for one in directories[:depth]))
        for depth in range(len(directories) + 1)
    ]
    host = parts.whole_host
    if host.startswith("[") or re.fullmatch(r"[0-9.]+", host):
        return [*found, ("ip", host.strip("[]"))]
    return found + domains(host)


def domains(host: str) -> list[tuple[str, str]]:
    """A host and its parents of 5, 4, 3 and 2 labels, each once."""
    labels = host.split(".")
    names = [host] + [".".join(labels[-count:]) for count in (5, 4, 3, 2) if len(labels) > count]
    return [("domain", name) for name in names] if len(labels) > 1 else []


def split(text: str) -> Parts | None:
    """Every step but the last."""
    prepared = _prepared(text)
    if prepared is None:
        return None
    scheme, rest = prepared
    while rest and rest[0] in "/\\":
        rest = rest[1:]
    end = next((at for at, sign in enumerate(rest) if sign in "/\\?#"), len(rest))
    authority, rest = rest[:end], rest[end:]
    found = _authority(authority.rpartition("@")[2], scheme)
    if found is None:
        return None
    whole_host, shown = found
    before, hash_sign, fragment = rest.partition("#")
    path, question, query = before.partition("?")
    fragment = _pass(fragment, _IN_PATH, "/")
    parts = Parts(whole_host, shown, _path(path), _query(query), _kept(fragment), not (hash_sign or question))
    return parts if sum(map(len, parts[1:5])) <= LONGEST else None


def _prepared(text: str) -> tuple[str, str] | None:
    trimmed = edges(text)
    if trimmed is None:
        return None
    trimmed = dots("".join(one for one in trimmed if one not in "\t\n\r"))
    trimmed = trimmed.replace("[:]", ":").replace("[/]", "/")
    for fanged in ("hxxps:", "hxxp:", "h**ps:", "h**p:"):
        if trimmed[: len(fanged)].lower() == fanged:
            trimmed = "http" + fanged[4:] + trimmed[len(fanged) :]
    if trimmed.startswith("//"):
        trimmed = "https:" + trimmed
    if not trimmed or trimmed[0] in "/?#":
        return None
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", trimmed)
    name = scheme[1].lower() if scheme else ""
    rest = trimmed[len(name) + 1 :]
    if name in {"http", "https"} or (name and rest.startswith("//")):
        return (name, rest) if name in _PORTS else None
    return None if name in OTHER_SCHEMES else ("https", trimmed)


def _authority(text: str, scheme: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[]*|[^:]*)(?::(.*))?", text, re.DOTALL)
    if match is None or not match[1]:
        return None
    port = match[2] or ""
    if (port and not re.fullmatch(r"[0-9]+", port)) or int(port or "0") > 65535:
        return None
    port = port and str(int(port))
    host = url_host(match[1])
    if host is None:
        return None
    if port in {"80", "443", _PORTS[scheme]}:
        port = ""
    shown = host
    while shown.startswith("www.") and "." in shown[4:]:
        shown = shown[4:]
    if port and scheme != "ftp" and shown in {*OTHER_SCHEMES, "http", "https", "hxxp", "hxxps"}:
        return None
    return host, ("ftp://" if scheme == "ftp" else "") + shown + (":" + port if port else "")


def _path(text: str) -> str:
    segments = text.replace("\\", "/").split("/")[1:] or [""]
    kept: list[str] = []
    for number, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            kept = kept[:-1]
        elif plain != ".":
            kept.append(segment)
        if plain in {".", ".."} and number == len(segments) - 1:
            kept.append("")
    found = _pass("/" + "/".join(kept), _IN_PATH, "/")
    while "//" in found:
        found = found.replace("//", "/")
    return found if found == "/" else found.removesuffix("/")


def _query(text: str) -> str:
    passed = _pass(text, _IN_QUERY, ";=&+").replace("+", "%20")
    pieces = [piece for piece in passed.split("&") if piece and not _tracks(piece.split("=")[0].lower())]
    pieces.sort(key=lambda piece: piece.split("=")[0])
    return "?" + "&".join(pieces) if pieces else ""


def _tracks(name: str) -> bool:
    return name in TRACKING or any(name.startswith(prefix) for prefix in TRACKING_PREFIXES)


def _kept(fragment: str) -> str:
    routed = fragment[:1] in {"!", "/"} or re.match(r"[A-Z]!", fragment)
    return "#" + fragment if routed and fragment not in {"/", "!", "!/"} else ""


def _pass(text: str, decode: str, keep: str) -> str:
    done, at = "", 0
    while at < len(text):
        code = text[at + 1 : at + 3]
        if text[at] == "%" and len(code) == 2 and all(sign in "0123456789abcdefABCDEF" for sign in code):
            sign = chr(int(code, 16))
            done += sign if sign in decode else "%" + code.upper()
            at += 3
        else:
            allowed = text[at] in decode + keep and text[at] != "%"
            done += text[at] if allowed else "".join(f"%{byte:02X}" for byte in text[at].encode())
            at += 1
    return re.sub(r"\((?=\.\)|[dD][oO][tT]\))", "%28", done)
