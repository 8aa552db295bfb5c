"""The canon manifest: one file that fixes what every profile does. Reference signals 4.

Per profile: the SHA-256 of its vector files (one per type), of each data table it uses, and the least version of each
library. Two installations with equal manifests were built to make the same canonical forms; `selfcheck` says whether
one of them does. `digest` is what a node shows its peers.

`render` makes the file anew from this installation; it is for those who change the package, and a test keeps the two
equal. A released profile's tables and rows never change: that is a new profile, which a test insists on.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from tocsin_signals import types, vectorfile
from tocsin_signals.canon import frozen

FORMAT: Final = "tocsin-canon-manifest/1"
NAME: Final = "canon-manifest.json"


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """What the manifest says of one profile: digests as `sha256:` and hex, versions as text."""

    profile: str
    vectors: Mapping[str, str]
    """Digest of each vector file, by type."""
    tables: Mapping[str, str]
    """Digest of each data table, by name."""
    libraries: Mapping[str, str]
    """Least version of each library, by name."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole file, by profile."""

    profiles: Mapping[str, ProfileEntry]


def load() -> Manifest:
    """The manifest this package carries."""
    content: dict[str, Any] = json.loads(_read())
    entries = {
        name: ProfileEntry(name, entry["vectors"], entry["tables"], entry["libraries"])
        for name, entry in content["profiles"].items()
    }
    return Manifest(MappingProxyType(entries))


@cache
def digest() -> str:
    """SHA-256 of the manifest file, 64 hex digits."""
    return hashlib.sha256(_read()).hexdigest()


def render() -> bytes:
    """The manifest as it should be for the vector files and tables of this installation."""
    profiles = {
        profile: {
            "libraries": {name: frozen.LIBRARIES[name].least for name in frozen.of(profile).libraries},
            "tables": {name: frozen.table_digest(name) for name in frozen.of(profile).tables},
            "vectors": {kind.name: file_digest(data) for kind, data in _vectors(profile).items()},
        }
        for profile in sorted({entry.profile for entry in types.REGISTRY})
    }
    content = {"format": FORMAT, "license": "CC0-1.0", "profiles": profiles}
    return json.dumps(content, ensure_ascii=True, indent=1, sort_keys=True).encode("ascii") + b"\n"


def file_digest(data: bytes) -> str:
    """`sha256:` and the hex digest of a file."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _vectors(profile: str) -> dict[types.SignalType, bytes]:
    found = vectorfile.bundled()
    return {entry: found[entry.name] for entry in types.REGISTRY if entry.profile == profile and entry.name in found}


def _read() -> bytes:
    return files("tocsin_signals").joinpath(NAME).read_bytes()
