"""Who may call what on the local listener.

Rules, in order:

1. ACCESS is the one table from method to role, or to several of which one is enough. A method that is not in it is
   refused, whoever asks.
2. A bearer token is required on the unix socket too: `authorization: Bearer TOKEN`. Its name is the audit log's actor.
3. Health asks for no token, because those who watch a service hold none and it says only whether the node serves.
   Reflection asks for any token: it describes the contract, which is public, but to nobody who has no business here.
4. A refused call is answered with one sentence and counted; the counts of a minute become one `auth.failed` entry per
   caller and reason, so that nobody can fill the log by guessing.

It does not look at requests: what a role may do with them is the services' affair.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import grpc
import grpc.aio

from tocsin_node.log.envelope import Actor, ActorKind
from tocsin_node.meter import OTHER, Meter
from tocsin_node.tally import Kind, Tally
from tocsin_node.tokens import Role, Token

NODE: Final = "/tocsin.v1.Node/"
AUDIT: Final = "/tocsin.v1.Audit/"


class Open(Enum):
    """What asks for no particular role."""

    ANY_TOKEN = auto()
    NO_TOKEN = auto()


ACCESS: Final[Mapping[str, Role | tuple[Role, ...] | Open]] = MappingProxyType(
    {
        NODE + "Match": Role.MATCH,
        NODE + "Check": Role.MATCH,
        NODE + "Publish": Role.PUBLISH,
        NODE + "Withdraw": Role.PUBLISH,
        NODE + "ReviseSignals": Role.PUBLISH,
        NODE + "ShowSignal": Role.PUBLISH,
        NODE + "AskGuard": Role.PUBLISH,
        NODE + "WithdrawGuardRequest": Role.PUBLISH,
        NODE + "ShowGuard": (Role.OPERATE, Role.APPROVE, Role.PUBLISH, Role.AUDIT),
        NODE + "ListGuardRequests": (Role.OPERATE, Role.APPROVE, Role.PUBLISH),
        NODE + "DecideGuardRequest": (Role.OPERATE, Role.APPROVE),
        NODE + "Status": Role.OPERATE,
        NODE + "Reload": Role.OPERATE,
        NODE + "Backup": Role.OPERATE,
        NODE + "GetCard": Role.OPERATE,
        NODE + "RenewCard": Role.OPERATE,
        NODE + "AddPeer": Role.OPERATE,
        NODE + "ListPeers": Role.OPERATE,
        NODE + "SetPeerState": Role.OPERATE,
        NODE + "CheckPeer": Role.OPERATE,
        NODE + "CreateCommunity": Role.OPERATE,
        NODE + "InviteToCommunity": Role.OPERATE,
        NODE + "JoinCommunity": Role.OPERATE,
        NODE + "RotateCommunity": Role.OPERATE,
        NODE + "CreateFeed": Role.OPERATE,
        NODE + "ListOwnFeeds": Role.OPERATE,
        NODE + "FeedRecipients": Role.OPERATE,
        NODE + "RecoverFeed": Role.OPERATE,
        NODE + "RelayFeed": Role.OPERATE,
        NODE + "TrustRelay": Role.OPERATE,
        NODE + "CheckPolicies": Role.OPERATE,
        NODE + "ApplyPolicies": Role.OPERATE,
        NODE + "ShowPolicies": Role.OPERATE,
        NODE + "ExplainPolicy": (Role.OPERATE, Role.AUDIT),
        NODE + "ListEvidence": (Role.OPERATE, Role.AUDIT),
        NODE + "ExportEvidence": (Role.OPERATE, Role.AUDIT),
        NODE + "ExportSignals": Role.OPERATE,  # every identifier at once; a publisher's token shows one at a time
        NODE + "AddToken": Role.OPERATE,
        NODE + "ListTokens": Role.OPERATE,
        NODE + "RevokeToken": Role.OPERATE,
        AUDIT + "Verify": Role.AUDIT,
        AUDIT + "ReadAudit": Role.AUDIT,
        AUDIT + "ProveSignal": Role.AUDIT,  # bytes of the logs for an outsider; a look-up's token need not export them
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Open.ANY_TOKEN,
        "/grpc.health.v1.Health/Check": Open.NO_TOKEN,
        "/grpc.health.v1.Health/Watch": Open.NO_TOKEN,
    }
)

_KINDS: Final[Mapping[Role, ActorKind]] = MappingProxyType(
    {
        Role.MATCH: "client",
        Role.PUBLISH: "client",
        Role.APPROVE: "operator",
        Role.OPERATE: "operator",
        Role.AUDIT: "auditor",
    }
)
NOBODY: Final = Actor("client", "(no token)")
"""The audit log's actor where no valid token was shown; not a name that a token can have."""


class Verifies(Protocol):
    """What knows the tokens; answers from memory, in constant time for each token."""

    def verify(self, text: str) -> Token | None:
        """The live token this text is, or None."""
        ...


class Admits(Protocol):
    """What an interceptor is given of a call before it runs."""

    @property
    def method(self) -> str:
        """The full name, such as /tocsin.v1.Node/Match."""
        ...

    @property
    def invocation_metadata(self) -> Any:
        """Pairs of key and value."""
        ...


if TYPE_CHECKING:
    _Handler = grpc.RpcMethodHandler[Any, Any]
else:
    _Handler = grpc.RpcMethodHandler  # generic only for type checkers


class Unbound(_Handler):
    """A handler that does nothing but refuse until `Guard` binds the actor of a call to it."""

    def __init__(self, bind: Callable[[Actor], "grpc.RpcMethodHandler[Any, Any]"]) -> None:
        self.bind = bind
        self.request_streaming = self.response_streaming = True
        self.request_deserializer = self.response_serializer = None
        self.unary_unary = self.unary_stream = self.stream_unary = None
        self.stream_stream = _refuse(grpc.StatusCode.PERMISSION_DENIED, "this call was not authorised")


class _Denial(Exception):
    def __init__(self, status: grpc.StatusCode, why: str, sentence: str, actor: Actor = NOBODY) -> None:
        super().__init__(sentence)
        self.status = status
        self.why = why
        self.sentence = sentence
        self.actor = actor


class Guard(grpc.aio.ServerInterceptor):
    """Lets a call through with its actor, or answers it with the reason why not."""

    def __init__(self, *, tokens: Verifies, tally: Tally, meter: Meter | None = None) -> None:
        self._tokens = tokens
        self._tally = tally
        self._meter = meter or Meter()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """See the rules above."""
        details: Admits = handler_call_details
        try:
            actor = self.admit(details.method, details.invocation_metadata)
        except _Denial as denial:
            known = details.method.rpartition("/")[2] if details.method in ACCESS else ""
            self._meter.local_call(known or OTHER, denial.status.name, 0.0)
            about = (("method", known),) if known else ()
            kind = Kind("auth.failed", denial.actor, "denied", denial.why, about)
            self._tally.add(kind, {"calls": 1})
            return refusal(denial.status, denial.sentence)
        handler = await continuation(handler_call_details)
        return handler.bind(actor) if isinstance(handler, Unbound) else handler

    def admit(self, method: str, metadata: Any) -> Actor:
        """The actor of a call that may be made."""
        needed = ACCESS.get(method)
        if needed is Open.NO_TOKEN:
            return NOBODY
        token = self._token(metadata)
        short = method.rpartition("/")[2]
        if needed is None:
            sentence = "this listener has no such call"
            raise _Denial(grpc.StatusCode.PERMISSION_DENIED, "unknown_method", sentence, Actor("client", token.name))
        if needed is Open.ANY_TOKEN:
            return Actor("client", token.name)
        roles = needed if isinstance(needed, tuple) else (needed,)
        role = next((role for role in roles if role in token.roles), None)
        if role is None:
            wanted = " or ".join(roles)
            sentence = f"{short} needs the role {wanted}, which the token {token.name} does not have"
            raise _Denial(grpc.StatusCode.PERMISSION_DENIED, "role", sentence, Actor(_KINDS[roles[0]], token.name))
        return Actor(_KINDS[role], token.name)

    def _token(self, metadata: Any) -> Token:
        given = [str(value) for key, value in metadata or () if key == "authorization"]
        if len(given) != 1 or not given[0].startswith("Bearer "):
            sentence = "this call needs a token: send it once, as authorization: Bearer TOKEN"
            raise _Denial(grpc.StatusCode.UNAUTHENTICATED, "no_token", sentence)
        token = self._tokens.verify(given[0].removeprefix("Bearer "))
        if token is None:
            raise _Denial(grpc.StatusCode.UNAUTHENTICATED, "unknown_token", "the token is unknown or was revoked")
        return token


def refusal(status: grpc.StatusCode, sentence: str) -> "grpc.RpcMethodHandler[Any, Any]":
    """A handler that ends any call at once, whatever its shape: it waits for no request."""
    return grpc.stream_stream_rpc_method_handler(_refuse(status, sentence))


def _refuse(status: grpc.StatusCode, sentence: str) -> Any:
    async def refuse(_requests: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        await context.abort(status, sentence)

    return refuse
