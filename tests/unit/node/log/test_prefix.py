"""The root of any earlier size, from tiles and entries, is the one the tree had then."""

import os
from pathlib import Path

import numpy as np
import pytest

from tocsin_crypto.merkle import CompactRange
from tocsin_node.errors import Unsound
from tocsin_node.log.prefix import noted_root, root_of
from tocsin_node.log.runs import stored_runs
from tocsin_node.segment.verify import run_leaves
from tocsin_node.testing.core import open_core
from tocsin_signals.entry import NO_REF, Kind, empty_rows, tag_column

SIZES = (0, 1, 2, 255, 256, 257, 511, 512, 700, 1000)


def test_every_prefix_has_the_root_it_had(tmp_path: Path) -> None:
    with open_core(tmp_path) as core:
        log = core.writer.call(lambda tx: tx.new_log("hotline.example/feed/x", "own", "hotline.example", name="x"))
        for count in (1, 254, 3, 442, 300):
            rows = empty_rows(count)
            rows["kind"], rows["ref"] = Kind.ASSERT, NO_REF
            tag_column(rows)[:] = np.frombuffer(os.urandom(32 * count), np.uint8).reshape(-1, 32)
            core.writer.call(lambda tx, rows=rows: tx.append(log, rows, [b"{}"], np.zeros(len(rows), np.uint32)))
        with core.store.read() as session:
            leaves = b"".join(run_leaves(run) for run, _ in stored_runs(session, log))
            for size in SIZES:
                assert root_of(session, log, size) == CompactRange().extend(leaves[: 32 * size]).root()
            assert noted_root(session, log, 255) == root_of(session, log, 255)
            assert noted_root(session, log, 256) is None
            for beyond in (1001, 1100):
                with pytest.raises(Unsound):
                    root_of(session, log, beyond)
