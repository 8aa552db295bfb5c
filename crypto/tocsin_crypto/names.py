"""Names of organisations, communities and their note keys.

An organisation id is a DNS-like name: lower case, two labels or more, the last not all digits (it must not read as an
address). A community id is one label before the id of the organisation that founded it.

An organisation's root key signs notes as ``<organisation>/root`` and its node signing key as ``<organisation>/node``;
one Ed25519 key never serves two names. Nothing here looks anything up.
"""

import re

from tocsin_crypto.errors import Malformed

MAX_ID = 200
"""Characters of an organisation or community id: a DNS name (253) with room for the suffixes of key names."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORGANISATION = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")


def check_organisation(text: str) -> str:
    """The organisation id itself, or ``Malformed``."""
    if len(text) > MAX_ID or not _ORGANISATION.fullmatch(text):
        raise Malformed(
            "an organisation id is not a lower-case name of two or more labels, such as hotline.example,"
            f" with at most {MAX_ID} characters"
        )
    return text


def founder_of(community: str) -> str:
    """The organisation that founded a community, from the community's id, or ``Malformed``."""
    label, _, founder = community.partition(".")
    if len(community) > MAX_ID or not re.fullmatch(_LABEL, label) or not _ORGANISATION.fullmatch(founder):
        raise Malformed(
            "a community id is not one label and its founder's organisation id, such as demo.hotline.example,"
            f" with at most {MAX_ID} characters"
        )
    return founder


def root_key_name(organisation: str) -> str:
    """The note key name of an organisation's root key."""
    return f"{check_organisation(organisation)}/root"


def node_key_name(organisation: str) -> str:
    """The note key name of an organisation's node signing key."""
    return f"{check_organisation(organisation)}/node"
