"""What is the operator's own and must never be published: domains, accounts, wallets, exits to the Internet, mail.

A file of one `type value` a line, or `type,value`; blank lines and lines that begin with # are passed over. The type is
any type of signal, in any spelling of its value, or `mail-domain`: everybody's address at that domain. A signal hits
an own asset when a look-up of the asset would try it (its own page, path, prefixes, host and parents; the mailbox
behind an address), when it is on or below an own domain, or when it is an address in an own range.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn, Self

from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.errors import Rejected
from tocsin_signals.guard.hosts import is_number, split, suffixes
from tocsin_signals.guard.tables import Ranges, range_of

MAX_BYTES: Final = 1024 * 1024
"""Of a file, in bytes: all domains and accounts of a large organisation."""
MAX_ASSETS: Final = 20_000
"""Lines that name something."""
MAIL_DOMAIN: Final = "mail-domain"

_URLS: Final = frozenset({"url", "url-path", "url-prefix"})
_ADDRESSES: Final = frozenset({"ip", "cidr"})


@dataclass(frozen=True, slots=True)
class OwnAssets:
    """Assets in canonical form; `count` is of the lines."""

    count: int = 0
    tried: frozenset[tuple[str, str]] = frozenset()
    """What look-ups of the assets try, as (type, canonical form)."""
    domains: frozenset[str] = frozenset()
    mail_domains: frozenset[str] = frozenset()
    ranges: Ranges = field(default_factory=lambda: Ranges(()))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """From the bytes of a file; Rejected names the first line that cannot be used, never its value."""
        if len(data) > MAX_BYTES:
            raise Rejected("own-assets", f"The file has more than {MAX_BYTES} bytes.")
        tried: set[tuple[str, str]] = set()
        found: dict[str, set[str]] = {"domain": set(), MAIL_DOMAIN: set(), "range": set()}
        count = 0
        for number, type_name, value in _lines(data):
            count += 1
            if count > MAX_ASSETS:
                _refuse(number, f"a file names at most {MAX_ASSETS} assets")
            try:
                _add(type_name, value, tried, found)
            except Rejected as error:
                _refuse(number, error.sentence, error.reason)
        ranges = Ranges(map(range_of, found["range"]))
        return cls(count, frozenset(tried), frozenset(found["domain"]), frozenset(found[MAIL_DOMAIN]), ranges)

    def hit(self, type_name: str, canonical: str) -> bool:
        """Whether a signal would hit one of them."""
        if (type_name, canonical) in self.tried:
            return True
        if type_name in _URLS:
            host, _ = split(canonical)
            return self.ranges.overlaps(range_of(host)) if is_number(host) else _on(host, self.domains)
        if type_name == "domain":
            return _on(canonical, self.domains)
        if type_name in _ADDRESSES:
            return self.ranges.overlaps(range_of(canonical))
        if type_name in {"email", "email-mailbox"}:
            return _on(canonical.rpartition("@")[2], self.mail_domains)
        return False


NONE: Final = OwnAssets()


def _on(host: str, domains: frozenset[str]) -> bool:
    return bool(domains) and any(suffix in domains for suffix in suffixes(host))


def _lines(data: bytes) -> Iterator[tuple[int, str, str]]:
    """Number, type and value of every line that has one."""
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            _refuse(number, "it is not UTF-8")
        if not line or line.startswith("#") or (number == 1 and line.replace(" ", "") == "type,value"):
            continue
        head, comma, rest = line.partition(",")
        type_name, value = (head, rest) if comma and " " not in head.strip() else _spaced(line)
        type_name, value = type_name.strip(), value.strip().strip('"')
        if not value:
            _refuse(number, "it is not a type and a value, such as `domain example.org`")
        yield number, type_name, value


def _spaced(line: str) -> tuple[str, str]:
    parts = line.split(None, 1)
    return (parts[0], parts[1]) if len(parts) == 2 else (line, "")


def _add(type_name: str, value: str, tried: set[tuple[str, str]], found: dict[str, set[str]]) -> None:
    if type_name == MAIL_DOMAIN:
        found[MAIL_DOMAIN].add(canonicalise("domain", value))
        return
    canonical = canonicalise(type_name, value)
    tried.add((type_name, canonical))
    tried.update((name, form) for name, form in expand(type_name, value))
    if type_name == "domain":
        found["domain"].add(canonical)
    elif type_name in _ADDRESSES:
        found["range"].add(canonical)


def _refuse(number: int, why: str, reason: str = "own-assets") -> NoReturn:
    raise Rejected(reason, f"Line {number}: {why}")
