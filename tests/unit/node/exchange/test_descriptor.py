"""What a follower makes of a feed's descriptor, whatever its publisher wrote there."""

import json

import numpy as np
import pytest

from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.merkle import CompactRange
from tocsin_crypto.note import NoteSigner
from tocsin_node.exchange.checking import Descriptor, read_descriptor
from tocsin_node.publish.feeds import descriptor
from tocsin_node.segment import codec
from tocsin_node.segment.verify import Position, accept, run_leaves
from tocsin_signals.details import digest
from tocsin_signals.entry import NO_REF, Kind, details_column, empty_rows

NODE = NoteSigner("hotline.example/node", SigningKey(b"\x05" * 32))
ORIGIN = "hotline.example/feed/x"


def followed(said: dict[str, object]) -> Descriptor:
    """The descriptor of a feed whose first entry says this, after the whole way in."""
    blob, row = json.dumps(said).encode(), empty_rows(1)
    row["kind"], row["ref"] = Kind.OPEN, NO_REF
    details_column(row)[0] = np.frombuffer(digest(blob), np.uint8)
    segment = codec.encode(0, row, np.zeros(1, np.uint32), [blob], {}).SerializeToString()
    tree = CompactRange().extend_hashes(run_leaves(codec.decode(codec.parse(segment)))).range
    checkpoint = sign_checkpoint(ORIGIN, 1, tree.root(), NODE)
    accepted = accept(Position(ORIGIN, NODE.name, NODE.key.public.raw, 0, b"", 0), segment, checkpoint)
    return read_descriptor(accepted, publisher="hotline.example", origin=ORIGIN)


@pytest.mark.parametrize("relay", [True, False])
def test_a_feed_of_a_community_says_whether_it_may_be_served_on(relay: bool) -> None:
    said = descriptor("hotline.example", ORIGIN, "c.hotline.example", "all", relay=relay)
    assert followed(said) == Descriptor("c.hotline.example", "all", relay)


def test_a_clear_feed_may_not_be_served_on_whatever_it_says() -> None:
    said = descriptor("hotline.example", ORIGIN, "", "vetted", relay=False)
    assert (said["community"], said["types"]) == (None, [0x0C01])
    assert followed(said) == followed({**said, "relay": True}) == Descriptor(None, "vetted", relay=False)
