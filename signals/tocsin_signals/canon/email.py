"""E-mail addresses: profiles email/1 (the address) and mailbox/1 (the mailbox behind it). Reference signals 3.2.

email/1: trim, strip `mailto:` and, after it, anything from `?` (elsewhere `?` is a legal character of the local part),
refang, split at the last `@`, unquote, fold the local part, domain/1 for the rest without its `*.` rule. mailbox/1
also cuts at the first `+` and folds the aliases of four providers; nothing else. Finding addresses in text is the
importer's job.
"""

import re
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.host import domain_name
from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import nfkc_cf, refang_dots, trim
from tocsin_signals.canon.unicode13 import IGNORABLE, INVISIBLE, all_assigned

MAX_LOCAL_BYTES: Final = 64
MAX_ADDRESS_BYTES: Final = 254
"""Limits of SMTP (RFC 5321), in bytes of UTF-8."""

_AT: Final = re.compile(r"\[at\]|\(at\)|\[@\]", re.IGNORECASE | re.ASCII)
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_UNSEEN: Final = re.compile(f"[{IGNORABLE}{INVISIBLE}]")
ALIASES: Final = MappingProxyType(
    {
        "googlemail.com": "gmail.com",
        "me.com": "icloud.com",
        "mac.com": "icloud.com",
        "protonmail.com": "proton.me",
        "protonmail.ch": "proton.me",
        "pm.me": "proton.me",
    }
)
DOTLESS: Final = ("gmail.com",)
"""Provider table of mailbox/1: domains that are other names of one, and those that ignore dots before the @."""


def email(text: str) -> str:
    """Canonical form of an address as it was written."""
    local, domain = _address(text)
    return f"{local}@{domain}"


def mailbox(text: str) -> str:
    """Canonical form of the mailbox an address delivers to."""
    local, domain = _address(text)
    local = local.partition("+")[0]
    domain = ALIASES.get(domain, domain)
    if domain in DOTLESS:
        local = local.replace(".", "")
    if not _DOT_ATOM.fullmatch(local):
        raise reject("local")
    return f"{local}@{domain}"


def _address(text: str) -> tuple[str, str]:
    text = trim(text)
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    text = _AT.sub("@", refang_dots(text))
    if not text:
        raise reject("empty")
    if any(sign in text for sign in "<>,"):
        raise reject("display-name")
    local, at, domain = text.rpartition("@")
    if not at:
        raise reject("no-at")
    local, domain = _local(local), _domain(domain)
    if len(local.encode()) + 1 + len(domain) > MAX_ADDRESS_BYTES:
        raise reject("too-long")
    return local, domain


def _domain(text: str) -> str:
    if text.startswith("["):
        raise reject("domain-literal")
    if text.endswith("."):
        raise reject("trailing-dot")
    return domain_name(text)


def _local(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
        if not _DOT_ATOM.fullmatch(text):
            raise reject("quoted")
    if text.isascii():
        folded = text.lower()
    elif _UNSEEN.search(text):
        raise reject("local-chars")
    elif not all_assigned(text):
        raise reject("unassigned")
    else:
        folded = nfkc_cf(text)
    if not _DOT_ATOM.fullmatch(folded):
        raise reject("local")
    if len(folded.encode()) > MAX_LOCAL_BYTES:
        raise reject("too-long")
    return folded
