"""TLS credentials and channel options of the exchange.

Server: its root bundle is this node's own certificate and every certificate of the peers in the book, active and
paused. A change prepares a new configuration object; the fetcher, which gRPC calls at each handshake, only hands it
over. So the first peer can be added to a running node, and a renewed certificate needs no restart.

Client: its roots are exactly the certificates of the one peer it calls, under the name of that organisation.

The handshake is not the decision: gRPC also accepts certificates *issued by* a pinned one. See `pins`.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import grpc
import grpc.aio

from tocsin_crypto.tls import Certificate, TlsIdentity
from tocsin_node.limits import CONNECTION_AGE_S, CONNECTION_GRACE_S, KEEPALIVE_S, KEEPALIVE_TIMEOUT_S, MESSAGE_BYTES

_MESSAGES: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
)

SERVER_OPTIONS: Final = (
    *_MESSAGES,
    ("grpc.so_reuseport", 0),  # a second listener on the port must fail, not share it
    ("grpc.max_connection_age_ms", CONNECTION_AGE_S * 1000),
    ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_S * 1000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_S * 500),  # peers ping half as often
)

_CLIENT_OPTIONS: Final = (
    *_MESSAGES,
    ("grpc.keepalive_time_ms", KEEPALIVE_S * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_S * 1000),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new handshake, never an old connection
    ("grpc.enable_retries", 0),  # links decide when to try again
    ("grpc.enable_http_proxy", 0),  # an environment variable must not reroute peers
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a handshake shows, and whose certificates it lets in beside its own."""

    identity: TlsIdentity
    peers: tuple[Certificate, ...]


class ServerIdentity:
    """What the exchange shows and accepts in handshakes; `update` may be called at any time, from any thread."""

    def __init__(self, identity: TlsIdentity, peers: Iterable[Certificate]) -> None:
        peers = tuple(peers)
        self._shown = Shown(identity, peers)
        self._guard = threading.Lock()  # of _fresh
        self._fresh: grpc.ServerCertificateConfiguration | None = None
        self.credentials: Final = grpc.dynamic_ssl_server_credentials(
            _configuration(identity, peers), self._fetch, require_client_authentication=True
        )

    def update(self, identity: TlsIdentity, peers: Iterable[Certificate]) -> None:
        """Use these from the next handshake on."""
        shown = Shown(identity, tuple(peers))
        fresh = _configuration(shown.identity, shown.peers)
        with self._guard:
            self._shown, self._fresh = shown, fresh

    @property
    def shown(self) -> "Shown":
        """What the next handshake goes by."""
        return self._shown

    def _fetch(self) -> grpc.ServerCertificateConfiguration:
        with self._guard:
            fresh, self._fresh = self._fresh, None
        return fresh  # pyright: ignore[reportReturnType]  None means: as before


def open_channel(
    address: str, organisation: str, *, identity: TlsIdentity, certificates: Iterable[Certificate]
) -> grpc.aio.Channel:
    """A channel to one peer at `host:port`, which must show one of these certificates. Nothing is dialled yet."""
    credentials = grpc.ssl_channel_credentials(
        b"".join(certificate.pem for certificate in certificates), identity.key_pem, identity.certificate.pem
    )
    return grpc.aio.secure_channel(
        address, credentials, options=(*_CLIENT_OPTIONS, ("grpc.ssl_target_name_override", organisation))
    )


def _configuration(identity: TlsIdentity, peers: Iterable[Certificate]) -> grpc.ServerCertificateConfiguration:
    roots = dict.fromkeys([identity.certificate.pem, *(certificate.pem for certificate in peers)])
    return grpc.ssl_server_certificate_configuration([(identity.key_pem, identity.certificate.pem)], b"".join(roots))
