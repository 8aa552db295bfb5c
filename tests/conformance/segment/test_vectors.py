"""The entry layout against vectors another implementation can read."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tocsin_crypto.merkle import leaf_hash
from tocsin_signals.details import digest
from tocsin_signals.entry import details_column, empty_rows, entry_bytes, salt_column, tag_column


def test_an_entry_hashes_to_the_published_leaf() -> None:
    vectors: Any = json.loads((Path(__file__).parent / "leaf.json").read_text())
    for vector in vectors["entries"]:
        rows = empty_rows(1)
        for name in ("kind", "type", "epoch", "issued_at", "valid_until"):
            rows[name] = vector[name]
        rows["ref"] = np.uint64(int(vector["ref"], 16))
        tag_column(rows)[0] = np.frombuffer(bytes.fromhex(vector["tag"]), np.uint8)
        details_column(rows)[0] = np.frombuffer(digest(vector["details"].encode()), np.uint8)
        salt_column(rows)[0] = np.frombuffer(bytes.fromhex(vector["salt"]), np.uint8)
        assert leaf_hash(entry_bytes(rows, 0)).hex() == vector["leaf"]
