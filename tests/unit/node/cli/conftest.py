"""A home whose node is a small fake behind real gRPC on a unix socket, and a runner for the command line."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from tocsin.v1 import audit_pb2, node_pb2
from tocsin.v1.audit_pb2_grpc import AuditServicer, add_AuditServicer_to_server
from tocsin.v1.node_pb2_grpc import NodeServicer, add_NodeServicer_to_server
from tocsin_node.cli.main import app

TOKEN = "tcs_operator"


@dataclass(frozen=True)
class Refusal:
    """An answer that is a status."""

    status: grpc.StatusCode
    details: str


Answer = Message | Refusal | Callable[[Any], Any]


@dataclass
class Fake:
    """What the fake node answers, by method, and what it was asked."""

    home: Path
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[Any] = field(default_factory=list[Any])
    tokens: list[str] = field(default_factory=list[str])

    def refuse(self, method: str, status: grpc.StatusCode, details: str) -> None:
        self.answers[method] = Refusal(status, details)

    def reply(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = dict(context.invocation_metadata())
        self.tokens.append(str(metadata.get("authorization")))
        if not isinstance(request, Iterator):
            self.asked.append(request)
        answer = self.answers[method]
        if isinstance(answer, Refusal):
            context.abort(answer.status, answer.details)
        return answer(request) if callable(answer) else answer


def _handler(fake: Fake, method: str) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
    def handle(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        return fake.reply(method, request, context)

    return handle


def _stream(fake: Fake, method: str) -> Callable[[Any, Any, grpc.ServicerContext], Iterator[Any]]:
    def handle(self: Any, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from fake.reply(method, request, context)
        except RuntimeError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    return handle


@pytest.fixture
def home() -> Generator[Path]:
    """An empty home on a path short enough for a socket."""
    root = Path(tempfile.mkdtemp(prefix="t-"))
    (root / "run").mkdir()
    (root / "tocsin.toml").write_text('organisation = "hotline.example"\nrole = "hotline"\n')
    (root / "run" / "operator.token").write_text(f"{TOKEN}\n")
    yield root
    shutil.rmtree(root)


@pytest.fixture
def fake(home: Path) -> Generator[Fake]:
    """A running node."""
    fake = Fake(home)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    services = node_pb2.DESCRIPTOR.services_by_name["Node"], audit_pb2.DESCRIPTOR.services_by_name["Audit"]
    kinds = {
        method.name: (_stream if method.server_streaming else _handler)(fake, method.name)
        for service in services
        for method in service.methods
    }
    add_NodeServicer_to_server(type("Node", (NodeServicer,), kinds)(), server)
    add_AuditServicer_to_server(type("Audit", (AuditServicer,), kinds)(), server)
    address = f"unix:{home}/run/node.sock"
    server.add_insecure_port(address)
    server.start()
    (home / "run" / "address").write_text(f"{address}\n")
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield fake
    server.stop(None).wait(5)
    os.close(descriptor)


@pytest.fixture
def tocsin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line on the home: `tocsin("status", "--json")`."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("TOCSIN_TOKEN", raising=False)

    def run(*args: str, stdin: bytes = b"", with_home: bool = True) -> Result:
        given = ["--home", str(home)] if with_home else []
        result = CliRunner().invoke(app, [*given, *args], input=stdin, prog_name="tocsin")
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run
