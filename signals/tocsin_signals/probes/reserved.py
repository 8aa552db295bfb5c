"""Reserved probes: values that publishers keep as signals in their feeds, and other spellings to look them up by.

A signal of one is marked in its details (`MARK_KEY`: `MARK`) beside the stance `test`: it never counts in a verdict, a
total or an action, whatever a policy says, and nobody else may publish its value. A follower that looks one up in
another spelling and finds it has shown that canonical forms, scopes, epoch key and index agree from end to end.

The values of a type never change under this MARK; a further type may be added. Names under `tocsin.example`, numbers
kept for fiction, addresses kept for documentation; ids and hashes that say `tocsin probe` in themselves or are those of
that text.
"""

from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.types import REGISTRY, by_name

MARK_KEY: Final = "probe"
MARK: Final = "reserved/1"
"""Which table of values a marked signal has its value from."""


class Reserved(NamedTuple):
    """One value: as it is published, and as it is looked up, which may be as another type that widens to this one."""

    type_name: str
    published: str
    looked_up: str
    as_type: str = ""
    published_region: str = ""
    looked_up_region: str = ""

    @property
    def canonical(self) -> str:
        """The form that is tagged; Rejected where this installation cannot read it."""
        return canonicalise(self.type_name, self.published, region=self.published_region or None)


# fmt: off
_URLS: Final = (
    ("hxxps[:]//Probe-1.Tocsin[.]example:443/a/./b//c/?utm_source=x&b=2&a=1#top",
     "HTTP://www.probe-1.tocsin.example/a/b/c?a=1&fbclid=9&b=2"),
    ("http://user:pw@probe-2.tocsin.example./%7Euser/%41%2f%e9",
     "//PROBE-2.TOCSIN.EXAMPLE/~user/A%2F%E9/"),
    ("https://B\u00dcCHER.probe-3.tocsin.example/\u00fc?q=a+b&mc_cid=1",
     "xn--bcher-kva.probe-3.tocsin.example/%C3%BC?q=a%20b"),
    ("http://0xC0000207:8080/#!/probe", "http://[::ffff:192.0.2.7]:8080/#%21/probe"),
)
_PATHS: Final = (
    ("https://path-1.tocsin.example/a/%62/?x=1", "hxxp://www.path-1.tocsin.example/a/b?y=2#top"),
    ("path-2.tocsin.example:8443/Case//\u00e9", "https://PATH-2.tocsin[.]example:8443/Case/%C3%A9/?id=3"),
    ("https://path-3.tocsin.example/100%", "http://path-3.tocsin.example/x/../100%25?q"),
    ("https://Fa\u00df.path-4.tocsin.example/", "https://xn--fa-hia.path-4.tocsin.example./?k=v"),
)
_PREFIXES: Final = (
    ("https://prefix-1.tocsin.example/a/b", "http://prefix-1.tocsin.example/a/b/c/d?e=f"),
    ("PREFIX-2.tocsin.example", "https://user@www.prefix-2.tocsin.example:80/x/y"),
    ("https://prefix-3.tocsin.example:8080/%41/", "hxxp://prefix-3.tocsin.example:8080/A/\u00fc"),
    ("https://prefix-4.tocsin.example/~u/", "https://prefix-4[.]tocsin[.]example/%7eu//v?w=1"),
)
_DOMAINS: Final = (
    ("*.Name-1.Tocsin.example.", "name-1[.]tocsin[.]example", ""),
    ("NAME-2.tocsin.example", "https://a.b.name-2.tocsin.example:8443/c?d=e", "url"),
    ("b\u00fccher.name-3.tocsin.example", "xn--bcher-kva.name-3.tocsin.example", ""),
    ("www.name-4.tocsin(dot)example", "http://WWW.NAME-4.TOCSIN.EXAMPLE/", "url"),
)
_EMAILS: Final = (
    ("Probe.One@Tocsin.example", "mailto:probe.one@TOCSIN.EXAMPLE?subject=x"),
    ("probe+two[at]tocsin[.]example", "PROBE+TWO@tocsin.example"),
    ('"probe.three"@b\u00fccher.tocsin.example', "probe.three@xn--bcher-kva.tocsin.example"),
    ("\u00fcber@tocsin.example", "\u00dcBER@Tocsin.Example"),
)
_MAILBOXES: Final = (
    ("box-1+a@tocsin.example", "Box-1+other@tocsin.example"),
    ("box-2@Tocsin.example", "mailto:box-2+x+y@tocsin.example"),
    ("BOX-3@b\u00fccher.tocsin.example", "box-3@xn--bcher-kva.tocsin.example"),
    ("box.4@tocsin(dot)example", "box.4+tag(at)TOCSIN.example"),
)
_PHONES: Final = (
    ("(202) 555-0143", "+1 202 555 0143", "US", ""),
    ("+44 20 7946 0958", "020 7946 0958", "", "GB"),
    ("\uff0b1 (415) 555\u20110199", "tel:+1-415-555-0199", "", ""),
    ("\u200e+1 613 555 0101 x7", "\u0661\u0666\u0661\u0663\u0665\u0665\u0665\u0660\u0661\u0660\u0661", "", "CA"),
)
_USERNAMES: Final = (
    ("Twitter:@Tocsin_Probe_1", "x:tocsin_probe_1"),
    ("instagram:TOCSIN.probe.2", " IG : @tocsin.probe.2"),
    ("fediverse:Probe@B\u00dcCHER.tocsin.example", "fediverse:probe@xn--bcher-kva.tocsin.example"),
    ("forum.tocsin.example:stra\u00dfe", "Forum.Tocsin.Example:STRA\u1e9eE"),
)
_ACCOUNTS: Final = (
    ("steam:STEAM_0:1:1", "Steam:[U:1:3]"),
    ("twitter:1", "X : 1"),
    ("YouTube:UCtocsin-probe-000000001", " youtube : UCtocsin-probe-000000001"),
    ("tg:-1000000000001", "Telegram:-1000000000001"),
)
_ADDRESSES: Final = (
    ("192[.]0[.]2[.]71", "::ffff:192.0.2.71", ""),
    ("64:ff9b::198.51.100.72", "198.51.100.72/32", ""),
    ("[2001:DB8:0:0::73]", "2001:0db8:0000:0000:0000:0000:0000:0073", ""),
    ("203.0.113.74", "http://3405803850/x", "url"),
)
_HASHES: Final = (
    ("MD5:E5828C564F71FEA3A12DDE8BD5D27063", "md5: e5828c564f71fea3a12dde8bd5d27063"),
    ("sha-1:746f6373696e2070726f6265203020202020206f", "SHA1:746F6373696E2070726F6265203020202020206F"),
    ("SHA-256:746F6373696E2070726F62652031000000000000000000000000000000000001",
     "sha256:746f6373696e2070726f62652031000000000000000000000000000000000001"),
    ("sha512:" + "746f6373696e2070726f626520320000" * 4, " SHA-512 : " + "746F6373696E2070726F626520320000" * 4),
)
_RANGES: Final = (
    ("192[.]0[.]2[.]0/24", "192.0.2.75", "ip"),
    ("198.51.100.0/24", "::ffff:198.51.100.0/120", ""),
    ("2001:DB8:70::/48", "http://[2001:db8:70:1::9]/x", "url"),
    ("2001:0db8:0071:0000::/64", "[2001:db8:71::5]", "ip"),
)
_WALLETS: Final = (
    ("ethereum:0x746F6373696E2070726F62652031000000000000", "bsc:0x746f6373696e2070726f62652031000000000000"),
    ("bitcoin:BC1QW3HKXUMFDCS8QUN0VFJJQVSQQQQQQQQQSZ47D7?amount=1", "btc:bc1qw3hkxumfdcs8qun0vfjjqvsqqqqqqqqqsz47d7"),
    ("trx:41746f6373696e2070726f62652033000000000000", "Tron:TLarpidaFDR3TjWpjKg3q6SRF1q1wQrHXX"),
    ("BTC: bc1pw3hkxumfdcs8qun0vfjjqvsqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvrfp3e",
     "btc:BC1PW3HKXUMFDCS8QUN0VFJJQVSQQQQQQQQQQQQQQQQQQQQQQQQQQQQQVRFP3E"),
)
_IBANS: Final = (
    ("XX72 TOCS INPR OBE0 001", "xx72tocsinprobe0001"),
    ("IBAN: xx45-tocs-inpr-obe0-002", "XX45TOCSINPROBE0002"),
    ("XX18\u00a0TOCS\u00a0INPR\u00a0OBE0\u00a0003", "iban XX18TOCSINPROBE0003"),
    ("xx88tocsinprobe0004", " XX88 TOCSINPROBE 0004 "),
)
_DEVICES: Final = (
    ("MAC:00-00-5E-00-53-01", "mac:0000.5e00.5301"),
    ("mac:00:00:5e:00:53:02", "Mac: 00005E005302"),
    ("AAID:{746F6373-696E-2070-726F-626520330000}", "gaid:746f6373696e2070726f626520330000"),
    ("idfa:746F6373696E2070726F626520340000", "IDFA:746f6373-696e-2070-726f-626520340000"),
)
_PHOTODNA: Final = tuple(
    (data.hex().upper(), ",".join(map(str, data)))
    for data in (f"tocsin probe {number} ".encode() * 9 + b"." * 9 for number in range(1, 5))
)
# fmt: on


def _table() -> Mapping[str, tuple[Reserved, ...]]:
    whole = {
        "url": tuple(Reserved("url", one, other) for one, other in _URLS),
        "url-path": tuple(Reserved("url-path", one, other, "url") for one, other in _PATHS),
        "url-prefix": tuple(Reserved("url-prefix", one, other, "url") for one, other in _PREFIXES),
        "domain": tuple(Reserved("domain", one, other, way) for one, other, way in _DOMAINS),
        "email": tuple(Reserved("email", one, other) for one, other in _EMAILS),
        "email-mailbox": tuple(Reserved("email-mailbox", one, other, "email") for one, other in _MAILBOXES),
        "phone": tuple(Reserved("phone", one, other, "", near, far) for one, other, near, far in _PHONES),
        "username": tuple(Reserved("username", one, other) for one, other in _USERNAMES),
        "account": tuple(Reserved("account", one, other) for one, other in _ACCOUNTS),
        "ip": tuple(Reserved("ip", one, other, way) for one, other, way in _ADDRESSES),
        "cidr": tuple(Reserved("cidr", one, other, way) for one, other, way in _RANGES),
        "wallet": tuple(Reserved("wallet", one, other) for one, other in _WALLETS),
        "iban": tuple(Reserved("iban", one, other) for one, other in _IBANS),
        "device": tuple(Reserved("device", one, other) for one, other in _DEVICES),
        "filehash": tuple(Reserved("filehash", one, other) for one, other in _HASHES),
        "photodna": tuple(Reserved("photodna", one, other) for one, other in _PHOTODNA),
    }
    return {entry.name: whole[entry.name] for entry in REGISTRY if entry.name in whole}


RESERVED: Final = MappingProxyType(_table())
"""Four values for each type: odd spellings of different kinds."""


def reserved_for(codes: Collection[int]) -> tuple[Reserved, ...]:
    """The values of these types (registry codes) that this installation reads: with a broken library it may not."""
    return tuple(
        one
        for name, values in RESERVED.items()
        if by_name(name).code in codes
        for one in values
        if _form(one) is not None
    )


def is_reserved(type_name: str, canonical: str) -> bool:
    """Whether a canonical form of a type is one of the reserved values."""
    return (type_name, canonical) in _canonical()


def is_marked(details: Mapping[str, object]) -> bool:
    """Whether details are those of a probe, of this table or any later one: then the signal counts for nothing."""
    return MARK_KEY in details


@cache
def _canonical() -> frozenset[tuple[str, str | None]]:
    return frozenset((one.type_name, _form(one)) for values in RESERVED.values() for one in values)


def _form(one: Reserved) -> str | None:
    try:
        return one.canonical
    except Rejected:
        return None
