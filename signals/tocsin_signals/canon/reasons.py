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
        "charset": "The name has a character that no host name can have.",
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
        "syntax": "The value has a character that a domain name cannot have; a page address is published as url.",
        "no-at": "The value has no @ and is no e-mail address.",
        "display-name": "Give the bare address, without a display name, angle brackets or a list.",
        "quoted": "The quoted local part is not a plain one in quotes.",
        "domain-literal": "The part after @ is a literal in brackets, not a domain.",
        "trailing-dot": "The part after @ ends in a dot.",
        "local": "The part before @ is not a valid local part.",
        "local-chars": "The part before @ has an invisible, control or space character.",
    }
)


def reject(reason: str) -> Rejected:
    """The error to raise for one of the reason words above."""
    return Rejected(reason, SENTENCES[reason])
