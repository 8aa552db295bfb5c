"""Every fuzz target over its real values and thousands of damaged ones, the same in every run: seconds, no fuzzer."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.fuzz.targets import TARGETS

MUTANTS = 300
SECONDS = 3.0  # for one input, on a machine that does other things too
SPECIAL = (b"", b"\0", b"\n", b"\n\n", b"\xff" * 9, b"\r\n", b'"', b"[" * 200, b"{", b"9" * 400, b"\xed\xa0\x80")


def mutants(seeds: tuple[bytes, ...], chance: random.Random) -> Iterator[bytes]:
    """Each seed cut, flipped, doubled, spliced with another and with special bytes."""
    yield from SPECIAL
    for number in range(MUTANTS):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            at = chance.randrange(len(data) + 1)
            more = chance.randrange(1, 20)
            match chance.randrange(6):
                case 0 if data:
                    data[at % len(data)] ^= 1 << chance.randrange(8)
                case 1:
                    data[at : at + more] = b""
                case 2:
                    data[at:at] = chance.choice(SPECIAL)
                case 3:
                    data[at:at] = data[at : at + more]
                case 4:
                    other = chance.choice(seeds)
                    cut = chance.randrange(len(other) + 1)
                    data[at:] = other[cut:]
                case _:
                    data[at : at + more] = chance.randbytes(more)
        yield bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_real_values_pass(name: str) -> None:
    target = TARGETS[name]
    passed = 0
    for seed in target.seeds:
        target(seed)
        try:
            target.run(seed)
        except target.allowed:
            continue
        passed += 1
    assert passed, "no seed gets through: the target reaches nothing behind its first check"


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_values_are_refused_in_words_or_read_and_always_soon(name: str) -> None:
    target = TARGETS[name]
    for data in mutants(target.seeds, random.Random(name)):
        began = time.monotonic()
        try:
            target(data)
        except Exception as error:
            error.add_note(f"target {name}, input {data!r}")
            raise
        assert time.monotonic() - began < SECONDS, f"target {name} took too long for {data!r}"
