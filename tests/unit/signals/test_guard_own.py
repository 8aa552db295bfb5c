"""The file of own assets: what it blocks, and how it says what is wrong with it."""

import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.guard import Guard, Level, OwnAssets, own

FILE = b"""\xef\xbb\xbf# our own
domain  Hotline.example
url https://t.me/our_channel
domain,shop.brand.example

ip 93.184.216.34
username x:@Hotline
email,"Director@Staff.example"
mail-domain staff.example
filehash md5:900150983cd24fb0d6963f7d28e17f72
"""


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard(own_assets=OwnAssets.parse(FILE))


@pytest.mark.parametrize(
    ("type_name", "canonical"),
    [
        ("domain", "hotline.example"),
        ("domain", "www.hotline.example"),
        ("url", "hotline.example/"),
        ("url", "deep.hotline.example/a/b?c"),
        ("url", "hotline.example:8443/a"),
        ("url-prefix", "hotline.example/users/"),
        ("url", "t.me/our_channel"),
        ("url-path", "t.me/our_channel"),
        ("url-prefix", "t.me/our_channel/"),
        ("domain", "t.me"),
        ("domain", "brand.example"),
        ("ip", "93.184.216.34"),
        ("url", "93.184.216.34:8080/x"),
        ("username", "x:hotline"),
        ("email", "director@staff.example"),
        ("email", "anybody+tag@mail.staff.example"),
        ("email-mailbox", "anybody@staff.example"),
        ("filehash", "md5:900150983cd24fb0d6963f7d28e17f72"),
    ],
)
def test_what_would_hit_an_own_asset_is_blocked(guard: Guard, type_name: str, canonical: str) -> None:
    verdict = guard.check(type_name, canonical)
    assert (verdict.level, verdict.rule) == (Level.BLOCK, "own-asset")


@pytest.mark.parametrize(
    ("type_name", "canonical"),
    [
        ("domain", "nothotline.example"),
        ("url", "t.me/other_channel"),
        ("url", "other.brand.example/"),
        ("ip", "93.184.216.35"),
        ("username", "instagram:hotline"),
        ("email", "director@other.example"),
        ("url", "staff.example/"),
    ],
)
def test_what_is_somebody_elses_passes(guard: Guard, type_name: str, canonical: str) -> None:
    assert guard.check(type_name, canonical).rule != "own-asset"


def test_every_line_that_names_something_counts() -> None:
    assert OwnAssets.parse(FILE).count == 8
    assert OwnAssets.parse(b"").count == 0
    assert OwnAssets.parse(b"type,value\r\ndomain,a.example\r\n").domains == {"a.example"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"domain a.example\ndomain secret value.example\n", "Line 2: "),
        (b"domain\n", "Line 1: it is not a type and a value"),
        (b"\n\ncolour red\n", "Line 3: The type is not known"),
        (b"domain \xff.example\n", "Line 1: it is not UTF-8"),
        (b"domain 10.0.0.1\n", "Line 1: "),
        (b"phone 020 7946 0958\n", "Line 1: "),
        (bytes(own.MAX_BYTES + 1), "bytes"),
        (b"ip 1.2.3.4\n" * (own.MAX_ASSETS + 1), f"Line {own.MAX_ASSETS + 1}: a file names at most"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_without_its_value(data: bytes, said: str) -> None:
    with pytest.raises(Rejected) as caught:
        OwnAssets.parse(data)
    assert said in caught.value.sentence
    assert "secret" not in caught.value.sentence
