"""Where the node is and who asks: an address of this machine and a token.

Rules: only a unix socket or a loopback port is called, because the token travels unencrypted. A token is read once, is
never shown, and travels as `authorization: Bearer TOKEN` with every call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from tocsin_node.errors import Denied, Invalid, Misconfigured, Unreachable
from tocsin_node.home import Home
from tocsin_node.limits import ADDRESS_BYTES, ANSWER_BYTES, TOKEN_BYTES

T = TypeVar("T")

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", ANSWER_BYTES),
    ("grpc.enable_http_proxy", 0),  # a proxy of the environment has no business with a local listener
    ("grpc.enable_retries", 0),  # what may be repeated is decided in `calls`
    ("grpc.initial_reconnect_backoff_ms", 100),  # a restarted node is back within seconds
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class Token:
    """A bearer token; its text comes out only where a call is made."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not text or not text.isascii() or not text.isprintable() or " " in text or len(text) > TOKEN_BYTES:
            raise Denied("the token has characters no token has")
        self._text = text

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The token in a file. Errors: Denied names the file."""
        try:
            with Path(path).open("rb") as stream:
                text = stream.read(TOKEN_BYTES + 1).decode("ascii").strip()
        except UnicodeDecodeError:
            raise Denied(f"{path} does not hold a token") from None
        except FileNotFoundError:
            raise Denied(f"{path} does not exist") from None
        except PermissionError:
            raise Denied(f"{path} belongs to somebody else") from None
        except OSError as error:
            raise Denied(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
        return cls(text)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return (("authorization", f"Bearer {self._text}"),)

    def __repr__(self) -> str:
        return "Token(not shown)"


@dataclass(frozen=True, slots=True)
class Connection:
    """A node and a token for it; `at_home` and `tcp` make one. Nothing is dialled before the first call."""

    target: str
    token: Token = field(repr=False)

    @classmethod
    def at_home(cls, home: str | Path, token: str | Path | Token) -> Self:
        """The node of a home on this machine, by its unix socket; `token` is a token or the path of its file.

        Errors: Misconfigured when this is no home, Unreachable when no node runs on it, Denied for the token.
        """
        files = Home(Path(home))
        files.require()
        return cls(read_target(files), token if isinstance(token, Token) else Token.read(token))

    @classmethod
    def tcp(cls, address: str, token: str | Path | Token) -> Self:
        """The node at `127.0.0.1:7400`, as in its configuration under `local.tcp`; `token` as for `at_home`.

        Errors: Invalid for another machine's address, Denied for the token.
        """
        host, _, port = address.rpartition(":")
        if not (host.startswith("127.") or host == "[::1]") or not port.isdecimal():
            raise Invalid("the node's address is a loopback one such as 127.0.0.1:7400: tokens travel unencrypted")
        scheme = "ipv6" if host == "[::1]" else "ipv4"
        return cls(f"{scheme}:{address}", token if isinstance(token, Token) else Token.read(token))

    def open(self, make: Callable[..., T]) -> T:
        """A channel of gRPC's or of grpc.aio's, made by its own `insecure_channel`."""
        options: Any = _OPTIONS
        return make(self.target, options=options)


def read_target(home: Home) -> str:
    """The gRPC target of the node that runs on a home. Errors: Unreachable, Misconfigured."""
    try:
        with home.address.open("rb") as stream:
            text = stream.read(ADDRESS_BYTES + 1).decode(errors="replace").strip()
    except FileNotFoundError:
        raise Unreachable(f"no node runs on {home.root}") from None
    if not text:  # being written
        raise Unreachable(f"no node runs on {home.root}")
    if len(text) <= ADDRESS_BYTES and text.startswith(("unix:/", "ipv4:127.")):
        return text
    raise Misconfigured(f"{home.address} does not hold a local address")
