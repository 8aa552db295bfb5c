"""Fingerprints: the batch and the single form agree, and high bits cannot be used to collide."""

import numpy as np
import pytest

from tocsin_node.match.hashing import MULTIPLIERS, Fingerprint


def test_one_and_many_agree() -> None:
    fingerprint = Fingerprint()
    rng = np.random.default_rng(1)
    tags = rng.integers(0, 256, (500, 32), dtype=np.uint8)
    spaces = rng.integers(0, 2**32, 500, dtype=np.uint32)
    many = fingerprint.of(tags, spaces)
    assert int(many.max()) < 2**32
    assert many.tolist() == [
        fingerprint.of_one(tag.tobytes(), space) for tag, space in zip(tags, spaces.tolist(), strict=True)
    ]


def test_two_indexes_draw_different_keys() -> None:
    tags = np.zeros((4, 32), dtype=np.uint8)
    spaces = np.arange(4, dtype=np.uint32)
    assert Fingerprint().of(tags, spaces).tolist() != Fingerprint().of(tags, spaces).tolist()


def _high_bit_tags() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """All tags that differ only in the top three bits of each of their four 64-bit words."""
    words = np.stack(np.meshgrid(*[np.arange(8, dtype=np.uint64)] * 4), axis=-1).reshape(-1, 4) << np.uint64(61)
    return np.ascontiguousarray(words).view(np.uint8)


def test_tags_differing_in_high_bits_do_not_collide() -> None:
    tags = _high_bit_tags()
    odd = np.random.default_rng(2).integers(0, 2**63, 4, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    assert np.unique(tags.view(np.uint64) @ odd).size <= 8  # the plain sum: 4,096 tags on 8 keys, whatever the secret
    prints = Fingerprint().of(tags, np.zeros(len(tags), dtype=np.uint32))
    assert np.unique(prints).size > len(tags) - 4  # chance: two in a thousand runs see even one pair


@pytest.mark.parametrize("multipliers", [(1,) * (MULTIPLIERS - 1), (2**64,) * MULTIPLIERS, (-1,) * MULTIPLIERS])
def test_a_key_of_another_shape_is_refused(multipliers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="fingerprint key"):
        Fingerprint(multipliers=multipliers)
