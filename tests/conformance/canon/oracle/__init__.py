"""A second implementation of the profiles, to check the vectors with: slow, plain, and written apart from the first.

It is made from the sentences of the reference and the standards they name, with other means where there are any: the
tables of the `idna` package and the standard library's punycode instead of the URL engine, lists of characters instead
of patterns, numbering plans instead of libphonenumber. It shares with the first only the frozen Unicode ranges, which
are data of the profiles. It says None for a rejected value and knows no reason words.
"""

from collections.abc import Callable
from typing import Final

from tests.conformance.canon.oracle import codes, host, names, url
from tests.conformance.canon.oracle.phone import phone

FORMS: Final[dict[str, Callable[[str], str | None]]] = {
    "url": url.url,
    "url-path": url.url_path,
    "url-prefix": url.url_prefix,
    "domain": host.domain,
    "email": names.email,
    "email-mailbox": names.mailbox,
    "username": names.username,
    "account": names.account,
    "ip": names.ip,
    "filehash": names.filehash,
    "cidr": codes.cidr,
    "iban": codes.iban,
    "device": codes.device,
    "pdq": codes.pdq,
    "photodna": codes.photodna,
}
REGIONAL: Final[dict[str, Callable[[str, str | None], str | None]]] = {"phone": phone}


def known(type_name: str) -> bool:
    """Whether there is a second implementation of this type."""
    return type_name in FORMS or type_name in REGIONAL


def form(type_name: str, data: str | bytes, region: str | None) -> str | None:
    """The canonical form, or None."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        return None
    return REGIONAL[type_name](text, region) if type_name in REGIONAL else FORMS[type_name](text)


def expressions(type_name: str, text: str, region: str | None) -> list[tuple[str, str]] | None:
    """What a look-up tries, or None."""
    if type_name.startswith("url"):
        tried = url.expand(text)
        return tried and [*tried, *(_ranges(tried[-1][1]) if tried[-1][0] == "ip" else [])]
    if type_name in {"ip", "domain", "cidr"} and (address := names.ip(text)):
        return [("ip", address), *_ranges(address)]
    if type_name.startswith("email"):
        found = [("email", names.email(text)), ("email-mailbox", names.mailbox(text))]
        return [(kind, made) for kind, made in found if made] if found[0][1] else None
    made = form(type_name, text, region)
    if made is None:
        return None
    if type_name == "cidr":
        width = made.partition("/")[2]
        return [one for one in _ranges(made.partition("/")[0]) if int(one[1].partition("/")[2]) <= int(width)]
    return url.domains(made) if type_name == "domain" else [(type_name, made)]


def _ranges(address: str) -> list[tuple[str, str]]:
    """The ranges a look-up of an address tries beside it."""
    return [("cidr", found) for found in codes.ranges(address)]
