"""Addresses that name nobody on the Internet, or nobody for long."""

from ipaddress import ip_address, ip_network
from typing import Final

from tocsin_signals.guard.verdict import OK, GuardVerdict, block, warn

MAX_DAYS: Final = 7
"""Days after which an access provider has usually given the address to somebody else."""

_NETWORKS: Final = tuple(
    (ip_network(network), rule)
    for rule, networks in {
        "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
        "loopback": "127.0.0.0/8 ::1/128",
        "link-local": "169.254.0.0/16 fe80::/10",
        "carrier-nat": "100.64.0.0/10",
        "documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
        "multicast": "224.0.0.0/4 ff00::/8",
        "reserved": "0.0.0.0/8 192.0.0.0/24 198.18.0.0/15 240.0.0.0/4 ::/128 100::/64",
    }.items()
    for network in networks.split()
)


def check_address(text: str) -> GuardVerdict:
    """The verdict on an address in canonical form."""
    address = ip_address(text)
    for network, rule in _NETWORKS:
        if address in network:
            named = rule.replace("-", " ")
            return block(f"address-{rule}", f"The address is {named}: it names nobody on the Internet.")
    return OK


def check_lifetime(days: int | None) -> GuardVerdict:
    """The verdict on how long an address is to be listed."""
    if days is not None and days > MAX_DAYS:
        return warn("address-lifetime", f"An address listed for more than {MAX_DAYS} days may hit its next user.")
    return OK
