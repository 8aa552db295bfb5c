"""What canonical forms this software makes: digests for its card and its Hellos, and what it makes of probes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from tocsin_node.profiles import check_once
from tocsin_signals import manifest, probes


@dataclass(frozen=True, slots=True)
class Rules:
    """The manifest's digest and the behaviour digest of each profile, 32 bytes each; what it makes of fresh probes."""

    manifest: bytes = b""
    profiles: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    forms: Callable[[Iterable[probes.Fresh]], tuple[str, ...]] = probes.forms


@cache
def own_rules() -> Rules:
    """Those of this installation, right or wrong, by its self-check."""
    profiles = {name: bytes.fromhex(outcome.digest) for name, outcome in check_once().items()}
    return Rules(bytes.fromhex(manifest.digest()), profiles)
