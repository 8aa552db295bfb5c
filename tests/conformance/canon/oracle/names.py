"""email/1, mailbox/1, username/1, account/1, ip/1 and filehash/1, from the reference's sentences."""

import hashlib
import re
from ipaddress import IPv6Address
from typing import Final

from tests.conformance.canon.oracle import host, text as rules

_ATOM_SIGNS: Final = "!#$%&'*+/=?^_`{|}~-"
_ALIASES: Final = {"twitter": "x", "ig": "instagram", "insta": "instagram", "tg": "telegram", "snap": "snapchat"}
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_NAMES: Final = {
    "x": ("_", 15),
    "instagram": ("_.", 30),
    "telegram": ("_", 32),
    "tiktok": ("_.", 24),
    "reddit": ("_-", 20),
    "discord": ("_.", 32),
    "snapchat": ("._-", 15),
    "github": ("-", 39),
    "roblox": ("_", 20),
    "twitch": ("_", 25),
}
_STEAM: Final = 76561197960265728
_HEX: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


def email(text: str) -> str | None:
    """Profile email/1."""
    found = _address(text)
    return found and "@".join(found)


def mailbox(text: str) -> str | None:
    """Profile mailbox/1."""
    found = _address(text)
    if found is None:
        return None
    local, domain = found[0].split("+")[0], found[1]
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    elif domain in {"me.com", "mac.com"}:
        domain = "icloud.com"
    elif domain in {"protonmail.com", "protonmail.ch", "pm.me"}:
        domain = "proton.me"
    return f"{local}@{domain}" if _dot_atom(local) else None


def _address(text: str) -> tuple[str, str] | None:
    trimmed = rules.edges(text)
    if trimmed is None:
        return None
    if trimmed.lower().startswith("mailto:"):
        trimmed = trimmed[7:].split("?")[0]
    trimmed = rules.dots(trimmed)
    for fanged in (r"\[at\]", r"\(at\)", r"\[@\]"):
        trimmed = re.sub(fanged, "@", trimmed, flags=re.IGNORECASE | re.ASCII)
    if "@" not in trimmed or any(sign in trimmed for sign in "<>,"):
        return None
    at = trimmed.rindex("@")
    local, domain = _local(trimmed[:at]), trimmed[at + 1 :]
    found = None if domain[:1] == "[" or domain.endswith(".") else host.domain_name(domain)
    if local is None or found is None or len(f"{local}@{found}".encode()) > 254:
        return None
    return local, found


def _local(text: str) -> str | None:
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        if not _dot_atom(text):
            return None
    if text.isascii():
        folded = text.lower()
    elif rules.unseen(text) or not rules.assigned(text):
        return None
    else:
        folded = rules.fold(text)
    return folded if _dot_atom(folded) and len(folded.encode()) <= 64 else None


def _dot_atom(text: str) -> bool:
    return all(
        atom and all(sign in _ATOM_SIGNS or (sign.isascii() and sign.isalnum()) or ord(sign) >= 128 for sign in atom)
        for atom in text.split(".")
    )


def _platform(text: str) -> tuple[str, str] | None:
    trimmed = rules.edges(text)
    if trimmed is None or ":" not in trimmed:
        return None
    platform, rest = (rules.edges(part) or "" for part in trimmed.split(":", 1))
    platform = "".join(sign.lower() if sign.isascii() else sign for sign in platform)
    return (_ALIASES.get(platform, platform), rest) if platform else None


def username(text: str) -> str | None:
    """Profile username/1."""
    found = _platform(text)
    if found is None:
        return None
    platform, name = found
    if not 1 <= len(platform) <= 63 or platform[0] in ".-" or any(s not in _LETTERS + _DIGITS + ".-" for s in platform):
        return None
    name = name.removeprefix("@")
    if not rules.assigned(name):
        return None
    folded = _fediverse(name) if platform == "fediverse" else rules.fold(name)
    if not folded or len(folded) > 128 or folded[0] == "@" or rules.unseen(folded):
        return None
    if platform in _NAMES:
        signs, longest = _NAMES[platform]
        if len(folded) > longest or any(sign not in _LETTERS + _DIGITS + signs for sign in folded):
            return None
    return f"{platform}:{folded}"


def _fediverse(name: str) -> str | None:
    if "@" not in name:
        return None
    at = name.rindex("@")
    user, server = rules.fold(name[:at]), host.domain_name(rules.dots(name[at + 1 :]))
    return f"{user}@{server}" if user and "@" not in user and server else None


def account(text: str) -> str | None:
    """Profile account/1."""
    found = _platform(text)
    if found is None:
        return None
    platform, number = found
    if not number.isascii():
        return None
    if platform in {"x", "facebook", "instagram", "roblox"}:
        good = _counts(number) and len(number) <= 20
    elif platform == "telegram":
        bare = number.removeprefix("-")
        good = _counts(bare) and len(bare) <= 20
    elif platform == "discord":
        good = _counts(number) and 17 <= len(number) <= 20
    elif platform == "youtube":
        good = len(number) == 24 and number[:2] == "UC" and all(s.isalnum() or s in "-_" for s in number)
    elif platform == "bluesky":
        good = len(number) == 32 and number[:8] == "did:plc:" and all(s in _LETTERS + "234567" for s in number[8:])
    elif platform == "steam":
        number = _steam(number)
        good = bool(number)
    else:
        good = False
    return f"{platform}:{number}" if good else None


def _counts(text: str) -> bool:
    return text.isascii() and text.isdigit() and text[0] != "0"


def _steam(text: str) -> str:
    old, new = text.upper().split(":"), text.upper()
    if len(old) == 3 and old[0] in {"STEAM_0", "STEAM_1"} and old[1] in {"0", "1"} and _short(old[2]):
        number = 2 * int(old[2]) + int(old[1])
    elif new[:5] == "[U:1:" and new[-1:] == "]" and _short(new[5:-1]):
        number = int(new[5:-1])
    elif _counts(text) and len(text) == 17:
        number = int(text) - _STEAM
    else:
        return ""
    return str(_STEAM + number) if 1 <= number <= 0xFFFFFFFF else ""


def _short(text: str) -> bool:
    return text == "0" or (_counts(text) and len(text) <= 10)


def ip(text: str) -> str | None:
    """Profile ip/1."""
    trimmed = rules.edges(text)
    if not trimmed:
        return None
    trimmed = rules.dots(trimmed).replace("[:]", ":")
    if len(trimmed) > 128:
        return None
    address, slash, length = trimmed.partition("/")
    if address[:1] == "[" and address[-1:] == "]":
        address = address[1:-1]
    octets = address.split(".")
    if len(octets) == 4 and all(
        _all_digits(octet) and octet == str(int(octet)) and int(octet) < 256 for octet in octets
    ):
        return address if not slash or length == "32" else None
    if "%" in address or (slash and length != "128"):
        return None
    try:
        number = IPv6Address(address)
    except ValueError:
        return None
    found = host.url_host(f"[{number.exploded}]")
    return found and found.strip("[]")


def _all_digits(text: str) -> bool:
    return bool(text) and all(sign in _DIGITS for sign in text)


def filehash(text: str) -> str | None:
    """Profile filehash/1."""
    trimmed = rules.edges(text)
    if trimmed is None or ":" not in trimmed:
        return None
    name, digits = (rules.edges(part) or "" for part in trimmed.split(":", 1))
    if not name.isascii():
        return None
    name = name.lower()
    name = name.replace("sha-", "sha") if name in {"sha-1", "sha-256", "sha-512"} else name
    digits = digits.lower() if digits.isascii() else ""
    if len(digits) != _HEX.get(name) or any(sign not in "0123456789abcdef" for sign in digits):
        return None
    if len(set(digits)) == 1 or digits == hashlib.new(name, b"").hexdigest():
        return None
    return f"{name}:{digits}"
