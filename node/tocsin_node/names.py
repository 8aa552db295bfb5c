"""The two kinds of names people type: organisation ids and local names.

An organisation id is DNS-like (`hotline.example`), lower case, because it stands in certificates, origins and key
names. A local name (feed, audience, community, token) is one part of such a name: it ends up in origins and paths.
"""

import re
from typing import Final

from tocsin_crypto.errors import CryptoError
from tocsin_crypto.names import check_organisation
from tocsin_node.errors import Invalid
from tocsin_node.limits import ORGANISATION_CHARS

_LOCAL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

SELF: Final = "self"  # this node's own feeds, where a peer is named; no organisation id, because it has no dot


def organisation_id(text: str, what: str = "organisation") -> str:
    """The text itself when it is an organisation id; else Invalid naming `what`."""
    try:
        if len(text) <= ORGANISATION_CHARS:
            return check_organisation(text)
    except CryptoError:
        pass
    raise Invalid(
        f"{what} is not an organisation id such as hotline.example "
        f"(lower-case letters, digits and hyphens, with dots, at most {ORGANISATION_CHARS} characters)"
    )


def local_name(text: str, what: str) -> str:
    """The text itself when it is a name for something of this node; else Invalid naming `what`."""
    if not _LOCAL.fullmatch(text):
        raise Invalid(f"{what} is not 1 to 63 lower-case letters, digits and inner hyphens")
    return text
