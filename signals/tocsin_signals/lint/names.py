"""Names: hosts in URLs, domains, e-mail addresses, and names on platforms.

Hosts are looked at label by label, as they are shown (xn-- labels decoded). A label that imitates Latin is told only
below a Latin top-level domain: `.xn--p1ai` is Cyrillic anyway, and its readers expect that.
"""

from collections.abc import Iterator
from typing import Final

from tocsin_signals.canon.host import is_address
from tocsin_signals.canon.platform import FEDIVERSE, NAMES
from tocsin_signals.lint.scripts import lint_scripts

_RESERVED_TOP: Final = frozenset({"example", "test", "invalid", "localhost"})
_RESERVED: Final = frozenset({"example.com", "example.net", "example.org"})
_A_LABEL: Final = "xn--"


def lint_url(canonical: str) -> Iterator[str]:
    """The host of a url, url-path or url-prefix."""
    host = canonical.removeprefix("ftp://").partition("/")[0]
    if not host.startswith("["):
        yield from lint_domain(host.partition(":")[0])


def lint_domain(canonical: str) -> Iterator[str]:
    """A host name."""
    if is_address(canonical):
        return
    labels = canonical.split(".")
    latin = not labels[-1].startswith(_A_LABEL)
    for label in labels:
        if label.startswith(_A_LABEL):
            yield from lint_scripts(label[4:].encode().decode("punycode"), imitations=latin)
    if labels[-1] in _RESERVED_TOP or ".".join(labels[-2:]) in _RESERVED:
        yield "reserved-name"


def lint_email(canonical: str) -> Iterator[str]:
    """An address or mailbox."""
    local, _, domain = canonical.rpartition("@")
    yield from lint_scripts(local)
    yield from lint_domain(domain)


def lint_username(canonical: str) -> Iterator[str]:
    """A name on a platform; on most known ones only Latin letters are names at all."""
    platform, _, name = canonical.partition(":")
    if platform == FEDIVERSE:
        yield from lint_email(name)
        return
    yield from lint_scripts(name)
    if platform not in NAMES:
        if "." not in platform:
            yield "platform"
        yield from lint_domain(platform)
