"""What canonical forms this software makes: digests for its card and its Hellos, and what it makes of probes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from tocsin_node.profiles import check_once
from tocsin_signals import manifest, probes


@dataclass(frozen=True, slots=True)
class Rules:
    """Digests of 32 bytes: the manifest's, and by profile that of its behaviour and that of the vectors it is over."""

    manifest: bytes = b""
    profiles: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    vectors: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    forms: Callable[[Iterable[probes.Fresh]], tuple[str, ...]] = probes.forms
    """What it makes of fresh probes."""


@cache
def own_rules() -> Rules:
    """Those of this installation, right or wrong, by its self-check."""
    profiles = {name: bytes.fromhex(outcome.digest) for name, outcome in check_once().items()}
    vectors = {name: _digest(entry.vectors) for name, entry in manifest.load().profiles.items()}
    return Rules(bytes.fromhex(manifest.digest()), profiles, vectors)


def _digest(files: Mapping[str, str]) -> bytes:
    """Of the digests of a profile's vector files, by type."""
    return sha256("".join(f"{name} {files[name]}\n" for name in sorted(files)).encode()).digest()
