"""One entry field by field against the same entry as a row of a run."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tocsin_signals.entry import ENTRY_SIZE, Entry, empty_rows, entry_bytes

U64 = st.integers(0, 2**64 - 1)


@given(
    kind=st.integers(0, 255),
    code=st.integers(0, 2**16 - 1),
    epoch=st.integers(0, 2**32 - 1),
    issued_at=U64,
    valid_until=U64,
    ref=U64,
)
def test_an_entry_is_the_row_without_its_prefix(
    kind: int, code: int, epoch: int, issued_at: int, valid_until: int, ref: int
) -> None:
    rows = empty_rows(1)
    rows["kind"], rows["type"], rows["epoch"] = kind, code, epoch
    rows["issued_at"], rows["valid_until"], rows["ref"] = (np.uint64(one) for one in (issued_at, valid_until, ref))
    data = entry_bytes(rows, 0)
    entry = Entry.read(data)
    assert entry == (1, kind, code, epoch, bytes(32), bytes(32), issued_at, valid_until, ref, bytes(16))
    assert entry.encode() == data


def test_kinds_have_words_and_unknown_ones_their_number() -> None:
    empty = Entry.read(bytes(ENTRY_SIZE))
    assert [empty._replace(kind=kind).kind_word for kind in (0, 1, 4, 77)] == ["open", "assert", "retag", "77"]


@pytest.mark.parametrize("size", [0, ENTRY_SIZE - 1, ENTRY_SIZE + 1])
def test_any_other_length_is_no_entry(size: int) -> None:
    with pytest.raises(ValueError, match="112 bytes"):
        Entry.read(bytes(size))
