"""A STIX 2.1 bundle written as a stream, and identifiers as its observed objects.

Every bundle begins with who made it and what its extension is; a TLP marking is written before its first use. Ids are
UUIDv5: of observed objects as the specification derives them, of others from what they stand for.

An identifier stands in the object that STIX has for it, where that is read back as the same identifier of the same
type, which is tried each time; else in an `x-tocsin-identifier`.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TextIO
from uuid import NAMESPACE_DNS, UUID, uuid5

from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.imports import stix_names as names
from tocsin_signals.imports.stix_pattern import ACCOUNT, Alternative, Comparison

OURS: Final = uuid5(NAMESPACE_DNS, "tocsin.stix")
"""Namespace of the ids that this program derives."""
OBSERVED: Final = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of observed objects' ids: STIX 2.1, section 2.9."""
DEFINED: Final = "2026-11-24T00:00:00.000Z"
"""When the extension was defined."""

_ALGORITHMS: Final = MappingProxyType({"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"})
_ACCOUNT_TYPES: Final = MappingProxyType({"x": "twitter"})

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_ADDRESS: Final = re.compile(rf"[a-z0-9._+-]+@{_HOST.pattern}")
"""What every reader takes for a host name and an e-mail address; others exist, and readers refuse them."""

Object = dict[str, Any]


class Bundle:
    """Writes objects; `name` tells this bundle from others, `publisher` becomes the id of who made it."""

    def __init__(self, stream: TextIO, *, name: str, publisher: str) -> None:
        self._stream = stream
        self.publisher: Final = derived_id("identity", publisher)
        self._limits: set[str] = set()
        head = {"type": "bundle", "id": derived_id("bundle", name)}
        stream.write(f'{json.dumps(head)[:-1]}, "objects": [\n')
        stream.write(json.dumps(_identity(self.publisher, publisher)))
        self.add(_extension(self.publisher))

    def add(self, found: Mapping[str, object]) -> None:
        """Write one object."""
        self._stream.write(",\n" + json.dumps(found, ensure_ascii=False))

    def limit(self, tlp: object) -> Object:
        """What marks an object with a TLP word of details; nothing for none."""
        ref = names.TLP_REFS.get(str(tlp))
        if ref is None:
            return {}
        if ref not in self._limits:
            self._limits.add(ref)
            self.add(_marking(ref, str(tlp)))
        return {"object_marking_refs": [ref]}

    def close(self) -> None:
        """End the bundle."""
        self._stream.write("\n]}\n")


class Observed(NamedTuple):
    """An identifier in STIX: the observed object without its id, and the pattern that finds it."""

    properties: Object
    pattern: Alternative


def observe(type_name: str, canonical: str) -> Observed:
    """The identifier as an observed object; as one of our own kind where no other is read back to the same."""
    found = _standard(type_name, canonical)
    if found is not None and _reads_back(found, type_name, canonical):
        return found
    own = {"extension_type": "new-sco"}
    properties = {
        "type": names.IDENTIFIER,
        "spec_version": "2.1",
        "identifier_type": type_name,
        "value": canonical,
        "extensions": {names.EXTENSION: own},
    }
    return Observed(properties, Alternative(Comparison(names.IDENTIFIER, ("value",), (canonical,))))


def _standard(type_name: str, canonical: str) -> Observed | None:
    kind, _, rest = canonical.partition(":")
    match type_name:
        case "url" | "url-path" | "url-prefix":
            return _valued("url", canonical if canonical.startswith("ftp://") else f"http://{canonical}")
        case "domain" if _HOST.fullmatch(canonical):
            return _valued("domain-name", canonical)
        case "email" | "email-mailbox" if _ADDRESS.fullmatch(canonical):
            return _valued("email-addr", canonical)
        case "ip" | "cidr":
            return _valued("ipv6-addr" if ":" in canonical else "ipv4-addr", canonical)
        case "filehash" if kind in _ALGORITHMS:
            return _hashed(_ALGORITHMS[kind], rest)
        case "pdq":
            return _hashed("x_pdq", canonical)
        case "device" if kind == "mac":
            plain = rest.replace(":", "").replace("-", "")
            return _valued("mac-addr", ":".join(plain[at : at + 2] for at in range(0, len(plain), 2)))
        case "phone":
            return _account("account_login", "phone", canonical)
        case "username" | "account" if rest:
            return _account("account_login" if type_name == "username" else "user_id", kind, rest)
        case _:
            return None


def _valued(object_type: str, value: str) -> Observed:
    properties = {"type": object_type, "spec_version": "2.1", "value": value}
    return Observed(properties, Alternative(Comparison(object_type, ("value",), (value,))))


def _hashed(algorithm: str, value: str) -> Observed:
    properties = {"type": "file", "spec_version": "2.1", "hashes": {algorithm: value}}
    return Observed(properties, Alternative(Comparison("file", ("hashes", algorithm), (value,))))


def _account(key: str, platform: str, name: str) -> Observed:
    account_type = _ACCOUNT_TYPES.get(platform, platform)
    properties = {"type": ACCOUNT, "spec_version": "2.1", "account_type": account_type, key: name}
    return Observed(properties, Alternative(Comparison(ACCOUNT, (key,), (name,)), account_type))


def _reads_back(found: Observed, type_name: str, canonical: str) -> bool:
    said = found.pattern.said
    try:
        mapped, value = names.identifier(said.object_type, said.steps, said.values[0], found.pattern.account_type or "")
        meant = mapped == type_name or type_name in names.NARROWED.get(mapped, ())
        return meant and canonicalise(type_name, value) == canonical
    except Rejected:
        return False


def observed_id(properties: Object) -> str:
    """The id that the specification derives from what identifies the object (STIX 2.1, section 2.9)."""
    left_out = {"type", "spec_version", "extensions"}
    told = {key: item for key, item in properties.items() if key not in left_out}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{properties['type']}--{uuid5(OBSERVED, text)}"


def derived_id(kind: str, name: str) -> str:
    """The id of an object of this kind that stands for what `name` says."""
    return f"{kind}--{uuid5(OURS, f'{kind}{chr(10)}{name}')}"


def _identity(ref: str, publisher: str) -> Object:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": ref,
        "created": DEFINED,
        "modified": DEFINED,
        "name": publisher,
        "identity_class": "organization",
    }


def _extension(publisher: str) -> Object:
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": names.EXTENSION,
        "created_by_ref": publisher,
        "created": DEFINED,
        "modified": DEFINED,
        "name": "Tocsin signals",
        "description": "The exact type and details of a signal; identifiers and signals that STIX has no object for.",
        "schema": "docs/formats.md of Tocsin",
        "version": "1.0.0",
        "extension_types": ["property-extension", "new-sco", "new-sdo"],
    }


def _marking(ref: str, tlp: str) -> Object:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": ref,
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{tlp.upper()}",
        "extensions": {names.TLP_2: {"extension_type": "property-extension", "tlp_2_0": tlp}},
    }
