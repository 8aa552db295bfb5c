"""Mailboxes of roles and disposable services, user names that stand for nobody in particular, platforms' accounts."""

from collections.abc import Iterator
from typing import Final

from tocsin_signals.canon.platform import ALIASES, FEDIVERSE
from tocsin_signals.guard.pack import HOSTS, Pack
from tocsin_signals.guard.verdict import GuardVerdict, block, warn

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
_PLATFORM_ACCOUNTS: Final = frozenset({
    "telegram:777000",       # service notifications
    "telegram:1087968824",   # the anonymous administrator of groups
    "telegram:136817688",    # channels that speak in groups
    "telegram:93372553",     # BotFather
    "x:783214",              # the platform's own
    "instagram:25025320",
    "roblox:1",
    "discord:643945264868098049",  # system messages
    "facebook:20531316728",
})
# fmt: on
_ROLE: Final = warn("role-mailbox", "This is the mailbox of a role, not of a person.")
_DISPOSABLE: Final = warn("disposable-mail", "An address of a disposable mail service is somebody else's tomorrow.")
_URL: Final = block("username-url", "This is a page, not a name; publish it as url.")
_GENERIC: Final = block("username-generic", "The name stands for nobody, or for an empty field of an export.")
_OWN: Final = block("username-platform", "This is the platform's own name.")
_BRIEF: Final = warn("username-short", f"A name of at most {SHORT} characters is easily mistyped into another.")
_ACCOUNT: Final = block("account-platform", "This account is the platform's own.")


def check_mailbox(canonical: str, pack: Pack) -> Iterator[GuardVerdict]:
    """The verdicts on an e-mail address or mailbox."""
    local, _, host = canonical.rpartition("@")
    if local.partition("+")[0] in _ROLES:
        yield _ROLE
    if pack.hosts.kinds(host) & HOSTS["disposable"]:
        yield _DISPOSABLE


def check_username(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on `platform:name`."""
    platform, _, name = canonical.partition(":")
    if platform in _SCHEMES:
        yield _URL
        return
    if platform == FEDIVERSE:
        name, _, platform = name.partition("@")
    if name in _NOBODY:
        yield _GENERIC
    if name in (platform, *platform.split(".")[:-1]) or ALIASES.get(name) == platform:
        yield _OWN
    if len(name) <= SHORT:
        yield _BRIEF


def check_account(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on `platform:id`."""
    if canonical in _PLATFORM_ACCOUNTS:
        yield _ACCOUNT
