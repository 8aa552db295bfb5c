"""Canonical forms against the language-neutral vector files of the package, which any implementation can read.

`cases` fix bytes, `classes` must share one form, `distinct` must not, `expand` fixes look-ups. A `hint` names the
region of a national notation. Rejection is normative; the word is advice, and another URL engine may refuse some values
one step earlier.
"""

from typing import Final

import pytest

from tocsin_signals import selfcheck, types, vectorfile
from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected

VECTORS: Final = {name: vectorfile.parse(data) for name, data in vectorfile.bundled().items()}
EARLIER: Final = frozenset({"whatwg", "syntax", "a-label"})
LEAST: Final = {"url": 1500, "domain": 1500}
LEAST_OF_OTHERS: Final = 100


def test_there_is_one_vector_file_for_each_type_and_it_names_the_profile() -> None:
    assert {name: one.profile for name, one in VECTORS.items()} == {t.name: t.profile for t in types.REGISTRY}
    assert {name: one.type for name, one in VECTORS.items()} == {name: name for name in VECTORS}


@pytest.mark.parametrize("name", VECTORS)
def test_every_row_comes_out_as_written(name: str) -> None:
    found = selfcheck.check(VECTORS[name].profile, [VECTORS[name]])
    assert (found.row, found.problem) == ("", "")


@pytest.mark.parametrize("name", VECTORS)
def test_a_canonical_form_is_its_own_canonical_form(name: str) -> None:
    forms = {case.out for case in VECTORS[name].cases if case.out is not None}
    assert [form for form in sorted(forms) if canonicalise(name, form) != form] == []


@pytest.mark.parametrize("name", VECTORS)
def test_a_value_is_rejected_with_the_word_of_its_row(name: str) -> None:
    wrong: list[tuple[str, str]] = []
    for case in VECTORS[name].cases:
        if case.out is None and isinstance(case.data, str):
            with pytest.raises(Rejected) as caught:
                canonicalise(name, case.data, region=case.region)
            if caught.value.reason not in {case.reject, *EARLIER}:
                wrong.append((case.id, caught.value.reason))
    assert wrong == []


@pytest.mark.parametrize("name", VECTORS)
def test_there_are_enough_cases_of_both_kinds_and_no_id_twice(name: str) -> None:
    cases = VECTORS[name].cases
    assert len(cases) >= LEAST.get(name, LEAST_OF_OTHERS)
    assert len({case.id for case in cases}) == len(cases)
    assert {case.out is None for case in cases} == {True, False}
