"""What the exit status of each command means: the one table, printed by `tocsin --help`."""

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """Exit statuses of every command except `audit verify` and `signal verify`, which have their own."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    GUARD = 3
    NOT_NOW = 4
    INTERRUPTED = 130


class VerifyExit(IntEnum):
    """Exit statuses of `audit verify`."""

    OK = 0
    FINDING = 1
    CANNOT = 2
    FORK = 3


TABLE: Final[tuple[tuple[Exit, str], ...]] = (
    (Exit.OK, "done"),
    (Exit.FINDINGS, "done, with findings or refused rows"),
    (Exit.USAGE, "usage error or bad input; nothing was done"),
    (Exit.GUARD, "publish: rows blocked by the never-share guard"),
    (Exit.NOT_NOW, "not possible now: self-check failed, feed frozen, node unreachable ..."),
    (Exit.INTERRUPTED, "interrupted by Ctrl-C"),
)

VERIFY_TABLE: Final[tuple[tuple[VerifyExit, str], ...]] = (
    (VerifyExit.OK, "every log checks"),
    (VerifyExit.FINDING, "a finding"),
    (VerifyExit.CANNOT, "cannot verify"),
    (VerifyExit.FORK, "two histories of one log"),
)


class ProofExit(IntEnum):
    """Exit statuses of `signal verify`."""

    OK = 0
    FALSE = 1
    CANNOT = 2


PROOF_TABLE: Final[tuple[tuple[ProofExit, str], ...]] = (
    (ProofExit.OK, "the proof holds"),
    (ProofExit.FALSE, "the proof is false, or not about the value"),
    (ProofExit.CANNOT, "cannot be checked: no proof, no key"),
)


def _lines(title: str, rows: tuple[tuple[IntEnum, str], ...]) -> str:
    return "\n".join([title, *(f"{int(code):>3}  {meaning}" for code, meaning in rows)])


EPILOG: Final = _lines("Exit status:", TABLE)

VERIFY_EPILOG: Final = _lines("Exit status:", VERIFY_TABLE)

PROOF_EPILOG: Final = _lines("Exit status:", PROOF_TABLE)
