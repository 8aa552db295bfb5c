"""Build signals/tocsin_signals/data/guard_pack.xz from openly licensed lists: `make guard-pack`.

Inputs are two published packages, pinned below: MISP's warninglists (CC0-1.0 unless a list says otherwise) and the
disposable mail domains (MIT). SELECTED says which lists go in, as what kind, and under which licence; LEFT_OUT says
which do not, and why. The same inputs give the same bytes: everything is sorted, nothing reads a clock
or the network. The date of the pack is that of its newest input. `--check` compares with the pack that is there.
"""

import argparse
import importlib
import ipaddress
import json
import re
import sys
from collections.abc import Iterable
from importlib.metadata import distribution, version
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard.pack import Listed, read_pack, write_pack

TARGET: Final = Path(__file__).parent / "tocsin_signals" / "data" / "guard_pack.xz"
MISP: Final = ("pymispwarninglists", "1.7.0", "2026-08-01")
DISPOSABLE: Final = ("disposable-email-domains", "0.0.293", "2026-11-09")
DATE: Final = max(MISP[2], DISPOSABLE[2])

CC0: Final = "CC0-1.0"


class Source(NamedTuple):
    """A list that goes in: its folder, and what its entries are to the guard."""

    name: str
    kind: str
    licence: str = CC0
    note: str = ""


SELECTED: Final = (
    Source("majestic_million", "top", "CC-BY-3.0", "Majestic Million, majestic.com"),
    Source("url-shortener", "shortener"),
    Source("link-in-bio", "bio"),
    Source("lots-project", "shared"),
    Source("public-ipfs-gateways", "gateway"),
    Source("google", "vendor"),
    Source("microsoft", "vendor"),
    Source("microsoft-office365", "vendor"),
    Source("captive-portals", "vendor"),
    Source("automated-malware-analysis", "security"),
    Source("security-provider-blogpost", "security"),
    Source("dynamic-dns", "dynamic"),
    Source("bank-website", "bank"),
    Source("university_domains", "university", CC0, "from Hipo/university-domains-list (MIT)"),
    Source("cloudflare", "cdn"),
    Source("fastly", "cdn"),
    Source("akamai", "cdn"),
    Source("stackpath", "cdn"),
    Source("amazon-aws", "cloud"),
    Source("google-gcp", "cloud"),
    Source("microsoft-azure", "cloud"),
    Source("microsoft-azure-china", "cloud"),
    Source("microsoft-azure-us-gov", "cloud"),
    Source("ovh-cluster", "cloud"),
    Source("vpn-ipv4", "vpn"),
    Source("vpn-ipv6", "vpn"),
    Source("zscaler", "proxy"),
    Source("public-dns-v4", "resolver"),
    Source("public-dns-v6", "resolver"),
    Source("smtp-sending-ips", "mail"),
    Source("google-gmail-sending-ips", "mail"),
    Source("googlebot", "crawler"),
    Source("openai-gptbot", "crawler"),
    Source("apple", "office"),
    Source("microsoft-office365-ip", "office"),
    Source("wikimedia", "office"),
    Source("sinkholes", "sinkhole"),
    Source("parking-domain", "parking"),
    Source("ti-falsepositives", "file"),
    Source("common-ioc-false-positive", "file"),
    Source("empty-hashes", "file"),
    Source("eicar.com", "file"),
)
LEFT_OUT: Final = {
    "tranco": "combines sources under non-commercial and share-alike terms",
    "tranco10k": "the same",
    "google-chrome-crux-1million": "share-alike, and a million lines",
    "cisco_top1000": "no licence stated by its source; likewise cisco_top5k, 10k, 20k, alexa and moz-top500",
    "second-level-tlds": "the Public Suffix List, which comes with its own package, says it better",
    "public-dns-hostname": "reverse names of access lines: nothing anybody would publish",
    "nioc-filehash": "197,415 hashes would be half of the room there is",
    "rfc1918": "the guard's own table of reserved addresses says it better; likewise the other rfc lists",
    "icloud-private-relay": "in neither package",
}
_ALGORITHMS: Final = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX: Final = re.compile(r"[0-9a-f]+")
_ADDRESSES: Final = frozenset(
    {"cdn", "cloud", "vpn", "proxy", "resolver", "mail", "crawler", "office", "sinkhole", "parking"}
)


def build() -> bytes:
    """The pack of the pinned inputs."""
    for name, wanted, _ in (MISP, DISPOSABLE):
        if version(name) != wanted:
            raise SystemExit(f"{name} {version(name)} is installed, the pack is built from {wanted}")
    lists = [_listed(source) for source in SELECTED]
    mail: Any = importlib.import_module("disposable_email_domains")
    hosts = _hosts(sorted(mail.blocklist))
    lists.append(Listed("disposable-email-domains", "disposable", f"{DISPOSABLE[0]} {DISPOSABLE[1]}", "MIT", hosts))
    return write_pack(DATE, lists)


def _listed(source: Source) -> Listed:
    folder = distribution(MISP[0]).locate_file("pymispwarninglists/data/misp-warninglists/lists")
    said: Any = json.loads(Path(str(folder), source.name, "list.json").read_text(encoding="utf-8"))
    entries = [str(entry).strip().lower() for entry in said["list"]]
    if source.kind == "file":
        found = tuple(sorted({f"{_ALGORITHMS[len(e)]}:{e}" for e in entries if len(e) in _ALGORITHMS and _is_hex(e)}))
    elif source.kind in _ADDRESSES:
        found = tuple(_networks(entries))
    else:
        found = _hosts(entries)
    where = f"{MISP[0]} {MISP[1]}, {source.name}, version {said['version']}"
    return Listed(source.name, source.kind, f"{where}; {source.note}" if source.note else where, source.licence, found)


def _is_hex(text: str) -> bool:
    return _HEX.fullmatch(text) is not None


def _hosts(entries: Iterable[str]) -> tuple[str, ...]:
    """Host names in canonical form; a leading dot or star says what holds of every list: the host and all below it."""
    found: set[str] = set()
    for entry in entries:
        host = entry.removeprefix("*").removeprefix(".").partition("/")[0]
        try:
            found.add(canonicalise("domain", host))
        except Rejected:
            continue  # an address, a single label, a path
    return tuple(sorted(found))


def _networks(entries: Iterable[str]) -> list[str]:
    """Ranges without overlaps, in order; what is private or reserved is the guard's own affair."""
    networks = [ipaddress.ip_network(entry, strict=False) for entry in entries]
    four = ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv4Network) and n.is_global)
    six = ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv6Network) and n.is_global)
    return [str(one[0]) if one.prefixlen == one.max_prefixlen else str(one) for one in chain(four, six)]


def main() -> int:
    """Write the pack, or compare with it."""
    parser = argparse.ArgumentParser(description="Build the guard pack from its pinned inputs.")
    parser.add_argument("--check", action="store_true", help="compare with the pack that is there")
    check: bool = parser.parse_args().check
    data = build()
    pack = read_pack(data)
    print(f"{len(data):,} bytes, {pack.date}, {sum(one.count for one in pack.lists):,} entries, digest {pack.digest}")
    if check:
        same = read_pack(TARGET.read_bytes()).digest == pack.digest
        print("the pack is current" if same else f"{TARGET} is not what its inputs give: run make guard-pack")
        return 0 if same else 1
    TARGET.write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
