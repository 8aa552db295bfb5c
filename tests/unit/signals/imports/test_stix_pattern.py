import pytest

from tocsin_signals.errors import Rejected
from tocsin_signals.imports.stix_pattern import (
    MAX_LITERALS,
    MAX_PARENTHESES,
    MAX_PATTERN_CHARS,
    Alternative,
    Comparison,
    parse,
    write,
)

Flat = tuple[str, str | None, tuple[str, ...]]


def flat(pattern: str) -> list[Flat]:
    found = parse(pattern)
    assert parse(write(found)) == found
    return [(f"{a.said.object_type}:{'/'.join(a.said.steps)}", a.account_type, a.said.values) for a in found]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[url:value = 'http://a.example/']", [("url:value", None, ("http://a.example/",))]),
        ("[url:value='a']", [("url:value", None, ("a",))]),
        ("[ domain-name:value  IN\n( 'a' , 'b' ) ]", [("domain-name:value", None, ("a", "b"))]),
        ("[url:value = 'it\\'s \\\\ here']", [("url:value", None, ("it's \\ here",))]),
        ("[file:hashes.'SHA-256' = 'x']", [("file:hashes/SHA-256", None, ("x",))]),
        ("[file:hashes.MD5 = '']", [("file:hashes/MD5", None, ("",))]),
        (
            "[a:b = 'x' OR c:d = 'y'] OR [e:f = 'z']",
            [("a:b", None, ("x",)), ("c:d", None, ("y",)), ("e:f", None, ("z",))],
        ),
        ("(([a:b = 'x']) OR [(a:b = 'y' OR (a:b = 'z'))])", [("a:b", None, (one,)) for one in "xyz"]),
        (
            "[user-account:account_type = 'twitter' AND user-account:account_login IN ('s', 't')]",
            [("user-account:account_login", "twitter", ("s", "t"))],
        ),
        (
            "[user-account:user_id = '1' AND user-account:account_type = 'facebook' OR url:value = 'u']",
            [("user-account:user_id", "facebook", ("1",)), ("url:value", None, ("u",))],
        ),
    ],
)
def test_equality_in_and_or_are_read(pattern: str, expected: list[Flat]) -> None:
    assert flat(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[]", "[", "url:value = 'a'", "[url:value = 'a'", "[url:value 'a']", "[url:value = 'a' url:value = 'b']",
        "[url:value = 'a']]", "([url:value = 'a']", "[url:value = 'a'])", "[(url:value = 'a']", "[url:value = 'a')]",
        "[url:value = 'a' OR]", "[url:value IN ()]", "[url:value IN ('a',)]", "[url:value IN 'a']", '[url:value = "a"]',
        "[url:value != 'a']", "[url:value < 'a']", "[url:value == 'a']", "[url:value LIKE 'a%']", "[a:b MATCHES 'a']",
        "[ipv4-addr:value ISSUBSET '10.0.0.0/8']", "[EXISTS url:value]", "[NOT url:value = 'a']", "[a:b NOT = 'a']",
        "[url:value NOT IN ('a')]", "[file:size = 5]", "[file:size = 5.1]", "[a:is_hidden = true]", "[a:b = h'00']",
        "[a:b = b'AA==']", "[a:b = t'2026-01-01T00:00:00Z']", "[a:b[0] = 'x']", "[a:b[*] = 'x']", "[a:b. = 'x']",
        "[url:value = 'a' AND domain-name:value = 'b']", "[url:value = 'a'] AND [url:value = 'b']",
        "[url:value = 'a'] FOLLOWEDBY [url:value = 'b']", "[url:value = 'a'] WITHIN 5 SECONDS",
        "[url:value = 'a'] REPEATS 5 TIMES", "[url:value = 'a'] START t'2026-01-01T00:00:00Z' STOP t'2026'",
        "[user-account:account_type IN ('a','b') AND user-account:account_login = 'x']",
        "[user-account:account_type = 'a' AND user-account:display_name = 'x']",
        "[user-account:account_type = 'a' AND user-account:account_login = 'x' AND user-account:user_id = '1']",
        "[user-account:account_login = 'x' AND user-account:user_id = '1']",
        "[user-account:account_type = 'a' AND (user-account:account_login = 'x')]",
        "[url:value = 'a\\n']", "[url:value = 'a]", "[URL:value = 'a']", "[url:value = 'a'] // more",
    ],
)  # fmt: skip
def test_everything_else_is_refused_under_one_word(pattern: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse(pattern)
    assert caught.value.reason == "pattern-not-representable"


def test_a_refusal_names_the_operator_and_never_a_word_that_may_be_a_name() -> None:
    with pytest.raises(Rejected, match="FOLLOWEDBY"):
        parse("[a:b = 'x'] FOLLOWEDBY [a:b = 'y']")
    with pytest.raises(Rejected) as caught:
        parse("[a:b = 'x'] SOMEBODY")
    assert "SOMEBODY" not in caught.value.sentence


@pytest.mark.parametrize(
    "pattern",
    [
        f"[url:value = '{'x' * MAX_PATTERN_CHARS}']",
        f"[url:value IN ({','.join(['1'.join(chr(39) * 2)] * (MAX_LITERALS + 1))})]",
        "(" * (MAX_PARENTHESES + 1) + "[a:b = 'x']" + ")" * (MAX_PARENTHESES + 1),
        "(" * 100_000,
        "[" + "(" * 100_000,
        "[a" + ".b" * 100_000,
        "[a:" + "b" * 100_000,
        "A" * 100_000,
        "[a:b = '" + "\\'" * 100_000,
    ],
)
def test_what_is_too_much_is_refused_soon(pattern: str) -> None:
    with pytest.raises(Rejected):
        parse(pattern)


def test_a_pattern_is_written_in_one_form() -> None:
    found = (
        Alternative(Comparison("file", ("hashes", "SHA-256"), ("a'b\\",))),
        Alternative(Comparison("user-account", ("user_id",), ("1", "2")), "x"),
    )
    assert write(found) == (
        "[file:hashes.'SHA-256' = 'a\\'b\\\\' OR "
        "user-account:account_type = 'x' AND user-account:user_id IN ('1', '2')]"
    )
