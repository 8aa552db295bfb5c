"""Own signals as rows: CSV and JSON Lines, with the names that `rows` reads.

`signal` and `issued_at` are for people and ignored when read; a row whose `state` is not live is refused when read, so
that nothing withdrawn is published again by mistake. JSON Lines holds all of a signal's details. A column has no room
for keys of a publisher's own and for texts that look like two in a list: such details are left out and counted.
"""

import csv
import json
from collections.abc import Sequence
from typing import Final, TextIO, cast

from tocsin_signals.details import KNOWN_KEYS
from tocsin_signals.exports.signal import Signal, written

_FIRST: Final = ("value", "type", "state", "signal", "issued_at", "expires")
_DETAILS: Final = (*sorted(KNOWN_KEYS - {"tags"}), "tags")


class JsonLinesExport:
    """Writes one JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.left_out: Final = 0

    def write(self, signal: Signal) -> None:
        """Write one signal."""
        self._stream.write(json.dumps({**_first(signal), **signal.details}, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Nothing is written after the last line."""


class CsvExport:
    """Writes rows under one header, with commas; lists are joined by `|`. `left_out` counts details without room."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow([*_FIRST, *_DETAILS])
        self.left_out = 0

    def write(self, signal: Signal) -> None:
        """Write one signal."""
        first = _first(signal)
        cells = [self._cell(signal.details.get(name)) for name in _DETAILS]
        self.left_out += sum(name not in KNOWN_KEYS for name in signal.details)
        self._writer.writerow([*(first.get(name, "") for name in _FIRST), *cells])

    def close(self) -> None:
        """Nothing is written after the last row."""

    def _cell(self, item: object) -> str:
        if isinstance(item, list | tuple):
            words = [str(word) for word in cast("Sequence[object]", item)]
            kept = [word for word in words if not _looks_like_two(word)]
            self.left_out += len(words) - len(kept)
            return "|".join(kept)
        return str(item).lower() if isinstance(item, bool) else "" if item is None else str(item)


def _first(signal: Signal) -> dict[str, object]:
    known = {"issued_at": written(signal.issued_at)} if signal.issued_at else {}
    return {
        "value": signal.value,
        "type": signal.type,
        "state": signal.state,
        "signal": signal.signal,
        **known,
        "expires": written(signal.valid_until),
    }


def _looks_like_two(word: str) -> bool:
    return word != word.strip() or "|" in word or ";" in word
