import hashlib

import pytest

from tocsin_signals import types
from tocsin_signals.guard import Guard, Level


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard()


@pytest.mark.parametrize(
    ("type_name", "canonical", "rule"),
    [
        ("url", "google.com/", "shared-host"),
        ("url-path", "drive.google.com/", "shared-host"),
        ("url-prefix", "bit.ly/", "shared-host"),
        ("url", "mega.nz/", "shared-host"),
        ("url", "ftp://mega.nz/", "shared-host"),
        ("url", "google.com:8443/", "shared-host"),
        ("url-prefix", "youtube.com/@somebody/", "shared-host"),
        ("domain", "t.me", "shared-host"),
        ("domain", "www.dropbox.com", "shared-host"),
        ("domain", "amazonaws.com", "shared-host"),
        ("domain", "core.windows.net", "shared-host"),
        ("domain", "github.io", "public-suffix"),
        ("domain", "co.uk", "public-suffix"),
        ("url", "co.uk/", "public-suffix"),
        ("url", "blogspot.com/", "public-suffix"),
        ("url", "localhost/x", "private-name"),
        ("url", "intranet:8080/x", "private-name"),
        ("domain", "printer.local", "private-name"),
        ("url", "10.1.2.3/x", "address-private"),
        ("url", "127.0.0.1:8080/x", "address-loopback"),
        ("url", "169.254.169.254/x", "address-link-local"),
        ("url", "100.64.0.1/x", "address-carrier-nat"),
        ("url", "198.51.100.7/x/y?z", "address-documentation"),
        ("url", "[2001:db8::1]:8080/x", "address-documentation"),
        ("url", "[ff02::1]/", "address-multicast"),
        ("url", "[fd00::1]/", "address-private"),
        ("url", "[fe80::1]/", "address-link-local"),
        ("url", "[::]/", "address-reserved"),
        ("ip", "224.0.0.1", "address-multicast"),
        ("ip", "0.0.0.0", "address-reserved"),
        ("ip", "192.168.1.1", "address-private"),
        ("ip", "fec0::1", "address-private"),
        ("ip", "100.127.255.255", "address-carrier-nat"),
        ("ip", "2001:db8::1", "address-documentation"),
        ("ip", "255.255.255.255", "address-reserved"),
        ("ip", "100::1", "address-reserved"),
        ("phone", "+12125550100", "phone-fictional"),
        ("phone", "+18005550199", "phone-fictional"),
        ("phone", "+442079460958", "phone-fictional"),
        ("phone", "+441134960000", "phone-fictional"),
        ("phone", "+441914980999", "phone-fictional"),
        ("phone", "+442896496123", "phone-fictional"),
        ("phone", "+447700900123", "phone-fictional"),
        ("phone", "+448081570999", "phone-fictional"),
        ("phone", "+18003569377", "phone-toll-free"),
        ("phone", "+448001111111", "phone-toll-free"),
        ("phone", "+80012345678", "phone-toll-free"),
        ("phone", "+49112", "phone-emergency"),
        ("phone", "+49110", "phone-emergency"),
        ("phone", "+49116117", "phone-short"),
        ("phone", "+15552671", "phone-local"),
        ("username", "https://x.com/jack", "username-url"),
        ("username", "x:admin", "username-generic"),
        ("username", "forum.example:null", "username-generic"),
        ("username", "fediverse:root@mastodon.social", "username-generic"),
        ("username", "reddit:deleted", "username-generic"),
        ("username", "instagram:instagram", "username-platform"),
        ("username", "x:twitter", "username-platform"),
        ("username", "forum.example:forum", "username-platform"),
        ("username", "fediverse:mastodon@mastodon.social", "username-platform"),
        ("filehash", "md5:68b329da9893e34099c7d8ad5cb9c940", "file-trivial"),
        ("filehash", "sha1:adc83b19e793491b1c6ea0fd8b46cd9f32e592fc", "file-trivial"),
        ("filehash", "sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b", "file-trivial"),
        ("filehash", "md5:b6d81b360a5672d80c27430f39153e2c", "file-trivial"),
        ("filehash", f"sha512:{hashlib.sha512(bytes(4096)).hexdigest()}", "file-trivial"),
    ],
)
def test_what_would_hit_everybody_is_blocked(guard: Guard, type_name: str, canonical: str, rule: str) -> None:
    verdict = guard.check(type_name, canonical)
    assert (verdict.level, verdict.rule) == (Level.BLOCK, rule)
    assert canonical.rstrip("/") not in verdict.sentence


@pytest.mark.parametrize(
    ("type_name", "canonical"),
    [
        ("url", "evil.example/"),
        ("domain", "evil.example"),
        ("url-prefix", "evil.example/"),
        ("url", "google.com/search?q=x"),
        ("url", "mega.nz/#F!abc!key"),
        ("url-path", "bit.ly/abc"),
        ("url-prefix", "youtube.com/@somebody/videos/"),
        ("url", "somebody.blogspot.com/"),
        ("domain", "somebody.github.io"),
        ("domain", "bucket.s3.amazonaws.com"),
        ("url", "8.8.8.8/x"),
        ("ip", "2606:4700::1111"),
        ("email", "bob@example.com"),
        ("ip", "4000::1"),
        ("phone", "+12125550200"),
        ("phone", "+442079461958"),
        ("phone", "+447911123456"),
        ("phone", "+33612345678"),
        ("username", "x:jack"),
        ("username", "fediverse:jack@mastodon.social"),
        ("username", "forum.example:administrators"),
        ("account", "x:12"),
        ("filehash", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("unheard-of", "x"),
    ],
)
def test_what_names_one_thing_passes(guard: Guard, type_name: str, canonical: str) -> None:
    assert guard.check(type_name, canonical).level is Level.OK


@pytest.mark.parametrize("canonical", ["abuse@x.example", "no-reply@x.example", "support+1@x.example"])
def test_role_mailboxes_are_a_warning(guard: Guard, canonical: str) -> None:
    assert guard.check("email", canonical).level is Level.WARN
    assert guard.check("email-mailbox", canonical).rule == "role-mailbox"


@pytest.mark.parametrize("canonical", ["x:ab", "x:abc", "fediverse:abc@mastodon.social"])
def test_very_short_user_names_are_a_warning(guard: Guard, canonical: str) -> None:
    verdict = guard.check("username", canonical)
    assert (verdict.level, verdict.rule) == (Level.WARN, "username-short")


def test_an_address_listed_for_more_than_a_week_is_a_warning_and_by_default_it_is_not(guard: Guard) -> None:
    assert guard.check("ip", "8.8.8.8").level is Level.OK
    assert guard.check("ip", "8.8.8.8", days=7).level is Level.OK
    assert guard.check("ip", "8.8.8.8", days=8).rule == "address-lifetime"
    assert guard.check("ip", "10.0.0.1", days=8).level is Level.BLOCK
    assert guard.check("domain", "evil.example", days=365).level is Level.OK
    assert types.by_name("ip").default_lifetime_days <= 7


def test_an_operator_adds_hosts_of_its_own() -> None:
    guard = Guard(further_hosts=[("site", "hotline.example"), ("tenants", "pages.example")])
    assert guard.check("url", "shop.hotline.example/").level is Level.BLOCK
    assert guard.check("domain", "pages.example").level is Level.BLOCK
    assert guard.check("domain", "one.pages.example").level is Level.OK


def test_the_worst_level_is_the_largest() -> None:
    assert max(Level.OK, Level.BLOCK, Level.WARN) is Level.BLOCK
