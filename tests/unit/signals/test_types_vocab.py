import pytest

from tocsin_signals import types, vocab
from tocsin_signals.errors import Rejected, SignalError


def test_names_and_codes_of_the_registry_are_one_to_one_and_fixed() -> None:
    assert {entry.name: entry.code for entry in types.REGISTRY} == {
        "url": 0x0101,
        "url-path": 0x0102,
        "url-prefix": 0x0103,
        "domain": 0x0201,
        "email": 0x0301,
        "email-mailbox": 0x0302,
        "phone": 0x0401,
        "username": 0x0501,
        "account": 0x0601,
        "ip": 0x0701,
        "cidr": 0x0702,
        "wallet": 0x0801,
        "iban": 0x0901,
        "device": 0x0A01,
        "filehash": 0x0B01,
        "pdq": 0x0C01,
        "photodna": 0x0C02,
    }
    for entry in types.REGISTRY:
        assert types.by_name(entry.name) is types.by_code(entry.code) is entry
        assert entry.scope == entry.name


def test_an_unknown_name_is_rejected_and_an_unknown_code_is_none() -> None:
    with pytest.raises(Rejected) as caught:
        types.by_name("fax")
    assert caught.value.reason == "unknown-type"
    assert types.by_code(0x0F01) is None


def test_default_lifetimes_stay_below_the_maximum() -> None:
    days = {entry.name: entry.default_lifetime_days for entry in types.REGISTRY}
    assert (days["email"], days["account"], days["ip"], days["filehash"]) == (365, 365, 7, types.MAX_LIFETIME_DAYS)
    assert (days["cidr"], days["wallet"], days["iban"], days["device"]) == (7, types.MAX_LIFETIME_DAYS, 365, 365)
    assert all(0 < entry.default_lifetime_days <= types.MAX_LIFETIME_DAYS for entry in types.REGISTRY)


def test_only_hashes_of_content_cannot_be_enumerated() -> None:
    assert {entry.name for entry in types.REGISTRY if not entry.enumerable} == {"filehash", "pdq", "photodna"}


def test_only_what_is_compared_bit_by_bit_is_shared_in_the_clear() -> None:
    assert [entry.name for entry in types.REGISTRY if entry.clear] == ["pdq"]


def test_a_type_with_an_impossible_code_or_lifetime_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="out of range"):
        types.SignalType("x", 0x10000, "x/1", "x", enumerable=True, default_lifetime_days=1)


def test_scales_are_ordered_from_least_to_most() -> None:
    assert vocab.SEVERITY.rank("info") < vocab.SEVERITY.rank("critical")
    assert vocab.TLP.rank("amber") < vocab.TLP.rank("amber+strict") < vocab.TLP.rank("red")
    assert vocab.REVIEW_LEVEL.rank("automated") < vocab.REVIEW_LEVEL.rank("two_humans")
    assert vocab.REQUIRED_ACTION.rank("stop_matching") < vocab.REQUIRED_ACTION.rank("erase_and_undo")


def test_words_without_order_have_no_rank() -> None:
    with pytest.raises(ValueError, match="no order"):
        vocab.STANCE.rank("harmful")


def test_a_word_outside_a_vocabulary_is_rejected_without_being_quoted() -> None:
    with pytest.raises(SignalError) as caught:
        vocab.STANCE.check("evil-word")
    assert "evil-word" not in str(caught.value)
    assert "harmful" in str(caught.value)


def test_a_vocabulary_that_repeats_a_word_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="repeats"):
        vocab.Vocabulary("x", ("a", "a"))


@pytest.mark.parametrize("code", ["gdpr-6-1-c", "us-2258c", "consent"])
def test_legal_basis_codes_pass(code: str) -> None:
    assert vocab.check_legal_basis(code) == code


@pytest.mark.parametrize("code", ["", "GDPR", "gdpr--6", "-a", "a-", "a b", "a" * 41, "a\n", 1])
def test_other_legal_bases_are_rejected(code: object) -> None:
    with pytest.raises(Rejected, match="legal_basis"):
        vocab.check_legal_basis(code)


@pytest.mark.parametrize("code", ["DE", "US-CA", "GB-ENG", "FR-2A"])
def test_iso_3166_codes_pass(code: str) -> None:
    assert vocab.check_jurisdiction(code) == code


@pytest.mark.parametrize("code", ["de", "DEU", "US-", "US-ABCD", "", None])
def test_other_jurisdictions_are_rejected(code: object) -> None:
    with pytest.raises(Rejected):
        vocab.check_jurisdiction(code)


@pytest.mark.parametrize("value", [-1, 101, True, 1.0, "90", None])
def test_a_confidence_outside_0_to_100_is_rejected(value: object) -> None:
    with pytest.raises(Rejected):
        vocab.check_confidence(value)
