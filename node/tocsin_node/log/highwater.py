"""The high-water marks: (size, root) of every own log, in a small file outside the database.

Written after each commit without sync: a mark may lag behind the database, it never leads it, unless the database was
replaced by an older copy. Then the node must not sign again what it signed before. The file is not part of a backup.

One fixed slot of 512 bytes per log: `origin size root-hex` and spaces, rewritten in place.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tocsin_node.errors import Unsound

_SLOT: Final = 512


class HighWater:
    """The marks of one home. One writer."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._slots: dict[str, int] = {}
        self._marks = self._read(path)

    @property
    def marks(self) -> Mapping[str, tuple[int, bytes]]:
        """Origin -> (size, root) as last written."""
        return self._marks

    def write(self, origin: str, size: int, root: bytes) -> None:
        """Set one mark."""
        line = f"{origin} {size} {root.hex()}".encode()
        if len(line) >= _SLOT:
            raise Unsound(f"the origin {origin} is too long for a high-water mark")
        slot = self._slots.setdefault(origin, len(self._slots))
        os.pwrite(self._descriptor, line.ljust(_SLOT - 1) + b"\n", slot * _SLOT)
        self._marks[origin] = (size, root)

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)

    def _read(self, path: Path) -> dict[str, tuple[int, bytes]]:
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        marks: dict[str, tuple[int, bytes]] = {}
        for number in range(len(data) // _SLOT):
            line = data[number * _SLOT : (number + 1) * _SLOT]
            if not line.strip(b"\0 \n"):
                continue  # a slot that never reached the disk: the mark lags, as it may
            try:
                origin, size, root = line.decode("ascii").split()
                marks[origin] = (int(size), bytes.fromhex(root))
            except ValueError as error:
                raise Unsound(f"{path}: slot {number} is not a high-water mark") from error
            self._slots[origin] = number
        return marks
