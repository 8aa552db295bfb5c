"""Suggestions: what a value might be, with reasons, for a person to decide."""

import pytest

from tocsin_signals import types
from tocsin_signals.suggest import MOST, suggest


@pytest.mark.parametrize(
    ("value", "first"),
    [
        ("hxxps://bad[.]example/x", ["url"]),
        ("bad.example/x", ["url"]),
        ("bad.example", ["domain", "url"]),
        ("192.0.2.7", ["ip"]),
        ("person@mail.example", ["email"]),
        ("+44 20 7946 0958", ["phone"]),
        ("discord:80351110224678912", ["account", "username"]),
        ("md5:900150983cd24fb0d6963f7d28e17f72", ["filehash"]),
        ("chatter.example:@bob", ["username"]),
        ("442079460958", []),
        ("4.42079E+11", []),
        ("\ud800", []),
        ("", []),
    ],
)
def test_the_types_that_take_a_value_are_suggested_most_telling_first(value: str, first: list[str]) -> None:
    found = suggest(value)
    assert [one.type for one in found][: len(first)] == first
    assert bool(found) == bool(first)
    assert len(found) <= MOST
    assert all(one.type in {entry.name for entry in types.REGISTRY} and one.why for one in found)
