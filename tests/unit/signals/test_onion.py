"""Onion services of version 3, by public addresses of well-known sites and of the specification (rend-spec-v3)."""

import hashlib
from base64 import b32encode

import pytest

from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.errors import Rejected

PUBLIC = (
    "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid",
    "bbcnewsd73hkzno2ini43t4gblxvycyac5aw4gnv7t2rccijh7745uqd",
    "facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd",
    "nytimesn7cgmftshazwhfgzm37qxb44r64ytbb2dj3x62d2lljsciiyd",
    "protonmailrmez3lotccipshtkleegetolb73fuirgj7r4o4vfu7ozyd",
    "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd",
    "sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd",
    "xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd",
)


def address(version: int, damage: int = 0) -> str:
    key = bytes(range(32))
    check = hashlib.sha3_256(b".onion checksum" + key + bytes([version])).digest()[:2]
    return b32encode(key + bytes([check[0] ^ damage, check[1], version])).decode().lower()


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_address_is_read_with_and_without_subdomains(name: str) -> None:
    assert canonicalise("domain", f"{name.upper()}.ONION.") == f"{name}.onion"
    assert canonicalise("domain", f"www.shop.{name}.onion") == f"www.shop.{name}.onion"
    assert canonicalise("email", f"bob@{name}.onion") == f"bob@{name}.onion"
    assert canonicalise("url", f"http://www.{name}.onion/x") == f"{name}.onion/x"
    assert ("domain", f"{name}.onion") in expand("url", f"http://a.b.{name}.onion/x")


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_address_with_one_sign_changed_is_refused(name: str) -> None:
    for at in (0, 27, 52, 55):
        wrong = name[:at] + ("a" if name[at] != "a" else "b") + name[at + 1 :]
        with pytest.raises(Rejected) as caught:
            canonicalise("domain", f"{wrong}.onion")
        assert caught.value.reason == "onion"


def test_version_and_checksum_are_both_checked() -> None:
    assert canonicalise("domain", f"{address(3)}.onion") == f"{address(3)}.onion"
    for wrong in (address(2), address(4), address(3, damage=1), address(3)[:-1], "a" + address(3), address(3) + "a"):
        with pytest.raises(Rejected) as caught:
            canonicalise("domain", f"{wrong}.onion")
        assert caught.value.reason == "onion"


@pytest.mark.parametrize("name", ["facebookcorewwwi", "3g2upl4pq6kufc4m", "sub.expyuzz4wqqyqhjn"])
def test_addresses_of_version_2_are_refused_in_words_of_their_own(name: str) -> None:
    for type_name, text in (
        ("domain", f"{name}.onion"),
        ("url", f"http://{name}.onion/"),
        ("email", f"a@{name}.onion"),
    ):
        with pytest.raises(Rejected) as caught:
            canonicalise(type_name, text)
        assert caught.value.reason == "onion-v2"
