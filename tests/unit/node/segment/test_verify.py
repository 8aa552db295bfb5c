"""What a follower accepts of a publisher, and the code of every refusal."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tocsin.v1 import signals_pb2 as wire
from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.merkle import CompactRange, leaf_hash
from tocsin_crypto.note import NoteSigner
from tocsin_node.errors import Misbehaviour
from tocsin_node.limits import DETAILS_BYTES, SEGMENT_BYTES, SEGMENT_ENTRIES
from tocsin_node.segment import codec
from tocsin_node.segment.verify import Position, accept
from tocsin_signals.details import digest
from tocsin_signals.entry import NO_REF, Kind, Rows, details_column, empty_rows, entry_bytes, salt_column, tag_column

ORIGIN = "a.example/feed/x"
KEY = SigningKey(b"\x07" * 32)
SIGNER = NoteSigner("a.example/node", KEY)
START = Position(ORIGIN, SIGNER.name, KEY.public.raw, 0, b"", 0)
T0 = 1_750_000_000_000
BLOB = b'{"n":1}'


def make(kinds: Sequence[int]) -> Rows:
    """One row per kind, a second apart; entries that name a signal name entry 1."""
    random = np.random.default_rng(len(kinds))
    rows = empty_rows(len(kinds))
    rows["kind"], rows["type"], rows["epoch"] = kinds, 0x0101, 1
    rows["issued_at"] = T0 + 1000 * np.arange(len(kinds))
    rows["valid_until"] = T0 + 10**9
    rows["ref"] = np.where(np.isin(kinds, (2, 3, 4)), 1, np.uint64(NO_REF)).astype(np.uint64)
    tag_column(rows)[:] = random.integers(0, 256, (len(kinds), 32))
    salt_column(rows)[:] = random.integers(0, 256, (len(kinds), 16))
    details_column(rows)[:] = np.frombuffer(digest(BLOB), np.uint8)
    return rows


def numbers(rows: Rows) -> codec.U32:
    return np.zeros(len(rows), np.uint32)


def note(rows: Rows, *, size: int | None = None, origin: str = ORIGIN, signer: NoteSigner = SIGNER) -> bytes:
    leaves = [leaf_hash(entry_bytes(rows, place)) for place in range(len(rows))]
    return sign_checkpoint(origin, size or len(rows), CompactRange().extend(leaves).root(), signer)


def message(rows: Rows) -> wire.Segment:
    return codec.encode(0, rows, numbers(rows), [BLOB], {})


def refused(rows: Rows, change: Callable[[wire.Segment], object] = bool, *, checkpoint: bytes | None = None) -> str:
    segment = message(rows)
    change(segment)
    with pytest.raises(Misbehaviour) as found:
        accept(START, segment.SerializeToString(), checkpoint or note(rows))
    return found.value.code


GOOD = make([Kind.OPEN, Kind.ASSERT, Kind.ASSERT, Kind.REVISE, Kind.WITHDRAW, Kind.RETAG])


def test_a_true_delivery_gives_the_entries_and_the_next_position() -> None:
    accepted = accept(START, message(GOOD).SerializeToString(), note(GOOD))
    assert accepted.run.rows.tobytes() == GOOD.tobytes()
    assert (accepted.size, accepted.last_time) == (6, T0 + 5000)
    after = START.after(accepted)
    assert CompactRange.from_bytes(after.size, after.stack).root() == accepted.root


def test_the_stored_body_leaves_the_details_out() -> None:
    accepted = accept(START, message(GOOD).SerializeToString(), note(GOOD))
    body = wire.Segment.FromString(accepted.body)
    assert list(body.details) == []
    body.details.append(BLOB)
    assert body == message(GOOD)


def test_a_second_delivery_extends_the_first_wherever_it_was_cut() -> None:
    for cut in range(1, len(GOOD)):
        first = accept(START, message(GOOD[:cut]).SerializeToString(), note(GOOD[:cut]))
        rest = codec.encode(cut, GOOD[cut:], numbers(GOOD[cut:]), [BLOB], {}).SerializeToString()
        assert accept(START.after(first), rest, note(GOOD)).size == len(GOOD)
        with pytest.raises(Misbehaviour, match="comes next"):
            accept(START, rest, note(GOOD))


@pytest.mark.parametrize(
    "checkpoint",
    [
        pytest.param(note(GOOD, signer=NoteSigner(SIGNER.name, SigningKey(b"\x08" * 32))), id="another key"),
        pytest.param(note(GOOD, signer=NoteSigner("b.example/node", KEY)), id="another name"),
        pytest.param(note(GOOD, origin="a.example/feed/y"), id="another feed"),
        pytest.param(note(GOOD)[:-10], id="cut short"),
        pytest.param(b"", id="none"),
        pytest.param(b"\xff" * 100, id="not text"),
    ],
)
def test_a_checkpoint_that_is_not_this_feeds_is_a_bad_signature(checkpoint: bytes) -> None:
    segment = message(GOOD).SerializeToString()
    with pytest.raises(Misbehaviour) as found:
        accept(START, segment, checkpoint)
    assert found.value.code == "bad-signature"


def test_entries_before_or_after_the_next_one_are_a_gap() -> None:
    accepted = accept(START, message(GOOD).SerializeToString(), note(GOOD))
    with pytest.raises(Misbehaviour) as found:
        accept(START.after(accepted), message(GOOD).SerializeToString(), note(GOOD))
    assert found.value.code == "gap"
    assert refused(GOOD, lambda segment: setattr(segment, "first", 1)) == "gap"


def test_entries_that_end_elsewhere_than_the_checkpoint_are_malformed() -> None:
    assert refused(GOOD, checkpoint=note(GOOD, size=5)) == "malformed"


def test_any_changed_field_is_a_wrong_root() -> None:
    def set_tag(segment: wire.Segment) -> None:
        segment.tags = bytes([segment.tags[0] ^ 1]) + segment.tags[1:]

    def set_salt(segment: wire.Segment) -> None:
        segment.salts = segment.salts[:-1] + bytes([segment.salts[-1] ^ 1])

    def set_details(segment: wire.Segment) -> None:
        segment.details[0] = BLOB + b" "

    def set_until(segment: wire.Segment) -> None:
        segment.valid_until.base += 1

    def set_type(segment: wire.Segment) -> None:
        segment.type.base += 1

    for change in (set_tag, set_salt, set_details, set_until, set_type):
        assert refused(GOOD, change) == "wrong-root"


def test_time_that_goes_back_is_refused_within_a_delivery_and_across() -> None:
    rows = GOOD.copy()
    rows["issued_at"][4] = T0
    assert refused(rows) == "time"
    rows["issued_at"] = 2**63
    assert refused(rows) == "time"
    with pytest.raises(Misbehaviour) as found:
        accept(replace(START, last_time=T0 + 1), message(GOOD).SerializeToString(), note(GOOD))
    assert found.value.code == "time"


@pytest.mark.parametrize(
    "kinds",
    [[Kind.ASSERT], [99], [Kind.OPEN, Kind.ASSERT, Kind.OPEN]],
    ids=["no open", "unknown kind first", "second open"],
)
def test_entry_0_and_only_it_opens_a_feed(kinds: list[int]) -> None:
    assert refused(make(kinds)) == "malformed"


def test_a_feed_that_begins_with_an_unknown_version_is_malformed() -> None:
    rows = make([Kind.OPEN])
    rows["version"] = 2
    assert refused(rows) == "malformed"


@pytest.mark.parametrize(("kind", "ref"), [(2, 1), (3, 5), (4, NO_REF), (1, 0)])
def test_a_ref_names_an_earlier_entry_and_an_assert_none(kind: int, ref: int) -> None:
    rows = make([Kind.OPEN, kind])
    rows["ref"][1] = np.uint64(ref)
    assert refused(rows) == "malformed"


def test_unknown_kinds_types_and_versions_are_kept_as_they_are() -> None:
    rows = make([Kind.OPEN, 5, 77, Kind.ASSERT, Kind.ASSERT])
    rows["type"][3], rows["version"][4], rows["ref"][4] = 0xFFFF, 9, 3
    accepted = accept(START, message(rows).SerializeToString(), note(rows))
    assert accepted.run.rows.tobytes() == rows.tobytes()


def test_fields_of_a_later_protocol_are_passed_over() -> None:
    data = message(GOOD).SerializeToString() + b"\xfa\xff\x0f\x03abc"  # a field of a number far beyond ours
    assert accept(START, data, note(GOOD)).size == len(GOOD)


def test_sizes_beyond_the_limits_are_refused_before_anything_is_read() -> None:
    with pytest.raises(Misbehaviour) as found:
        accept(START, b"\0" * (SEGMENT_BYTES + 1), note(GOOD))
    assert found.value.code == "oversize"
    many = note(GOOD, size=SEGMENT_ENTRIES + 1)
    assert refused(GOOD, lambda s: setattr(s, "count", SEGMENT_ENTRIES + 1), checkpoint=many) == "oversize"
    assert refused(GOOD, lambda s: s.details.append(b"x" * (DETAILS_BYTES + 1))) == "oversize"
    assert refused(GOOD, lambda s: s.details.extend([b"{}"] * len(GOOD))) == "oversize"


def test_columns_that_do_not_fit_are_malformed_and_named() -> None:
    def column(name: str, **values: int | bytes) -> Callable[[wire.Segment], object]:
        return lambda segment: getattr(segment, name).CopyFrom(wire.Column(**values))  # pyright: ignore[reportArgumentType]

    def absent(offset: int, leaves: bytes) -> Callable[[wire.Segment], object]:
        return lambda segment: segment.absent.append(wire.AbsentRun(offset=offset, leaves=leaves))

    def seeded(block: int) -> Callable[[wire.Segment], object]:
        def change(segment: wire.Segment) -> None:
            segment.seeded_blocks.append(block)
            segment.seeds = bytes(32)

        return change

    changes: list[Callable[[wire.Segment], object]] = [
        column("kind", width=3, deltas=b"\0" * 18),
        column("kind", width=1, deltas=b"\0" * 5),
        column("kind", base=256),
        column("type", base=2**16),
        column("epoch", base=2**32),
        column("ref", base=2**64 - 1, width=1, deltas=b"\1" * 6),
        column("details_number", base=1),
        lambda segment: setattr(segment, "tags", segment.tags[:-32]),
        lambda segment: setattr(segment, "salts", segment.salts + bytes(16)),
        absent(0, b""),
        absent(0, bytes(31)),
        absent(6, bytes(32)),
        absent(2**32 - 1, bytes(32)),
        seeded(0),
    ]
    for change in changes:
        assert refused(GOOD, change) == "malformed"
    segment = message(GOOD)
    segment.ref.deltas = b""
    segment.ref.width = 8
    with pytest.raises(Misbehaviour, match="column ref"):
        codec.decode(segment)


def test_entries_that_are_absent_are_taken_by_their_leaves() -> None:
    present = [0, 1, 3, 5]
    rows = GOOD[present]
    segment = codec.encode(0, rows, numbers(rows), [BLOB], {})
    segment.count = len(GOOD)
    for place in (2, 4):
        segment.absent.append(wire.AbsentRun(offset=place, leaves=leaf_hash(entry_bytes(GOOD, place))))
    accepted = accept(START, segment.SerializeToString(), note(GOOD))
    assert accepted.run.indices().tolist() == present
    assert accepted.size == len(GOOD)
    segment.absent[1].leaves = bytes(32)
    with pytest.raises(Misbehaviour) as found:
        accept(START, segment.SerializeToString(), note(GOOD))
    assert found.value.code == "wrong-root"
