"""The way to the node: over the home's local listener, whether a node runs already or this process starts its core.

Rules, in order:
1. A home whose lock is held has a node: its address is in HOME/run/address, `unix:/path` or `ipv4:127.0.0.1:1234`.
2. A home whose lock is free has none: the same core is started in this process, without the exchange, for this command.
3. Every call carries `authorization: Bearer TOKEN`; the token is the caller's or the home's own operator token.

The command line always speaks the contract; nothing here knows how the node works. Addresses and tokens are read by
`tocsin_node.client`, as for every other application.
"""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import grpc

from tocsin.v1.audit_pb2_grpc import AuditStub
from tocsin.v1.node_pb2_grpc import NodeStub
from tocsin_node.cli.errors import CliError
from tocsin_node.client.connection import Connection, Token, read_target
from tocsin_node.errors import Denied, Unreachable
from tocsin_node.home import Home

READY_S: Final = 15.0
"""Seconds a starting node gets to write its address and answer: it rebuilds its index first."""


class Running(Protocol):
    """A core started in this process: its address until `stop`."""

    @property
    def address(self) -> str:
        """As in HOME/run/address."""
        ...

    def stop(self) -> None:
        """End it and release the home; returns when that is done."""
        ...


@dataclass(frozen=True, slots=True)
class Local:
    """Stubs over one authorised channel to the node of one home."""

    node: NodeStub
    audit: AuditStub


@contextlib.contextmanager
def connect(home: Path, token: str | None, *, start: bool = True, ready_s: float = READY_S) -> Generator[Local]:
    """Yield stubs to the node of `home`; CliError where there is none and `start` is false, or it does not answer."""
    Home(home).require()
    with contextlib.ExitStack() as stack:
        if node_runs(home):
            target = _wait_for_target(home, ready_s)
        elif start:
            running = _start(home)
            stack.callback(running.stop)
            target = running.address
        else:
            raise CliError(f"no node runs on {home}; start one with `tocsin serve`")
        connection = Connection(target, _token(home, token))
        _await_listener(target, home, ready_s)
        channel = stack.enter_context(connection.open(grpc.insecure_channel))
        authorised = grpc.intercept_channel(channel, _Bearer(connection.token))
        yield Local(node=NodeStub(authorised), audit=AuditStub(authorised))


def node_runs(home: Path) -> bool:
    """Whether another process holds the home's exclusive lock."""
    try:
        descriptor = os.open(Home(home).lock_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _start(home: Path) -> Running:
    # Imported here: only a command without a running node needs the node's own code.
    from tocsin_node.serve import run_in_thread

    return run_in_thread(home, exchange=False)


def _wait_for_target(home: Path, ready_s: float) -> str:
    deadline = time.monotonic() + ready_s
    while True:
        with contextlib.suppress(Unreachable):
            return read_target(Home(home))
        if time.monotonic() > deadline or not node_runs(home):
            raise CliError(f"the node of {home} is busy starting or stopping; try again in a moment")
        time.sleep(0.05)


def _token(home: Path, given: str | None) -> Token:
    """The caller's, else the operator's own."""
    if given:
        return Token(given)
    try:
        return Token.read(Home(home).operator_token)
    except Denied as error:
        raise CliError(f"{error}; name a token with --token or TOCSIN_TOKEN") from None


def _await_listener(address: str, home: Path, ready_s: float) -> None:
    """Return once something listens there: the address is written a little before; gRPC would look only every 0.2 s."""
    deadline = time.monotonic() + ready_s
    kind, _, place = address.partition(":")
    host, _, port = place.rpartition(":")
    while True:
        with contextlib.suppress(OSError, ValueError), _socket(kind) as probe:
            probe.connect(place if kind == "unix" else (host, int(port)))
            return
        if time.monotonic() > deadline:
            raise CliError(f"the node of {home} does not answer on its local address")
        time.sleep(0.05)


def _socket(kind: str) -> socket.socket:
    return socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET, socket.SOCK_STREAM)


class _Call(NamedTuple):
    """gRPC's details of one call, with our metadata."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str], ...]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


class _Bearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Sends the token with every call."""

    def __init__(self, token: Token) -> None:
        self._metadata = token.metadata

    def _send(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        call = _Call(
            details.method,
            details.timeout,
            self._metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
        return continuation(call, request)

    # One method serves all four shapes of a call; gRPC's stubs name the parameters differently in each.
    intercept_unary_unary: Any = _send
    intercept_unary_stream: Any = _send
    intercept_stream_unary: Any = _send
    intercept_stream_stream: Any = _send
