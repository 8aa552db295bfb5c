"""Mailboxes of roles, and user names that stand for nobody in particular."""

from typing import Final

from tocsin_signals.canon.platform import ALIASES, FEDIVERSE
from tocsin_signals.guard.verdict import OK, GuardVerdict, block, warn

SHORT: Final = 3
"""Names of at most so many characters are taken, traded and guessed."""

# fmt: off
_SCHEMES: Final = frozenset({"http", "https"})
_ROLES: Final = frozenset({
    "abuse", "admin", "administrator", "contact", "dmca", "help", "hostmaster", "info", "legal", "mailer-daemon",
    "no-reply", "noreply", "office", "postmaster", "press", "privacy", "root", "sales", "security", "support",
    "webmaster",
})
_NOBODY: Final = frozenset({
    "admin", "administrator", "anonymous", "deleted", "guest", "nan", "none", "null", "root", "test", "undefined",
    "unknown", "user",
})
# fmt: on


def check_mailbox(canonical: str) -> GuardVerdict:
    """The verdict on an e-mail address or mailbox."""
    if canonical.partition("@")[0].partition("+")[0] in _ROLES:
        return warn("role-mailbox", "This is the mailbox of a role, not of a person.")
    return OK


def check_username(canonical: str) -> GuardVerdict:
    """The verdict on `platform:name`."""
    platform, _, name = canonical.partition(":")
    if platform in _SCHEMES:
        return block("username-url", "This is a page, not a name; publish it as url.")
    if platform == FEDIVERSE:
        name, _, platform = name.partition("@")
    if name in _NOBODY:
        return block("username-generic", "The name stands for nobody, or for an empty field of an export.")
    if name in (platform, *platform.split(".")[:-1]) or ALIASES.get(name) == platform:
        return block("username-platform", "This is the platform's own name.")
    if len(name) <= SHORT:
        return warn("username-short", f"A name of at most {SHORT} characters is easily mistyped into another.")
    return OK
