"""The tags of ``tag.json``, and the leaf and salts of ``feed.json``."""

import asyncio
import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

from tocsin_crypto.merkle import leaf_hash
from tocsin_crypto.salts import expand_seed
from tocsin_crypto.tag import KeyedTagger, TagRequest, context, key_id

TAGS: dict[str, Any] = json.loads(Path(__file__).with_name("tag.json").read_text())
FEED: dict[str, Any] = json.loads(Path(__file__).with_name("feed.json").read_text())


def test_contexts_tags_and_key_id_match() -> None:
    key = bytes.fromhex(TAGS["key"])
    tagger = KeyedTagger(community=TAGS["community"], epoch=TAGS["epoch"], key=key)
    requests = [TagRequest(one["profile"], one["scope"], one["canonical"]) for one in TAGS["tags"]]
    assert key_id(key).hex() == TAGS["key_id"]
    assert [tag.hex() for tag in asyncio.run(tagger.tags(requests))] == [one["tag"] for one in TAGS["tags"]]
    contexts = [context(TAGS["community"], TAGS["epoch"], request).hex() for request in requests]
    assert contexts == [one["context"] for one in TAGS["tags"]]


def test_the_leaf_of_a_feed_entry_matches() -> None:
    entry = FEED["entry"]
    packed = struct.pack(
        "<BBHI32s32sQQ8s16s",
        1,
        entry["kind"],
        entry["type"],
        entry["epoch"],
        bytes.fromhex(entry["tag"]),
        sha256(b"tocsin/1/details\x00" + entry["details"].encode()).digest(),
        entry["issued_at"],
        entry["valid_until"],
        bytes.fromhex(entry["ref"]),
        bytes.fromhex(entry["salt"]),
    )
    assert leaf_hash(packed).hex() == entry["leaf"]


def test_the_salts_of_a_seed_match() -> None:
    salts = expand_seed(bytes.fromhex(FEED["salts"]["seed"]))
    assert len(salts) == 4096
    assert salts[:16].hex() == FEED["salts"]["first"]
    assert salts[-16:].hex() == FEED["salts"]["last"]
