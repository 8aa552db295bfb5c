import hashlib
from dataclasses import replace
from importlib.resources import files

import pytest

from tocsin_signals import types
from tocsin_signals.canon import canonicalise
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
        ("url", "www.facebook.com/", "shared-host"),
        ("url", "nytimes.com/", "top-site"),
        ("url", "www.nytimes.com/", "top-site"),
        ("url-prefix", "nytimes.com/questions/", "top-site"),
        ("domain", "nytimes.com", "top-site"),
        ("url", "2h.ae/", "url-shortener"),
        ("domain", "alllink.io", "link-in-bio"),
        ("domain", "pastetext.net", "trusted-site"),
        ("domain", "4everland.io", "file-gateway"),
        ("domain", "0000000000000000000000.com", "dynamic-dns"),
        ("domain", "msftncsi.com", "vendor-site"),
        ("ip", "104.16.1.1", "address-cdn"),
        ("ip", "2606:4700::1", "address-cdn"),
        ("ip", "17.1.2.3", "address-vendor"),
        ("ip", "9.9.9.9", "address-resolver"),
        ("ip", "2620:fe::fe", "address-resolver"),
        ("cidr", "192.168.1.0/24", "address-private"),
        ("cidr", "104.16.1.0/24", "address-cdn"),
        ("cidr", "1.1.1.0/24", "address-resolver"),
        ("cidr", "93.184.0.0/15", "range-provider"),
        ("cidr", "2a02::/31", "range-provider"),
        ("account", "telegram:777000", "account-platform"),
        ("wallet", "evm:0x000000000000000000000000000000000000dead", "wallet-burn"),
        ("wallet", "evm:0x0000000000000000000000000000000000000004", "wallet-burn"),
        ("wallet", f"evm:0x{'1' * 40}", "wallet-burn"),
        ("wallet", "btc:1BitcoinEaterAddressDontSendf59kuE", "wallet-burn"),
        ("wallet", "trx:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "wallet-contract"),
        ("wallet", "evm:0xdac17f958d2ee523a2206206994597c13d831ec7", "wallet-contract"),
        ("wallet", "btc:34xp4vRoCGJym3xR7yCVPFHoCNxv4Twseo", "wallet-exchange"),
        ("iban", "DE89370400440532013000", "iban-example"),
        ("device", "androidid:9774d56d682e549c", "device-shared"),
        ("device", f"androidid:{'f' * 16}", "device-shared"),
        ("device", "idfa:11111111-1111-1111-1111-111111111111", "device-shared"),
        ("device", "imei:00000000000001", "device-test"),
        ("device", "mac:01005e0000fb", "device-group"),
        ("pdq", "0" * 64, "pdq-degenerate"),
        ("pdq", "f" * 64, "pdq-degenerate"),
        ("pdq", "f" * 23 + "e" + "0" * 40, "pdq-degenerate"),
        ("photodna", "0a" * 144, "photodna-degenerate"),
        ("filehash", "md5:44d88612fea8a8f36de82e1278abb02f", "file-known"),
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
        ("url", "93.184.216.34/x"),
        ("url", "8.8.8.8/x"),
        ("ip", "2a02:2e0::1"),
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
        ("url", "somebody.weebly.com/"),
        ("url", "2h.ae/abc"),
        ("url", "evil.example/login"),
        ("url", "nytimes.com/questions/1"),
        ("url", "evil.example/watch?v=1"),
        ("cidr", "93.184.216.0/24"),
        ("wallet", "evm:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ("wallet", "btc:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("iban", "DE21500500009876543210"),
        ("device", "imei:49015420323751"),
        ("device", "mac:001b638445e6"),
        ("device", "gaid:cdda802e-fb9c-47ad-9866-0794d394c912"),
        ("pdq", "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"),
        ("pdq", "f" * 24 + "0" * 40),
        ("photodna", "0a0b" + "0a" * 142),
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


@pytest.mark.parametrize(
    ("type_name", "canonical", "rule"),
    [
        ("url", "wikipedia.org/login", "generic-page"),
        ("url-path", "youtube.com/watch", "generic-page"),
        ("url", "www.nytimes.com/index.html", "generic-page"),
        ("url", "evil.example/page?id=", "empty-parameter"),
        ("url", "evil.example/page?v=&t=1", "empty-parameter"),
        ("domain", "1822direkt.com", "bank-site"),
        ("url", "login.1822direkt.com/", "bank-site"),
        ("domain", "cs.4cd.edu", "university-site"),
        ("domain", "app.any.run", "security-site"),
        ("domain", "mailinator.com", "disposable-mail"),
        ("email", "bob@mailinator.com", "disposable-mail"),
        ("email-mailbox", "bob@mailinator.com", "disposable-mail"),
        ("url", "evil.duckdns.org/x", "dynamic-lifetime"),
        ("domain", "evil.0000000000000000000000.com", "dynamic-lifetime"),
        ("ip", "1.178.1.1", "address-cloud"),
        ("cidr", "1.178.1.0/24", "address-cloud"),
        ("ip", "192.178.4.1", "address-crawler"),
        ("ip", "101.2.192.1", "address-proxy"),
        ("ip", "104.155.11.149", "address-sinkhole"),
        ("ip", "103.224.182.1", "address-parking"),
        ("cidr", "93.184.216.0/23", "range-wide"),
        ("cidr", "2a02:2e0::/40", "range-wide"),
        ("device", "mac:021b638445e6", "device-random"),
    ],
)
def test_what_needs_a_second_look_is_a_warning(guard: Guard, type_name: str, canonical: str, rule: str) -> None:
    verdicts = guard.verdicts(type_name, canonical)
    assert rule in [one.rule for one in verdicts]
    assert {one.level for one in verdicts} == {Level.WARN}
    assert guard.check(type_name, canonical) == verdicts[0]


def test_a_dynamic_name_for_a_week_is_fine(guard: Guard) -> None:
    assert guard.check("url", "evil.duckdns.org/x", days=7).level is Level.OK
    assert guard.check("url", "evil.duckdns.org/x", days=8).rule == "dynamic-lifetime"


def test_an_operator_makes_a_warning_block() -> None:
    assert Guard().check("ip", "103.224.182.1").level is Level.WARN
    strict = Guard(block=["address-parking"])
    assert strict.check("ip", "103.224.182.1") == replace(Guard().check("ip", "103.224.182.1"), level=Level.BLOCK)
    assert strict.check("ip", "101.2.192.1").level is Level.WARN


def test_an_address_kept_too_long_blocks_where_the_operator_says_so() -> None:
    strict = Guard(block=["address-lifetime", "dynamic-lifetime"])
    assert strict.check("ip", "93.184.216.34", days=7).level is Level.OK
    assert strict.check("ip", "93.184.216.34", days=8).level is Level.BLOCK
    assert strict.check("url", "evil.duckdns.org/x").level is Level.BLOCK


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("ip", "cidr"), 7),
        (("url", "url-path", "url-prefix", "domain"), 90),
        (("account", "username", "email", "email-mailbox", "phone", "iban", "device"), 365),
        (("wallet", "filehash"), types.MAX_LIFETIME_DAYS),
    ],
)
def test_every_signal_ends_by_itself_addresses_within_a_week(names: tuple[str, ...], days: int) -> None:
    known = {entry.name: entry.default_lifetime_days for entry in types.REGISTRY}
    assert {known[name] for name in names if name in known} == {days}


def test_every_wallet_kept_by_hand_is_in_canonical_form() -> None:
    if "wallet" not in {entry.name for entry in types.REGISTRY}:
        pytest.skip("the type is not there yet")
    listed = files("tocsin_signals").joinpath("data", "shared_wallets.txt").read_text(encoding="utf-8")
    addresses = [line.split()[1] for line in listed.splitlines() if line and not line.startswith("#")]
    assert addresses
    for address in addresses:
        assert canonicalise("wallet", address) == address


def test_an_address_listed_for_more_than_a_week_is_a_warning_and_by_default_it_is_not(guard: Guard) -> None:
    assert guard.check("ip", "93.184.216.34").level is Level.OK
    assert guard.check("ip", "93.184.216.34", days=7).level is Level.OK
    assert guard.check("ip", "93.184.216.34", days=8).rule == "address-lifetime"
    assert guard.check("ip", "10.0.0.1", days=8).level is Level.BLOCK
    assert guard.check("domain", "evil.example", days=365).level is Level.OK
    assert types.by_name("ip").default_lifetime_days <= 7


def test_the_worst_level_is_the_largest() -> None:
    assert max(Level.OK, Level.BLOCK, Level.WARN) is Level.BLOCK
