"""`peer check` against endpoints that are not what the card says; certificates that come into date by themselves."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin.v1 import exchange_pb2, node_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeServicer, add_ExchangeServicer_to_server
from tocsin_crypto.tls import TlsIdentity, make_identity
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.rules import own_rules
from tocsin_node.serve import run_in_thread
from tocsin_node.testing.made import Organisation

DAY_MS = 24 * 3600 * 1000
NAME = "peer.example"
pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def stack() -> Generator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Checking:
    """A node, a peer that is only keys and a card, and whatever listens on the peer's endpoint."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        home = folder / "node"
        init_home(Home(home), organisation="node.example", role="other", profiles={}, clock=wall_clock)
        stack.callback(run_in_thread(home, exchange=True).stop)
        self.node: Local = stack.enter_context(connect(home, None, start=False))
        self.own = self.node.node.GetCard(pb.GetCardRequest())
        self.peer = Organisation.make(NAME, now=wall_clock())

    def add(self, endpoint: str, peer: Organisation | None = None) -> None:
        made = peer or self.peer
        request = pb.AddPeerRequest(card=made.card, fingerprint=made.fingerprint, endpoint=endpoint)
        self.node.node.AddPeer(request)

    def check(self) -> pb.CheckPeerResponse:
        return self.node.node.CheckPeer(pb.CheckPeerRequest(organisation=NAME))

    def found(self) -> dict[str, str]:
        answer = self.check()
        assert answer.ok == (not answer.findings)
        return {one.what: one.sentence for one in answer.findings}

    def listen(self) -> socket.socket:
        return self._stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))

    def show(self, certificate: bytes, key: bytes, folder: Path) -> str:
        """Something that answers TLS with this certificate, to any number of callers; returns its address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (folder / "chain.pem").write_bytes(certificate)
        (folder / "key.pem").write_bytes(key)
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        context.set_alpn_protocols(["h2"])
        listening = self.listen()
        threading.Thread(target=_answer, args=(listening, context), daemon=True).start()
        return address(listening)

    def serve(self, servicer: ExchangeServicer, identity: TlsIdentity) -> str:
        """A gRPC server of the exchange that shows this identity; returns its address."""
        from concurrent import futures

        server = grpc.server(futures.ThreadPoolExecutor(2))
        add_ExchangeServicer_to_server(servicer, server)
        credentials = grpc.ssl_server_credentials([(identity.key_pem, identity.certificate.pem)])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        self._stack.callback(lambda: server.stop(None).wait(5))
        return f"127.0.0.1:{port}"


def _answer(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)
        except OSError:
            continue


def address(listening: socket.socket) -> str:
    return f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def checking(tmp_path: Path, stack: ExitStack) -> Checking:
    return Checking(tmp_path, stack)


class Answers(ExchangeServicer):
    """Says what it is told to say."""

    def __init__(self, **said: Any) -> None:
        self.said: dict[str, Any] = {"major": 1, "state": exchange_pb2.PEER_STATE_ACTIVE, "now": wall_clock()} | said

    def Hello(self, _request: Any, _context: Any) -> exchange_pb2.HelloResponse:  # noqa: N802  # pyright: ignore[reportIncompatibleMethodOverride]
        return exchange_pb2.HelloResponse(hello=exchange_pb2.Hello(**self.said))

    def ListFeeds(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError

    def Follow(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError

    def Probe(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError


def test_a_closed_port_and_a_listener_that_says_nothing_are_told_apart(checking: Checking) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        where = address(listening)
        checking.add(where)
        assert "says nothing" in checking.found()["address"]
    assert "refuses the connection" in checking.found()["address"]
    assert checking.check().endpoint == where


def test_a_host_that_does_not_exist_and_one_that_does_not_speak_tls_are_told(checking: Checking) -> None:
    checking.add("no-such-host.invalid:7443")
    assert "host name is not known" in checking.found()["address"]
    listening = checking.listen()

    def http() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

    threading.Thread(target=http, daemon=True).start()
    checking.add(address(listening))
    assert "does not speak TLS" in checking.found()["address"]


def test_a_key_that_is_not_in_the_card_is_named(checking: Checking, tmp_path: Path) -> None:
    other = make_identity(NAME, now=wall_clock())
    checking.add(checking.show(other.certificate.pem, other.key_pem, tmp_path))
    found = checking.found()
    assert found.keys() == {"certificate"}
    assert "not in its card of sequence 1" in found["certificate"]


def test_a_certificate_of_another_name_is_named_with_both(checking: Checking, tmp_path: Path) -> None:
    other = make_identity("evil.example", now=wall_clock())
    checking.add(checking.show(other.certificate.pem, other.key_pem, tmp_path))
    found = checking.found()
    assert found["name"] == f"its certificate is for evil.example, not for {NAME}"
    assert "certificate" in found


def test_an_expired_certificate_of_the_card_is_named_with_its_end(checking: Checking, tmp_path: Path) -> None:
    old = make_identity(NAME, now=wall_clock() - 40 * DAY_MS, days=30)
    peer = checking.peer.again(sequence=2, identities=(old, checking.peer.keyring.tls[0]))
    checking.add(checking.show(old.certificate.pem, old.key_pem, tmp_path), peer)
    found = checking.found()
    assert found.keys() == {"certificate"}
    assert "expired at" in found["certificate"]


def test_the_certificate_of_another_peer_and_our_own_are_recognised(checking: Checking, tmp_path: Path) -> None:
    third = Organisation.make("third.example", now=wall_clock())
    checking.node.node.AddPeer(pb.AddPeerRequest(card=third.card, fingerprint=third.fingerprint))
    identity = third.keyring.tls[0]
    checking.add(checking.show(identity.certificate.pem, identity.key_pem, tmp_path))
    assert "the certificate of third.example, another peer" in checking.found()["certificate"]
    own = checking.node.node.Status(pb.StatusRequest()).exchange
    checking.add(own)
    assert "this node's own certificate" in checking.found()["certificate"]


def test_a_certificate_of_some_other_software_is_told_without_being_believed(
    checking: Checking, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "whatever")])
    names = [x509.DNSName("www.shop.example"), x509.DNSName("shop.example")]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    checking.add(checking.show(made.public_bytes(serialization.Encoding.PEM), pem, tmp_path))
    assert checking.found()["name"] == f"its certificate is for www.shop.example and shop.example, not for {NAME}"


def test_a_peer_that_is_right_is_told_to_be_and_notes_what_is_worth_knowing(checking: Checking) -> None:
    said = Answers(card=checking.peer.card, card_sequence=1, now=wall_clock() + 60_000)
    checking.add(checking.serve(said, checking.peer.keyring.tls[0]))
    answer = checking.check()
    assert (answer.ok, list(answer.findings)) == (True, [])
    assert answer.round_trip_us > 0
    assert any("ahead of ours" in note for note in answer.notes)
    assert any("no policy" in note for note in answer.notes)


def test_a_newer_card_is_taken_and_noted(checking: Checking) -> None:
    renewed = checking.peer.again(sequence=4)
    checking.add(checking.serve(Answers(card=renewed.card, card_sequence=4), checking.peer.keyring.tls[0]))
    answer = checking.check()
    assert answer.ok
    assert any("sequence 4 taken, 1 was held" in note for note in answer.notes)
    assert checking.node.node.ListPeers(pb.ListPeersRequest()).peers[0].card_sequence == 4


def older(peer: Organisation) -> bytes:
    return peer.again(sequence=1).card


def conflicting(peer: Organisation) -> bytes:
    return peer.again(sequence=3, role="police").card


def of_another_root(_: Organisation) -> bytes:
    return Organisation.make(NAME, now=wall_clock()).card


def of_another_organisation(_: Organisation) -> bytes:
    return Organisation.make("third.example", now=wall_clock()).card


def forged(peer: Organisation) -> bytes:
    return peer.card[:-20] + b"AAAAAAAAAAAAAAAAAAA\n"


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (older, "its card is older than the one held, 1 after 3"),
        (conflicting, "two cards of sequence 3"),
        (of_another_root, "another root key than the pinned one"),
        (of_another_organisation, "the card of third.example"),
        (forged, "a card that does not hold"),
    ],
)
def test_a_card_that_differs_is_named_by_how(
    checking: Checking, card: Callable[[Organisation], bytes], told: str
) -> None:
    peer = checking.peer.again(sequence=3)
    checking.add(checking.serve(Answers(card=card(checking.peer)), peer.keyring.tls[0]), peer)
    found = checking.found()
    assert found.keys() == {"card"}
    assert told in found["card"]


def test_another_protocol_and_a_pause_are_told_in_one_check(checking: Checking) -> None:
    said = Answers(card=checking.peer.card, major=2, state=exchange_pb2.PEER_STATE_PAUSED)
    checking.add(checking.serve(said, checking.peer.keyring.tls[0]))
    found = checking.found()
    assert found["protocol"] == "it speaks protocol 2, this node speaks 1"
    assert found["state"] == "it has paused the exchange with this node"


def test_other_digests_are_told_by_profile_and_who_has_no_fresh_probes_is_no_finding(checking: Checking) -> None:
    digests = {"url/1": "66" * 32, "of-a-later-version/1": "77" * 32}
    vectors = {name: digest.hex() for name, digest in own_rules().vectors.items()}
    said = Answers(card=checking.peer.card, profile_digests=digests, vector_digests=vectors)
    checking.add(checking.serve(said, checking.peer.keyring.tls[0]))
    answer = checking.check()
    (finding,) = answer.findings
    assert (finding.what, finding.sentence[:38]) == ("canon", "its rules of url/1 are not ours (diges")
    assert "fresh probes could not be tried: its version has no fresh probes" in answer.notes


def test_a_peer_that_offers_fresh_probes_and_cannot_answer_is_no_finding(checking: Checking) -> None:
    said = Answers(card=checking.peer.card, features=["probes/1"])
    checking.add(checking.serve(said, checking.peer.keyring.tls[0]))
    answer = checking.check()
    assert answer.ok
    assert any(note.startswith("fresh probes could not be tried") for note in answer.notes)


def test_what_this_node_decided_itself_comes_first(checking: Checking) -> None:
    checking.add(checking.serve(Answers(card=checking.peer.card), checking.peer.keyring.tls[0]))
    checking.node.node.SetPeerState(pb.SetPeerStateRequest(organisation=NAME, state="paused"))
    assert "this node has paused" in checking.found()["state"]
    checking.node.node.SetPeerState(pb.SetPeerStateRequest(organisation=NAME, state="removed"))
    assert "this node has removed it" in checking.found()["state"]


def test_a_node_that_does_not_know_us_is_told_apart_from_one_that_is_away(
    checking: Checking, tmp_path: Path, stack: ExitStack
) -> None:
    init_home(Home(tmp_path / "peer"), organisation=NAME, role="other", profiles={}, clock=wall_clock)
    running = run_in_thread(tmp_path / "peer", exchange=True)
    stack.callback(running.stop)
    local = stack.enter_context(connect(tmp_path / "peer", None, start=False))
    card = local.node.GetCard(pb.GetCardRequest())
    checking.node.node.AddPeer(pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint))
    assert "does not accept our certificate" in checking.found()["peer"]
    local.node.AddPeer(pb.AddPeerRequest(card=checking.own.card, fingerprint=checking.own.fingerprint))
    assert checking.found() == {}
