"""The constants, roots and tiles of ``tree.json``."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tocsin_crypto import merkle
from tocsin_crypto.merkle import CompactRange

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("tree.json").read_text())
ENTRIES: dict[str, Any] = VECTORS["entries"]


@pytest.fixture(scope="module")
def leaves() -> bytes:
    return b"".join(merkle.leaf_hash(b"entry-%d" % i) for i in range(70_000))


def subtree(leaves: bytes, level: int, index: int) -> bytes:
    width = 32 << level
    return CompactRange().extend(leaves[index * width : (index + 1) * width]).root()


def test_the_empty_tree_has_the_hash_of_nothing_as_root() -> None:
    assert merkle.EMPTY_ROOT.hex() == CompactRange().root().hex() == VECTORS["empty_root"]


def test_leaf_and_node_hashes_match() -> None:
    for leaf in VECTORS["leaf"]:
        assert merkle.leaf_hash(bytes.fromhex(leaf["entry"])).hex() == leaf["hash"]
    for node in VECTORS["node"]:
        assert merkle.node_hash(bytes.fromhex(node["left"]), bytes.fromhex(node["right"])).hex() == node["hash"]


def test_the_classic_tree_has_its_root_at_every_size() -> None:
    tree = CompactRange()
    for leaf, root in zip(VECTORS["classic"]["leaves"], VECTORS["classic"]["roots"], strict=True):
        tree = tree.extend([merkle.leaf_hash(bytes.fromhex(leaf))])
        assert tree.root().hex() == root


def test_the_entries_tree_has_its_root_at_every_listed_size(leaves: bytes) -> None:
    assert leaves[:32].hex() == ENTRIES["first_leaf"]
    for size, root in ENTRIES["roots"].items():
        assert CompactRange().extend(leaves[: 32 * int(size)]).root().hex() == root


def test_growing_gives_the_hash_tiles(leaves: bytes) -> None:
    first = CompactRange().extend_hashes(leaves).blocks
    second = CompactRange().extend_hashes(first).blocks
    tiles = {
        "0/000": leaves[:8192],
        "0/273.p/112": leaves[273 * 8192 :],
        "1/000": first[:8192],
        "1/001.p/17": first[8192:],
        "2/000.p/1": second,
    }
    assert {path: sha256(tile).hexdigest() for path, tile in tiles.items()} == ENTRIES["tile_sha256"]


def test_the_inclusion_proof_matches_and_verifies(leaves: bytes) -> None:
    expected = ENTRIES["inclusion"]
    index, size = expected["index"], expected["size"]
    proof = merkle.inclusion_proof(index, size, lambda level, at: subtree(leaves, level, at))
    assert len(proof) == expected["hashes"]
    assert proof[0] == b64decode(expected["first"])
    root = bytes.fromhex(ENTRIES["roots"][str(size)])
    merkle.verify_inclusion(index, size, leaves[32 * index : 32 * index + 32], proof, root)


def test_the_consistency_proof_matches_and_verifies(leaves: bytes) -> None:
    expected = ENTRIES["consistency"]
    old, new = expected["old"], expected["new"]
    proof = merkle.consistency_proof(old, new, lambda level, at: subtree(leaves, level, at))
    assert len(proof) == expected["hashes"]
    old_root = CompactRange().extend(leaves[: 32 * old]).root()
    merkle.verify_consistency(old, new, proof, old_root, bytes.fromhex(ENTRIES["roots"][str(new)]))
