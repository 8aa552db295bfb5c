"""Domains: spellings of names, words of many scripts, every ASCII character, lengths, onion addresses."""

import base64
import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Final

from tests.conformance.canon.families.row import Row

NAMES: Final = [
    "example.com",
    "example.org",
    "mail.example.net",
    "a.b.c.d.example",
    "shop-1.example",
    "under_score.example",
    "1.example",
    "0x.example",
    "a-.example",
    "-a.example",
    "www.example.com",
    "static.cdn.example.co.uk",
    "xn--bcher-kva.example",
    "xn--mnchen-3ya.example",
    "xn--e1afmkfd.example",
    "xn--fsqu00a.example",
    "deep.er.and.deep.er.example",
    "x.example",
    "123abc.example",
    "abc123.example",
]
"""Canonical already."""

WORDS: Final = [
    "b\u00fccher",
    "m\u00fcnchen",
    "stra\u00dfe",
    "fran\u00e7ais",
    "ma\u00f1ana",
    "\u00e5ngstr\u00f6m",
    "\u0159eka",
    "\u017eluna",
    "\u0142\u00f3d\u017a",
    "\u0111akovo",
    "g\u00fcl",
    "i\u015f\u0131k",
    "sm\u00f8rrebr\u00f8d",
    "\u00fe\u00f3r",
    "\u0101bols",
    "\u03b5\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac",
    "\u03b1\u03b2\u03b3",
    "\u0440\u0443\u0441\u0441\u043a\u0438\u0439",
    "\u043f\u0440\u0438\u043c\u0435\u0440",
    "\u0443\u043a\u0440\u0430\u0457\u043d\u0430",
    "\u0431\u044a\u043b\u0433\u0430\u0440\u0438\u044f",
    "\u0441\u0440\u043f\u0441\u043a\u0438",
    "\u0570\u0561\u0575",
    "\u10e5\u10d0\u10e0\u10d7",
    "\u05e2\u05d1\u05e8\u05d9\u05ea",
    "\u05d3\u05d5\u05d2\u05de\u05d4",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\u0645\u062b\u0627\u0644",
    "\u0641\u0627\u0631\u0633\u06cc",
    "\u0627\u0631\u062f\u0648",
    "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\u092e\u0930\u093e\u0920\u0940",
    "\u09ac\u09be\u0982\u09b2\u09be",
    "\u0a97\u0ac1\u0a9c\u0ab0\u0abe\u0aa4\u0ac0",
    "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",
    "\u0c24\u0c46\u0c32\u0c41\u0c17\u0c41",
    "\u0c95\u0ca8\u0ccd\u0ca8\u0ca1",
    "\u0d2e\u0d32\u0d2f\u0d3e\u0d33\u0d02",
    "\u0dc3\u0dd2\u0d82\u0dc4\u0dbd",
    "\u0e44\u0e17\u0e22",
    "\u0ea5\u0eb2\u0ea7",
    "\u1019\u103c\u1014\u103a\u1019\u102c",
    "\u1781\u17d2\u1798\u17c2\u179a",
    "\u12a0\u121b\u122d\u129b",
    "\u4e2d\u6587",
    "\u4f8b\u5b50",
    "\u7e41\u9ad4\u5b57",
    "\u65e5\u672c\u8a9e",
    "\u306b\u307b\u3093\u3054",
    "\u30ab\u30bf\u30ab\u30ca",
    "\ud55c\uad6d\uc5b4",
    "\uc608\uc2dc",
    "ti\u1ebfng",
    "vi\u1ec7t",
    "h\u00e0n\u1ed9i",
    "\u0110\u00e0l\u1ea1t",
    "o\u02bbzbek",
    "\u0259lif\u0259",
    "\u0243ank",
    "\u2c65b",
    "\U0001f600",
    "\U0001f355",
    "\u2764",
    "\u2603",
    "\u00bd\u00e9",
    "n\u0303o",
]
"""Labels in many scripts; those that fold to another label are told apart by `_plain`."""

_FANGS: Final = ("[.]", "(.)", "{.}", "[dot]", "(DOT)", "[Dot]")
_WIDE_DOTS: Final = ("\u3002", "\uff0e", "\uff61")
_IGNORED: Final = ("\u00ad", "\u200b", "\u2060", "\ufeff", "\ufe0f")
_LATER: Final = (
    0x061D,
    0x0870,
    0x0887,
    0x1ACF,
    0x20C0,
    0x2C2F,
    0x9FFD,
    0xA7C0,
    0xA7D0,
    0xFBC2,
    0x1715,
    0x10570,
    0x11740,
    0x12F90,
    0x1AFF0,
    0x1CF50,
    0x1DF00,
    0x1E290,
    0x1F6DD,
    0x1F7F0,
    0x1F979,
    0x1FAA9,
    0x1FAE0,
    0x1FAF6,
    0x2A6DE,
    0x2B735,
    0x0CF3,
    0x0ECE,
    0x1B132,
    0x1DF25,
    0x1E4D0,
    0x1FA75,
    0x31350,
    0x2FFC,
)
"""Code points of Unicode 14.0 to 15.1, from their charts."""


def wide(text: str) -> str:
    """ASCII letters and digits in full width."""
    return "".join(chr(ord(sign) + 0xFEE0) if sign.isascii() and sign.isalnum() else sign for sign in text)


def a_label(label: str) -> str:
    """The A-label of a label that is folded already."""
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


def _plain(word: str) -> bool:
    """Whether IDNA mapping leaves the label alone, by the data every Unicode library has."""
    return unicodedata.normalize("NFKC", word.casefold()) == word and "\ufe0f" not in word


def _ascii_lower(text: str) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


def plain_words() -> list[str]:
    """The words that are folded already."""
    return [word for word in WORDS if _plain(word)]


def spellings(name: str) -> Iterator[str]:
    """Ways to write a canonical name that are the same name."""
    yield from (name, name.upper(), name.title(), name + ".", "*." + name, f"  {name}\t", wide(name))
    for fang in _FANGS:
        yield name.replace(".", fang)
    for dot in _WIDE_DOTS:
        yield name.replace(".", dot)
    first, _, rest = name.partition(".")
    if "xn--" not in name:
        for sign in _IGNORED:
            yield f"{first[:1]}{sign}{first[1:]}.{rest}"
    yield f"*.{name.upper()}.\n"


def _spelled() -> Iterator[Row]:
    for name in NAMES:
        for text in spellings(name):
            yield Row(text, name)


def _scripts() -> Iterator[Row]:
    for number, word in enumerate(plain_words()):
        name = f"{a_label(word)}.example"
        for text in (word, a_label(word), a_label(word).upper(), unicodedata.normalize("NFD", word)):
            yield Row(f"{text}.example", name)
        if word.upper().lower() == word and word.upper() != word:
            yield Row(f"{word.upper()}.EXAMPLE", name)
        dot = _WIDE_DOTS[number % 3]
        yield Row(f"{word}{dot}example{dot}", name)
        yield Row(f"Sub[.]{word}[.]example", f"sub.{name}")


def _false_a_labels() -> Iterator[Row]:
    """Punycode of what no IDNA mapping leaves as it is."""
    for word in plain_words():
        for wrong in (unicodedata.normalize("NFD", word), word.upper(), word.title(), word + "\u00ad"):
            if _ascii_lower(wrong) != word and not wrong.isascii():
                yield Row(f"xn--{wrong.encode('punycode').decode()}.example", None, "a-label")
        yield Row(f"{a_label(word)}!.example", None, "charset")
    for text in ("xn--", "xn---", "xn--a", "xn--a-", "xn--abc-", "xn--99999999", "xn--0", "xn--example-"):
        yield Row(f"{text}.example", None, "a-label")


def _ascii() -> Iterator[Row]:
    for point in range(0x80):
        sign = chr(point)
        for before, after in (("a", "b.example"), ("a.b", "c.example")):
            text = f"{before}{sign}{after}"
            if sign.isalnum() or sign in "-_.":
                yield Row(text, text.lower())
            elif sign in "\t\n\r" or point <= 0x20 or point == 0x7F or sign in "/\\?#@:%[]<>^|":
                yield Row(text, None, "syntax")
            else:
                yield Row(text, None, "charset")


def _folded() -> Iterator[Row]:
    """Single characters that compatibility mapping makes letters or digits of."""
    for first, last, start in (
        (0xFF21, 0xFF3A, "a"),
        (0xFF41, 0xFF5A, "a"),
        (0xFF10, 0xFF19, "0"),
        (0x1D400, 0x1D419, "a"),
        (0x1D41A, 0x1D433, "a"),
        (0x1D7CE, 0x1D7D7, "0"),
        (0x24B6, 0x24CF, "a"),
        (0x24D0, 0x24E9, "a"),
    ):
        for point in range(first, last + 1):
            mapped = chr(ord(start) + point - first)
            yield Row(f"z{chr(point)}.example", f"z{mapped}.example")


def _later() -> Iterator[Row]:
    for point in (*_LATER, *range(0xE000, 0xE008), 0xF8FF, 0xF0000, 0x10FFFD):
        yield Row(f"a{chr(point)}.example", None, "unassigned")
        yield Row(f"{a_label('a' + chr(point))}.example", None, "unassigned")


def _lengths() -> Iterator[Row]:
    for size in range(60, 67):
        label = "l" * size
        for text in (f"{label}.example", f"a.{label}", f"{label.upper()}.{label}.example"):
            yield Row(text, text.lower() if size <= 63 else None, "" if size <= 63 else "length")
    for size in range(248, 259):
        name = ("a." * 200)[: size - 8 - (size % 2)] + "b" * (size % 2) + "." * (size % 2)
        name = (name + "example.example")[:size].strip(".")
        name = name + "x" * (size - len(name))
        yield Row(name, name if size <= 253 else None, "" if size <= 253 else "length")
    for count in range(1, 40):
        text = "d." * count + "example"
        yield Row(text.upper(), text)


def _empty_labels() -> Iterator[Row]:
    for name in NAMES:
        first, _, rest = name.partition(".")
        for text in (f"{first}..{rest}", f".{name}", f"{name}..", f"{first}[.][.]{rest}", f"{first}\u3002.{rest}"):
            yield Row(text, None, "empty-label")


def _with_more() -> Iterator[Row]:
    for name in NAMES:
        for text in (
            f"https://{name}/",
            f"{name}/",
            f"{name}:443",
            f"user@{name}",
            f"{name}?a",
            f"{name}#a",
            f"a b.{name}",
            f"[{name}]",
            f"<{name}>",
            f"{name}|b",
            f"{name}%41",
        ):
            yield Row(text, None, "syntax")


def _addresses() -> Iterator[Row]:
    for octet in range(0, 250, 10):
        for text in (f"192.0.2.{octet}", f"0xC0.0.2.{octet}", f"192.0.{512 + octet}", f"{0xC0000200 + octet}"):
            yield Row(text, None, "is-ip")
    for text in ("localhost", "example", "com", "a", "intranet.", "*.example", "\u4e2d\u6587"):
        yield Row(text, None, "single-label")


def onion(seed: int) -> str:
    """A well-formed onion v3 label of a made-up key."""
    key = hashlib.sha256(b"tocsin vectors %d" % seed).digest()
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\x03").digest()[:2]
    return base64.b32encode(key + checksum + b"\x03").decode().lower()


def _onions() -> Iterator[Row]:
    for seed in range(24):
        label = onion(seed)
        yield Row(f"{label}.onion", f"{label}.onion")
        yield Row(f"WWW.{label.upper()}.Onion.", f"www.{label}.onion")
        wrong = chr(ord("a") + (ord(label[5]) - ord("a") + 1) % 26) if label[5].isalpha() else "a"
        yield Row(f"{label[:5]}{wrong}{label[6:]}.onion", None, "onion")
        yield Row(f"{label[:-1]}a.onion", None, "onion")
        yield Row(f"{label[:16]}.onion", None, "onion-v2")
        yield Row(f"{label[:40]}.onion", None, "onion")


def classes() -> Iterator[list[str]]:
    """All spellings of one name."""
    for name in NAMES[:8]:
        yield list(spellings(name))


def distinct() -> Iterator[list[str]]:
    """Names that look alike or are close and are not the same."""
    yield from (["fass.example", "fa\u00df.example"], ["\u0430pple.example", "apple.example"])
    yield from ([name, f"www.{name}"] for name in NAMES[:8])
    yield from ([f"{word}.example", f"{word}x.example"] for word in plain_words()[:20])


DOMAIN: Final = MappingProxyType[str, Callable[[], Iterable[Row]]](
    {
        "spelled": _spelled,
        "script": _scripts,
        "false-a-label": _false_a_labels,
        "ascii": _ascii,
        "folded": _folded,
        "later": _later,
        "length": _lengths,
        "empty-label": _empty_labels,
        "more": _with_more,
        "address": _addresses,
        "onion": _onions,
    }
)
