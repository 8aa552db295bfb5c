"""Why a text has no canonical form: the reason words of the profiles, each with its sentence.

The words appear in test vectors and counters and are stable; the sentences are for people and never quote the value.
"""

from types import MappingProxyType
from typing import Final

from tocsin_signals.errors import Rejected

SENTENCES: Final = MappingProxyType(
    {
        "too-long": "The value is longer than its type allows.",
        "not-utf8": "The value holds a lone surrogate and cannot be written as UTF-8.",
        "empty": "The value is empty.",
        "scheme": "The scheme is not a web address: only http, https, ws, wss and ftp name a page.",
        "no-host": "The value has no host: it is empty or only a path, query or fragment.",
        "whatwg": "The value is not a URL by the WHATWG rules: its host or port is malformed.",
        "host-empty-label": "The host has an empty label, such as two dots in a row.",
        "host-length": "The host or one of its labels is longer than DNS allows.",
        "host-charset": "The host has a character that no host name can have.",
        "empty-label": "The name has an empty label, such as two dots in a row.",
        "length": "The name or one of its labels is longer than DNS allows.",
        "charset": "The value has a character that its kind cannot have.",
        "unassigned": "The value has a character that Unicode 13.0 does not know.",
        "a-label": "An xn-- label does not decode, or does not encode back to itself.",
        "bidi": "A label with right-to-left letters does not start with one.",
        "onion-v2": "Onion addresses of version 2 no longer exist.",
        "onion": "The onion address has a wrong length, version or checksum.",
        "query": "A prefix has no query: give the directory, or publish the page as url.",
        "fragment": "A prefix has no fragment: give the directory, or publish the page as url.",
        "depth": "A prefix has at most three directories; look-ups try no more.",
        "single-label": "The name has a single label and is no registered domain.",
        "is-ip": "The value is an IP address, not a name.",
        "syntax": "Write the domain or address alone: no page, port, user or space; a page is published as url.",
        "no-at": "The value has no @ and is no e-mail address.",
        "display-name": "Give the bare address, without a display name, angle brackets or a list.",
        "quoted": "The quoted local part is not a plain one in quotes.",
        "domain-literal": "The part after @ is a literal in brackets, not a domain.",
        "trailing-dot": "The part after @ ends in a dot.",
        "local": "The part before @ is not a valid local part.",
        "local-chars": "The part before @ has an invisible, control or space character.",
        "zone": "The address has a zone, which only its own machine understands.",
        "prefix": "The value is a range of addresses, not one address; ranges are published as cidr.",
        "parse": "The number has no country code: write it with + (spreadsheets drop it), or name a region such as GB.",
        "no-region": "The number starts with 00: write + instead, or name the region it was dialled in, such as GB.",
        "region": "The region is no country with phone numbers; regions are ISO 3166 codes such as GB (not UK).",
        "not-possible": "No phone number of that country has this many digits.",
        "ambiguous": "The number reads differently each time; write + and the country code, and no zeros in front.",
        "no-platform": "Write the platform, a colon and the name or id, such as x:name.",
        "platform": "The platform is neither a known one such as x nor written like the domain of a site.",
        "unknown-platform": "No account ids are known for this platform; publish the name there as username.",
        "fediverse-host": "A name on the fediverse needs its server, as in fediverse:name@server.",
        "format": "The value is not written as its platform, algorithm, chain or kind prescribes.",
        "algorithm": "Write the algorithm, a colon and the hash; algorithms are md5, sha1, sha256 and sha512.",
        "single": "The value is one address, not a range; addresses are published as ip.",
        "too-wide": "The range is wider than /24 of IPv4 or /48 of IPv6: split it, and look whom it would hit.",
        "width": "Look-ups try ranges of /24 (IPv4) and /48, /56 and /64 (IPv6) only: split or round the range.",
        "host-bits": "The address has bits set below the length: write the first address of the range.",
        "no-chain": "Write the chain, a colon and the address, such as btc:address; 3... is valid on three chains.",
        "chain": "The chain is not known; chains are btc, evm, trx, xmr, ltc, bch, sol and ton.",
        "checksum": "The checksum does not fit: the value is mistyped or cut off.",
        "eip55": "The capitals are no EIP-55 checksum of the address: it is mistyped.",
        "network": "The address belongs to another chain or to a test network.",
        "check-digits": "The check digits are none that an IBAN can have: they run from 02 to 98.",
        "no-kind": "Write the kind of id, a colon and the id, such as imei:number.",
        "kind": "The kind of id is not known; kinds are idfa, gaid, idfv, imei, mac and androidid.",
        "luhn": "The check digit of the IMEI does not fit: it is mistyped.",
        "guard:zero": "The value is nothing but zeros, which means that there was none.",
        "guard:broadcast": "This is the broadcast address, which stands for every device.",
        "guard:shared": "A defect gave this id to a whole generation of phones.",
        "quality": "The quality behind the comma is no whole number from 0 to 100.",
        "guard:quality": "The hasher gave this hash a quality below 50: other pictures come near it by chance.",
        "guard:empty-file": "This is the hash of the empty file, which everybody has.",
        "guard:degenerate": "The hash says nothing, such as one digit repeated: hashing went wrong.",
    }
)


def reject(reason: str) -> Rejected:
    """The error to raise for one of the reason words above."""
    return Rejected(reason, SENTENCES[reason])
