"""The rejects file of a command: rows that were refused, as they were, with their reasons."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tocsin_signals.rowfile import RejectsWriter
    from tocsin_signals.rows import RowReject


class Rejects:
    """The rejects file, made when the first row is refused; readable by its owner only, for it holds identifiers."""

    def __init__(self, path: Path | None, make: "Callable[[TextIO], RejectsWriter]") -> None:
        self.path = path
        self.written = 0
        self._make = make
        self._stream: TextIO | None = None
        self._writer: RejectsWriter | None = None

    def write(self, rejects: "Iterable[RowReject]") -> None:
        """Write rows in the order of their lines."""
        for reject in sorted(rejects, key=lambda reject: reject.line):
            if self.path is None:
                return
            if self._writer is None:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                self._stream = open(descriptor, "w", encoding="utf-8", newline="")  # noqa: PTH123, SIM115 - see close
                self._writer = self._make(self._stream)
            self._writer.write(reject)
            self.written += 1

    def close(self) -> None:
        """Everything written is on its way to the disk."""
        if self._stream:
            self._stream.close()
