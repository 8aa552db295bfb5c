"""Fresh and reserved probes: what they are made of, and that both sides make the same."""

import hashlib
from typing import Final

import pytest

from tocsin_signals import probes, types
from tocsin_signals.canon import expand
from tocsin_signals.canon.url import TRACKING, TRACKING_PREFIXES
from tocsin_signals.probes.urls import TRACKED

ASKER: Final = bytes(range(16))
ANSWERER: Final = bytes(range(16, 32))
SEED: Final = probes.seed_of(ASKER, ANSWERER)


def test_a_seed_gives_the_same_probes_in_every_version() -> None:
    """The digest stands here so that nobody changes the generator without giving it another number."""
    made = probes.fresh(SEED, ["domain", "url"])
    said = "\n".join(f"{one.type_name} {one.text!r} {one.region}" for one in made)
    assert len(made) == 2 * probes.PER_TYPE
    assert hashlib.sha256(said.encode()).hexdigest() == DOMAIN_AND_URL
    assert probes.prefix_digest(probes.forms(made), len(made)).hex() == THEIR_FORMS


def test_the_probes_of_one_type_are_the_same_whatever_others_are_asked_for() -> None:
    alone = probes.fresh(SEED, ["phone"])
    assert alone == tuple(one for one in probes.fresh(SEED, probes.covered()) if one.type_name == "phone")
    assert alone == probes.fresh(SEED, ["phone", "phone"])


def test_both_nonces_decide() -> None:
    assert probes.seed_of(ANSWERER, ASKER) != SEED
    assert probes.fresh(SEED, ["url"]) != probes.fresh(probes.seed_of(ASKER, ASKER), ["url"])
    with pytest.raises(ValueError, match="16 bytes"):
        probes.seed_of(b"short", ANSWERER)
    with pytest.raises(ValueError, match="has no fresh probes"):
        probes.fresh(SEED, ["url", "nothing"])


def test_every_parameter_that_url_1_drops_is_among_those_tried() -> None:
    assert set(TRACKED) == TRACKING | set(TRACKING_PREFIXES)


def test_every_type_whose_tags_are_keyed_has_fresh_and_reserved_probes() -> None:
    names = {entry.name for entry in types.REGISTRY} - {"pdq"}  # which travels as it is
    assert set(probes.covered()) == names
    assert set(probes.RESERVED) == names


def test_a_digest_tells_where_one_form_ends_and_the_next_begins() -> None:
    assert probes.prefix_digest(["ab", "c"], 2) != probes.prefix_digest(["a", "bc"], 2)
    assert probes.prefix_digest(["ab", "c"], 1) == probes.prefix_digest(["ab", "d"], 1)
    expected = hashlib.sha256(b"\0\2ab\0\7\0REJECT").digest()
    assert probes.prefix_digest(["ab", probes.REJECT], 2) == expected


@pytest.mark.parametrize("one", [one for values in probes.RESERVED.values() for one in values], ids=repr)
def test_a_reserved_value_is_found_by_its_other_spelling(one: probes.Reserved) -> None:
    kind, region = one.as_type or one.type_name, one.looked_up_region or None
    assert one.published != one.looked_up
    assert (one.type_name, one.canonical) in expand(kind, one.looked_up, region=region)
    assert probes.is_reserved(one.type_name, one.canonical)


def test_reserved_values_are_all_different_and_no_others_are_reserved() -> None:
    forms = {(one.type_name, one.canonical) for values in probes.RESERVED.values() for one in values}
    assert len(forms) == sum(map(len, probes.RESERVED.values()))
    assert not probes.is_reserved("url", "probe-1.tocsin.example/")


def test_the_reserved_values_of_some_types_are_named_by_code() -> None:
    found = probes.reserved_for({types.by_name("ip").code, 0xFFFF})
    assert {one.type_name for one in found} == {"ip"}


def test_details_with_a_mark_of_any_table_are_those_of_a_probe() -> None:
    assert probes.is_marked({"stance": "test", probes.MARK_KEY: probes.MARK})
    assert probes.is_marked({probes.MARK_KEY: False})
    assert not probes.is_marked({"stance": "test"})


DOMAIN_AND_URL: Final = "b6e4fbbcb09e45031a61d813c46cbafa8e14f88c7070ef3550e302bf16392ce2"
THEIR_FORMS: Final = "4450ca5268858d5ed080d5925e6bbcba8dd1f7c9aca1fcc47055c0f4ad22a8bc"
