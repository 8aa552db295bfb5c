"""The library of the organisation's own applications: look up, publish, revise, withdraw, ask, over the local listener.

    with Client(Connection.at_home("/srv/tocsin", token="/etc/moderation/token")) as node:
        [verdict] = node.match([Query("url", "https://example.com/page")], purpose="detect")

Rules, in order:

1. Every call has a deadline, which covers its repeats. Only what may be repeated is: look-ups, questions, and
   publishing, which doubles nothing; and only when the node could not be reached.
2. Inputs of any length are cut into requests within the node's limits.
3. Answers are frozen values. Errors are the node's own families: `NodeError` and below, each a public sentence.
4. A token and an identifier stand in no `repr`, no error and no log.

`Client` blocks, `AsyncClient` awaits; both are thin over `calls`. Nothing here imports the node that runs. Examples:
docs/client.md.
"""

from tocsin_node.client.aio import AsyncClient
from tocsin_node.client.connection import Connection, Token
from tocsin_node.client.errors import Failed
from tocsin_node.client.sync import Client
from tocsin_node.client.values import (
    AskedRow,
    Delivered,
    FeedStatus,
    GuardRequest,
    MatchedAssertion,
    Progress,
    PublishResult,
    Query,
    Revised,
    Row,
    RowRefusal,
    RowWarning,
    Signal,
    SignalEvent,
    Status,
    Verdict,
    Withdrawn,
)
from tocsin_node.errors import (
    Denied,
    Exhausted,
    Invalid,
    Misconfigured,
    NodeError,
    NotFound,
    Refused,
    Unreachable,
    Unsound,
)
from tocsin_node.policy.effect import Effect

__all__ = [
    "AskedRow",
    "AsyncClient",
    "Client",
    "Connection",
    "Delivered",
    "Denied",
    "Effect",
    "Exhausted",
    "Failed",
    "FeedStatus",
    "GuardRequest",
    "Invalid",
    "MatchedAssertion",
    "Misconfigured",
    "NodeError",
    "NotFound",
    "Progress",
    "PublishResult",
    "Query",
    "Refused",
    "Revised",
    "Row",
    "RowRefusal",
    "RowWarning",
    "Signal",
    "SignalEvent",
    "Status",
    "Token",
    "Unreachable",
    "Unsound",
    "Verdict",
    "Withdrawn",
]
