"""What is withheld from who is no recipient any more: leaf hashes as before, and no salt or details of it inside."""

import numpy as np
from hypothesis import given, settings, strategies as st

from tocsin_crypto.merkle import leaf_hash
from tocsin_crypto.salts import expand_seed
from tocsin_node.log.withheld import Gaps, given as was_given, withhold
from tocsin_node.segment import codec
from tocsin_node.segment.verify import run_leaves
from tocsin_signals.entry import NO_REF, VERSION, Kind, Rows, empty_rows, entry_bytes, salt_column, tag_column

BLOBS = [b'{"n":%d,"salt":"00"}' % number for number in range(4)]
SEEDS = {block: bytes([block + 1]) * 32 for block in range(8)}


def make(first: int, count: int, refs: dict[int, int]) -> codec.Run:
    """A publisher's run: asserts, and at the indices of `refs` the withdrawals of those signals."""
    rows: Rows = empty_rows(count)
    indices = range(first, first + count)
    rows["version"], rows["kind"], rows["ref"], rows["issued_at"] = VERSION, Kind.ASSERT, NO_REF, 1
    for index in indices:
        if index in refs:
            rows["kind"][index - first], rows["ref"][index - first] = Kind.WITHDRAW, refs[index]
    if first == 0:
        rows["kind"][0] = Kind.OPEN
    tag_column(rows)[:] = np.frombuffer(b"".join(index.to_bytes(32, "big") for index in indices), np.uint8).reshape(
        -1, 32
    )
    salts = b"".join(expand_seed(SEEDS[block]) for block in SEEDS)[16 * first : 16 * (first + count)]
    salt_column(rows)[:] = np.frombuffer(salts, np.uint8).reshape(-1, 16)
    numbers = np.asarray([index % len(BLOBS) for index in indices], np.uint32)
    used, own = np.unique(numbers, return_inverse=True)
    blobs = [BLOBS[int(number)] for number in used]
    return codec.decode(codec.encode(first, rows, own.astype(np.uint32), blobs, SEEDS))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), first=st.integers(0, 300), count=st.integers(1, 900))
def test_only_withdrawals_of_what_was_given_stay_and_every_leaf_is_the_same(
    data: st.DataObject, first: int, count: int
) -> None:
    end = first + count
    places = data.draw(st.lists(st.integers(max(first, 1), end), max_size=6)) if end > 1 else []
    refs = {index: data.draw(st.integers(0, index - 1)) for index in places if first <= index < end}
    if data.draw(st.booleans()):  # a whole block of withdrawals, so that its seed would be right to send
        refs |= {index: data.draw(st.integers(0, 3)) for index in range(256, 512) if first <= index < end}
    start = data.draw(st.integers(first, end - 1))
    size = data.draw(st.integers(1, end))
    low = data.draw(st.integers(0, size))
    gaps: Gaps = ((low, data.draw(st.integers(low, size))),)
    run = make(first, count, refs)
    segment = withhold(run, start, size, gaps)
    found = codec.decode(codec.parse(segment.SerializeToString()))
    kept = [i for i in range(start, end) if i == 0 or (i in refs and was_given(refs[i], size, gaps))]
    assert found.indices().tolist() == kept
    assert (found.first, found.count) == (start, end - start)
    assert run_leaves(found) == b"".join(leaf_hash(entry_bytes(run.rows, index - first)) for index in range(start, end))
    assert set(found.details) == {BLOBS[index % len(BLOBS)] for index in kept}
    for block in segment.seeded_blocks:
        assert set(range(block * 256, block * 256 + 256)) <= set(kept)
    sent = segment.SerializeToString()
    for index in set(range(start, end)) - set(kept):
        assert salt_column(run.rows)[index - first].tobytes() not in sent
