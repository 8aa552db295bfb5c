"""From any failure to one sentence and an exit status: the only place that decides what a user sees of an error.

Rules: one sentence on stderr, never a stack trace, never a raw identifier (sentences of the node's, the crypto and the
signals errors are public by their own rule). What nobody foresaw is named by type and source line, without its text.
"""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin_node.cli.exits import Exit

if TYPE_CHECKING:
    import grpc

SENTENCE_CHARS: Final = 600
"""Longest sentence shown, in characters: what a node sends must not flood a terminal."""

_BY_STATUS: Final = {
    "INVALID_ARGUMENT": Exit.USAGE,
    "NOT_FOUND": Exit.USAGE,
    "OUT_OF_RANGE": Exit.USAGE,
    "CANCELLED": Exit.INTERRUPTED,
}
"""Every other status: not possible now."""

_OF_TRANSPORT: Final = {
    "UNAVAILABLE": "the node does not answer; is it shutting down? `tocsin status` tells",
    "DEADLINE_EXCEEDED": "the node took too long to answer",
    "UNKNOWN": "the node failed to do this; its log says why",
    "UNIMPLEMENTED": "the running node does not know this command; are the versions the same?",
}
"""Said instead of what gRPC itself writes for these; a node's own sentence is kept where it sends one."""

_TRANSPORT_MARKS: Final = ("failed to connect", "connection", "socket", "goaway", "stream removed", "unexpected <class")


class CliError(Exception):
    """A failure the command line itself found; its text is one sentence for the user."""

    def __init__(self, sentence: str, exit_status: Exit = Exit.NOT_NOW) -> None:
        super().__init__(sentence)
        self.exit_status = exit_status


class UsageError(CliError):
    """An argument or input file is wrong; nothing was done."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, Exit.USAGE)


def explain(error: BaseException) -> tuple[Exit, str]:
    """The exit status and the sentence for an error."""
    match error:
        case CliError():
            return error.exit_status, str(error)
        case KeyboardInterrupt():
            return Exit.INTERRUPTED, "interrupted"
        case UnicodeError():
            return Exit.USAGE, "an argument or input is not valid UTF-8"
        case OSError():
            return Exit.NOT_NOW, _of_system(error)
        case _:
            return _of_project(error)


def _of_system(error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"{error.filename}: {reason}" if error.filename else reason


def _of_project(error: BaseException) -> tuple[Exit, str]:
    # Imported here: a quick command that fails early should not pay for gRPC.
    import grpc

    from tocsin_crypto.errors import CryptoError
    from tocsin_node.errors import NodeError, answer
    from tocsin_signals.errors import SignalError

    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return _of_rpc(error)
    if isinstance(error, NodeError):
        status, sentence = answer(error)
        return _BY_STATUS.get(status.name, Exit.NOT_NOW), sentence
    if isinstance(error, SignalError | CryptoError):
        return Exit.USAGE, str(error)
    return Exit.NOT_NOW, _defect(error)


def _of_rpc(call: "grpc.Call") -> tuple[Exit, str]:
    status = call.code().name
    details = " ".join((call.details() or "").split())
    if not details or (status in _OF_TRANSPORT and any(mark in details.lower() for mark in _TRANSPORT_MARKS)):
        details = _OF_TRANSPORT.get(status, f"the node answered {status} without a reason")
    if status == "UNIMPLEMENTED":
        details = _OF_TRANSPORT[status]
    return _BY_STATUS.get(status, Exit.NOT_NOW), details[:SENTENCE_CHARS]


def _defect(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"tocsin met something it does not handle ({type(error).__name__}{where}); please report this"
