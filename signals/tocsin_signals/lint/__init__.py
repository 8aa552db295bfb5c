"""Lint: warnings about canonical forms that are allowed and still look wrong. Reference signals 1.4, 3.4, 3.8, 3.9.

For the people who type, import or review identifiers. A warning changes no byte, refuses nothing and is no part of any
profile: tables here may differ from node to node and grow with every release. It is not the never-share guard either,
which says what must not be published; lint says what is probably a mistake or a disguise. Each warning is a stable
word and a sentence that never quotes the value.

Rules by type: `names` (alphabets mixed or imitated, names reserved for tests; URLs, domains, e-mail, user names),
`ibans`, `phones`, `devices`, `wallets`, and `placeholders` (one digit throughout, digits that count up). No look-up
pays for this: it is called by hand or while publishing, and costs 1 to 20 us, 60 for phone numbers.
"""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final

from tocsin_signals import types
from tocsin_signals.lint.devices import lint_device
from tocsin_signals.lint.ibans import lint_iban
from tocsin_signals.lint.names import lint_domain, lint_email, lint_url, lint_username
from tocsin_signals.lint.phones import lint_phone
from tocsin_signals.lint.placeholders import lint_digits
from tocsin_signals.lint.wallets import lint_wallet
from tocsin_signals.lint.words import LintWarning, warning

__all__ = ["LintWarning", "lint"]

_RULES: Final = MappingProxyType[str, Callable[[str], Iterator[str]]](
    {
        "url": lint_url,
        "url-path": lint_url,
        "url-prefix": lint_url,
        "domain": lint_domain,
        "email": lint_email,
        "email-mailbox": lint_email,
        "phone": lint_phone,
        "username": lint_username,
        "account": lint_digits,
        "wallet": lint_wallet,
        "iban": lint_iban,
        "device": lint_device,
        "filehash": lint_digits,
    }
)


def lint(type_name: str, canonical: str) -> tuple[LintWarning, ...]:
    """What looks wrong about a canonical form of this type, each word once; nothing for a type without rules.

    `canonical` is what `canon.canonicalise` returned. Rejected("unknown-type") for a name that is no type.
    """
    rule = _RULES.get(types.by_name(type_name).name)
    return tuple(map(warning, dict.fromkeys(rule(canonical)))) if rule else ()
