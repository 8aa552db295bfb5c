"""Which types a value might be of, with the reason for each: a hint for a person, who decides.

Nothing is published on a suggestion: `example.com` is a domain and the page at its root, a row of digits is a phone
number in many countries. A type is suggested when its own canonical form takes the value.
"""

from types import MappingProxyType
from typing import Final, NamedTuple

from tocsin_signals import types
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected

MOST: Final = 3
"""Suggestions for one value: more of them help nobody."""

_WHY: Final = MappingProxyType(
    {
        "filehash": "it names a hash algorithm and has its number of hex digits",
        "account": "it names a platform and has the form of its ids",
        "ip": "it is an address in numbers",
        "email": "it is a name, one @ and a domain",
        "phone": "it begins with + and is a possible number of its country",
        "username": "it names a platform, then a name",
        "domain": "it is a host name and nothing else",
        "url": "it reads as a web address",
    }
)
"""In the order of how much the form alone says."""
_SCOPES: Final = frozenset({"url-path", "url-prefix", "email-mailbox"})
"""Wider readings of another type: what is meant by a value never shows in it."""


class Suggestion(NamedTuple):
    """A type, and why it might be that."""

    type: str
    why: str


def suggest(value: str) -> list[Suggestion]:
    """The types whose canonical form takes the value, the most telling first; at most MOST."""
    known = [entry.name for entry in types.REGISTRY if entry.name not in _SCOPES]
    others = [name for name in known if name not in _WHY]
    found = [Suggestion(name, _WHY.get(name, "it passes the checks of this type")) for name in (*others, *_WHY)]
    return [one for one in found if one.type in known and _takes(one.type, value)][:MOST]


def _takes(type_name: str, value: str) -> bool:
    if type_name == "url" and not ("/" in value or _takes("domain", value)):
        return False
    if type_name == "username" and ("//" in value or _takes("filehash", value)):
        return False
    try:
        canonicalise(type_name, value)
    except Rejected:
        return False
    return True
