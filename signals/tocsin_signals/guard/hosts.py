"""Hosts, in URLs and as domains: private names, public suffixes, hosts that many people share or everybody knows.

A host is *meant as a whole* by its bare root, a prefix of depth 0 or 1, or the domain; one page on it is fine. The
Public Suffix List is the copy its package carries; `shared_hosts.txt` is kept by hand; all else is the guard pack's.
"""

import re
from collections.abc import Iterator
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from publicsuffixlist import PublicSuffixList

from tocsin_signals.guard.addresses import special
from tocsin_signals.guard.pack import HOSTS, Pack
from tocsin_signals.guard.tables import range_of
from tocsin_signals.guard.verdict import GuardVerdict, block, warn

SHARED_PREFIX_DEPTH: Final = 1
"""A url-prefix of at most this depth on a shared host covers whole users, so it is blocked."""

DYNAMIC_DAYS: Final = 7
"""Days after which the name of a dynamic DNS service may lead to somebody else."""

_PRIVATE_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".corp", ".home")
_PRIVATE: Final = block("private-name", "The name exists only inside a private network.")
_SUFFIX: Final = block("public-suffix", "This is a public suffix: everybody below it would be meant.")
_SHARED: Final = block("shared-host", "This covers a host that many people share; publish the page or account itself.")
_ITSELF: Final = MappingProxyType(
    {
        "top": block("top-site", "This is one of the most linked sites there are; publish the page itself."),
        "popular": warn("popular-site", "This is a well-known site; is the page meant, and not the site?"),
        "shortener": block("url-shortener", "This is a whole link shortener; publish the short link itself."),
        "bio": block("link-in-bio", "This is a whole service of link pages; publish the page itself."),
        "shared": block("trusted-site", "This is a service that everybody uses; publish the page or tenant itself."),
        "gateway": block("file-gateway", "This is a whole gateway to shared files; publish the file's page itself."),
        "vendor": block("vendor-site", "This is a host of a software vendor that whole systems depend on."),
        "security": warn("security-site", "This is a site of people who write about threats, not one of them."),
        "dynamic": block("dynamic-dns", "This is a whole dynamic DNS service; publish the name below it."),
        "disposable": warn("disposable-mail", "Every user of this disposable mail service would be meant."),
    }
)
"""What a host of a kind means that is published as a whole, with or without `www.`; what is below is another host."""
_BELOW: Final = MappingProxyType(
    {
        "bank": warn("bank-site", "This is a bank's site; was it the victim of an imitation?"),
        "university": warn("university-site", "This is a university's site, with thousands of people on it."),
    }
)
"""The same for a host and everything below it."""
_LIFETIME: Final = warn(
    "dynamic-lifetime", f"A name of a dynamic DNS service is somebody else's soon: list it {DYNAMIC_DAYS} days at most."
)
_GENERIC_PATHS: Final = re.compile(
    r"(?:index|default|home|main)\.(?:html?|php|aspx?|jsp)|(?:log-?in|sign-?in|sign-?up|register|watch|search|home|"
    r"account|accounts|settings|about|contact|help|terms|privacy|cart|checkout|share|redirect|url)/?"
)
_GENERIC: Final = warn("generic-page", "This page is the same for every user of a well-known site.")
_EMPTY_ID: Final = re.compile(r"[?&](?:v|id|uid|pid|vid|user|userid|user_id|p|q|u|key|token|file|f)=(?:&|$)")
_EMPTY: Final = warn("empty-parameter", "The parameter that says which page is meant is empty.")


class Hosts:
    """Holds the lists; checks are pure after that."""

    def __init__(self, pack: Pack) -> None:
        kinds = {host: kind for kind, host in _built_in_hosts()}
        self._kinds = MappingProxyType(kinds)
        self._above = frozenset(parent for host in kinds for parent in suffixes(host) if parent != host)
        self._suffix_list = PublicSuffixList()
        self._pack = pack.hosts

    def check_url(self, type_name: str, canonical: str, days: int) -> Iterator[GuardVerdict]:
        """The verdicts on a url, url-path or url-prefix."""
        host, path = split(canonical)
        if is_number(host):
            yield from special(range_of(host))
            return
        if _is_private_name(host):
            yield _PRIVATE
            return
        depth = path.count("/") if type_name == "url-prefix" else 0
        if depth <= SHARED_PREFIX_DEPTH if type_name == "url-prefix" else not path:
            yield from self._whole(host)
        elif type_name != "url-prefix":
            yield from self._page(host, path)
        if days > DYNAMIC_DAYS:
            yield from self._lifetime(host)

    def check_domain(self, canonical: str, days: int) -> Iterator[GuardVerdict]:
        """The verdicts on a domain."""
        if _is_private_name(canonical):
            yield _PRIVATE
            return
        found = list(self._whole(canonical))
        if not found and canonical in self._above:
            yield _SHARED
        yield from found
        if days > DYNAMIC_DAYS:
            yield from self._lifetime(canonical)

    def _whole(self, host: str) -> Iterator[GuardVerdict]:
        """What is against publishing everything on a host."""
        if self._suffix_list.is_public(host):
            yield _SUFFIX
        elif self._is_shared(host):
            yield _SHARED
        kinds = self._pack.kinds(host) | self._pack.kinds(host.removeprefix("www."))
        for kind, verdict in _ITSELF.items() if kinds else ():
            if kinds & HOSTS[kind]:
                yield verdict
        for suffix in suffixes(host):
            kinds |= self._pack.kinds(suffix)
        for kind, verdict in _BELOW.items():
            if kinds & HOSTS[kind]:
                yield verdict

    def _page(self, host: str, path: str) -> Iterator[GuardVerdict]:
        """What is against publishing one page."""
        if _EMPTY_ID.search(path):
            yield _EMPTY
        if _GENERIC_PATHS.fullmatch(path) and (self._is_top(host) or self._is_shared(host)):
            yield _GENERIC

    def _lifetime(self, host: str) -> Iterator[GuardVerdict]:
        """What is against publishing anything on a host for long."""
        if any(self._pack.kinds(suffix) & HOSTS["dynamic"] for suffix in suffixes(host) if suffix != host):
            yield _LIFETIME

    def _is_top(self, host: str) -> bool:
        known = HOSTS["top"] | HOSTS["popular"]
        return any(self._pack.kinds(suffix) & known for suffix in suffixes(host))

    def _is_shared(self, host: str) -> bool:
        for suffix in suffixes(host):
            kind = self._kinds.get(suffix)
            if kind is not None:
                return kind != "tenants" or suffix == host
        return False


def split(canonical: str) -> tuple[str, str]:
    """Host (an IPv6 address without brackets) and path, without its first slash, of a canonical URL."""
    authority, _, path = canonical.removeprefix("ftp://").partition("/")
    if authority.startswith("["):
        return authority.partition("]")[0][1:], path
    return authority.partition(":")[0], path


def is_number(host: str) -> bool:
    """Whether a host of a canonical URL is an address."""
    return ":" in host or host.replace(".", "").isdigit()


def suffixes(host: str) -> Iterator[str]:
    """The host and its parents, longest first."""
    yield host
    start = 0
    while (start := host.find(".", start) + 1) > 0:
        yield host[start:]


def _built_in_hosts() -> list[tuple[str, str]]:
    text = files("tocsin_signals").joinpath("data", "shared_hosts.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [(kind, host) for kind, host in lines]


def _is_private_name(host: str) -> bool:
    return "." not in host or host.endswith(_PRIVATE_NAMES)
