"""Who may call a running node, and what a publisher restored from an old copy may still sign."""

import datetime as dt
import queue
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin.v1 import exchange_pb2, node_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeStub
from tocsin_crypto.card import open_card
from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.ed25519 import fingerprint
from tocsin_crypto.note import parse
from tocsin_crypto.tls import TlsIdentity, make_identity
from tocsin_node.build import wall_clock
from tocsin_node.cli.connect import Local, connect
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.serve import Running, run_in_thread
from tocsin_node.testing.made import Organisation
from tocsin_node.testing.town import disk_copy

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def stack() -> Generator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def begin(home: Path, organisation: str) -> None:
    init_home(Home(home), organisation=organisation, role="other", profiles={}, clock=wall_clock)
    config = home / "tocsin.toml"
    config.write_text(config.read_text() + 'all = ["follower.example", "a.example"]\n')


def serve(home: Path, stack: ExitStack) -> tuple[Running, Local]:
    running = run_in_thread(home, exchange=True)
    stack.callback(running.stop)
    return running, stack.enter_context(connect(home, None, start=False))


def dial(local: Local, chain: bytes, key: bytes) -> grpc.Channel:
    """A channel to the node's exchange that shows this certificate."""
    status = local.node.Status(pb.StatusRequest())
    own = local.node.GetCard(pb.GetCardRequest())
    roots = b"".join(certificate.pem for certificate in open_card(own.card).card.certificates)
    credentials = grpc.ssl_channel_credentials(roots, key, chain)
    return grpc.secure_channel(status.exchange, credentials, (("grpc.ssl_target_name_override", status.organisation),))


def hello(local: Local, chain: bytes, key: bytes) -> grpc.StatusCode:
    """Call the node's exchange with this certificate; the status it answers with."""
    with dial(local, chain, key) as channel:
        stub: Any = ExchangeStub(channel)
        try:
            stub.ListFeeds(exchange_pb2.ListFeedsRequest(), timeout=5)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def issued_by(issuer: TlsIdentity, organisation: str) -> tuple[bytes, bytes]:
    """A certificate in another organisation's name, signed with the issuer's TLS key; and its own key."""
    signer = serialization.load_pem_private_key(issuer.key_pem, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, organisation)])
    now = dt.datetime.now(dt.UTC)
    authority = x509.load_pem_x509_certificate(issuer.certificate.pem)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(organisation)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM), pem


@pytest.mark.timeout(60)
def test_only_a_pinned_key_may_call_not_a_certificate_issued_by_one(tmp_path: Path, stack: ExitStack) -> None:
    begin(tmp_path / "node", "node.example")
    _, local = serve(tmp_path / "node", stack)
    honest = Organisation.make("a.example", now=wall_clock())
    other = Organisation.make("b.example", now=wall_clock())
    own, stranger = honest.keyring.tls[0], Organisation.make("a.example", now=wall_clock()).keyring.tls[0]
    for peer in (honest, other):  # the first peers of a node that runs already
        shown = fingerprint(peer.signed.card.keys.root.public)
        local.node.AddPeer(pb.AddPeerRequest(card=peer.signed.note_bytes, fingerprint=shown))
    assert hello(local, own.certificate.pem, own.key_pem) is grpc.StatusCode.OK
    forged, key = issued_by(other.keyring.tls[0], "a.example")
    assert hello(local, forged, key) in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE}
    assert hello(local, stranger.certificate.pem, stranger.key_pem) is not grpc.StatusCode.OK
    local.node.SetPeerState(pb.SetPeerStateRequest(organisation="a.example", state="removed"))
    assert hello(local, own.certificate.pem, own.key_pem) is not grpc.StatusCode.OK


@pytest.mark.timeout(60)
@pytest.mark.parametrize("manner", ["idle", "fast", "never reading"])
def test_a_removed_peer_is_cut_off_at_once(tmp_path: Path, stack: ExitStack, manner: str) -> None:
    begin(tmp_path / "node", "node.example")
    _, local = serve(tmp_path / "node", stack)
    peer = Organisation.make("a.example", now=wall_clock())
    shown = fingerprint(peer.signed.card.keys.root.public)
    local.node.AddPeer(pb.AddPeerRequest(card=peer.signed.note_bytes, fingerprint=shown))
    local.node.CreateCommunity(pb.CreateCommunityRequest(name="c"))
    local.node.CreateFeed(pb.CreateFeedRequest(name="x", community="c.node.example", audience="all"))
    apply(local, b'peer = "a.example"\n[send]\nfeeds = ["x"]\n')
    for number in range(30):
        publish(local, f"https://n{number}.example/")
    own = peer.keyring.tls[0]
    wants: queue.SimpleQueue[exchange_pb2.FollowRequest | None] = queue.SimpleQueue()
    wants.put(exchange_pb2.FollowRequest(open=exchange_pb2.Open(origin="node.example/feed/x", next=0)))
    stub: Any = ExchangeStub(stack.enter_context(dial(local, own.certificate.pem, own.key_pem)))
    call: Any = stub.Follow(iter(wants.get, None))
    received: list[int] = []
    if manner != "never reading":
        for message in call:
            signed = parse_checkpoint(parse(message.delivery.checkpoint).text)
            received.append(signed.size)
            wants.put(exchange_pb2.FollowRequest(ack=exchange_pb2.Ack(size=signed.size, root=signed.root)))
            if signed.size == (31 if manner == "idle" else 8):
                break
    else:
        time.sleep(0.5)
    started = time.monotonic()
    local.node.SetPeerState(pb.SetPeerStateRequest(organisation="a.example", state="removed"))
    late: list[exchange_pb2.FollowResponse] = []
    with pytest.raises(grpc.RpcError) as ended:
        late.extend(call)
    assert time.monotonic() - started < 5
    assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert len(late) <= (4 if manner == "never reading" else 30)
    wants.put(None)


@pytest.mark.timeout(60)
def test_a_renewed_certificate_takes_over_and_an_expired_one_is_refused(tmp_path: Path, stack: ExitStack) -> None:
    begin(tmp_path / "node", "node.example")
    _, local = serve(tmp_path / "node", stack)
    now = wall_clock()
    first = Organisation.make("a.example", now=now)
    shown = fingerprint(first.signed.card.keys.root.public)
    local.node.AddPeer(pb.AddPeerRequest(card=first.signed.note_bytes, fingerprint=shown))
    old = first.keyring.tls[0]
    expired = make_identity("a.example", now=now - 10 * DAY_MS, days=5)
    fresh = make_identity("a.example", now=now, days=30)
    renewed = first.again(sequence=2, identities=(expired, fresh))
    with dial(local, old.certificate.pem, old.key_pem) as channel:
        stub: Any = ExchangeStub(channel)
        said = exchange_pb2.Hello(major=1, card=renewed.signed.note_bytes, card_sequence=2)
        stub.Hello(exchange_pb2.HelloRequest(hello=said), timeout=5)
    assert local.node.ListPeers(pb.ListPeersRequest()).peers[0].card_sequence == 2
    assert hello(local, fresh.certificate.pem, fresh.key_pem) is grpc.StatusCode.OK
    assert hello(local, old.certificate.pem, old.key_pem) is not grpc.StatusCode.OK
    assert hello(local, expired.certificate.pem, expired.key_pem) is not grpc.StatusCode.OK


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.timeout(120)
def test_a_publisher_restored_from_an_old_copy_freezes_what_it_signed_beyond_it(
    tmp_path: Path, stack: ExitStack
) -> None:
    for name in ("publisher", "follower"):
        begin(tmp_path / name, f"{name}.example")
    running, publisher = serve(tmp_path / "publisher", stack)
    _, follower = serve(tmp_path / "follower", stack)
    for one, two in ((publisher, follower), (follower, publisher)):
        card = two.node.GetCard(pb.GetCardRequest())
        one.node.AddPeer(pb.AddPeerRequest(card=card.card, fingerprint=card.fingerprint))
    publisher.node.CreateCommunity(pb.CreateCommunityRequest(name="c"))
    publisher.node.CreateFeed(pb.CreateFeedRequest(name="x", community="c.publisher.example", audience="all"))
    apply(publisher, b'peer = "follower.example"\n[send]\nfeeds = ["x"]\n')
    apply(follower, b'peer = "publisher.example"\n[[rule]]\neffect = "review"\nstance = ["harmful"]\n')
    running.stop()
    copy = disk_copy(tmp_path / "publisher", "copy")
    running, publisher = serve(tmp_path / "publisher", stack)
    assert publish(publisher, "https://later.example/") == 2
    until(lambda: [feed.size for feed in follower.node.Status(pb.StatusRequest()).followed] == [2])
    running.stop()
    _, restored = serve(copy, stack)
    until(lambda: restored.node.Status(pb.StatusRequest()).own[0].state == "frozen")
    with pytest.raises(grpc.RpcError) as refused:
        publish(restored, "https://other.example/")
    assert "restored from an old copy" in str(refused.value)
    assert follower.node.Status(pb.StatusRequest()).followed[0].state != "stopped", "smaller is behind, not a fork"


def apply(local: Local, text: bytes) -> None:
    assert not local.node.ApplyPolicies(pb.PoliciesRequest(files=[pb.PolicyFile(name="p.toml", toml=text)])).errors


def publish(local: Local, value: str) -> int:
    chunk = pb.PublishChunk(fields=[b'{"stance":"harmful"}'], rows=[pb.PublishRow(line=1, type="url", value=value)])
    requests = [pb.PublishRequest(start=pb.PublishStart(feed="x")), pb.PublishRequest(chunk=chunk)]
    return next(iter(local.node.Publish(iter(requests)))).size
