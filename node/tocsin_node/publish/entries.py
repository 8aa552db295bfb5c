"""Entries of one operation in the making: lists that become columns."""

from dataclasses import dataclass, field

import numpy as np

from tocsin_node.publish.records import OwnRecord
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, tag_column


@dataclass(slots=True)
class Entries:
    """Kinds, what they are about, refs, and the place of each one's details among the operation's blobs."""

    kinds: list[int] = field(default_factory=list[int])
    records: list[OwnRecord] = field(default_factory=list[OwnRecord])
    refs: list[int] = field(default_factory=list[int])
    blobs: list[int] = field(default_factory=list[int])

    def add(self, kind: Kind, record: OwnRecord, ref: int | None, blob: int) -> None:
        """One more entry; `ref` None for an assert."""
        self.kinds.append(kind)
        self.records.append(record)
        self.refs.append(NO_REF if ref is None else ref)
        self.blobs.append(blob)

    def rows(self) -> Rows:
        """The rows; time, salt and details digest are filled in by the log engine."""
        rows = empty_rows(len(self.kinds))
        rows["kind"], rows["ref"] = self.kinds, np.asarray(self.refs, np.uint64)
        rows["type"] = [record.type for record in self.records]
        rows["epoch"] = [record.epoch for record in self.records]
        rows["valid_until"] = [record.valid_until for record in self.records]
        tags = np.frombuffer(b"".join(record.tag for record in self.records), np.uint8)
        tag_column(rows)[:] = tags.reshape(-1, 32)
        return rows
