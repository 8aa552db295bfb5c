"""Details of a digest, wherever they are: in the store, or still waiting for the group's commit."""

from pathlib import Path

import numpy as np
import pytest

from tocsin_node.errors import Unsound
from tocsin_node.log.tx import Tx
from tocsin_node.testing.core import open_core
from tocsin_signals.details import digest
from tocsin_signals.entry import NO_REF, Kind, empty_rows

BLOB = b'{"salt":"00000000000000000000000000000000"}'


def test_details_are_found_before_and_after_the_commit_of_their_entry(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(lambda tx: tx.new_log("hotline.example/feed/x", "own", "hotline.example", name="x"))

        def append(tx: Tx) -> bytes:
            rows = empty_rows(1)
            rows["kind"], rows["ref"] = Kind.OPEN, NO_REF
            tx.append(log, rows, [BLOB], np.zeros(1, np.uint32))
            return tx.blob(digest(BLOB))

        assert core.writer.call(append) == BLOB
        assert core.writer.call(lambda tx: tx.blob(digest(BLOB))) == BLOB
        with pytest.raises(Unsound, match="missing"):
            core.writer.call(lambda tx: tx.blob(bytes(32)))
