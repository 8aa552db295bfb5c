"""What an endpoint shows to anybody who calls: the certificate of a TLS handshake, or why there is none.

gRPC hides the server's certificate when a handshake fails, so `peer check` looks here to *name what differs*. Nothing
is trusted by it: no certificate is verified, nothing is sent but the handshake itself, and no byte that comes back is
used. Whether to talk to the endpoint is decided by the pinned card alone, in a handshake of its own.
"""

import asyncio
import socket
import ssl

from tocsin_node.config import Address
from tocsin_node.errors import Unreachable


async def shown_certificate(address: Address, organisation: str, *, seconds: float) -> bytes:
    """The certificate (DER) that this endpoint shows to a caller of this name.

    Errors: Unreachable with a sentence that says how far it got. `seconds` is for the connection, and again for TLS.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        raise Unreachable(
            f"{address} does not answer at all within {seconds:.0f} s: a firewall, or no such host"
        ) from None
    except socket.gaierror:
        raise Unreachable(f"{address}: its host name is not known here") from None
    except ConnectionRefusedError:
        raise Unreachable(f"{address} refuses the connection: nothing listens on that port") from None
    except OSError as error:
        raise Unreachable(f"{address} cannot be reached: {(error.strerror or 'network error').lower()}") from None
    try:
        return await _handshake(reader, writer, address, organisation, seconds)
    finally:
        writer.transport.abort()


async def _handshake(
    _: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address, organisation: str, seconds: float
) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            await writer.start_tls(_context(), server_hostname=organisation)
    except TimeoutError:
        raise Unreachable(
            f"{address} accepts the connection and then says nothing: no node, or one that hangs"
        ) from None
    except (ssl.SSLError, ConnectionError, OSError):
        raise Unreachable(f"{address} does not speak TLS as a node does: something else listens there") from None
    tls = writer.get_extra_info("ssl_object")
    shown = tls.getpeercert(binary_form=True) if tls else None
    if not shown:
        raise Unreachable(f"{address} shows no certificate")
    return bytes(shown)


def _context() -> ssl.SSLContext:
    """TLS 1.3 only, in which a server shows its certificate before it asks for ours; verifies nothing, on purpose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    return context
