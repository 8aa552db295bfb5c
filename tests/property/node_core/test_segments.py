"""Segments against a slow, obvious reference, and against whatever bytes a peer may send."""

import struct

import numpy as np
from hypothesis import HealthCheck, given, settings, strategies as st

from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.merkle import CompactRange, leaf_hash
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.salts import expand_seed
from tocsin_node.errors import Misbehaviour
from tocsin_node.segment import codec
from tocsin_node.segment.verify import Position, accept
from tocsin_signals.details import digest
from tocsin_signals.entry import (
    NO_REF,
    Kind,
    Rows,
    details_column,
    empty_rows,
    entry_bytes,
    salt_column,
    tag_column,
)

KEY = SigningKey(b"\x07" * 32)
ORIGIN = "a.example/feed/x"
SIGNER = NoteSigner("a.example/node", KEY)
BLOBS = [b'{"n":%d}' % number for number in range(3)]


def make(count: int, seed: int, *, first: int = 0, whole: dict[int, bytes] | None = None) -> tuple[Rows, "codec.U32"]:
    """Rows as a publisher makes them: entry 0 opens, the others assert or name an earlier one."""
    random = np.random.default_rng(seed)
    rows = empty_rows(count)
    numbers = random.integers(0, len(BLOBS), count).astype(np.uint32)
    rows["kind"] = random.choice([int(Kind.ASSERT), int(Kind.WITHDRAW), 77], count)
    rows["type"], rows["epoch"] = 0x0101, random.integers(0, 2**32, count)
    rows["issued_at"] = 1_750_000_000_000 + np.sort(random.integers(0, 10**6, count))
    rows["valid_until"] = random.integers(0, 2**63, count)
    rows["ref"] = np.where(rows["kind"] == Kind.WITHDRAW, 0, np.uint64(NO_REF)).astype(np.uint64)
    tag_column(rows)[:] = random.integers(0, 256, (count, 32))
    salt_column(rows)[:] = random.integers(0, 256, (count, 16))
    for block, key in (whole or {}).items():
        start = block * 256 - first
        salt_column(rows)[start : start + 256] = np.frombuffer(expand_seed(key), np.uint8).reshape(256, 16)
    if first == 0:
        rows["kind"][0], rows["ref"][0] = Kind.OPEN, NO_REF
    digests = np.frombuffer(b"".join(map(digest, BLOBS)), np.uint8).reshape(-1, 32)
    details_column(rows)[:] = digests[numbers]
    return rows, numbers


def reference_entry(row: "np.void", details: bytes) -> bytes:
    """The 112 bytes, field by field."""
    head = struct.pack("<BBHI", int(row["version"]), int(row["kind"]), int(row["type"]), int(row["epoch"]))
    times = struct.pack("<QQQ", int(row["issued_at"]), int(row["valid_until"]), int(row["ref"]))
    return head + bytes(row["tag"]) + digest(details) + times + bytes(row["salt"])


@given(st.integers(3, 600), st.integers(0, 2**32), st.integers(0, 700))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_encoded_decodes_to_the_same_entries(count: int, seed: int, first: int) -> None:
    blocks = range(-(-first // 256), (first + count) // 256)
    seeds = {block: bytes([block % 256]) * 32 for block in blocks}
    rows, numbers = make(count, seed, first=first, whole=seeds)
    message = codec.encode(first, rows, numbers, BLOBS, seeds)
    run = codec.decode(codec.parse(message.SerializeToString()))
    assert list(message.seeded_blocks) == list(blocks)
    assert run.rows.tobytes() == rows.tobytes()
    for place in (0, count // 2, count - 1):
        expected = reference_entry(rows[place], BLOBS[int(numbers[place])])
        assert entry_bytes(run.rows, place) == expected


def signed(rows: Rows, numbers: "codec.U32") -> tuple[Position, bytes, bytes]:
    leaves = [leaf_hash(entry_bytes(rows, place)) for place in range(len(rows))]
    root = CompactRange().extend(leaves).root()
    note = sign_checkpoint(ORIGIN, len(rows), root, SIGNER)
    data = codec.encode(0, rows, numbers, BLOBS, {}).SerializeToString()
    return Position(ORIGIN, SIGNER.name, KEY.public.raw, 0, b"", 0), data, note


@given(st.integers(3, 40), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_an_honest_delivery_is_accepted_with_the_root_of_the_slow_reference(count: int, seed: int) -> None:
    rows, numbers = make(count, seed)
    position, data, note = signed(rows, numbers)
    accepted = accept(position, data, note)
    assert (accepted.size, accepted.run.rows.tobytes()) == (count, rows.tobytes())


ROWS, NUMBERS = make(20, 5)
POSITION, DATA, NOTE = signed(ROWS, NUMBERS)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_changed_bytes_are_refused_or_mean_the_same(data: st.DataObject) -> None:
    changed = bytearray(DATA)
    match data.draw(st.sampled_from(("flip", "cut", "insert"))):
        case "flip":
            at = data.draw(st.integers(0, len(changed) - 1))
            changed[at] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del changed[data.draw(st.integers(0, len(changed) - 1)) :]
        case _:
            at = data.draw(st.integers(0, len(changed)))
            changed[at:at] = data.draw(st.binary(min_size=1, max_size=40))
    try:
        accepted = accept(POSITION, bytes(changed), NOTE)
    except Misbehaviour:
        return
    assert accepted.run.rows.tobytes() == ROWS.tobytes()
