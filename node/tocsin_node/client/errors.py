"""From a gRPC status back to the node's families of errors: the inverse of the node's own table.

A caller treats them differently: `Unreachable` - try later; `Denied` - the token; `Invalid`, `NotFound` - the request;
`Refused`, `Exhausted` - not in the present state; `Unsound`, `Failed` - somebody has to look at the node.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import grpc

from tocsin_node.errors import Denied, Exhausted, Invalid, NodeError, NotFound, Refused, Unreachable, Unsound

REQUEST_ID: Final = "tocsin-request"  # trailing metadata of a call that failed; the node's log has the same
_SENTENCE_CHARS: Final = 600  # shown of what came from elsewhere


class Failed(NodeError):
    """The node met something it does not handle; its log says why."""


_FAMILIES: Final[Mapping[grpc.StatusCode, type[NodeError]]] = MappingProxyType(
    {
        grpc.StatusCode.UNAVAILABLE: Unreachable,
        grpc.StatusCode.DEADLINE_EXCEEDED: Unreachable,
        grpc.StatusCode.CANCELLED: Unreachable,
        grpc.StatusCode.UNAUTHENTICATED: Denied,
        grpc.StatusCode.PERMISSION_DENIED: Denied,
        grpc.StatusCode.INVALID_ARGUMENT: Invalid,
        grpc.StatusCode.NOT_FOUND: NotFound,
        grpc.StatusCode.FAILED_PRECONDITION: Refused,
        grpc.StatusCode.RESOURCE_EXHAUSTED: Exhausted,
        grpc.StatusCode.DATA_LOSS: Unsound,
    }
)
_OWN_WORDS: Final[Mapping[grpc.StatusCode, str]] = MappingProxyType(
    {
        grpc.StatusCode.UNAVAILABLE: "the node does not answer; is it running?",
        grpc.StatusCode.DEADLINE_EXCEEDED: "the node did not answer in time; what was asked may have happened",
        grpc.StatusCode.CANCELLED: "the call was cancelled; what was asked may have happened",
        grpc.StatusCode.UNIMPLEMENTED: "the running node does not know this call; are the versions the same?",
        grpc.StatusCode.UNKNOWN: "the node failed to do this; its log says why",
    }
)
"""Said instead of what gRPC itself writes for these."""


def is_unavailable(error: BaseException) -> bool:
    """Whether the node could not be reached: the only reason to send something again."""
    return isinstance(error, grpc.RpcError) and _code(error) is grpc.StatusCode.UNAVAILABLE


def family(error: grpc.RpcError) -> NodeError:
    """The error of a call as one of the families, with the node's sentence where it sent one."""
    call: Any = error
    code = _code(call)
    sentence = _OWN_WORDS.get(code) or " ".join(str(call.details() or "").split())[:_SENTENCE_CHARS]
    found = _FAMILIES.get(code, Failed)(sentence or f"the node answered {code.name} without a reason")
    if request := _request_id(call.trailing_metadata()):
        found.add_note(f"request {request} in the node's log")
    return found


def _code(call: Any) -> grpc.StatusCode:
    code: grpc.StatusCode = call.code()
    return code


def _request_id(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    return next((str(value) for key, value in metadata or () if key == REQUEST_ID), "")
