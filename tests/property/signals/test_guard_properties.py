"""Laws of the guard: it never raises on a canonical form, it is pure, more lists never make it milder, and its tables
say what an obvious reference says."""

from functools import cache
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import assume, given, settings, strategies as st

from tocsin_signals import types
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level, OwnAssets, Pack, read_pack
from tocsin_signals.guard.pack import HOSTS, KINDS, RANGES, Listed, empty, write_pack
from tocsin_signals.guard.tables import Ranges, range_of

NAMES = [entry.name for entry in types.REGISTRY]
HOST = st.from_regex(r"([a-z0-9-]{1,8}\.){1,3}(com|example|co\.uk|github\.io|org)", fullmatch=True)
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
URL = st.one_of(
    HOST.map(lambda host: f"https://{host}/login?id="),
    ADDRESS.map(lambda address: f"http://[{address}]/" if ":" in address else f"http://{address}/x"),
)
MAIL = HOST.map(lambda host: f"info@{host}")
SUITED = {
    **dict.fromkeys(("url", "url-path", "url-prefix"), URL),
    "domain": HOST,
    "ip": ADDRESS,
    "cidr": st.integers(0, 2**24 - 1).map(lambda number: f"{ip_address(number << 8)}/24"),
    **dict.fromkeys(("email", "email-mailbox"), MAIL),
    "phone": st.from_regex(r"\+[1-9][0-9]{9,12}", fullmatch=True),
    "username": st.from_regex(r"(x|telegram|forum\.example):[a-z0-9_]{1,12}", fullmatch=True),
    "account": st.from_regex(r"(x|telegram):[1-9][0-9]{0,9}", fullmatch=True),
    "wallet": st.from_regex(r"evm:0x[0-9a-f]{40}", fullmatch=True),
    "iban": st.sampled_from(["DE89370400440532013000", "NO9386011117947"]),
    "device": st.from_regex(r"mac:[0-9a-f]{12}", fullmatch=True),
    "filehash": st.from_regex(r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}", fullmatch=True),
    "pdq": st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    "photodna": st.from_regex(r"[0-9a-f]{288}", fullmatch=True),
}
CASES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), SUITED.get(name, st.text(max_size=30))))


@cache
def bare() -> Guard:
    return Guard(pack=empty())


@cache
def whole() -> Guard:
    return Guard()


@settings(max_examples=300, deadline=None)
@given(case=CASES, days=st.none() | st.integers(0, 2000))
def test_it_never_raises_is_pure_and_more_lists_never_make_it_milder(case: tuple[str, str], days: int | None) -> None:
    name, value = case
    try:
        canonical = canonicalise(name, value)
    except Rejected:
        assume(False)
        raise
    found = whole().verdicts(name, canonical, days=days)
    assert found == whole().verdicts(name, canonical, days=days)
    levels = [one.level for one in found]
    assert levels == sorted(levels, reverse=True)
    assert Level.OK not in levels
    assert whole().check(name, canonical, days=days).level >= bare().check(name, canonical, days=days).level
    assert {one.rule for one in bare().verdicts(name, canonical, days=days)} <= {one.rule for one in found}
    strict = Guard.__new__(Guard)  # the same lists, with every rule raised
    strict.__dict__.update({**whole().__dict__, "_block": frozenset(one.rule for one in found)})
    assert all(one.level is Level.BLOCK for one in strict.verdicts(name, canonical, days=days))


@settings(max_examples=100, deadline=None)
@given(host=HOST, own=HOST)
def test_what_an_own_domain_hits_is_on_it_or_above_it(host: str, own: str) -> None:
    try:
        assets = OwnAssets.parse(f"domain {own}".encode())
        canonical, mine = canonicalise("domain", host), canonicalise("domain", own)
    except Rejected:
        assume(False)
        raise
    hit = assets.hit("domain", canonical)
    assert hit == (f".{canonical}".endswith(f".{mine}") or f".{mine}".endswith(f".{canonical}"))


NETWORKS = st.tuples(ADDRESS, st.integers(0, 128)).map(
    lambda pair: ip_network(f"{pair[0]}/{min(pair[1], 32 if '.' in pair[0] else 128)}", strict=False)
)


@settings(max_examples=200, deadline=None)
@given(held=st.lists(NETWORKS, max_size=6), asked=ADDRESS)
def test_a_range_table_says_what_going_through_the_ranges_says(held: list[object], asked: str) -> None:
    table = Ranges(range_of(str(network)) for network in held)
    slow = any(ip_address(asked) in ip_network(str(network)) for network in held)
    assert table.overlaps(range_of(asked)) == slow


@settings(max_examples=50, deadline=None)
@given(lists=st.lists(st.sampled_from(sorted(KINDS)), max_size=5, unique=True), data=st.data())
def test_a_pack_that_is_written_is_read_as_it_was(lists: list[str], data: st.DataObject) -> None:
    made: list[Listed] = []
    for kind in lists:
        if kind in RANGES:
            entries = data.draw(st.lists(NETWORKS.map(str), max_size=4))
        elif kind in HOSTS:
            entries = data.draw(st.lists(st.from_regex(r"[a-z]{1,5}\.example", fullmatch=True), max_size=4))
        else:
            entries = data.draw(st.lists(st.from_regex(r"md5:[0-9a-f]{32}", fullmatch=True), max_size=4))
        made.append(Listed(kind, kind, "made", "CC0-1.0", sorted(entries)))
    pack: Pack = read_pack(write_pack("2026-11-24", made))
    assert [(one.name, one.count) for one in pack.lists] == [(one.name, len(one.entries)) for one in made]
    for one in made:
        for entry in one.entries:
            if one.kind in RANGES:
                assert pack.ranges[one.kind].overlaps(range_of(entry))
            elif one.kind in HOSTS:
                assert pack.hosts.kinds(entry) & HOSTS[one.kind]
            else:
                assert pack.files.kinds(entry)


def test_the_reference_of_a_kind_is_complete() -> None:
    assert set(HOSTS) | set(RANGES) | {"file"} == KINDS
    with pytest.raises(KeyError):
        _ = HOSTS["file"]
