"""The registry of signal types: one code for each (profile, scope). Architecture section 1; reference signals 1.5, 5.3.

A profile (`url/1`) is the numbered rule set that makes the canonical form; a scope says what a match covers. The scope
of a type is its own name. A code never changes its meaning; a new rule set is a new profile and a new code. An unknown
*name* in local input is refused; an unknown *code* from a peer is no error (entries of later versions are kept, never
matched).
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tocsin_signals.errors import Rejected

MAX_LIFETIME_DAYS: Final = 5 * 365
"""The longest a signal of any type may live: a publisher must look at it again within five years."""


@dataclass(frozen=True, slots=True)
class SignalType:
    """One kind of identifier. `enumerable`: all plausible values can be tried, so a plain hash of it hides nothing.

    `clear`: shared as it is, never as a tag, because look-ups compare it bit by bit; in feeds of its own only.
    """

    name: str
    code: int
    profile: str
    scope: str
    enumerable: bool
    default_lifetime_days: int
    clear: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.code < 2**16 and 0 < self.default_lifetime_days <= MAX_LIFETIME_DAYS):
            raise ValueError(f"signal type {self.name}: code or lifetime out of range")


def _type(name: str, code: int, profile: str, days: int, *, enumerable: bool = True, clear: bool = False) -> SignalType:
    return SignalType(name, code, profile, scope=name, enumerable=enumerable, default_lifetime_days=days, clear=clear)


REGISTRY: Final = (
    _type("url", 0x0101, "url/1", 90),
    _type("url-path", 0x0102, "url/1", 90),
    _type("url-prefix", 0x0103, "url/1", 90),
    _type("domain", 0x0201, "domain/1", 90),
    _type("email", 0x0301, "email/1", 365),
    _type("email-mailbox", 0x0302, "mailbox/1", 365),
    _type("phone", 0x0401, "phone/1", 365),
    _type("username", 0x0501, "username/1", 365),
    _type("account", 0x0601, "account/1", 365),
    _type("ip", 0x0701, "ip/1", 7),  # most addresses pass to somebody else within days
    _type("cidr", 0x0702, "cidr/1", 7),
    _type("wallet", 0x0801, "wallet/1", MAX_LIFETIME_DAYS),  # a key is never given to somebody else
    _type("iban", 0x0901, "iban/1", 365),
    _type("device", 0x0A01, "device/1", 365),
    _type("filehash", 0x0B01, "filehash/1", MAX_LIFETIME_DAYS, enumerable=False),  # names its content for good
    _type("pdq", 0x0C01, "pdq/1", MAX_LIFETIME_DAYS, enumerable=False, clear=True),
    _type("photodna", 0x0C02, "photodna/1", MAX_LIFETIME_DAYS, enumerable=False),
)
_BY_NAME: Final = MappingProxyType({entry.name: entry for entry in REGISTRY})
_BY_CODE: Final = MappingProxyType({entry.code: entry for entry in REGISTRY})


def by_name(name: str) -> SignalType:
    """The type called `name`; Rejected("unknown-type") if there is none."""
    found = _BY_NAME.get(name)
    if found is None:
        raise Rejected("unknown-type", f"The type is not known; known types are {', '.join(_BY_NAME)}.")
    return found


def by_code(code: int) -> SignalType | None:
    """The type with this registry code, or None for a code of a later version."""
    return _BY_CODE.get(code)
