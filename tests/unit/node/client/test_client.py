"""The client against a node that answers as told: what is repeated, what is not, and what an application hears."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from tocsin.v1 import node_pb2 as pb
from tocsin.v1.node_pb2_grpc import NodeServicer, add_NodeServicer_to_server
from tocsin_node.client import (
    AsyncClient,
    Client,
    Connection,
    Denied,
    Effect,
    Exhausted,
    Failed,
    Invalid,
    Misconfigured,
    NodeError,
    NotFound,
    Query,
    Refused,
    Row,
    Token,
    Unreachable,
    Unsound,
)
from tocsin_node.limits import IDENTIFIER_BYTES

SECRET = "tcs_secret-of-the-application"
DOWN = (grpc.StatusCode.UNAVAILABLE, "overloaded")
Answer = Callable[[Any], Any]


class Node(NodeServicer):
    """Fails as often as told, then answers; keeps what it was asked."""

    def __init__(self) -> None:
        self.failures: list[tuple[grpc.StatusCode, str]] = []
        self.asked: list[Any] = []
        self.tokens: set[str] = set()
        self.holds = threading.Event()  # calls wait until it is set
        self.holds.set()

    def _meet(self, request: Any, context: grpc.ServicerContext) -> None:
        self.asked.append(request)
        self.holds.wait(30)
        self.tokens.add(str(dict(context.invocation_metadata())["authorization"]))
        if self.failures:
            status, sentence = self.failures.pop(0)
            context.set_trailing_metadata((("tocsin-request", "ab12"),))
            context.abort(status, sentence)

    def Match(self, request: pb.MatchRequest, context: Any) -> pb.MatchResponse:  # noqa: N802 -- the contract\'s name
        self._meet(request, context)
        verdicts = [
            pb.Verdict(query=at, effect=pb.EFFECT_REVIEW, reasons=[query.value[:9]])
            for at, query in enumerate(request.queries)
        ]
        return pb.MatchResponse(verdicts=verdicts)

    def Check(self, request: pb.CheckRequest, context: Any) -> pb.MatchResponse:  # noqa: N802 -- the contract\'s name
        self._meet(request, context)
        return pb.MatchResponse(verdicts=[pb.Verdict(query=1, effect=pb.EFFECT_ENFORCE)])

    def Publish(self, request_iterator: Iterator[pb.PublishRequest], context: Any) -> Iterator[pb.PublishResponse]:  # noqa: N802 -- the contract\'s name
        requests = list(request_iterator)
        self._meet(requests, context)
        rows = requests[1].chunk.rows
        refused = [pb.RowRefusal(line=row.line, reason="no", sentence="No.") for row in rows if row.value == "no"]
        signals = [row.line * 10 for row in rows if row.value != "no"]
        yield pb.PublishResponse(size=7, published=len(signals), refused=refused, signals=signals)

    def Withdraw(self, request: pb.WithdrawRequest, context: Any) -> pb.WithdrawResponse:  # noqa: N802 -- the contract\'s name
        self._meet(request, context)
        return pb.WithdrawResponse(size=9, withdrawn=request.signals, not_found=len(request.identifiers))

    def ReviseSignals(self, request: pb.ReviseSignalsRequest, context: Any) -> pb.ReviseSignalsResponse:  # noqa: N802 -- the contract's name
        self._meet(request, context)
        unchanged = [one for one in request.signals if one == 0]
        return pb.ReviseSignalsResponse(size=9, revised=[one for one in request.signals if one], unchanged=unchanged)

    def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:  # noqa: N802 -- the contract\'s name
        self._meet(request, context)
        own = [pb.FeedStatus(origin="o", delivered=[pb.Delivered(peer="p", size=3)])]
        return pb.StatusResponse(organisation="hotline.example", own=own)


@pytest.fixture
def home() -> Generator[Path]:
    root = Path(tempfile.mkdtemp(prefix="t-"))
    (root / "run").mkdir()
    (root / "tocsin.toml").touch()
    (root / "run" / "address").write_text(f"unix:{root}/run/s\n")
    yield root
    shutil.rmtree(root)


@pytest.fixture
def node(home: Path) -> Generator[Node]:
    served: Node = cast("Any", Node)()  # its other calls answer UNIMPLEMENTED
    server = grpc.server(futures.ThreadPoolExecutor(4))
    add_NodeServicer_to_server(served, server)
    server.add_insecure_port(f"unix:{home}/run/s")
    server.start()
    yield served
    server.stop(None).wait(5)


@pytest.fixture
def client(home: Path, node: Node) -> Generator[Client]:
    with Client(Connection.at_home(home, Token(SECRET)), deadline_s=10) as found:
        yield found


def test_verdicts_come_in_the_order_of_the_queries_however_many_there_are(client: Client, node: Node) -> None:
    verdicts = client.match(Query("url", f"{number:09}") for number in range(2500))
    assert [verdict.reasons[0] for verdict in verdicts] == [f"{number:09}" for number in range(2500)]
    assert {verdict.effect for verdict in verdicts} == {Effect.REVIEW}
    assert [len(request.queries) for request in node.asked] == [1024, 1024, 452]
    assert node.tokens == {f"Bearer {SECRET}"}


def test_long_inputs_are_read_no_further_than_they_are_answered(client: Client) -> None:
    read: list[int] = []

    def endless() -> Iterator[Query]:
        while True:
            read.append(1)
            yield Query("url", "x")

    verdicts = client.match_each(endless())
    for _ in range(1025):
        next(verdicts)
    assert len(read) == 2048


def test_values_that_cannot_be_sent_are_answered_in_their_place(client: Client, node: Node) -> None:
    bad = Query("url", "\ud800")
    found = client.match([bad, Query("url", "good"), Query("url", "é" * IDENTIFIER_BYTES), bad])
    assert [verdict.reject for verdict in found] == ["not-utf8", "", "", "not-utf8"]
    assert len(node.asked[0].queries[1].value.encode()) in {IDENTIFIER_BYTES, IDENTIFIER_BYTES + 1}
    assert [verdict.reject for verdict in client.match([bad])] == ["not-utf8"]
    assert len(node.asked) == 1


def test_large_values_are_spread_over_requests_that_the_node_takes(client: Client, node: Node) -> None:
    client.match([Query("url", "x" * IDENTIFIER_BYTES)] * 1000)
    assert len(node.asked) > 1
    assert max(request.ByteSize() for request in node.asked) < 8 * 1024 * 1024


def test_tags_are_answered_by_tag(client: Client) -> None:
    one, other = b"1" * 32, b"2" * 32
    assert {tag: str(found.effect) for tag, found in client.check([one, other], type_name="url", epoch=1).items()} == {
        other: "enforce"
    }
    with pytest.raises(Invalid, match="32 bytes"):
        client.check([b"short"], type_name="url", epoch=1)


def test_rows_are_published_in_commits_and_every_row_is_accounted_for(client: Client, node: Node) -> None:
    rows = [Row("url", "no" if number % 1000 == 5 else "yes", {"stance": "harmful"}) for number in range(4100)]
    rows[7] = Row("url", "\udfff", {})
    rows[8] = Row("url", "yes", {"x": object()})
    seen: list[int] = []
    result = client.publish("urls", rows, progress=lambda done: seen.append(done.rows))
    assert seen == [2048, 4096, 4100]
    refused = {one.row: one.reason for one in result.refused}
    assert refused == {5: "no", 7: "not-utf8", 8: "details", 1005: "no", 2005: "no", 3005: "no", 4005: "no"}
    assert list(result.signals) == [None if row in refused else row * 10 for row in range(4100)]
    assert (result.size, result.published) == (7, 4100 - len(refused))
    assert all(len(requests[1].chunk.fields) == 1 for requests in node.asked)


def test_nothing_to_publish_asks_nothing(client: Client, node: Node) -> None:
    assert client.publish("urls", []).signals == ()
    assert client.publish("urls", [Row("url", "\ud800", {})]).signals == (None,)
    assert node.asked == []


def test_what_may_be_repeated_is_while_the_node_is_away(client: Client, node: Node) -> None:
    node.failures = [DOWN, DOWN]
    assert client.match([Query("url", "x")])[0].effect is Effect.REVIEW
    node.failures = [DOWN]
    assert client.publish("urls", [Row("url", "yes", {})]).published == 1
    node.failures = [DOWN]
    assert client.status().own[0].delivered[0].size == 3
    assert len(node.asked) == 3 + 2 + 2


def test_a_withdrawal_is_never_repeated_by_itself(client: Client, node: Node) -> None:
    node.failures = [DOWN]
    with pytest.raises(Unreachable):
        client.withdraw("urls", signals=[1], reason="false_positive")
    assert len(node.asked) == 1
    done = client.withdraw("urls", signals=[1, 2], identifiers=[Query("url", "x")], reason="false_positive")
    assert (done.withdrawn, done.not_found) == ((1, 2), 1)


def test_a_revision_is_cut_into_requests_repeated_while_the_node_is_away_and_put_together(
    client: Client, node: Node
) -> None:
    node.failures = [DOWN]
    done = client.revise("urls", signals=range(5000), identifiers=[Query("url", "x")], changes={"severity": None})
    assert (done.revised, done.unchanged, done.size) == (tuple(range(1, 5000)), (0,), 9)
    assert [json.loads(one.changes) for one in node.asked] == [{"severity": None}] * 3
    assert [len(one.signals) + len(one.identifiers) for one in node.asked] == [4096, 4096, 905]


@pytest.mark.parametrize(
    "asked",
    [
        {"changes": {"severity": "low"}},
        {"signals": [1]},
        {"signals": [1], "changes": {"severity": object()}},
        {"signals": [1], "valid_until": -1},
        {"signals": [-1], "valid_until": 1},
    ],
)
def test_a_revision_that_names_or_changes_nothing_that_can_be_is_not_sent(
    client: Client, node: Node, asked: Any
) -> None:
    with pytest.raises(Invalid):
        client.revise("urls", **asked)
    assert node.asked == []


@pytest.mark.parametrize(
    "named", [{}, {"signals": [-1]}, {"signals": [2**63]}, {"identifiers": [Query("url", "\ud800")]}]
)
def test_a_withdrawal_that_names_nothing_that_can_be_is_not_sent(client: Client, node: Node, named: Any) -> None:
    with pytest.raises(Invalid):
        client.withdraw("urls", reason="false_positive", **named)
    assert node.asked == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, Denied),
        (grpc.StatusCode.PERMISSION_DENIED, Denied),
        (grpc.StatusCode.INVALID_ARGUMENT, Invalid),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.FAILED_PRECONDITION, Refused),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Exhausted),
        (grpc.StatusCode.DATA_LOSS, Unsound),
        (grpc.StatusCode.INTERNAL, Failed),
    ],
)
def test_every_refusal_is_a_family_with_the_nodes_sentence_and_is_not_repeated(
    client: Client, node: Node, status: grpc.StatusCode, expected: type[NodeError]
) -> None:
    node.failures = [(status, "the feed is frozen"), DOWN]
    with pytest.raises(NodeError, match="the feed is frozen") as caught:
        client.match([Query("url", "https://secret.example/")])
    assert type(caught.value) is expected
    assert "request ab12" in caught.value.__notes__[0]
    assert caught.value.__cause__ is None
    assert len(node.asked) == 1


def test_the_deadline_covers_every_repeat(home: Path) -> None:
    with Client(Connection.at_home(home, Token(SECRET)), deadline_s=0.6) as client:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="does not answer"):
            client.match([Query("url", "x")])
    assert time.monotonic() - started < 10  # repeats ended, although the node never came


def test_a_call_that_takes_too_long_ends_and_says_that_it_may_have_happened(home: Path, node: Node) -> None:
    node.holds.clear()
    with (
        Client(Connection.at_home(home, Token(SECRET)), deadline_s=0.2) as client,
        pytest.raises(Unreachable, match="may have happened"),
    ):
        client.withdraw("urls", signals=range(3), reason="false_positive")
    node.holds.set()


def test_the_asynchronous_client_says_the_same(home: Path, node: Node) -> None:
    async def ask() -> None:
        async with AsyncClient(Connection.at_home(home, Token(SECRET)), deadline_s=10) as client:
            node.failures = [DOWN]
            verdicts = await client.match(Query("url", f"{number:09}") for number in range(1100))
            assert [verdict.reasons[0] for verdict in verdicts] == [f"{number:09}" for number in range(1100)]
            done = await client.revise("urls", signals=[0, 4], valid_until=5)
            assert (done.revised, done.unchanged, node.asked[-1].valid_until) == ((4,), (0,), 5)
            node.failures = [DOWN]
            seen: list[int] = []
            rows = [Row("url", "yes", {}), Row("url", "no", {})]
            result = await client.publish("urls", rows, progress=lambda done: seen.append(done.refused))
            assert (result.signals, seen) == ((0, None), [1])
            assert (await client.check([b"1" * 32, b"2" * 32], type_name="url", epoch=1)).keys() == {b"2" * 32}
            assert (await client.status()).organisation == "hotline.example"
            node.failures = [DOWN]
            with pytest.raises(Unreachable):
                await client.withdraw("urls", signals=[1], reason="false_positive")
            node.failures = [(grpc.StatusCode.NOT_FOUND, "no such feed")]
            with pytest.raises(NotFound, match="no such feed"):
                await client.publish("urls", rows)

    asyncio.run(ask())


def test_a_token_is_shown_nowhere(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    connection = Connection.tcp("127.0.0.1:1", path)
    for shown in (repr(connection), str(connection.token), repr(connection.token), f"{connection}"):
        assert SECRET not in shown
    for text in ("a\nb", "é", "", "two words", "x" * 5000):
        with pytest.raises(Denied) as caught:
            Token(text)
        assert not text or text not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff", b"", b"x" * 5000])
def test_a_token_file_that_will_not_do_is_told(home: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Denied):
        Connection.at_home(home, path)
    with pytest.raises(Denied, match="directory"):
        Connection.at_home(home, tmp_path)


@pytest.mark.parametrize("address", ["192.0.2.7:7400", "localhost", "127.0.0.1", "node.example:7400", "127.0.0.1:x"])
def test_a_token_is_not_sent_to_another_machine(address: str) -> None:
    with pytest.raises(Invalid, match="loopback"):
        Connection.tcp(address, Token(SECRET))


def test_a_home_without_a_node_is_unreachable_and_no_home_is_misconfigured(home: Path, tmp_path: Path) -> None:
    (home / "run" / "address").unlink()
    with pytest.raises(Unreachable, match="no node runs"):
        Connection.at_home(home, Token(SECRET))
    with pytest.raises(Misconfigured, match="not a node's home"):
        Connection.at_home(tmp_path, Token(SECRET))


def test_identifiers_stay_out_of_what_is_printed() -> None:
    assert "secret" not in repr(Query("url", "https://secret.example/"))
    assert "secret" not in repr(Row("url", "https://secret.example/", {}))


def test_importing_the_client_loads_nothing_of_the_node_that_runs() -> None:
    heavy = ("numpy", "pydantic", "sqlite3", "structlog", "nacl", "cryptography", "typer", "rich", "starlette")
    code = f"import sys, tocsin_node.client; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
