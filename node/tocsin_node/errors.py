"""What can go wrong, in families a caller treats differently, and the one table of answers.

A sentence of a NodeError is public: it names what and where, and never carries a raw identifier. Its cause goes to the
log only. Handlers raise; the listeners turn an error into (gRPC status, sentence) by `answer`.
"""

from typing import Final

import grpc


class NodeError(Exception):
    """Root of the node's errors; its text is one public sentence."""


class Misbehaviour(NodeError):
    """A peer sent something false or malformed; the evidence is kept and its feed stops."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Unreachable(NodeError):
    """A peer or the local node could not be reached; trying again may help."""


class Unsound(NodeError):
    """Our own store or files are not what we left there; nothing is written until somebody looked."""


class Misconfigured(NodeError):
    """The configuration, a policy or an argument of the operator is wrong."""


class Refused(NodeError):
    """The caller asked for something impossible or forbidden in the present state."""


class Invalid(Refused):
    """The request itself is malformed, whatever the state."""


class NotFound(Refused):
    """Unknown, or not for this caller: both look the same."""


class Denied(Refused):
    """The caller may not do this."""


class Frozen(Refused):
    """The log may not grow until an operator has resolved why."""


class Exhausted(Refused):
    """A named limit is reached."""


_STATUS: Final[tuple[tuple[type[NodeError], grpc.StatusCode], ...]] = (
    (Invalid, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Denied, grpc.StatusCode.PERMISSION_DENIED),
    (Exhausted, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (Misconfigured, grpc.StatusCode.INVALID_ARGUMENT),
    (Misbehaviour, grpc.StatusCode.INVALID_ARGUMENT),
    (Unreachable, grpc.StatusCode.UNAVAILABLE),
    (Unsound, grpc.StatusCode.DATA_LOSS),
)


def answer(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The status and the public sentence for any error; what is not ours says nothing of its cause."""
    for family, status in _STATUS:
        if isinstance(error, family):
            return status, str(error)
    return grpc.StatusCode.INTERNAL, "the node failed to do this; its log says why"
