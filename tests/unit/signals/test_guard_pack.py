"""The guard pack: what is in the one that ships, and that nothing false is read."""

import lzma
from datetime import date, timedelta

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level, pack, read_pack
from tocsin_signals.guard.pack import Listed, write_pack
from tocsin_signals.guard.tables import Ranges, range_of

HOSTS = Listed("mine", "shortener", "by hand", "CC0-1.0", ("go.example", "s.example"))
RANGES = Listed("ours", "vpn", "by hand", "CC0-1.0", ("93.184.216.0/24", "2a02:2e0::/32", "93.184.217.1"))
FILES = Listed("files", "file", "by hand", "CC0-1.0", (f"md5:{'ab' * 16}",))


def text_of(data: bytes) -> str:
    return lzma.decompress(data).decode()


def packed(text: str) -> bytes:
    return lzma.compress(text.encode())


def test_the_pack_that_ships_is_small_dated_and_says_where_every_list_is_from() -> None:
    from importlib.resources import files

    assert len(files("tocsin_signals").joinpath("data", "guard_pack.xz").read_bytes()) <= pack.MAX_BYTES
    shipped = pack.built_in()
    assert date(2026, 1, 1) < shipped.date < date(2027, 1, 1)
    assert len(shipped.lists) > 30
    assert {one.licence for one in shipped.lists} == {"CC0-1.0", "CC-BY-3.0", "MIT"}
    assert all(one.count and one.source and len(one.digest) == 64 for one in shipped.lists)
    assert len(shipped.hosts) > 50_000


def test_the_header_alone_says_what_the_whole_pack_says_and_is_checked_as_strictly() -> None:
    shipped, header = pack.built_in(), pack.read_header(pack.built_in_file())
    assert (header.date, header.lists) == (shipped.date, shipped.lists)
    for wrong in (b"", b"no xz", packed("tocsin-guard-pack/2\n{}\n"), packed(f"{pack.MAGIC}\n{{}}\n"), packed("\xe9")):
        with pytest.raises(Rejected, match="guard pack"):
            pack.read_header(wrong)


def test_a_pack_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = pack.built_in()
    assert not shipped.stale(shipped.date + timedelta(days=400))
    assert shipped.stale(shipped.date + timedelta(days=401))
    assert shipped.age_days(shipped.date + timedelta(days=3)) == 3


def test_an_operators_pack_takes_the_place_of_the_one_that_ships() -> None:
    guard = Guard(pack=read_pack(write_pack("2026-11-01", [HOSTS, RANGES, FILES])))
    assert guard.check("url", "go.example/").rule == "url-shortener"
    assert guard.check("url", "go.example/abc").level is Level.OK
    assert guard.check("ip", "93.184.216.255").rule == "address-vpn"
    assert guard.check("ip", "93.184.217.1").rule == "address-vpn"
    assert guard.check("ip", "93.184.217.2").level is Level.OK
    assert guard.check("ip", "2a02:2e0:ffff::1").rule == "address-vpn"
    assert guard.check("filehash", f"md5:{'ab' * 16}").rule == "file-known"
    assert guard.check("domain", "mooo.com").level is Level.OK


def test_the_same_lists_give_the_same_bytes() -> None:
    data = write_pack("2026-11-01", [HOSTS, RANGES])
    assert data == write_pack("2026-11-01", [HOSTS, RANGES])
    assert read_pack(data).digest == read_pack(packed(text_of(data))).digest


GOOD = text_of(write_pack("2026-11-01", [HOSTS]))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"\xfd7zXZ\0garbage", "xz"),
        (b"not a pack at all", "xz"),
        (packed("something else\n"), "does not begin"),
        (packed(GOOD.replace("2026-11-01", "yesterday")), "header"),
        (packed(GOOD.replace('"count":2', '"count":-1')), "header"),
        (packed(GOOD.replace('"count":2', '"count":true')), "header"),
        (packed(GOOD.replace('"count":2', '"count":99')), "digest"),
        (packed(GOOD.replace("s.example", "t.example")), "digest"),
        (packed(GOOD.replace('"shortener"', '"unheard-of"')), "header"),
        (packed(GOOD.replace('"mine"', '"../mine"')), "header"),
        (packed(GOOD.replace("CC0-1.0", "\\u0007")), "header"),
        (packed(GOOD + "more\n"), "more than its lists"),
        (packed(GOOD.removesuffix("\n")), "more than its lists"),
        (packed(GOOD.replace("go", "g\u00f6")), "ASCII"),
        (packed(GOOD)[:-20], "cut off"),
        (packed(GOOD) + b"x", "behind"),
        (packed("[" * 70_000), "does not begin"),
        (packed(f"{pack.MAGIC}\n{'[' * 60_000}\n"), "header"),
        (packed(f"{pack.MAGIC}\n{' ' * 70_000}\n"), "header has more"),
        (bytes(pack.MAX_BYTES + 1), "bytes"),
        (write_pack("2026-11-01", [HOSTS, HOSTS]), "two of one name"),
        (write_pack("2026-11-01", [Listed("x", "top", "s", "l", ("Go.example",))]), "entry 1 of the list x"),
        (write_pack("2026-11-01", [Listed("x", "top", "s", "l", ("localhost",))]), "canonical host"),
        (write_pack("2026-11-01", [Listed("x", "vpn", "s", "l", ("1.2.3.4/24",))]), "canonical range"),
        (write_pack("2026-11-01", [Listed("x", "vpn", "s", "l", ("1.2.3.0/33",))]), "canonical range"),
        (write_pack("2026-11-01", [Listed("x", "vpn", "s", "l", ("2A02::/32",))]), "canonical range"),
        (write_pack("2026-11-01", [Listed("x", "file", "s", "l", ("md5:00",))]), "canonical file"),
    ],
)
def test_what_is_no_pack_is_refused_with_a_reason(data: bytes, why: str) -> None:
    with pytest.raises(Rejected, match=why) as caught:
        read_pack(data)
    assert caught.value.reason == "guard-pack"


def test_a_pack_that_unpacks_to_too_much_is_refused_before_it_does() -> None:
    bomb = lzma.compress(bytes(pack.MAX_TEXT + 1))
    assert len(bomb) < 10_000
    with pytest.raises(Rejected, match="its text"):
        read_pack(bomb)


def test_ranges_that_touch_or_overlap_are_one() -> None:
    ranges = Ranges(map(range_of, ("10.0.0.0/25", "10.0.0.128/25", "10.0.0.7", "10.0.2.0/24")))
    assert len(ranges) == 2
    assert ranges.overlaps(range_of("10.0.0.255"))
    assert not ranges.overlaps(range_of("10.0.1.0"))
    assert ranges.overlaps(range_of("10.0.0.0/8"))
    assert not ranges.overlaps(range_of("::a00:0"))


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4/", "1.2.3.4/032", "::1/129", "1.2.3.4/-1", "01.2.3.4", "::01"])
def test_what_is_no_canonical_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"canonical|invalid literal"):
        range_of(text)
