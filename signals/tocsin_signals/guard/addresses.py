"""Addresses and ranges that name nobody on the Internet, everybody, or nobody for long."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from tocsin_signals.guard.pack import Pack
from tocsin_signals.guard.tables import Range, Ranges, range_of
from tocsin_signals.guard.verdict import GuardVerdict, block, warn

MAX_DAYS: Final = 7
"""Days after which an access provider has usually given the address to somebody else."""

WIDE: Final = MappingProxyType({4: (24, 16), 6: (48, 32)})
"""By family: the prefix length that one customer may have, and the one that whole providers have."""

_BITS: Final = MappingProxyType({4: 32, 6: 128})
_SPECIAL: Final = tuple(
    (Ranges(map(range_of, networks.split())), block(f"address-{rule}", f"This names nobody on the Internet: {what}."))
    for rule, what, networks in (
        ("private", "it is private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"),
        ("loopback", "it is loopback", "127.0.0.0/8 ::1/128"),
        ("link-local", "it is link-local", "169.254.0.0/16 fe80::/10"),
        ("carrier-nat", "it is shared behind carriers", "100.64.0.0/10"),
        ("documentation", "it is for examples", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"),
        ("multicast", "it is multicast", "224.0.0.0/4 ff00::/8"),
        ("reserved", "it is reserved", "0.0.0.0/8 192.0.0.0/24 198.18.0.0/15 240.0.0.0/4 ::/128 100::/64"),
    )
)
_RESOLVERS: Final = Ranges(
    map(
        range_of,
        (
            *("1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3", "8.8.8.8", "8.8.4.4", "9.9.9.9"),
            *("9.9.9.10", "9.9.9.11", "149.112.112.112", "208.67.222.222", "208.67.220.220", "4.2.2.1", "4.2.2.2"),
            *("94.140.14.14", "94.140.15.15", "76.76.2.0", "76.76.10.0", "114.114.114.114", "223.5.5.5", "223.6.6.6"),
            *("77.88.8.8", "77.88.8.1", "185.228.168.9", "185.228.169.9", "64.6.64.6", "64.6.65.6"),
            *("2606:4700:4700::1111", "2606:4700:4700::1001", "2001:4860:4860::8888", "2001:4860:4860::8844"),
            *("2620:fe::fe", "2620:fe::9", "2620:119:35::35", "2620:119:53::53", "2a10:50c0::ad1:ff"),
        ),
    )
)
_RESOLVER: Final = block("address-resolver", "This is a name server that half the world asks.")
_KINDS: Final = MappingProxyType(
    {
        "cdn": block("address-cdn", "This address of a content network serves very many sites."),
        "cloud": warn("address-cloud", "Addresses of this cloud go to another customer within minutes."),
        "vpn": warn("address-vpn", "Many people share this address of a VPN or data centre."),
        "relay": warn("address-relay", "Many people share this address of a private relay."),
        "proxy": warn("address-proxy", "The staff of many companies share this address of a proxy."),
        "resolver": warn("address-public-dns", "This address is listed as a public name server."),
        "mail": warn("address-mail", "This address sends the mail of many people."),
        "crawler": warn("address-crawler", "This address is a search engine's."),
        "office": block("address-vendor", "This address of a large vendor serves everybody."),
        "sinkhole": warn("address-sinkhole", "This address is a sinkhole: those who end there are victims."),
        "parking": warn("address-parking", "This address carries parked domains of very many owners."),
    }
)
_LIFETIME: Final = warn("address-lifetime", f"An address listed for more than {MAX_DAYS} days may hit its next user.")
_WIDE: Final = warn("range-wide", "The range is wider than what one customer has.")
_WIDER: Final = block("range-provider", "The range is as wide as whole providers.")


class Addresses:
    """Holds the lists of a pack; checks are pure after that."""

    def __init__(self, pack: Pack) -> None:
        self._kinds = tuple((ranges, _KINDS[kind]) for kind, ranges in pack.ranges.items())

    def check(self, canonical: str, days: int) -> Iterator[GuardVerdict]:
        """The verdicts on an address or `addr/len` in canonical form: on a range, what holds of any address in it."""
        asked = range_of(canonical)
        yield from special(asked)
        if asked.first != asked.last:
            length = _BITS[asked.version] - (asked.last - asked.first).bit_length()
            customer, provider = WIDE[asked.version]
            if length < provider:
                yield _WIDER
            elif length < customer:
                yield _WIDE
        if _RESOLVERS.overlaps(asked):
            yield _RESOLVER
        for ranges, verdict in self._kinds:
            if ranges.overlaps(asked):
                yield verdict
        if days > MAX_DAYS:
            yield _LIFETIME


def special(asked: Range) -> Iterator[GuardVerdict]:
    """What is against addresses of special purpose."""
    for ranges, verdict in _SPECIAL:
        if ranges.overlaps(asked):
            yield verdict
