"""Canonical forms: the one string two organisations agree on for an identifier, and what a look-up tries for it.

`canonicalise` and `expand` dispatch by type name. Both are pure and deterministic: no moving list, no network, no
version-dependent Unicode data takes part. An engine that will not do (see `engine`) rejects every value; the data of
phone numbers is imported with the first one. `frozen` says what each profile stands on. Safe to call in worker
processes; about 15 microseconds a URL, up to 350 for wallets whose checksum is Keccak's. Reference signals 1 and 3.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from tocsin_signals import types
from tocsin_signals.canon.cidr import cidr
from tocsin_signals.canon.device import device
from tocsin_signals.canon.email import email, mailbox
from tocsin_signals.canon.expand import (
    Expression,
    expand_address,
    expand_domain,
    expand_email,
    expand_range,
    expand_url,
)
from tocsin_signals.canon.filehash import filehash
from tocsin_signals.canon.host import domain
from tocsin_signals.canon.iban import iban
from tocsin_signals.canon.ip import ip
from tocsin_signals.canon.perceptual import pdq, photodna
from tocsin_signals.canon.phone import phone
from tocsin_signals.canon.platform import account, username
from tocsin_signals.canon.url import url, url_path, url_prefix
from tocsin_signals.canon.wallet import wallet

__all__ = ["SLOW_TYPES", "Expression", "canonicalise", "expand"]

_CANONICALISERS: Final = MappingProxyType[str, Callable[[str], str]](
    {
        "url": url,
        "url-path": url_path,
        "url-prefix": url_prefix,
        "domain": domain,
        "email": email,
        "email-mailbox": mailbox,
        "username": username,
        "account": account,
        "ip": ip,
        "cidr": cidr,
        "wallet": wallet,
        "iban": iban,
        "device": device,
        "filehash": filehash,
        "pdq": pdq,
        "photodna": photodna,
    }
)
_REGIONAL: Final = MappingProxyType[str, Callable[[str, str | None], str]]({"phone": phone})
"""Types that read national notations."""
_EXPANDERS: Final = MappingProxyType[str, Callable[[str], tuple[Expression, ...]]](
    {
        "url": expand_url,
        "url-path": expand_url,
        "url-prefix": expand_url,
        "domain": expand_domain,
        "email": expand_email,
        "email-mailbox": expand_email,
        "ip": expand_address,
        "cidr": expand_range,
    }
)
"""Types whose look-ups try more than the value itself."""


SLOW_TYPES: Final = frozenset({"wallet"})
"""Types of which one canonical form may take a third of a millisecond; of all others it takes 5 to 50 us."""


def canonicalise(type_name: str, text: str, *, region: str | None = None) -> str:
    """The canonical form of `text` under the profile of this type.

    `region` (ISO 3166-1) helps types that read national notations: `phone`. Others do not look at it.
    Raises Rejected with a stable reason word; the sentence never quotes the text.
    """
    name = types.by_name(type_name).name
    if name in _REGIONAL:
        return _REGIONAL[name](text, region)
    return _CANONICALISERS[name](text)


def expand(type_name: str, text: str, *, region: str | None = None) -> tuple[Expression, ...]:
    """Every expression a look-up of `text` tries, most exact first and without repetition; Rejected as above."""
    widen = _EXPANDERS.get(types.by_name(type_name).name)
    return widen(text) if widen else (Expression(type_name, canonicalise(type_name, text, region=region)),)
