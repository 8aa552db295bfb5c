"""Errors of this package: one root, and one kind for text that came from outside and cannot be used.

Rule: no error carries the value it is about. A reason is a stable word that programs, counters and test vectors use;
the sentence is for people and may be reworded.
"""


class SignalError(ValueError):
    """Root of every error this package raises on purpose."""


class Rejected(SignalError):
    """A value, row, file or details object that cannot be used; says why, never what."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)  # both arguments, so that it survives the trip from a worker process
        self.reason = reason
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence
