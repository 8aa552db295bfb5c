"""What a signal asserts, and its bytes: one JSON object shared by many signals. Architecture 3; peers 3.1, 3.4.

Rules: RFC 8785 order and escapes, no floats, whole numbers below 2**53, at most 4,096 bytes and 16 levels, and a
`salt` of 16 random bytes in hex, so that nobody can confirm guessed details from a digest. Strings are kept as given,
never normalised.

Two doors. *Publishing* (`Details`, `Withdrawal`) insists on the vocabularies and keeps unknown keys. *Receiving*
(`decode`) insists on the form only: other key order, unknown keys and unknown words pass, because the digest is over
the bytes as signed and nothing here ever re-encodes them. Times of validity are in the entry, not here.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self, cast

from tocsin_signals import vocab
from tocsin_signals.errors import Rejected

MAX_BYTES: Final = 4096
"""Largest details blob: a segment carries many, and each is read by every receiver."""
MAX_DEPTH: Final = 16
"""Deepest nesting, the object itself counting as one: no honest details come near, and recursion stays safe."""
MAX_LIST: Final = 32
"""Most items in one list key."""
MAX_TEXT: Final = 256
"""Longest case reference, source or tag, in characters."""
SALT_BYTES: Final = 16

_SAFE_INTEGER: Final = 2**53
_DOMAIN: Final = b"tocsin/1/details\x00"
_SALT: Final = re.compile(r"[0-9a-f]{32}")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z)?", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_KEY: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_RESERVED: Final = frozenset({"salt", "reason", "required_action", "probe"})  # probe: see `probes.reserved`

Check = Callable[[object], object]


def _listed(check: Check) -> Check:
    """A check for a non-repeating list whose items each pass `check`."""

    def checked(value: object) -> tuple[object, ...]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise Rejected("list", "A list is expected, and a single word was given.")
        items = tuple(check(item) for item in cast("Iterable[object]", value))
        if len(items) > MAX_LIST or len(set(items)) != len(items):
            raise Rejected("list", f"A list is longer than {MAX_LIST} items or repeats one.")
        return items

    return checked


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise Rejected("text", f"A text of 1 to {MAX_TEXT} characters is expected.")
    return value


def _time(value: object) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Rejected("time", "A time is written 2026-01-31 or 2026-01-31T12:00:00Z.")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Rejected("flag", "A flag is either true or false.")
    return value


_CHECKS: Final = MappingProxyType[str, Check](
    {
        "stance": vocab.STANCE.check,
        "abuse_types": _listed(vocab.ABUSE_TYPES.check),
        "severity": vocab.SEVERITY.check,
        "confidence": vocab.check_confidence,
        "review_level": vocab.REVIEW_LEVEL.check,
        "basis": vocab.BASIS.check,
        "tlp": vocab.TLP.check,
        "purposes": _listed(vocab.PURPOSES.check),
        "forbidden": _listed(vocab.FORBIDDEN.check),
        "permitted_actions": vocab.PERMITTED_ACTIONS.check,
        "human_review_required": _flag,
        "legal_basis": _listed(vocab.check_legal_basis),
        "jurisdiction": _listed(vocab.check_jurisdiction),
        "case_ref": _text,
        "tags": _listed(_text),
        "first_seen": _time,
        "last_seen": _time,
        "source": _text,
    }
)
KNOWN_KEYS: Final = frozenset(_CHECKS)


@dataclass(frozen=True, slots=True)
class Details:
    """A checked assertion; None or an empty tuple means the publisher does not say. Unknown keys are in `extra`."""

    stance: str
    abuse_types: tuple[str, ...] = ()
    severity: str | None = None
    confidence: int | None = None
    review_level: str | None = None
    basis: str | None = None
    tlp: str | None = None
    purposes: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    permitted_actions: str | None = None
    human_review_required: bool | None = None
    legal_basis: tuple[str, ...] = ()
    jurisdiction: tuple[str, ...] = ()
    case_ref: str | None = field(default=None, repr=False)
    tags: tuple[str, ...] = ()
    first_seen: str | None = None
    last_seen: str | None = None
    source: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object], repr=False, hash=False)

    def __post_init__(self) -> None:
        for key, check in _CHECKS.items():
            value: object = getattr(self, key)
            if value in (None, ()) and key != "stance":
                continue
            try:
                object.__setattr__(self, key, check(value))  # lists become tuples
            except Rejected as error:
                named = error.sentence if error.reason == key else f"{key}: {error.sentence}"
                raise Rejected(key, named) from None
        for key, value in self.extra.items():
            if not _KEY.fullmatch(key) or key in KNOWN_KEYS or key in _RESERVED:
                raise Rejected("key", "A further key is 1 to 64 of a-z, 0-9, _ . - and not one of the reserved words.")
            _check_value(value, depth=2)

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Check known keys against the vocabularies and keep the rest; Rejected names the key, never the value."""
        known = {key: value for key, value in fields.items() if key in KNOWN_KEYS}
        extra = {key: value for key, value in fields.items() if key not in KNOWN_KEYS}
        known.setdefault("stance", None)  # the one that must be said: None is refused
        return cls(**known, extra=MappingProxyType(extra))  # pyright: ignore[reportArgumentType]  # checked when made

    def fields(self) -> dict[str, object]:
        """What is said, as a mapping for `encode`: keys without a value are left out."""
        said: dict[str, object] = {key: getattr(self, key) for key in _CHECKS}
        return {key: value for key, value in said.items() if value not in (None, ())} | dict(self.extra)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Why a signal is taken back, and what receivers are asked to do."""

    reason: str
    required_action: str

    def __post_init__(self) -> None:
        vocab.WITHDRAWAL_REASON.check(self.reason)
        vocab.REQUIRED_ACTION.check(self.required_action)

    def fields(self) -> dict[str, object]:
        """The withdrawal as a mapping for `encode`."""
        return {"reason": self.reason, "required_action": self.required_action}


def encode(fields: Mapping[str, object], salt: bytes) -> bytes:
    """The blob of these fields: canonical JSON with `salt` (16 bytes) added; Rejected if it would not decode again."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a details salt has {SALT_BYTES} bytes")
    if "salt" in fields:
        raise Rejected("key", "The key salt is set by the program.")
    whole = {**fields, "salt": salt.hex()}
    _check_value(whole, depth=1)
    blob = json.dumps(_ordered(whole), ensure_ascii=False, separators=(",", ":")).encode()
    if len(blob) > MAX_BYTES:
        raise Rejected("details-size", f"The details take {len(blob)} bytes; at most {MAX_BYTES} are allowed.")
    return blob


def decode(blob: bytes) -> dict[str, object]:
    """The object in a blob from anywhere, `salt` included; Rejected if the form is wrong. Words are not judged."""
    if len(blob) > MAX_BYTES:
        raise Rejected("details-size", f"The details take {len(blob)} bytes; at most {MAX_BYTES} are allowed.")
    try:
        value = _parsed(blob.decode())
    except UnicodeDecodeError:
        raise Rejected("details-utf8", "The details are not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError:
        raise Rejected("details-json", "The details are not one JSON object.") from None
    if not isinstance(value, dict):
        raise Rejected("details-json", "The details are not one JSON object.")
    fields = cast("dict[str, object]", value)
    if not _is_plain(blob):
        _check_value(fields, depth=1)
    salt = fields.get("salt")
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise Rejected("details-salt", "The details have no salt of 32 lower-case hex digits.")
    return fields


def _parsed(text: str) -> object:
    """The JSON value of a text. Without white space around it, as publishers write it, half of the decoder will do."""
    if text[:1] == "{":
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    return _DECODER.decode(text)


def digest(blob: bytes) -> bytes:
    """The 32 bytes that stand for this blob in an entry."""
    return hashlib.sha256(_DOMAIN + blob).digest()


def _check_value(value: object, *, depth: int) -> None:
    """Refuse what the JSON subset does not have, all the way down; `depth` is that of a container here."""
    if not isinstance(value, Mapping | list | tuple):
        _check_scalar(value)
        return
    if depth > MAX_DEPTH:
        raise _too_deep()
    items = cast("Iterable[object]", value)
    if isinstance(value, Mapping):
        for key in items:
            if not isinstance(key, str):
                raise Rejected("details-json", "A key in the details is not a text.")
            _check_scalar(key)
        items = cast("Mapping[str, object]", value).values()
    for item in items:
        _check_value(item, depth=depth + 1)


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise Rejected("details-utf8", "A text in the details holds a lone surrogate.")
    elif isinstance(value, int):  # bool included
        if abs(value) >= _SAFE_INTEGER:
            raise Rejected("details-number", "A number in the details is 2**53 or larger.")
    elif value is not None:
        raise Rejected("details-json", "The details hold something that JSON without floats cannot.")


def _ordered(value: object) -> object:
    """The value with the keys of every object in the order of their UTF-16 code units."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: _ordered(item) for key, item in sorted(items, key=lambda item: item[0].encode("utf-16-be"))}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in cast("Iterable[object]", value)]
    return value


def _is_plain(blob: bytes) -> bool:
    """Whether by its looks this JSON holds nothing that only `_check_value` refuses: true of nearly all details.

    Without an escaped code unit there is no lone surrogate, with few brackets no depth; numbers were checked as read.
    """
    return b"\\u" not in blob and blob.count(b"{") + blob.count(b"[") <= MAX_DEPTH


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Rejected("details-duplicate", "The details repeat a key.")
    return found


def _whole(digits: str) -> int:
    number = int(digits)
    _check_scalar(number)
    return number


def _no_float(_: str) -> object:
    raise Rejected("details-number", "The details hold a number that is not whole.")


def _too_deep() -> Rejected:
    return Rejected("details-depth", f"The details are nested deeper than {MAX_DEPTH} levels.")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_no_float, parse_constant=_no_float
)
