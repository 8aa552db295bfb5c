import pytest

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
        ("unheard-of", "x"),
    ],
)
def test_what_names_one_thing_passes(guard: Guard, type_name: str, canonical: str) -> None:
    assert guard.check(type_name, canonical).level is Level.OK


@pytest.mark.parametrize("canonical", ["abuse@x.example", "no-reply@x.example", "support+1@x.example"])
def test_role_mailboxes_are_a_warning(guard: Guard, canonical: str) -> None:
    assert guard.check("email", canonical).level is Level.WARN
    assert guard.check("email-mailbox", canonical).rule == "role-mailbox"


def test_an_operator_adds_hosts_of_its_own() -> None:
    guard = Guard(further_hosts=[("site", "hotline.example"), ("tenants", "pages.example")])
    assert guard.check("url", "shop.hotline.example/").level is Level.BLOCK
    assert guard.check("domain", "pages.example").level is Level.BLOCK
    assert guard.check("domain", "one.pages.example").level is Level.OK


def test_the_worst_level_is_the_largest() -> None:
    assert max(Level.OK, Level.BLOCK, Level.WARN) is Level.BLOCK
