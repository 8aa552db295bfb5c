"""MISP events and feeds in (core format JSON): the attributes of an event and of its objects. Reference signals 6.

Read: one event (`{"Event": ...}`, as exported, in a feed or by PyMISP, with or without that wrapper), a list of them,
and the answers of a search (`{"response": ...}`, of events or of attributes).

Rows: every attribute whose to_ids is set, for MISP's own word for "meant for detection". The others are context and are
counted. Composite types are split (`domain|ip` is two rows) or cut (`filename|md5` is the hash, `ip-src|port` the
address). In objects for accounts and coins, the object's template and the attribute's relation say what a text is.

TLP tags, of the attribute and of its event, are the sharing limit, the strictest of several; TLP:RED is refused.
Distribution 0 (your organisation only) is refused, 4 (a sharing group) forbids resharing; 5 inherits. Other tags stay
tags. first_seen and last_seen as they are. Refused too: deleted attributes, attributes of one uuid after the first,
types no signal stands for. MISP says nothing of a stance: give one when publishing. Not read: sightings, proposals,
galaxies, relations.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, BinaryIO, Final, NamedTuple, cast

from tocsin_signals.errors import Rejected
from tocsin_signals.imports.document import Document, Path, Piece
from tocsin_signals.imports.found import (
    Found,
    ImportFile,
    Passed,
    Refused,
    Said,
    at,
    free_words,
    moment,
    refused,
    strictest,
    text_of,
)

Object = Mapping[str, Any]

# fmt: off
PLAIN: Final = MappingProxyType({
    **dict.fromkeys(("url", "uri", "link"), ("url", "")),
    **dict.fromkeys(("domain", "hostname", "onion-address"), ("domain", "")),
    **dict.fromkeys(("ip-src", "ip-dst"), ("ip", "")),
    **dict.fromkeys(("email", "email-src", "email-dst", "email-reply-to", "target-email", "whois-registrant-email",
                     "dns-soa-email"), ("email", "")),
    **dict.fromkeys(("phone-number", "whois-registrant-phone", "prtn"), ("phone", "")),
    **{name: ("filehash", f"{name}:") for name in ("md5", "sha1", "sha256", "sha512")},
    **{name: ("wallet", f"{name}:") for name in ("btc", "xmr", "dash")},
    "twitter-id": ("username", "x:"),
    "github-username": ("username", "github:"),
    "jabber-id": ("username", "jabber:"),
    "iban": ("iban", ""),
    "mac-address": ("device", "mac:"),
})
"""Attribute types: our type, and what goes before the value."""
LAST_PART: Final = MappingProxyType({
    **{f"filename|{name}": name for name in ("md5", "sha1", "sha256", "sha512")},
    "malware-sample": "md5",
})
"""Composite types of which the last part counts, by its own type."""
FIRST_PART: Final = MappingProxyType({"ip-src|port": "ip-src", "ip-dst|port": "ip-dst", "hostname|port": "hostname"})
"""Composite types of which the first part counts."""
EACH_PART: Final = MappingProxyType({"domain|ip": ("domain", "ip-dst")})
"""Composite types of which every part counts."""
PLATFORMS: Final = MappingProxyType({
    "twitter-account": "x", "facebook-account": "facebook", "instagram-account": "instagram",
    "telegram-account": "telegram", "reddit-account": "reddit", "github-user": "github", "youtube-channel": "youtube",
    "tiktok-account": "tiktok", "discord-account": "discord", "snapchat-account": "snapchat", "skype-account": "skype",
})
"""Object templates of accounts, by the platform they are on; `user-account` names its own."""
NAMES: Final = frozenset({"username", "account-name", "user-name"})
IDS: Final = frozenset({"id", "account-id", "user-id", "channel-id"})
"""Relations, in those templates, of an account's name and of its id."""
CHAINS: Final = MappingProxyType({
    "BTC": "btc", "ETH": "evm", "TRX": "trx", "XMR": "xmr", "LTC": "ltc", "BCH": "bch", "SOL": "sol", "TON": "ton",
})
"""Symbols of `coin-address` objects."""
# fmt: on

OWN_ORGANISATION: Final = "0"
SHARING_GROUP: Final = "4"
INHERIT: Final = "5"
LEVELS: Final = frozenset("012345")

_LISTS: Final = frozenset({"Attribute", "Object", "Tag"})
_TLP: Final = re.compile(r"tlp:(?!ex:)(.+)", re.IGNORECASE)
_PORT: Final = re.compile(r"\|\d{1,5}$")


class _Place(NamedTuple):
    """Where a piece stands: in which event, and what comes after that."""

    event: Path
    inside: Path


def open_misp(stream: BinaryIO) -> ImportFile:
    """Begin to read events; Rejected if the file has none or is damaged."""
    document = Document(stream, walks=_walks)
    events = _events(document)
    return ImportFile(lambda: _read(document, events))


@dataclass(slots=True)
class _Event:
    """What an event says of all its attributes."""

    tags: list[str] = field(default_factory=list[str])
    distribution: str = INHERIT
    fault: Rejected | None = None


def _walks(path: Path) -> bool:
    inside = _placed(path).inside
    return inside == () or (len(inside) == 1 and inside[0] in _LISTS)


def _placed(path: Path) -> _Place:
    """Split a path behind `response`, a list's index and `Event`, each of which may be missing."""
    end = 0
    if path[:1] == ("response",):
        end = 1
    if end < len(path) and isinstance(path[end], int):
        end += 1
    if end < len(path) and path[end] == "Event":
        end += 1
    return _Place(path[:end], path[end:])


def _events(document: Document) -> dict[Path, _Event]:
    events: dict[Path, _Event] = {}
    seen = False
    for path, value, fault in document.pieces():
        event, inside = _placed(path)
        seen = seen or inside[:1] in (("Attribute",), ("Object",), ("info",), ("uuid",)) or event[-1:] == ("Event",)
        if inside == ("distribution",):
            events.setdefault(event, _Event()).distribution = _level(value)
        elif len(inside) == 2 and inside[0] == "Tag":
            known = events.setdefault(event, _Event())
            known.fault = known.fault or fault
            known.tags += _tag_names([value])
    if not seen:
        raise Rejected("not-misp", "The file is no MISP event, feed event or answer of a search.")
    return events


def _read(document: Document, events: Mapping[Path, _Event]) -> Iterator[Found]:
    seen: set[str] = set()
    nothing = _Event()
    for piece in document.pieces():
        event, inside = _placed(piece.path)
        if len(inside) != 2 or inside[0] not in {"Attribute", "Object"}:
            if not inside:
                yield refused(piece, Rejected("not-object", "An event was expected here."))
            continue
        said = events.get(event, nothing)
        fault = piece.fault or said.fault
        if fault is not None:
            yield refused(piece, fault)
        elif not isinstance(piece.value, dict):
            yield refused(piece, Rejected("not-object", "An object was expected here."))
        elif inside[0] == "Object":
            yield from _of_object(piece, cast("Object", piece.value), said, seen)
        else:
            yield from _attribute(piece, (), cast("Object", piece.value), _Around(said), seen)


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around an attribute: its event, and the object it may be in."""

    event: _Event
    template: str = ""
    platform: str = ""
    symbol: str = ""
    distribution: str = INHERIT
    deleted: bool = False


def _of_object(piece: Piece, found: Object, event: _Event, seen: set[str]) -> Iterator[Found]:
    items = found.get("Attribute")
    attributes = cast("list[object]", items) if isinstance(items, list) else []
    told = {
        text_of(one, "object_relation"): text_of(one, "value")
        for one in (cast("Object", item) for item in attributes if isinstance(item, dict))
    }
    template = text_of(found, "name")
    around = _Around(
        event,
        template,
        told.get("account-type", "").lower() if template == "user-account" else PLATFORMS.get(template, ""),
        told.get("symbol", "").upper(),
        _level(found.get("distribution")),
        _is_set(found.get("deleted")),
    )
    for number, item in enumerate(attributes):
        if isinstance(item, dict):
            yield from _attribute(piece, ("Attribute", number), cast("Object", item), around, seen)
        else:
            where = at(piece, "Attribute", number)
            yield Refused(where, "not-object", "An object was expected here.", item)


def _attribute(piece: Piece, steps: Path, found: Object, around: _Around, seen: set[str]) -> Iterator[Found]:
    """The rows of one attribute, or why it has none."""
    where = at(piece, *steps)
    uuid = text_of(found, "uuid").lower()
    try:
        if uuid and uuid in seen:
            raise Rejected("duplicate-id", "An attribute of the same uuid came before.")  # noqa: TRY301 - one exit
        seen.add(uuid)
        if around.deleted or _is_set(found.get("deleted")):
            raise Rejected("deleted", "It was deleted in MISP.")  # noqa: TRY301
        if not _is_set(found.get("to_ids")):
            yield Passed("attributes without to_ids")
            return
        said, left_out = _details(found, around)
        values = list(_values(found, around))
    except Rejected as error:
        yield Refused(where, error.reason, error.sentence, dict(found))
        return
    yield from (Passed("tags there was no room for") for _ in range(left_out))
    for type_name, value in values:
        yield Said(f"{where}.value", {**said, "value": value, "type": type_name})


def _values(found: Object, around: _Around) -> Iterator[tuple[str, str]]:
    """The types and values of an attribute."""
    kind, value = text_of(found, "type"), text_of(found, "value")
    if not value:
        raise Rejected("empty-value", "The attribute has no value.")
    if kind in EACH_PART:
        parts = value.split("|")
        if len(parts) != len(EACH_PART[kind]):
            raise Rejected("composite", f"A value of type {kind} has {len(EACH_PART[kind])} parts with | between them.")
        yield from (_plain(one, part.strip()) for one, part in zip(EACH_PART[kind], parts, strict=True))
    elif kind in LAST_PART:
        yield _plain(LAST_PART[kind], value.rpartition("|")[2].strip())
    elif kind in FIRST_PART:
        yield _plain(FIRST_PART[kind], _PORT.sub("", value).strip())
    elif kind in PLAIN:
        yield _plain(kind, value)
    else:
        yield _related(text_of(found, "object_relation"), value, around)


def _plain(kind: str, value: str) -> tuple[str, str]:
    type_name, prefix = PLAIN[kind]
    if type_name == "ip" and "/" in value and value.rpartition("/")[2] != ("128" if ":" in value else "32"):
        return "cidr", value
    return type_name, prefix + value


def _related(relation: str, value: str, around: _Around) -> tuple[str, str]:
    """What a text in an object is, by its template and relation."""
    if around.platform and relation in NAMES:
        return "username", f"{around.platform}:{value}"
    if around.platform and relation in IDS:
        return "account", f"{around.platform}:{value}"
    if around.template == "coin-address" and relation == "address" and around.symbol in CHAINS:
        return "wallet", f"{CHAINS[around.symbol]}:{value}"
    raise Rejected("not-representable", "No type of signal stands for attributes of this type.")


def _details(found: Object, around: _Around) -> tuple[dict[str, object], int]:
    """What an attribute and its event say, and how many tags found no room."""
    limits, words = list[str](), list[str]()
    for name in [*_tag_names(found.get("Tag")), *around.event.tags]:
        read = _TLP.fullmatch(name)
        limits += [read[1]] if read else []
        words += [] if read else [name]
    kept, left_out = free_words(words)
    said: dict[str, object] = {**kept}
    if (tlp := strictest(limits)) is not None:
        said["tlp"] = tlp
    distribution = _level(found.get("distribution"))
    for outer in (around.distribution, around.event.distribution):
        distribution = outer if distribution == INHERIT else distribution
    if distribution not in LEVELS:
        raise Rejected("distribution", "Its distribution is none of 0 to 5.")
    if distribution == OWN_ORGANISATION:
        raise Rejected("distribution", "Its distribution is: your organisation only.")
    if distribution == SHARING_GROUP:
        said["forbidden"] = ["reshare"]
    for key in ("first_seen", "last_seen"):
        if found.get(key):
            said[key] = moment(found[key])
    return said, left_out


def _tag_names(item: object) -> list[str]:
    tags = cast("list[object]", item) if isinstance(item, list) else []
    return [name for tag in tags if isinstance(tag, dict) and (name := text_of(cast("Object", tag), "name"))]


def _level(item: object) -> str:
    """A distribution level as MISP writes it: a number or its text; what is missing is inherited."""
    return INHERIT if item is None else str(item) if isinstance(item, int | str) else "?"


def _is_set(item: object) -> bool:
    """MISP writes its flags as true, 1 or "1"."""
    return item in (True, 1, "1", "true")
