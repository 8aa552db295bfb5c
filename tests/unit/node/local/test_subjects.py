"""The own user a look-up is about: carried, bounded, and in no repr of the library."""

import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin_node.client import Query
from tocsin_node.client.chunks import query_batches
from tocsin_node.errors import Invalid
from tocsin_node.limits import SUBJECT_BYTES
from tocsin_node.local import wire


def test_a_subject_travels_with_its_query() -> None:
    (batch,) = query_batches([Query("url", "https://bad.example/", subject="user-17"), Query("url", "x")])
    assert [one.subject for one in wire.queries(batch.sent)] == ["user-17", ""]


def test_a_subject_of_any_length_is_not_taken() -> None:
    assert wire.queries([pb.Query(type="url", value="x", subject="u" * SUBJECT_BYTES)])
    with pytest.raises(Invalid, match="subject"):
        wire.queries([pb.Query(type="url", value="x", subject="u" * (SUBJECT_BYTES + 1))])


def test_a_subject_is_not_shown() -> None:
    assert "user-17" not in repr(Query("url", "x", subject="user-17"))
