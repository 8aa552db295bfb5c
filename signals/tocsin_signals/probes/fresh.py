"""The list of fresh probes a seed gives, their canonical forms, and digests of its beginnings.

Both sides contribute a nonce to the seed, so neither can choose values it knows to be harmless. The list is cut at
equal places of every type: PER_TYPE probes of each, types in the order of their names. Equal digests of the first n
forms mean equal forms; the smallest n whose digests differ names the first disagreement, and comparing halves finds it
in some eight questions.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from tocsin_signals import types
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.probes import codes, others, urls
from tocsin_signals.probes.draw import Draw

GENERATOR: Final = "probes/1"
"""Names the rules by which a seed gives probes. Both sides must have the same."""
NONCE_BYTES: Final = 16
PER_TYPE: Final = 24
"""Probes of each type: one of url names 24 dropped parameters of 52, so with a probing a day each is soon tried."""
REJECT: Final = "\0REJECT"
"""Stands for the canonical form of a text that has none: why is advice, that it is rejected is not."""

_DOMAIN: Final = b"tocsin/1/probes\0"

Make = Callable[[Draw], tuple[str, ...]]
"""Gives (plain, rewritten) or (plain, rewritten, region)."""


class Fresh(NamedTuple):
    """One probe: `text` is what both sides canonicalise, `plain` the same thing spelled plainly."""

    type_name: str
    text: str
    plain: str
    region: str = ""


_MAKERS: Final = MappingProxyType[str, Make](
    {
        "url": lambda draw: urls.url(draw, whole=True),
        "url-path": lambda draw: urls.url(draw, whole=True),
        "url-prefix": lambda draw: urls.url(draw, whole=False),
        "domain": urls.domain,
        "email": urls.email,
        "email-mailbox": urls.email,
        "phone": others.phone,
        "username": others.username,
        "account": others.account,
        "ip": others.ip,
        "cidr": codes.cidr,
        "wallet": codes.wallet,
        "iban": codes.iban,
        "device": codes.device,
        "filehash": others.filehash,
        "photodna": codes.photodna,
    }
)


def covered() -> tuple[str, ...]:
    """The types of this version that have fresh probes, in order."""
    return tuple(sorted(_MAKERS.keys() & {entry.name for entry in types.REGISTRY}))


def seed_of(asker: bytes, answerer: bytes) -> bytes:
    """The seed that two nonces of NONCE_BYTES make; ValueError for other sizes."""
    if len(asker) != NONCE_BYTES or len(answerer) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return hashlib.sha256(_DOMAIN + asker + answerer).digest()


def fresh(seed: bytes, type_names: Collection[str]) -> tuple[Fresh, ...]:
    """The probes of these types, each once; ValueError for a type that has none."""
    found: list[Fresh] = []
    for name in sorted(set(type_names)):
        make = _MAKERS.get(name)
        if make is None or name not in covered():
            raise ValueError(f"{name} has no fresh probes")
        draw = Draw(seed, f"{GENERATOR} {name}")
        for _ in range(PER_TYPE):
            plain, text, *region = make(draw)
            found.append(Fresh(name, text, plain, *region))
    return tuple(found)


def forms(probes: Iterable[Fresh]) -> tuple[str, ...]:
    """What this installation makes of each; REJECT where it has no canonical form."""
    return tuple(_form(one) for one in probes)


def prefix_digest(made: Sequence[str], count: int) -> bytes:
    """The SHA-256 of the first `count` forms, each as 2 bytes of length, big-endian, and UTF-8."""
    digest = hashlib.sha256()
    for form in made[:count]:
        data = form.encode()
        digest.update(len(data).to_bytes(2) + data)
    return digest.digest()


def _form(probe: Fresh) -> str:
    try:
        return canonicalise(probe.type_name, probe.text, region=probe.region or None)
    except Rejected:
        return REJECT
