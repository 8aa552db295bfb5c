"""Hosts, in URLs and as domains: names of private networks, public suffixes, and hosts that many people share.

A shared host is blocked as a whole (its bare root, a prefix of depth 0 or 1, the domain); one page on it is fine. The
Public Suffix List is the copy its package carries.
"""

from collections.abc import Iterable
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from publicsuffixlist import PublicSuffixList

from tocsin_signals.guard.addresses import check_address
from tocsin_signals.guard.verdict import OK, GuardVerdict, block

SHARED_PREFIX_DEPTH: Final = 1
"""A url-prefix of at most this depth on a shared host covers whole users, so it is blocked."""

_PRIVATE_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".corp", ".home")


class Hosts:
    """Holds the lists; checks are pure after that. Further hosts are (kind, host)."""

    def __init__(self, further_hosts: Iterable[tuple[str, str]]) -> None:
        kinds = {host: kind for kind, host in (*_built_in_hosts(), *further_hosts)}
        self._kinds = MappingProxyType(kinds)
        self._above = frozenset(parent for host in kinds for parent in _suffixes(host) if parent != host)
        self._suffix_list = PublicSuffixList()

    def check_url(self, type_name: str, canonical: str) -> GuardVerdict:
        """The verdict on a url, url-path or url-prefix."""
        authority, _, path = canonical.removeprefix("ftp://").partition("/")
        host = authority if authority.endswith("]") else authority.partition(":")[0]
        if authority.startswith("["):
            host = authority.partition("]")[0][1:]
        if ":" in host or host.replace(".", "").isdigit():
            return check_address(host)
        if _is_private_name(host):
            return _private_name()
        depth = path.count("/") if type_name == "url-prefix" else 0
        whole = depth <= SHARED_PREFIX_DEPTH if type_name == "url-prefix" else not path
        if not whole:
            return OK
        if self._suffix_list.is_public(host):
            return _public_suffix()
        if self._is_shared(host):
            return block(
                "shared-host", "This covers a host that many people share; publish the page or account itself."
            )
        return OK

    def check_domain(self, canonical: str) -> GuardVerdict:
        """The verdict on a domain."""
        if _is_private_name(canonical):
            return _private_name()
        if self._suffix_list.is_public(canonical):
            return _public_suffix()
        if self._is_shared(canonical) or canonical in self._above:
            return block("shared-host", "This domain carries hosts that many people share; publish the page instead.")
        return OK

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


def _is_private_name(host: str) -> bool:
    return "." not in host or host.endswith(_PRIVATE_NAMES)


def _private_name() -> GuardVerdict:
    return block("private-name", "The name exists only inside a private network.")


def _public_suffix() -> GuardVerdict:
    return block("public-suffix", "This is a public suffix: everybody below it would be meant.")
