"""Why a value has the canonical form it has: the steps, what a look-up tries, what the value's type gives away.

For people, at a prompt or in a console. Nothing here decides: the steps are those of the profile, shown where they
change the text; the guard and lint have their own doors. The result holds the value, so treat it as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from tocsin_signals.canon import Expression, canonicalise, expand
from tocsin_signals.canon.text import nfkc_cf, refang_dots, trim
from tocsin_signals.canon.url import steps as url_steps
from tocsin_signals.errors import Rejected
from tocsin_signals.types import SignalType, by_name

_URLS: Final = frozenset({"url", "url-path", "url-prefix"})
_NAMES_HOSTS: Final = frozenset({"domain", "email", "email-mailbox", "ip", "cidr"})
_FOLDED: Final = frozenset({"phone", "username"})


class Step(NamedTuple):
    """One step of a profile and the text after it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`canonical` is empty and `rejected` says why where there is no form; `expressions` is what a look-up tries."""

    kind: SignalType
    steps: tuple[Step, ...]
    canonical: str = ""
    rejected: Rejected | None = None
    expressions: tuple[Expression, ...] = ()


def explain(type_name: str, text: str, *, region: str | None = None) -> Explanation:
    """The steps from the text to its form, or to the one that refused it. Errors: Rejected for an unknown type."""
    kind, taken = by_name(type_name), list[Step]()
    try:
        for name, after in _steps(kind.name, text):
            taken.append(Step(name, after))
        canonical = canonicalise(kind.name, text, region=region)
        expressions = expand(kind.name, text, region=region)
    except Rejected as error:
        return Explanation(kind, tuple(taken), rejected=error)
    return Explanation(kind, tuple(taken), canonical, None, expressions)


def _steps(type_name: str, text: str) -> Iterator[tuple[str, str]]:
    if type_name in _URLS:
        yield from url_steps(text)
        return
    plain = trim(text)
    yield "trimmed", plain
    if type_name in _NAMES_HOSTS:
        plain = refang_dots(plain)
        yield "refanged", plain
    elif type_name in _FOLDED:
        yield "folded (NFKC, case, invisible signs)", nfkc_cf(plain)
