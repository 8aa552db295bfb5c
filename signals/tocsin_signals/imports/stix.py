"""STIX 2.1 bundles in. Reference signals 6; what maps to what: `stix_names`; patterns: `stix_pattern`.

Rows: every observed object (SCO) that holds an identifier, and every identifier in an indicator's pattern. An observed
object that an indicator of the same bundle is `based-on` is read through that indicator, which says more of it.

Of an indicator: valid_until is the expiry; confidence as it is; indicator_types give the stance where they take one and
stay tags; labels that are words of ours become abuse_types, others tags. TLP markings, on the object or on parts of it,
are the sharing limit, the strictest of several; TLP:RED is refused, and so is a marking that the bundle leaves
unexplained.

Refused row by row: revoked objects, and those a newer or earlier object of the same id stands for. What has expired is
refused by the node, which has the clock. Objects that are context (malware, relationship ...) are counted by type.
Not read: valid_from, kill chains, external references, sightings.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, cast

from tocsin_signals.errors import Rejected
from tocsin_signals.imports import stix_names as names
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
    texts_of,
)
from tocsin_signals.imports.stix_pattern import parse

_OBJECTS: Final = ("objects",)
_TYPE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_NEVER: Final = ""
_OBSERVED: Final = frozenset(object_type for object_type, _ in names.PROPERTIES)

Object = Mapping[str, Any]


def open_stix(stream: BinaryIO) -> ImportFile:
    """Begin to read a bundle; Rejected if the file is none or is damaged."""
    document = Document(stream, walks=lambda path: path in ((), _OBJECTS))
    index = _index(document)
    return ImportFile(lambda: _read(document, index))


@dataclass(slots=True)
class _Index:
    """What must be known of the whole bundle before its objects can be read one by one."""

    newest: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """Of each id: when it was modified last, and which object that is."""
    markings: dict[str, str | None] = field(default_factory=dict[str, str | None])
    """TLP word of marking definitions; None for statements, which are no sharing limit."""
    based_on: set[str] = field(default_factory=set[str])
    """Observed objects that indicators are based on, at once or by way of observed data."""
    observed: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Of observed data: the objects it refers to."""

    def add(self, number: int, found: Object) -> None:
        """Take one object in."""
        name = text_of(found, "id")
        if name:
            here = (_modified(found), -number)
            known = self.newest.get(name)
            if known is None or here > (known[0], -known[1]):
                self.newest[name] = (here[0], number)
        kind = found.get("type")
        if kind == "marking-definition" and name and (read := _marking(found)) is not None:
            self.markings[name] = read or None
        elif kind == "relationship" and found.get("relationship_type") == "based-on":
            self.based_on.add(text_of(found, "target_ref"))
        elif kind == "observed-data" and name:
            self.observed[name] = texts_of(found.get("object_refs"))


def _index(document: Document) -> _Index:
    index, kind, version = _Index(), None, None
    for path, value, fault in document.pieces():
        if path == ("type",):
            kind = value
        elif path == ("spec_version",):
            version = value
        elif _is_object(path) and isinstance(value, dict) and fault is None:
            index.add(cast("int", path[1]), cast("Object", value))
    if kind != "bundle":
        raise Rejected("not-stix", "The file is no STIX bundle: an object of type bundle with its objects.")
    if version == "2.0":
        raise Rejected("stix-version", "The bundle is STIX 2.0; convert it to 2.1 first.")
    for name in index.based_on & index.observed.keys():
        index.based_on.update(index.observed[name])
    return index


def _read(document: Document, index: _Index) -> Iterator[Found]:
    for piece in document.pieces():
        if piece.path[:1] != _OBJECTS:
            if piece.path not in (("type",), ("id",), ("spec_version",)):
                yield Passed("properties of the bundle")
        elif piece.fault is not None:
            yield refused(piece, piece.fault)
        elif not _is_object(piece.path) or not isinstance(piece.value, dict):
            yield refused(piece, Rejected("not-object", "An object was expected here."))
        else:
            yield from _object(piece, cast("Object", piece.value), index)


def _object(piece: Piece, found: Object, index: _Index) -> Iterator[Found]:
    kind = text_of(found, "type")
    if kind in names.UNSUPPORTED:
        yield refused(piece, Rejected("not-representable", "No type of signal stands for this kind of object."))
    elif kind not in _OBSERVED - names.CONTEXT and kind != "indicator":
        yield Passed(kind if _TYPE.fullmatch(kind) else "objects of no type")
    elif kind != "indicator" and text_of(found, "id") in index.based_on:
        yield Passed(f"{kind} read through its indicator")
    elif index.newest.get(text_of(found, "id"), ("", piece.path[1]))[1] != piece.path[1]:
        yield refused(piece, Rejected("duplicate-id", "Another object of the same id is newer or came first."))
    elif found.get("revoked") is True:
        yield refused(piece, Rejected("revoked", "Its creator has revoked it."))
    else:
        yield from _signals(piece, found, index)


def _signals(piece: Piece, found: Object, index: _Index) -> Iterator[Found]:
    """The rows of an indicator or observed object, or its refusal."""
    try:
        own = _own_extension(found)
        said, left_out = _details(found, own, index)
        told = _pattern(piece, found) if found["type"] == "indicator" else _properties(piece, found)
        told = list(told)
    except Rejected as error:
        where = at(piece, "pattern") if error.reason.startswith("pattern") else at(piece)
        yield Refused(where, error.reason, error.sentence, found)
        return
    yield from (Passed("labels there was no room for") for _ in range(left_out))
    for where, object_type, steps, text, account_type in told:
        try:
            type_name, value = names.identifier(object_type, steps, text, account_type)
            yield Said(
                where,
                {
                    **said,
                    "value": value,
                    "type": _exact(type_name, text_of(own, "type") or text_of(found, "identifier_type")),
                },
            )
        except Rejected as error:
            yield Refused(where, error.reason, error.sentence, text)
    if not told:
        yield Passed(f"{found['type']} without an identifier")


_Told = tuple[str, str, tuple[str, ...], str, str]
"""Place, object type, steps to the property, its text, and a user-account's type."""


def _pattern(piece: Piece, found: Object) -> Iterator[_Told]:
    if found.get("pattern_type") != "stix":
        raise Rejected("pattern-type", "Only patterns of pattern_type stix are read.")
    pattern = found.get("pattern")
    if not isinstance(pattern, str):
        raise Rejected("pattern-not-representable", "The indicator has no pattern.")
    where = at(piece, "pattern")
    for one in parse(pattern):
        for text in one.said.values:
            yield where, one.said.object_type, one.said.steps, text, one.account_type or ""


def _properties(piece: Piece, found: Object) -> Iterator[_Told]:
    kind = found["type"]
    account_type = text_of(found, "account_type")
    if kind == "file":
        hashes = found.get("hashes")
        for name, text in cast("Object", hashes).items() if isinstance(hashes, dict) else ():
            if not isinstance(text, str):
                raise Rejected("not-text", "A hash is not a text.")
            yield at(piece, "hashes", name), kind, ("hashes", name), text, ""
        return
    for object_type, steps in names.PROPERTIES:
        if object_type != kind or (kind == "user-account" and steps[0] not in found):
            continue
        text = found.get(steps[0])
        if not isinstance(text, str):
            raise Rejected("not-text", f"Its {steps[0]} is missing or not a text.")
        yield at(piece, *steps), kind, steps, text, account_type


def _details(found: Object, own: Object, index: _Index) -> tuple[dict[str, object], int]:
    """What the object says besides its identifier, and how many labels found no room."""
    types = texts_of(found.get("indicator_types"))
    words, left_out = free_words([*texts_of(found.get("labels")), *types])
    said: dict[str, object] = {**words}
    if (stance := names.stance_of(types)) is not None:
        said["stance"] = stance
    if found.get("confidence") is not None:
        said["confidence"] = found["confidence"]
    details = own.get("details")
    if isinstance(details, dict):  # our own words say the same, exactly
        said, left_out = {**cast("dict[str, object]", details)}, 0
    if found.get("valid_until") is not None:
        said["expires"] = moment(found["valid_until"])
    limits = [_limit(ref, index) for ref in _marking_refs(found)]
    named = said.pop("tlp", None)
    if (tlp := strictest([one for one in [*limits, named] if isinstance(one, str)])) is not None:
        said["tlp"] = tlp
    return said, left_out


def _marking_refs(found: Object) -> list[str]:
    parts = found.get("granular_markings")
    granular = cast("list[object]", parts) if isinstance(parts, list) else []
    inner = [text_of(cast("Object", one), "marking_ref") for one in granular if isinstance(one, dict)]
    return [*texts_of(found.get("object_marking_refs")), *filter(None, inner)]


def _limit(ref: str, index: _Index) -> str | None:
    if ref in names.TLP_IDS:
        return names.TLP_IDS[ref]
    if ref not in index.markings:
        raise Rejected("marking", "It carries a marking that the bundle does not explain in words this program knows.")
    return index.markings[ref]


def _marking(found: Object) -> str | None:
    """The TLP word of a marking definition; empty for a statement, None for a kind this program does not know."""
    kind, definition, extensions = found.get("definition_type"), found.get("definition"), found.get("extensions")
    if kind == "statement":
        return ""
    if kind == "tlp" and isinstance(definition, dict):
        return text_of(cast("Object", definition), "tlp") or None
    if isinstance(extensions, dict):
        newer = cast("Object", extensions).get(names.TLP_2)
        if isinstance(newer, dict):
            return text_of(cast("Object", newer), "tlp_2_0") or None
    return None


def _own_extension(found: Object) -> Object:
    extensions = found.get("extensions")
    own: object = cast("Object", extensions).get(names.EXTENSION) if isinstance(extensions, dict) else None
    return cast("Object", own) if isinstance(own, dict) else {}


def _exact(mapped: str, named: str) -> str:
    """The type that is meant: what our extension names, where the property can hold that."""
    if not named or named == mapped:
        if not mapped:
            raise Rejected("unknown-type", "The object does not say of which type its value is.")
        return mapped
    if mapped and named not in names.NARROWED.get(mapped, ()):
        raise Rejected("type", "The extension names a type that this property cannot hold.")
    return named


def _is_object(path: Path) -> bool:
    return len(path) == 2 and path[:1] == _OBJECTS and isinstance(path[1], int)


def _modified(found: Object) -> str:
    try:
        return moment(found.get("modified")).removesuffix("Z")
    except Rejected:
        return _NEVER
