"""The two kinds of names people type: organisation ids and local names.

An organisation id is DNS-like (`hotline.example`), lower case, because it stands in certificates, origins and key
names. A local name (feed, audience, community, token) is one part of such a name: it ends up in origins and paths.
"""

import re
from typing import Final

from tocsin_node.errors import Invalid
from tocsin_node.limits import NAME_BYTES

ORGANISATION_CHARS: Final = (
    150  # leaves room for `/feed/<name>` in a 255-byte origin and for `<name>.` in a community id
)

_PART: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOCAL: Final = re.compile(_PART)
_ORGANISATION: Final = re.compile(rf"{_PART}(?:\.{_PART})+")
SELF: Final = "self"  # this node's own feeds, where a peer is named; no organisation id, it has no dot


def organisation_id(text: str, what: str = "organisation") -> str:
    """The text itself when it is an organisation id; else Invalid naming `what`."""
    if len(text) > ORGANISATION_CHARS or not _ORGANISATION.fullmatch(text):
        raise Invalid(
            f"{what} is not an organisation id such as hotline.example "
            f"(lower-case letters, digits and hyphens, with dots, at most {ORGANISATION_CHARS} characters)"
        )
    return text


def local_name(text: str, what: str) -> str:
    """The text itself when it is a name for something of this node; else Invalid naming `what`."""
    if len(text) > NAME_BYTES or not _LOCAL.fullmatch(text):
        raise Invalid(f"{what} is not 1 to 63 lower-case letters, digits and inner hyphens")
    return text
