"""Lint: what it warns of, what it leaves alone, and that nothing depends on it."""

import subprocess
import sys

import pytest

from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected
from tocsin_signals.lint import lint
from tocsin_signals.lint.ibans import EXAMPLES, REGISTRY
from tocsin_signals.lint.words import SENTENCES


def words(type_name: str, text: str) -> list[str]:
    return [warning.word for warning in lint(type_name, canonicalise(type_name, text))]


WARNED = [
    ("domain", "p\u0430ypal.zz", "mixed-scripts"),
    ("domain", "b\u00fccher.\u0430pple.zz", "mixed-scripts"),
    ("url", "https://\u0430\u0440\u0440\u04cf\u0435.com/login", "look-alike"),
    ("url-path", "https://www.\u0455\u0441\u043e\u0440\u0435.com:8080/a", "look-alike"),
    ("url-prefix", "ftp://\u03bf\u03c1\u03b1.gr/pub/", "look-alike"),
    ("email", "bob@p\u0430ypal.zz", "mixed-scripts"),
    ("email", "b\u043eb@mail.zz", "mixed-scripts"),
    ("email-mailbox", "\u0441\u043e\u0440@mail.zz", "look-alike"),
    ("username", "forum.zz:m\u0430x", "mixed-scripts"),
    ("username", "forum.zz:\u0430\u0441\u0435", "look-alike"),
    ("username", "facebok:jack", "platform"),
    ("username", "fediverse:jack@m\u0430stodon.zz", "mixed-scripts"),
    ("domain", "bad.example", "reserved-name"),
    ("url", "https://www.example.org/x", "reserved-name"),
    ("email", "bob@mail.test", "reserved-name"),
    ("phone", "+15552671", "phone-not-valid"),
    ("phone", "+441234", "phone-not-valid"),
    ("iban", "US64SVBKUS6S3300958879", "iban-country"),
    ("iban", "DE571234567890123456789", "iban-length"),
    ("iban", "GB82WEST12345698765432", "iban-example"),
    ("device", "mac:02-00-5E-10-00-01", "mac-local"),
    ("device", "mac:01:00:5e:00:00:fb", "mac-group"),
    ("device", "mac:00:11:22:33:44:55", "placeholder"),
    ("device", "imei:00440182375910", "imei-test"),
    ("device", "imei:12345678901234", "placeholder"),
    ("device", "idfa:6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "uuid-version"),
    ("device", "gaid:11111111-1111-4111-8111-111111111111", "placeholder"),
    ("device", "androidid:0123456789abcdef", "placeholder"),
    ("account", "discord:111111111111111111", "placeholder"),
    ("account", "x:1234567890", "placeholder"),
    ("filehash", "md5:0123456789abcdef0123456789abcdef", "placeholder"),
    ("wallet", "evm:0x1111111111111111111111111111111111111111", "placeholder"),
    ("wallet", "btc:bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "segwit-version"),
    ("wallet", f"ton:3:{'ca6e' * 16}", "workchain"),
]
LEFT_ALONE = [
    ("domain", "\u043f\u043e\u0447\u0442\u0430.\u0440\u0444"),
    ("domain", "\u0441\u043e\u0435.\u0440\u0444"),  # look-alikes, below a Cyrillic top-level domain
    ("domain", "\u043f\u043e\u0447\u0442\u0430.com"),
    ("domain", "b\u00fccher.de"),
    ("domain", "\u6771\u4eac\u30bf\u30ef\u30fcabc.jp"),
    ("domain", "\ud55c\u56fdseoul.kr"),
    ("domain", "\u043f\u043e\u0447\u0442\u0430.b\u00fccher.de"),  # each label in one alphabet
    ("url", "https://198.51.100.7/x"),
    ("url", "https://[2606:4700::1111]:8080/x"),
    ("username", "x:jack"),
    ("username", "forum.zz:\u043c\u0430\u0440\u0438\u044f"),
    ("email", "jos\u00e9@mail.zz"),
    ("phone", "+442079460958"),
    ("ip", "192.0.2.1"),
    ("cidr", "192.0.2.0/24"),
    ("iban", "DE02120300000000202051"),
    ("device", "mac:00-1B-63-84-45-E6"),
    ("device", "imei:490154203237518"),
    ("device", "idfv:6BA7B810-9DAD-11D1-80B4-00C04FD430C8"),
    ("account", "x:12"),
    ("account", "discord:80351110224678912"),
    ("wallet", "btc:bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
    ("wallet", "ton:-1:83dfd552e63729b472fcbcc8c45ebcc6691702558b68ec7527e1ba403a0f31a8"),
]


@pytest.mark.parametrize(("type_name", "text", "word"), WARNED)
def test_what_looks_wrong_is_told_in_one_word_and_a_sentence(type_name: str, text: str, word: str) -> None:
    assert words(type_name, text) == [word]


@pytest.mark.parametrize(("type_name", "text"), LEFT_ALONE)
def test_ordinary_values_are_left_alone(type_name: str, text: str) -> None:
    assert words(type_name, text) == []


def test_every_warning_that_exists_is_given_for_some_value() -> None:
    structure = "iban-structure"  # its own test below
    assert {word for _, _, word in WARNED} | {structure} == set(SENTENCES)


def test_several_warnings_about_one_value_come_together_and_each_once() -> None:
    assert words("domain", "p\u0430y.p\u0430l.example") == ["mixed-scripts", "reserved-name"]
    assert words("device", "idfa:ffffffff-ffff-ffff-ffff-ffffffffffff") == ["uuid-version", "placeholder"]


def test_the_examples_of_the_registry_have_the_length_and_structure_it_gives() -> None:
    assert {example[:2] for example in EXAMPLES} == set(REGISTRY)
    for example in EXAMPLES:
        assert words("iban", example) == ["iban-example"], example


def test_a_letter_where_the_country_has_digits_is_told() -> None:
    account = "A20300000000202051"
    check = 98 - int("".join(str(int(sign, 36)) for sign in f"{account}DE00")) % 97
    assert words("iban", f"DE{check:02d}{account}") == ["iban-structure"]


def test_an_unknown_type_is_rejected_and_a_type_without_rules_has_no_warnings() -> None:
    with pytest.raises(Rejected):
        lint("fax", "1")
    assert lint("ip", "192.0.2.1") == ()


def test_canonical_forms_do_not_load_lint() -> None:
    program = "import sys, tocsin_signals.canon, tocsin_signals.guard; assert 'tocsin_signals.lint' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
