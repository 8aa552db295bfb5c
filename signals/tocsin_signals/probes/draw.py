"""A stream of choices that a seed decides, the same in every version and language: SHA-256 in counter mode.

Each type of signal has a stream of its own, so that a type one side does not know moves nothing of the others.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Block n is SHA-256(seed, 0, label, 0, n as 4 bytes big-endian), read 4 bytes at a time."""

    def __init__(self, seed: bytes, label: str) -> None:
        self._start = seed + b"\0" + label.encode() + b"\0"
        self._block = b""
        self._count = 0

    def number(self, below: int) -> int:
        """A number from 0 to below - 1; the bias of at most below / 2**32 does not matter here."""
        if not self._block:
            self._block = hashlib.sha256(self._start + self._count.to_bytes(4)).digest()
            self._count += 1
        word, self._block = self._block[:4], self._block[4:]
        return int.from_bytes(word) % below

    def one_of(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.number(len(choices))]

    def once_in(self, times: int) -> bool:
        """True once in so many times."""
        return self.number(times) == 0

    def digits(self, count: int, alphabet: str = "0123456789") -> str:
        """So many characters of an alphabet."""
        return "".join(self.one_of(alphabet) for _ in range(count))
