r"""The part of STIX 2.1 patterns that names identifiers: parsed, and written in one form. Reference signals 6.

What a pattern of this part says is a list of alternatives, each one identifier under one property:

    [url:value = 'https://a.example/x' OR domain-name:value IN ('b.example', 'c.example')]
    [user-account:account_type = 'twitter' AND user-account:account_login = 'somebody']

Accepted: `=` and `IN` with string literals, joined by `OR` inside brackets or between them, with parentheses; `AND`
only between a user-account's account_type and its account_login or user_id. Refused, as `pattern-not-representable`:
all else (other operators and literals, NOT, AND of other things, FOLLOWEDBY, qualifiers), because it says something a
single identifier cannot, and text that is no pattern. `\'` and `\\` are the only escapes of a string.

No recursion: brackets within brackets are refused, parentheses are counted. Time is linear in the text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tocsin_signals.errors import Rejected

MAX_PATTERN_CHARS: Final = 262_144
"""Longest pattern: some thousand URLs in one IN."""
MAX_LITERALS: Final = 4096
"""Most identifiers in one pattern: what one request to a node may hold."""
MAX_PARENTHESES: Final = 16
"""Deepest nesting of parentheses: they never change what this part of the language says."""

ACCOUNT: Final = "user-account"
ACCOUNT_TYPE: Final = ("account_type",)
ACCOUNT_NAMES: Final = (("account_login",), ("user_id",))

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<text>'(?:[^'\\]|\\['\\])*')
    | (?P<path>[a-z][a-z0-9-]*:[A-Za-z_][A-Za-z0-9_-]*(?:\.(?:[A-Za-z_][A-Za-z0-9_-]*|'(?:[^'\\]|\\['\\])*'))*)
    | (?P<word>[A-Z]+)(?![A-Za-z0-9_'])
    | (?P<sign>[][(),=])
    )""",
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset(
    {"AND", "NOT", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET", "EXISTS", "FOLLOWEDBY", "WITHIN", "REPEATS", "START"}
)
_STEP: Final = re.compile(r"\.?(?:([A-Za-z_][A-Za-z0-9_-]*)|'((?:[^'\\]|\\['\\])*)')")
_PLAIN_STEP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED: Final = re.compile(r"\\(['\\])")
_SPACE: Final = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A property of an observed object that equals one of `values`; `steps` lead to it: ("hashes", "SHA-256")."""

    object_type: str
    steps: tuple[str, ...]
    values: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the things a pattern is looking for; a user account's may say of which `account_type`."""

    said: Comparison
    account_type: str | None = None


class _Token(NamedTuple):
    kind: str
    text: str


_END: Final = _Token("end", "")


def parse(pattern: str) -> tuple[Alternative, ...]:
    """The alternatives in their order; Rejected("pattern-not-representable") with what is in the way."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise _no(f"it is longer than {MAX_PATTERN_CHARS} characters")
    return _Parser(pattern).pattern()


def write(alternatives: Iterable[Alternative]) -> str:
    """The pattern that says this; `parse` reads it to the same."""
    return f"[{' OR '.join(map(_alternative, alternatives))}]"


class _Parser:
    """Reads tokens from the left; `_next` is the one not yet taken."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens, _END)
        self._literals = 0

    def pattern(self) -> tuple[Alternative, ...]:
        found: list[Alternative] = []
        depth = 0
        while True:
            depth = self._opened(depth)
            self._sign("[")
            found.extend(self._inside())
            depth = self._closed(depth)
            if not self._or():
                break
        if depth or self._next is not _END:
            raise _no(_why(self._next))
        return tuple(found)

    def _inside(self) -> Iterator[Alternative]:
        """What stands between square brackets, the last one included."""
        depth = 0
        while True:
            depth = self._opened(depth)
            yield self._one()
            depth = self._closed(depth)
            if not self._or():
                break
        if depth:
            raise _no("a parenthesis is not closed")
        self._sign("]")

    def _one(self) -> Alternative:
        first = self._comparison()
        if self._next != ("word", "AND"):
            return Alternative(first)
        self._take()
        second = self._comparison()
        if self._next == ("word", "AND"):
            raise _no("AND joins more than a user account's type and its name")
        kind, name = (first, second) if first.steps == ACCOUNT_TYPE else (second, first)
        whole = kind.object_type == name.object_type == ACCOUNT and kind.steps == ACCOUNT_TYPE
        if not whole or name.steps not in ACCOUNT_NAMES or len(kind.values) != 1:
            raise _no("AND joins something other than a user account's type and its name")
        return Alternative(name, kind.values[0])

    def _comparison(self) -> Comparison:
        path = self._take()
        if path.kind != "path":
            raise _no(_why(path))
        object_type, _, rest = path.text.partition(":")
        steps = tuple(plain or _unescaped(quoted) for plain, quoted in _STEP.findall(rest))
        operator = self._take()
        if operator == ("sign", "="):
            return Comparison(object_type, steps, (self._literal(),))
        if operator == ("word", "IN"):
            return Comparison(object_type, steps, tuple(self._set()))
        raise _no(_why(operator))

    def _set(self) -> Iterator[str]:
        self._sign("(")
        while True:
            yield self._literal()
            if self._next != ("sign", ","):
                break
            self._take()
        self._sign(")")

    def _literal(self) -> str:
        token = self._take()
        if token.kind != "text":
            raise _no("it compares with something that is no string")
        self._literals += 1
        if self._literals > MAX_LITERALS:
            raise _no(f"it names more than {MAX_LITERALS} values")
        return _unescaped(token.text[1:-1])

    def _opened(self, depth: int) -> int:
        while self._next == ("sign", "("):
            self._take()
            depth += 1
        if depth > MAX_PARENTHESES:
            raise _no(f"it has more than {MAX_PARENTHESES} parentheses in one another")
        return depth

    def _closed(self, depth: int) -> int:
        while self._next == ("sign", ")"):
            self._take()
            depth -= 1
        if depth < 0:
            raise _no("a parenthesis is closed that was not opened")
        return depth

    def _or(self) -> bool:
        if self._next != ("word", "OR"):
            return False
        self._take()
        return True

    def _sign(self, sign: str) -> None:
        token = self._take()
        if token != ("sign", sign):
            raise _no(_why(token))

    def _take(self) -> _Token:
        taken, self._next = self._next, next(self._tokens, _END)
        return taken


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        kind = found.lastgroup or ""
        yield _Token(kind, found[kind])
    rest = _SPACE.match(text, at)
    if rest is None or rest.end() < len(text):
        raise _no("it has an operator, literal or property that names no single identifier, or is damaged")


def _why(token: _Token) -> str:
    if token.text in _KEYWORDS:  # any other word may be somebody's name
        return f"{token.text} cannot be said of a single identifier"
    return "it breaks off" if token is _END else "its parts stand in no order that this program reads"


def _no(why: str) -> Rejected:
    return Rejected("pattern-not-representable", f"The pattern cannot become signals: {why}.")


def _alternative(one: Alternative) -> str:
    said = _comparison(one.said)
    if one.account_type is None:
        return said
    return f"{_comparison(Comparison(ACCOUNT, ACCOUNT_TYPE, (one.account_type,)))} AND {said}"


def _comparison(one: Comparison) -> str:
    first, *rest = one.steps
    path = first + "".join(f".{step}" if _PLAIN_STEP.fullmatch(step) else f".{_quoted(step)}" for step in rest)
    if len(one.values) == 1:
        return f"{one.object_type}:{path} = {_quoted(one.values[0])}"
    return f"{one.object_type}:{path} IN ({', '.join(map(_quoted, one.values))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
