"""What a look-up tries for one identifier: every expression under which somebody may have published it.

Publishers publish exactly one expression; the side that looks up widens. Reference signals 1.5. Order is stable: most
exact first. A host that is an address is looked up as `ip` and as the ranges (`cidr`) that hold it: /24 of IPv4; /64,
/56 and /48 of IPv6. /32 and /128 are the address itself and no further expression. At most 12 expressions for one URL,
4 for one address. Types that are not here are looked up as they are.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from tocsin_signals.canon.cidr import cidr, ranges, wider
from tocsin_signals.canon.email import email, mailbox
from tocsin_signals.canon.host import domain, is_address
from tocsin_signals.canon.ip import ip
from tocsin_signals.canon.url import MAX_PREFIX_DEPTH, parse, whole
from tocsin_signals.errors import Rejected

MAX_SUFFIX_LABELS: Final = 5
"""Parent domains tried: those of 5, 4, 3 and 2 labels."""


class Expression(NamedTuple):
    """One thing to look up: a type name and a canonical form of that type."""

    type_name: str
    canonical: str


def expand_url(text: str) -> tuple[Expression, ...]:
    """The page, its path, the root and first three directories, and the host: its parents, or an address's ranges."""
    parsed = parse(text)
    authority, path = parsed.authority, parsed.path
    found = [Expression("url", whole(parsed)), Expression("url-path", authority + path)]
    prefix = authority + "/"
    found.append(Expression("url-prefix", prefix))
    if path != "/":  # slashes are single and none is the last, so no directory is empty
        for directory in path[1:].split("/", MAX_PREFIX_DEPTH)[:MAX_PREFIX_DEPTH]:
            prefix += directory + "/"
            found.append(Expression("url-prefix", prefix))
    if is_address(parsed.host):
        found += _address(parsed.host.strip("[]"))
    else:
        found += _domains(parsed.host)
    return tuple(found)


def expand_domain(text: str) -> tuple[Expression, ...]:
    """The domain and its parents; logs have addresses in the same column, which are looked up as such."""
    with suppress(Rejected):
        return expand_address(text)
    return tuple(_domains(domain(text)))


def expand_address(text: str) -> tuple[Expression, ...]:
    """The address and the ranges that hold it."""
    return tuple(_address(ip(text)))


def expand_range(text: str) -> tuple[Expression, ...]:
    """The range and the wider ones that hold it; single addresses in the same column are looked up as such."""
    with suppress(Rejected):
        return expand_address(text)
    return tuple(Expression("cidr", found) for found in wider(cidr(text)))


def expand_email(text: str) -> tuple[Expression, ...]:
    """The address as written, and the mailbox behind it where it has one."""
    found = [Expression("email", email(text))]
    with suppress(Rejected):  # `+tag@` is an address, but no mailbox can be told from it
        found.append(Expression("email-mailbox", mailbox(text)))
    return tuple(found)


def _address(address: str) -> list[Expression]:
    return [Expression("ip", address), *(Expression("cidr", found) for found in ranges(address))]


def _domains(host: str) -> list[Expression]:
    """The host and its parents of 5 to 2 labels; nothing for a single label."""
    start = host.find(".") + 1
    if not start:
        return []
    found = [Expression("domain", host)]
    skipped = host.count(".") - MAX_SUFFIX_LABELS  # parents that have more labels than look-ups try
    while (following := host.find(".", start)) > 0:
        if skipped <= 0:
            found.append(Expression("domain", host[start:]))
        skipped -= 1
        start = following + 1
    return found
