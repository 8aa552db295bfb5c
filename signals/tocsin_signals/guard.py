"""The never-share guard: what must not be published because it would hit people nobody meant. Reference signals 5.2.

Looks at canonical forms on the publisher's side only. BLOCK stops a row unless a second person gives a written reason;
WARN is shown and counted; OK says only that no rule spoke. Rules, in order: addresses that are private, reserved or
for documentation · names of private networks · public suffixes · shared hosts as a whole (bare root, a prefix of depth
0 or 1, a domain) · role mailboxes. Names under `.example` are ordinary names here.

The guard is outside the profiles: lists may differ from node to node because they never change a canonical form. It
fetches nothing; the Public Suffix List is the copy its package carries. Building a Guard takes about a tenth of a
second.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from importlib.resources import files
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import Final

from publicsuffixlist import PublicSuffixList

SHARED_PREFIX_DEPTH: Final = 1
"""A url-prefix of at most this depth on a shared host covers whole users, so it is blocked."""


class Level(IntEnum):
    """What the guard says; the worse is the larger."""

    OK = 0
    WARN = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """A level with the rule that gave it; the sentence never quotes the value."""

    level: Level
    rule: str
    sentence: str


_OK: Final = GuardVerdict(Level.OK, "none", "No rule of the guard speaks against this.")
_PRIVATE_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".corp", ".home")
_NETWORKS: Final = tuple(
    (ip_network(network), rule)
    for rule, networks in {
        "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7",
        "loopback": "127.0.0.0/8 ::1/128",
        "link-local": "169.254.0.0/16 fe80::/10",
        "carrier-nat": "100.64.0.0/10",
        "documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
        "multicast": "224.0.0.0/4 ff00::/8",
        "reserved": "0.0.0.0/8 192.0.0.0/24 198.18.0.0/15 240.0.0.0/4 ::/128",
    }.items()
    for network in networks.split()
)
# fmt: off
_ROLES: Final = frozenset({
    "abuse", "admin", "administrator", "contact", "dmca", "help", "hostmaster", "info", "legal", "mailer-daemon",
    "no-reply", "noreply", "office", "postmaster", "press", "privacy", "root", "sales", "security", "support",
    "webmaster",
})
# fmt: on


class Guard:
    """Holds the lists; `check` is pure after that. Further hosts, such as an operator's own, are (kind, host)."""

    def __init__(self, *, further_hosts: Iterable[tuple[str, str]] = ()) -> None:
        kinds = {host: kind for kind, host in (*_built_in_hosts(), *further_hosts)}
        self._kinds = MappingProxyType(kinds)
        self._above = frozenset(parent for host in kinds for parent in _suffixes(host) if parent != host)
        self._suffix_list = PublicSuffixList()

    def check(self, type_name: str, canonical: str) -> GuardVerdict:
        """The verdict on one canonical form; types without rules are OK."""
        match type_name:
            case "url" | "url-path" | "url-prefix":
                return self._url(type_name, canonical)
            case "domain":
                return self._domain(canonical)
            case "ip":
                return _address(canonical)
            case "email" | "email-mailbox":
                return _mailbox(canonical)
            case _:
                return _OK

    def _url(self, type_name: str, canonical: str) -> GuardVerdict:
        authority, _, path = canonical.removeprefix("ftp://").partition("/")
        host = authority if authority.endswith("]") else authority.partition(":")[0]
        if authority.startswith("["):
            host = authority.partition("]")[0][1:]
        if ":" in host or host.replace(".", "").isdigit():
            return _address(host)
        if _is_private_name(host):
            return _private_name()
        depth = path.count("/") if type_name == "url-prefix" else 0
        whole = depth <= SHARED_PREFIX_DEPTH if type_name == "url-prefix" else not path
        if not whole:
            return _OK
        if self._suffix_list.is_public(host):
            return _public_suffix()
        if self._is_shared(host):
            return _block(
                "shared-host", "This covers a host that many people share; publish the page or account itself."
            )
        return _OK

    def _domain(self, canonical: str) -> GuardVerdict:
        if _is_private_name(canonical):
            return _private_name()
        if self._suffix_list.is_public(canonical):
            return _public_suffix()
        if self._is_shared(canonical) or canonical in self._above:
            return _block("shared-host", "This domain carries hosts that many people share; publish the page instead.")
        return _OK

    def _is_shared(self, host: str) -> bool:
        for suffix in _suffixes(host):
            kind = self._kinds.get(suffix)
            if kind is not None:
                return kind != "tenants" or suffix == host
        return False


def _suffixes(host: str) -> list[str]:
    """The host and its parents, longest first."""
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def _built_in_hosts() -> list[tuple[str, str]]:
    text = files("tocsin_signals").joinpath("data", "shared_hosts.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [(kind, host) for kind, host in lines]


def _address(text: str) -> GuardVerdict:
    address = ip_address(text)
    for network, rule in _NETWORKS:
        if address in network:
            return _block(
                f"address-{rule}", f"The address is {rule.replace('-', ' ')}: it names nobody on the Internet."
            )
    return _OK


def _mailbox(canonical: str) -> GuardVerdict:
    if canonical.partition("@")[0].partition("+")[0] in _ROLES:
        return GuardVerdict(Level.WARN, "role-mailbox", "This is the mailbox of a role, not of a person.")
    return _OK


def _is_private_name(host: str) -> bool:
    return "." not in host or host.endswith(_PRIVATE_NAMES)


def _private_name() -> GuardVerdict:
    return _block("private-name", "The name exists only inside a private network.")


def _public_suffix() -> GuardVerdict:
    return _block("public-suffix", "This is a public suffix: everybody below it would be meant.")


def _block(rule: str, sentence: str) -> GuardVerdict:
    return GuardVerdict(Level.BLOCK, rule, sentence)
