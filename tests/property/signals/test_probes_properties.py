"""What must hold of fresh probes, whatever the seed."""

from typing import Final

import pytest
from hypothesis import given, strategies as st

from tocsin_signals import probes
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected

SEEDS: Final = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("type_name", probes.covered())
@given(seed=SEEDS)
def test_a_probe_comes_to_the_same_as_its_plain_spelling(type_name: str, seed: bytes) -> None:
    for one in probes.fresh(seed, [type_name]):
        try:
            expected = canonicalise(type_name, one.plain)
        except Rejected:
            expected = probes.REJECT
        assert probes.forms([one]) == (expected,)


@given(seed=SEEDS, names=st.sets(st.sampled_from(probes.covered()), min_size=1, max_size=3))
def test_a_seed_gives_the_same_list_again(seed: bytes, names: set[str]) -> None:
    assert probes.fresh(seed, names) == probes.fresh(seed, sorted(names, reverse=True))


@given(forms=st.lists(st.text(max_size=4), min_size=1, max_size=12), place=st.integers(0, 11), other=st.text())
def test_digests_of_beginnings_part_at_the_first_difference_and_never_meet_again(
    forms: list[str], place: int, other: str
) -> None:
    place %= len(forms)
    changed = [*forms[:place], other, *forms[place + 1 :]]
    for count in range(len(forms) + 1):
        same = probes.prefix_digest(forms, count) == probes.prefix_digest(changed, count)
        assert same == (count <= place or other == forms[place])
