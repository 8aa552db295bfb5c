"""Canonical forms against the language-neutral vector files of the package, which any implementation can read.

`cases` fix bytes, `classes` must share one form, `distinct` must not, `expand` fixes look-ups. A `hint` names the
region of a national notation. Rejection is normative; the word is advice, and an older URL engine may refuse some
values one step earlier.
"""

import json
from typing import Any, Final

import pytest

from tocsin_signals import types, vectorfile
from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.errors import Rejected

VECTORS: Final[list[dict[str, Any]]] = [json.loads(data.decode("ascii")) for data in vectorfile.bundled().values()]
EARLIER: Final = frozenset({"whatwg", "syntax"})


def rows(key: str) -> list[Any]:
    """One pytest parameter for each row under `key` in any file."""
    return [
        pytest.param(vectors["type"], row, id=f"{vectors['type']}-{number}")
        for vectors in VECTORS
        for number, row in enumerate(vectors.get(key, []), 1)
    ]


def region(row: dict[str, Any]) -> str | None:
    """The region a row names as its hint."""
    return row.get("hint", {}).get("region")


def test_there_is_one_vector_file_for_each_type_and_it_names_the_profile() -> None:
    assert {vectors["type"]: vectors["profile"] for vectors in VECTORS} == {t.name: t.profile for t in types.REGISTRY}
    assert {vectors["format"] for vectors in VECTORS} == {"tocsin-canon-vectors/1"}


@pytest.mark.parametrize(("type_name", "case"), rows("cases"))
def test_a_value_has_exactly_this_canonical_form_or_none(type_name: str, case: dict[str, Any]) -> None:
    if "out" in case:
        assert canonicalise(type_name, case["in"], region=region(case)) == case["out"]
        assert canonicalise(type_name, case["out"]) == case["out"]
    else:
        with pytest.raises(Rejected) as caught:
            canonicalise(type_name, case["in"], region=region(case))
        assert caught.value.reason in {case["reject"], *EARLIER}


@pytest.mark.parametrize(("type_name", "group"), rows("classes"))
def test_spellings_of_one_thing_share_one_form(type_name: str, group: dict[str, Any]) -> None:
    assert len({canonicalise(type_name, text, region=region(group)) for text in group["in"]}) == 1


@pytest.mark.parametrize(("type_name", "pair"), rows("distinct"))
def test_different_things_keep_different_forms(type_name: str, pair: list[str]) -> None:
    assert len({canonicalise(type_name, text) for text in pair}) == 2


@pytest.mark.parametrize(("type_name", "case"), rows("expand"))
def test_a_look_up_tries_exactly_these_expressions(type_name: str, case: dict[str, Any]) -> None:
    if "reject" in case:
        with pytest.raises(Rejected):
            expand(type_name, case["in"], region=region(case))
    else:
        found = expand(type_name, case["in"], region=region(case))
        assert [list(expression) for expression in found] == case["expr"]
