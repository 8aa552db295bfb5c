"""What must hold of every canonical form, whatever the text."""

import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import pytest
from hypothesis import assume, given, strategies as st

from tocsin_signals import types
from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.canon.device import KINDS
from tocsin_signals.canon.text import MAX_TEXT_BYTES, nfkc_cf
from tocsin_signals.canon.unicode13 import all_assigned
from tocsin_signals.canon.wallet import ALIASES
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level
from tocsin_signals.lint import lint

GUARD: Final = Guard()

TYPE_NAMES: Final = [entry.name for entry in types.REGISTRY]

# Pieces on which parsers disagree, so that random joins of them reach odd corners.
PIECES: Final = st.sampled_from(
    [
        *("http://", "https:", "hxxp[:]//", "ftp://", "h**p:", "mailto:", "tel", "//", "/", "\\", ":", ":80", ":8080"),
        *("example.com", "Ex\u00e4mple.COM", "www.", "www.www.", "xn--mnchen-3ya.de", "xn--a", "localhost", "1.2.3.4"),
        *("[::1]", "[::ffff:1.2.3.4]", "0x7f.1", "a..b", ".", "..", "%2e", "%2F", "%41", "%25", "%", "(.)", "%28.%29"),
        *("(dot)", "%28dot%29", "[.]", "[:]", "?", "#", "#!", "#/", "A!", "&", "=", "+", ";", "b=2", "a=1", "utm_x=1"),
        *("@", "user:pw@", "[at]", '"', "'", "<", "{", "|", "^", " ", "\t", "\n", "\x00", "\x7f", "~", "*.", "_", "-"),
        *(
            "\u00ad",
            "\u200b",
            "\u200d",
            "\uff0e",
            "\u3002",
            "\u00e9",
            "e\u0301",
            "\u00df",
            "\u0627",
            "\u0660",
            "\u1e9e",
        ),
        *("\u0345", "\U0001f600", "\U0001fae0", "\u087b", "\ue000", "\u2168", "\ufb01", "(", ")", "dot)"),
    ]
)
TEXTS: Final = st.one_of(st.lists(PIECES, max_size=10).map("".join), st.text(max_size=40))
ADDRESSES: Final = st.builds(
    "{}@{}".format, TEXTS, st.sampled_from(["example.com", "Gmail.com", "b\u00fccher.example"])
)
URLS: Final = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", ""]),
    st.sampled_from(["example.com", "www.a.example", "tel:8080", "b\u00fccher.example", "192.0.2.1"]),
    st.sampled_from(["", "/", "?", "#", ":81/", "/a/b?"]),
    TEXTS,
)

SEGMENTS: Final = st.lists(st.text("abcXYZ019-._~%", max_size=6), max_size=5).map("/".join)
PAIRS: Final = st.lists(
    st.builds("{}={}".format, st.text("abcdef", min_size=2, max_size=4), st.text("xyz09", max_size=4))
)
HOSTS: Final = st.sampled_from(["example.com", "a.b.example", "xn--bcher-kva.example", "shop.example.co.uk"])


LABELS: Final = st.one_of(
    st.text("abz019-_", min_size=1, max_size=5),
    st.text(st.characters(categories=["L", "N", "M", "So"]), min_size=1, max_size=4),
    st.sampled_from(["www", "xn--bcher-kva", "xn--a", "\u0627\u0628", "STRASSE", "fa\u00df", "\uff0e"]),
)
DOMAINS: Final = st.lists(LABELS, min_size=1, max_size=4).map(".".join).map("{}.example".format)
LOCALS: Final = st.one_of(
    st.text("abAB.+!#?019", min_size=1, max_size=8),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8),
    TEXTS,
)
MAILBOXES: Final = st.builds("{}@{}".format, LOCALS, st.one_of(DOMAINS, st.sampled_from(["gmail.com", "Pm.Me"])))
NUMBERS: Final = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        [
            "+",
            "+44",
            "+49 (0)",
            "+52 1",
            "+1-",
            "00",
            "0",
            "tel:",
            "\uff0b\uff14\uff14",
            "",
            "+971 00",
            "+7 8",
            "+54 9 ",
        ]
    ),
    st.lists(
        st.one_of(
            st.text("0123456789", min_size=1, max_size=6),
            st.sampled_from([" ", "-", "(", ")", ".", "\u00ad", "\u0665"]),
        )
    ).map("".join),
    st.sampled_from(["", "", "", " x12", ";ext=3", "#", "ABC", "/2", "\u200e"]),
)
PLAUSIBLE_NUMBERS: Final = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        ["+44 ", "+1 (", "+49", "+33 ", "+39 0", "+52 1 ", "+54 9", "+7 ", "+971 ", "tel:+61-", "0044 ", "0", ""]
    ),
    st.text("0123456789", min_size=8, max_size=11),
    st.sampled_from(["", "", " x12", "\u200e", " "]),
)
PLAUSIBLE_NAMES: Final = st.builds(
    "{}:{}".format,
    st.sampled_from(["x", "Twitter", "discord", "forum.example", " IG ", "fediverse"]),
    st.one_of(
        st.text("abcXYZ019_", min_size=1, max_size=15), st.text("abXY09_@.", max_size=8).map("{}@a.example".format)
    ),
)
DIGITS: Final = st.text("0123456789", max_size=12)
PLAUSIBLE_ACCOUNTS: Final = st.one_of(
    st.builds(
        "{}:{}".format, st.sampled_from(["x", "ig", "facebook", "Telegram", "discord"]), st.integers(-(2**10), 2**66)
    ),
    st.builds("steam:STEAM_{}:{}:{}".format, st.integers(0, 2), st.integers(0, 1), DIGITS),
    st.builds("steam:{}".format, st.integers(76_561_197_960_265_700, 76_561_202_255_233_100)),
    DIGITS.map("steam:[U:1:{}]".format),
    st.text("abz27", min_size=24, max_size=24).map("bluesky:did:plc:{}".format),
    st.text("aZ9_-", min_size=22, max_size=22).map("youtube:UC{}".format),
)
PLATFORMS: Final = st.sampled_from(
    [
        "x",
        "Twitter",
        "fediverse",
        "discord",
        "steam",
        "bluesky",
        "telegram",
        "youtube",
        "forum.example",
        " IG ",
        "t\u212a",
    ]
)
NAMES: Final = st.builds(
    "{}:{}{}".format,
    PLATFORMS,
    st.sampled_from(["", "@", "STEAM_0:1:", "[U:1:", "-", "UC", "did:plc:"]),
    st.one_of(
        TEXTS,
        st.text("abcXYZ019_.-@]", max_size=24),
        st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12),
        st.integers(0, 2**70).map(str),
    ),
)
IPS: Final = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "[", "::ffff:", "64:ff9b::", "2001:db8::"]),
    st.one_of(st.ip_addresses().map(str), st.ip_addresses(v=6).map(lambda address: address.exploded.upper())),
    st.sampled_from(["", "", "", "]", "/32", "/128", "%eth0", ":80"]),
)
HASHES: Final = st.builds(
    "{}:{}".format,
    st.sampled_from(["md5", "SHA1", "sha-1", "Sha-256", "sha256", "sha512", "crc32"]),
    st.one_of(*(st.text("0123456789abcdefABCDEF", min_size=size, max_size=size) for size in (32, 40, 64, 128, 12))),
)
RANGES: Final = st.builds(
    "{}/{}".format,
    st.one_of(IPS, st.sampled_from(["192.0.2.0", "2001:DB8::", "[2001:db8:1:2::]", "::ffff:192.0.2.0", "10[.]0.0.0"])),
    st.sampled_from([24, 64, 56, 48, 120, 0, 32, "", "24 "]),
)
SOME_WALLETS: Final = (
    *(
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9",
    ),
    *("3CDJNfdWX8m2NwuGUV3nhXHXEeLygMXoAj", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
    *("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "41a614f803b6fd780986a42c78ec9c7f77e6ded13c"),
    "4LL9oSLmtpccfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2bYXZKKQePHES9khPK",
    *("vines1vzrYbzLMRdu58ou5XTby4qAqVRLmqo36NKPTg", "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"),
)
WALLETS: Final = st.builds(
    "{}{}{}{}".format,
    st.sampled_from([f"{name}:" for name in ALIASES] + ["", "doge:", " BTC : ", "btc:bitcoin:"]),
    st.sampled_from(["", "", "", "//", "pay-", "transfer/"]),
    st.one_of(st.sampled_from(SOME_WALLETS), TEXTS, st.text("0123456789abcdefxABCDEF", max_size=66)),
    st.sampled_from(["", "", "", "@1", "?amount=1", " "]),
)
IBANS: Final = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "IBAN ", "iban:", "\u00a0"]),
    st.one_of(
        st.sampled_from(["GB82 WEST 1234 5698 7654 32", "de89-3704-0044-0532-0130-00", "NO9386011117947"]),
        st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", fullmatch=True),
        TEXTS,
    ),
    st.sampled_from(["", "", " ", "-", "\u2009"]),
)
DEVICES: Final = st.builds(
    "{}:{}".format,
    st.sampled_from([*KINDS, "AAID", "android_id", " MAC ", "serial"]),
    st.one_of(
        st.uuids().map(str),
        st.uuids().map("{{{}}}".format),
        st.text("0123456789", min_size=13, max_size=17),
        st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex("-").upper()),
        st.binary(min_size=8, max_size=8).map(bytes.hex),
        TEXTS,
    ),
)
PDQS: Final = st.builds(
    "{}{}".format,
    st.one_of(
        st.binary(min_size=31, max_size=33).map(bytes.hex),
        st.text("0123456789abcdefABCDEF", min_size=64, max_size=64),
    ),
    st.one_of(st.just(""), st.integers(-2, 110).map(",{}".format)),
)
PHOTODNAS: Final = st.binary(min_size=143, max_size=145).flatmap(
    lambda data: st.sampled_from([data.hex(), data.hex().upper(), ",".join(map(str, data)), b64encode(data).decode()])
)
SPELLINGS: Final[dict[str, st.SearchStrategy[str]]] = {
    **dict.fromkeys(("url", "url-path", "url-prefix"), st.one_of(URLS, TEXTS, DOMAINS)),
    "domain": st.one_of(DOMAINS, TEXTS),
    **dict.fromkeys(("email", "email-mailbox"), st.one_of(MAILBOXES, ADDRESSES)),
    "phone": st.one_of(NUMBERS, PLAUSIBLE_NUMBERS),
    "username": st.one_of(NAMES, TEXTS, PLAUSIBLE_NAMES),
    "account": st.one_of(NAMES, PLAUSIBLE_ACCOUNTS),
    "ip": st.one_of(IPS, TEXTS),
    "cidr": st.one_of(RANGES, TEXTS),
    "wallet": WALLETS,
    "iban": IBANS,
    "device": DEVICES,
    "filehash": HASHES,
    "pdq": PDQS,
    "photodna": PHOTODNAS,
}
REGIONS: Final = st.sampled_from([None, "GB", "US", "DE", "MX", "AR", "IT", "BR", "RU", "AE", "AU", "KZ"])


def canonical_or_none(type_name: str, text: str) -> str | None:
    """The canonical form, or None for a text that has none."""
    try:
        return canonicalise(type_name, text)
    except Rejected:
        return None


@pytest.mark.parametrize("type_name", TYPE_NAMES)
@given(data=st.data())
def test_a_canonical_form_is_its_own_canonical_form(type_name: str, data: st.DataObject) -> None:
    canonical = canonical_or_none(type_name, data.draw(SPELLINGS[type_name]))
    if canonical is not None:
        assert canonicalise(type_name, canonical) == canonical
        assert 0 < len(canonical.encode()) <= MAX_TEXT_BYTES
        assert canonical.isascii() or type_name in {"email", "email-mailbox", "username"}


@pytest.mark.parametrize("type_name", TYPE_NAMES)
@given(text=st.text(st.characters()))
def test_a_text_without_canonical_form_is_rejected_without_being_quoted(type_name: str, text: str) -> None:
    with pytest.raises(Rejected) as caught:
        canonicalise(type_name, f"https://user@unlikely..example/@\0unlikely,{text}")
    assert "unlikely" not in f"{caught.value!r} {caught.value}"


@given(text=st.one_of(URLS, ADDRESSES))
def test_every_expression_a_look_up_tries_is_canonical_and_tried_once(text: str) -> None:
    for type_name in TYPE_NAMES:
        try:
            expressions = expand(type_name, text)
        except Rejected:
            continue
        assert len(set(expressions)) == len(expressions) <= 12
        for found in expressions:
            assert canonicalise(found.type_name, found.canonical) == found.canonical


@pytest.mark.parametrize("type_name", TYPE_NAMES)
@given(data=st.data())
def test_a_look_up_of_a_published_spelling_or_of_its_canonical_form_finds_it(
    type_name: str, data: st.DataObject
) -> None:
    text, region = data.draw(SPELLINGS[type_name]), data.draw(REGIONS)
    try:
        published = canonicalise(type_name, text, region=region)
    except Rejected:
        return
    assert (type_name, published) in expand(type_name, text, region=region)
    assert (type_name, published) in expand(type_name, published)
    assert canonicalise(type_name, published) == published


@pytest.mark.parametrize("type_name", TYPE_NAMES)
@given(data=st.data(), region=st.one_of(st.none(), st.text(max_size=3)))
def test_any_text_and_region_is_read_or_rejected_and_never_an_error_of_another_kind(
    type_name: str, data: st.DataObject, region: str | None
) -> None:
    text = data.draw(st.one_of(SPELLINGS[type_name], st.text(st.characters())))
    for door in (canonicalise, expand):
        with suppress(Rejected):
            assert door(type_name, text, region=region)


@pytest.mark.parametrize("type_name", TYPE_NAMES)
@given(data=st.data(), days=st.one_of(st.none(), st.integers(-1, 2000)))
def test_the_guard_has_a_verdict_on_every_canonical_form_and_never_quotes_it(
    type_name: str, data: st.DataObject, days: int | None
) -> None:
    canonical = canonical_or_none(type_name, data.draw(SPELLINGS[type_name]))
    if canonical is None:
        return
    verdict = GUARD.check(type_name, canonical, days=days)
    assert (verdict.level is Level.OK) == (verdict.rule == "none")
    assert len(canonical) < 8 or canonical not in verdict.sentence


@pytest.mark.parametrize("type_name", TYPE_NAMES)
@given(data=st.data())
def test_lint_has_an_opinion_on_every_canonical_form_and_never_quotes_it(type_name: str, data: st.DataObject) -> None:
    canonical = canonical_or_none(type_name, data.draw(SPELLINGS[type_name]))
    if canonical is None:
        return
    found = lint(type_name, canonical)
    assert len({warning.word for warning in found}) == len(found)
    assert len(canonical) < 8 or all(canonical not in warning.sentence for warning in found)


@given(address=st.ip_addresses(v=4), path=st.sampled_from(["", "/", "/a?b=1", ":8080/x"]))
def test_a_url_on_an_address_is_found_by_a_signal_on_the_address(address: IPv4Address, path: str) -> None:
    for host in (str(address), f"[::ffff:{address}]", f"[64:ff9b::{address}]", hex(int(address))):
        assert ("ip", str(address)) in expand("url", f"http://{host}{path}")
    assert expand("domain", str(address)) == expand("ip", str(address))


@given(address=st.ip_addresses(v=6))
def test_an_ipv6_address_is_written_as_the_url_parser_writes_it(address: IPv6Address) -> None:
    canonical = canonicalise("ip", address.exploded)
    assert expand("url", f"http://[{address.exploded}]/")[3:] == expand("ip", canonical)


@given(address=st.ip_addresses())
def test_an_address_is_found_by_every_range_that_can_be_published_around_it_and_by_no_other(
    address: IPv4Address | IPv6Address,
) -> None:
    canonical = canonicalise("ip", str(address))
    tried = expand("ip", canonical)
    assert tried[0] == ("ip", canonical)
    whole = ip_address(canonical)
    around = [ip_network((whole, length), strict=False) for length in range(whole.max_prefixlen, -1, -1)]
    published = [("cidr", str(network)) for network in around if canonical_or_none("cidr", str(network))]
    assert list(tried[1:]) == published


@given(text=URLS)
def test_a_look_up_of_a_url_finds_whatever_scope_it_was_published_under(text: str) -> None:
    tried = expand("url", text) if canonical_or_none("url", text) else ()
    for type_name in ("url", "url-path", "url-prefix"):
        published = canonical_or_none(type_name, text)
        assert published is None or (type_name, published) in tried


BARE_A: Final = re.compile("(?<!%)(?<!%.)a")  # not the digit of an escape
REWRITES: Final[dict[str, Callable[[str, str, str], str]]] = {
    "fragment": lambda host, path, query: f"https://{host}/{path}?{query}#top",
    "scheme": lambda host, path, query: f"http://{host}/{path}?{query}",
    "www": lambda host, path, query: f"https://www.{host}/{path}?{query}",
    "tracking": lambda host, path, query: f"https://{host}/{path}?utm_source=a&{query}&fbclid=b",
    "userinfo": lambda host, path, query: f"https://user:pw@{host}/{path}?{query}",
    "default port": lambda host, path, query: f"https://{host}:443/{path}?{query}",
    "escaped letters": lambda host, path, query: (
        f"https://{host}/{BARE_A.sub('%61', path)}?{query.replace('b', '%62')}"
    ),
    "host case": lambda host, path, query: f"HTTPS://{host.upper()}/{path}?{query}",
    "query order": lambda host, path, query: (
        f"https://{host}/{path}?{'&'.join(sorted(query.split('&'), reverse=True))}"
    ),
    "defanged": lambda host, path, query: f"hxxps[:]//{host.replace('.', '[.]')}/{path}?{query}",
    "host dot": lambda host, path, query: f"https://{host}./{path}?{query}",
    "backslash": lambda host, path, query: f"https:\\\\{host}\\{path.replace('/', chr(92))}?{query}",
}


@pytest.mark.parametrize("name", REWRITES)
@given(host=HOSTS, path=SEGMENTS, query=PAIRS)
def test_an_equivalent_rewrite_keeps_the_canonical_form(name: str, host: str, path: str, query: list[str]) -> None:
    names = [piece.partition("=")[0] for piece in query]
    assume(len(set(names)) == len(names))  # the order of equal names matters
    joined = "&".join(query)
    assert canonicalise("url", REWRITES[name](host, path, joined)) == canonicalise(
        "url", f"https://{host}/{path}?{joined}"
    )


@given(host=HOSTS, path=SEGMENTS)
def test_a_trailing_slash_makes_no_difference(host: str, path: str) -> None:
    assert canonicalise("url", f"https://{host}/{path}/x/") == canonicalise("url", f"https://{host}/{path}/x")


@given(path=st.text("abcXYZ019", min_size=1), value=st.text("abcXYZ019"), more=st.sampled_from("aZ0"))
def test_a_longer_value_or_another_case_is_another_page(path: str, value: str, more: str) -> None:
    page = canonicalise("url", f"https://example.com/{path}?id={value}")
    assert canonicalise("url", f"https://example.com/{path}?id={value}{more}") != page
    assert path.swapcase() == path or canonicalise("url", f"https://example.com/{path.swapcase()}?id={value}") != page


@given(text=st.text(st.characters().filter(all_assigned)))
def test_compatibility_folding_is_idempotent(text: str) -> None:
    assert nfkc_cf(nfkc_cf(text)) == nfkc_cf(text)
