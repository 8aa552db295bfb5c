"""ThreatExchange descriptors in, as its Graph API writes them. Reference signals 6.

Read: an answer of the API (`{"data": [...]}`) or a list of descriptors. Each is a row: `raw_indicator`, else
`indicator`, by its `type`. UNCLICKABLE_URL is made a URL again; HASH_URL_MD5 is refused, for nobody can turn it back.

status is the stance (UNKNOWN takes none), severity and confidence as they are, review_status the review level, tags are
tags, expired_on the expiry, first_active and last_active when it was seen. share_level is the sharing limit: RED is
refused. A privacy_type that names who may see it forbids resharing; one that this program does not know is refused.
Refused too: descriptors of one id after the first, deleted ones, types no signal stands for. Not read: owner,
description, reactions, attachments.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, Final, cast

from tocsin_signals.errors import Rejected
from tocsin_signals.imports.document import Document, Path, Piece
from tocsin_signals.imports.found import (
    Found,
    ImportFile,
    Passed,
    Said,
    at,
    free_words,
    moment,
    refused,
    strictest,
    text_of,
    texts_of,
)

Object = Mapping[str, Any]

TYPES: Final = MappingProxyType(
    {
        **dict.fromkeys(("URI", "RAW_URI", "UNCLICKABLE_URL"), ("url", "")),
        "DOMAIN": ("domain", ""),
        "IP_ADDRESS": ("ip", ""),
        "IP_SUBNET": ("cidr", ""),
        "EMAIL_ADDRESS": ("email", ""),
        "TELEPHONE": ("phone", ""),
        "HASH_MD5": ("filehash", "md5:"),
        "HASH_VIDEO_MD5": ("filehash", "md5:"),
        "HASH_SHA1": ("filehash", "sha1:"),
        "HASH_SHA256": ("filehash", "sha256:"),
        "HASH_VIDEO_SHA256": ("filehash", "sha256:"),
        "HASH_PDQ": ("pdq", ""),
        "HASH_PHOTODNA": ("photodna", ""),
    }
)
"""Indicator types: our type, and what goes before the value."""
REFUSED: Final = MappingProxyType(
    {
        "HASH_URL_MD5": ("opaque", "The hash of a URL cannot be turned back into one; ask for the URL itself."),
        **dict.fromkeys(
            ("HASH_TMK", "HASH_SSDEEP", "HASH_IMPHASH", "HASH_TEXT_TLSH", "TEXT_STRING", "DEBUG_STRING", "TREND_QUERY"),
            ("not-representable", "No type of signal stands for indicators of this type."),
        ),
    }
)
"""Known types that are refused, and why."""
STANCES: Final = MappingProxyType(
    {"MALICIOUS": "harmful", "SUSPICIOUS": "suspected", "NON_MALICIOUS": "benign", "UNKNOWN": None}
)
SEVERITIES: Final = MappingProxyType(
    {
        "INFO": "info",
        "WARNING": "low",
        "SUSPICIOUS": "medium",
        "SEVERE": "high",
        "APOCALYPSE": "critical",
        "UNKNOWN": None,
    }
)
REVIEWS: Final = MappingProxyType(
    {
        "UNREVIEWED": "unreviewed",
        "PENDING": "unreviewed",
        "REVIEWED_AUTOMATICALLY": "automated",
        "REVIEWED_MANUALLY": "one_human",
        "UNKNOWN": None,
    }
)
PRIVACY: Final = MappingProxyType({"VISIBLE": False, "HAS_PRIVACY_GROUP": True, "HAS_WHITELIST": True})
"""Privacy types: whether they name who may see the descriptor."""

_WORDS: Final = (
    ("status", "stance", STANCES),
    ("severity", "severity", SEVERITIES),
    ("review_status", "review_level", REVIEWS),
)
"""Their key, ours, and their words for ours; None takes no position."""
_TIMES: Final = (("expired_on", "expires"), ("first_active", "first_seen"), ("last_active", "last_seen"))
_UNCLICKABLE: Final = re.compile(r"^\[h\](?=ttps?\b)|(?<=^http)\[:\]|(?<=^https)\[:\]", re.IGNORECASE)


def open_threatexchange(stream: BinaryIO) -> ImportFile:
    """Begin to read descriptors; Rejected if the file has none or is damaged."""
    document = Document(stream, walks=lambda path: path in ((), ("data",)))
    known, data = False, False
    for path, value, _ in document.pieces():
        data = data or path[:1] == ("data",)
        known = known or (_is_descriptor(path) and isinstance(value, dict) and "type" in value)
    if not known:
        raise Rejected("not-threatexchange", "The file has no ThreatExchange descriptors, in a list or under data.")
    return ImportFile(lambda: _read(document))


def _read(document: Document) -> Iterator[Found]:
    seen: set[str] = set()
    for piece in document.pieces():
        if not _is_descriptor(piece.path):
            continue  # paging
        if piece.fault is not None:
            yield refused(piece, piece.fault)
        elif not isinstance(piece.value, dict):
            yield refused(piece, Rejected("not-object", "An object was expected here."))
        else:
            yield from _descriptor(piece, cast("Object", piece.value), seen)


def _descriptor(piece: Piece, found: Object, seen: set[str]) -> Iterator[Found]:
    name = text_of(found, "id")
    try:
        if name and name in seen:
            raise Rejected("duplicate-id", "A descriptor of the same id came before.")  # noqa: TRY301 - one exit
        seen.add(name)
        if found.get("should_delete") is True:
            raise Rejected("deleted", "It was deleted in ThreatExchange.")  # noqa: TRY301
        type_name, key, value = _value(found)
        said, left_out = _details(found)
    except Rejected as error:
        yield refused(piece, error)
        return
    yield from (Passed("tags there was no room for") for _ in range(left_out))
    yield Said(at(piece, key), {**said, "value": value, "type": type_name})


def _value(found: Object) -> tuple[str, str, str]:
    """Our type, the key that holds the value, and the value."""
    kind = text_of(found, "type")
    if kind in REFUSED:
        raise Rejected(*REFUSED[kind])
    if kind not in TYPES:
        raise Rejected("unknown-type", "The descriptor's type is not one that this program knows.")
    key = "raw_indicator" if text_of(found, "raw_indicator") else "indicator"
    inner = found.get(key)
    value = text_of(cast("Object", inner), "indicator") if isinstance(inner, dict) else text_of(found, key)
    if not value:
        raise Rejected("empty-value", "The descriptor has no indicator.")
    type_name, prefix = TYPES[kind]
    return type_name, key, prefix + (_clickable(value) if kind == "UNCLICKABLE_URL" else value)


def _details(found: Object) -> tuple[dict[str, object], int]:
    """What a descriptor says besides its indicator, and how many tags found no room."""
    words, left_out = free_words(_tags(found.get("tags")))
    said: dict[str, object] = {**words}
    for theirs, ours, known in _WORDS:
        word = text_of(found, theirs)
        if word and word not in known:
            raise Rejected(theirs, f"Its {theirs} is none of {', '.join(known)}.")
        if word and known[word] is not None:
            said[ours] = known[word]
    if found.get("confidence") is not None:
        said["confidence"] = found["confidence"]
    for theirs, ours in _TIMES:
        if found.get(theirs):
            said[ours] = moment(found[theirs])
    limit = text_of(found, "share_level")
    if (tlp := strictest([limit] if limit else [])) is not None:
        said["tlp"] = tlp
    privacy = text_of(found, "privacy_type")
    if privacy and privacy not in PRIVACY:
        raise Rejected(
            "privacy", "Its privacy_type is not one that this program knows, so nobody can tell who may see it."
        )
    if PRIVACY.get(privacy):
        said["forbidden"] = ["reshare"]
    return said, left_out


def _tags(item: object) -> list[str]:
    """Tags as a list of texts, or as the API nests them."""
    inner: object = cast("Object", item).get("data") if isinstance(item, dict) else item
    tags = cast("list[object]", inner) if isinstance(inner, list) else []
    return [*texts_of(tags), *(text_of(cast("Object", one), "text") for one in tags if isinstance(one, dict))]


def _clickable(text: str) -> str:
    """`[h]ttp://...` and `http[:]//...` as they were; other bracketed signs are `canon`'s to read."""
    return _UNCLICKABLE.sub(lambda found: found[0].strip("[]"), text)


def _is_descriptor(path: Path) -> bool:
    return (len(path) == 1 and isinstance(path[0], int)) or (len(path) == 2 and path[0] == "data")
