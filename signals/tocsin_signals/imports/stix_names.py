"""Which STIX property holds which type of ours, and what their words mean here: one table for reading and writing."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, NamedTuple

from tocsin_signals.errors import Rejected

EXTENSION: Final = "extension-definition--1c1430ed-a6f7-5da2-9c46-18116b5ead79"
"""Our property extension: the exact type and the details of a signal, on the objects that stand for it."""
IDENTIFIER: Final = "x-tocsin-identifier"
"""An observed object for types that STIX has none for; its `value` is canonical, `identifier_type` the type."""

SIGNAL: Final = "x-tocsin-signal"
"""Stands for a received signal that was sighted: by its feed and id, never by an identifier."""


class Held(NamedTuple):
    """What a property holds: a type, and what goes before its text to make the value."""

    type: str
    prefix: str = ""


PROPERTIES: Final = MappingProxyType[tuple[str, tuple[str, ...]], Held](
    {
        ("url", ("value",)): Held("url"),
        ("domain-name", ("value",)): Held("domain"),
        ("ipv4-addr", ("value",)): Held("ip"),
        ("ipv6-addr", ("value",)): Held("ip"),
        ("email-addr", ("value",)): Held("email"),
        ("email-message", ("from_ref", "value")): Held("email"),
        ("mac-addr", ("value",)): Held("device", "mac:"),
        ("file", ("hashes", "MD5")): Held("filehash", "md5:"),
        ("file", ("hashes", "SHA-1")): Held("filehash", "sha1:"),
        ("file", ("hashes", "SHA-256")): Held("filehash", "sha256:"),
        ("file", ("hashes", "SHA-512")): Held("filehash", "sha512:"),
        ("file", ("hashes", "x_pdq")): Held("pdq"),
        ("user-account", ("account_login",)): Held("username"),
        ("user-account", ("user_id",)): Held("account"),
        (IDENTIFIER, ("value",)): Held(""),
    }
)
"""A range in an address property is a `cidr`; a user-account's account_type is the platform, `phone` a phone number."""

NARROWED: Final = MappingProxyType({"url": ("url", "url-path", "url-prefix"), "email": ("email", "email-mailbox")})
"""Types that share a property; the extension says which is meant."""

CONTEXT: Final = frozenset({"email-message"})
"""Observed objects whose identifiers stand in objects of their own."""

UNSUPPORTED: Final = frozenset(
    {
        "artifact",
        "autonomous-system",
        "directory",
        "mutex",
        "network-traffic",
        "process",
        "software",
        "windows-registry-key",
        "x509-certificate",
    }
)
"""Observed objects that no type of ours stands for."""

INTERNAL_ACCOUNTS: Final = frozenset(
    {"unix", "windows-local", "windows-domain", "ldap", "nis", "radius", "tacacs", "openid"}
)
"""Account types that are no platform: the same name elsewhere is somebody else."""

STANCES: Final = MappingProxyType(
    {"malicious-activity": "harmful", "anomalous-activity": "suspected", "benign": "benign"}
)
"""Of indicator_types; the others (compromised, anonymization, attribution, unknown) take no stance."""

_TLP_1: Final = MappingProxyType(
    {
        "613f2e26-407d-48c7-9eca-b8e91df99dc9": "white",
        "34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
        "f88d31f6-486f-44da-b317-01333bde0b82": "amber",
        "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
    }
)
"""As in STIX 2.1, section 7.2.1.4."""
_TLP_2: Final = MappingProxyType(
    {
        "94868c89-83c2-464b-929b-a1a8aa3c8487": "clear",
        "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
        "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber",
        "939a9414-2ddd-4d32-a0cd-375ea402b003": "amber+strict",
        "e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
    }
)
"""As OASIS published them for TLP 2."""
TLP_IDS: Final = MappingProxyType({f"marking-definition--{one}": word for one, word in (_TLP_1 | _TLP_2).items()})
"""The markings every reader knows."""
TLP_REFS: Final = MappingProxyType({word: f"marking-definition--{one}" for one, word in _TLP_2.items()})
"""The marking that is written for a limit."""
TLP_2: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"


def hash_name(name: str) -> str:
    """A hash's name in its one spelling: `sha256` is SHA-256."""
    plain = name.upper().replace("-", "").replace("_", "")
    return {"MD5": "MD5", "SHA1": "SHA-1", "SHA256": "SHA-256", "SHA512": "SHA-512", "XPDQ": "x_pdq"}.get(plain, name)


def identifier(object_type: str, steps: tuple[str, ...], text: str, account_type: str = "") -> tuple[str, str]:
    """The type and value that a property's text stands for; Rejected if none of ours."""
    if object_type == "file" and len(steps) == 2:
        steps = (steps[0], hash_name(steps[1]))
    held = PROPERTIES.get((object_type, steps))
    if held is None:
        raise Rejected("not-representable", "No type of signal stands for this property.")
    if object_type == "user-account":
        return _account(held.type, text, account_type.strip().lower())
    if held.type == "ip" and "/" in text:
        _, _, length = text.rpartition("/")
        return ("ip" if length == ("32" if object_type == "ipv4-addr" else "128") else "cidr"), text
    return held.type, held.prefix + text


def stance_of(indicator_types: Iterable[str]) -> str | None:
    """The one stance that these words take, None if they take none; Rejected if they contradict one another."""
    found = {STANCES[one] for one in indicator_types if one in STANCES}
    if len(found) > 1:
        raise Rejected("stance", "The indicator_types contradict one another.")
    return found.pop() if found else None


def _account(type_name: str, text: str, account_type: str) -> tuple[str, str]:
    if not account_type:
        raise Rejected("no-platform", "The user-account has no account_type, so nobody can tell where it is.")
    if account_type in INTERNAL_ACCOUNTS:
        raise Rejected("account-type", "Accounts of this type mean something inside one organisation only.")
    if account_type == "phone":
        return "phone", text
    return type_name, f"{account_type}:{text}"
