"""TLS identities: what a certificate holds, which ones are refused, and that two ends of a connection accept them."""

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tocsin_crypto.errors import Malformed
from tocsin_crypto.tls import TlsIdentity, der_to_pem, make_identity, parse_certificate, pem_to_der, spki_sha256

NOW = 1_750_000_000_000
DAY = 86_400_000


@pytest.fixture(scope="module")
def identity() -> TlsIdentity:
    return make_identity("hotline.example", now=NOW, days=30)


def test_a_certificate_reads_back_from_der_and_pem(identity: TlsIdentity) -> None:
    certificate = identity.certificate
    assert certificate.organisation == "hotline.example"
    assert (certificate.not_before, certificate.not_after) == (NOW - 600_000, NOW + 30 * DAY)
    assert parse_certificate(certificate.der) == parse_certificate(certificate.pem) == certificate
    assert pem_to_der(der_to_pem(certificate.der)) == certificate.der
    assert certificate.spki_sha256 == spki_sha256(certificate.der) == spki_sha256(certificate.pem)


def test_a_certificate_names_its_key_and_is_no_authority(identity: TlsIdentity) -> None:
    found = x509.load_der_x509_certificate(identity.certificate.der)
    subject = found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert subject.digest == authority.key_identifier
    assert basic.critical
    assert not basic.value.ca


def test_two_identities_have_two_keys_and_serial_numbers(identity: TlsIdentity) -> None:
    other = make_identity("hotline.example", now=NOW, days=30)
    assert other.certificate.spki_sha256 != identity.certificate.spki_sha256
    numbers = {x509.load_der_x509_certificate(one.certificate.der).serial_number for one in (identity, other)}
    assert len(numbers) == 2


def test_a_private_key_does_not_show_itself(identity: TlsIdentity) -> None:
    assert b"PRIVATE KEY" in identity.key_pem
    assert "PRIVATE" not in repr(identity)


@pytest.mark.parametrize(("organisation", "days", "now"), [("Hotline", 1, NOW), ("a.b", 0, NOW), ("a.b", 826, NOW)])
def test_an_identity_needs_an_organisation_and_a_sane_life(organisation: str, days: int, now: int) -> None:
    with pytest.raises(Malformed):
        make_identity(organisation, now=now, days=days)


def test_a_long_organisation_id_fits(identity: TlsIdentity) -> None:
    name = "x" * 60 + "." + "y" * 60 + ".example"
    assert make_identity(name, now=NOW).certificate.organisation == name
    assert identity.certificate.organisation != name


def test_damaged_certificates_are_malformed(identity: TlsIdentity) -> None:
    der = identity.certificate.der
    for i in range(0, len(der), 3):
        with pytest.raises(Malformed):
            parse_certificate(der[:i] + bytes([der[i] ^ 1]) + der[i + 1 :])
    for damaged in (b"", der[:-1], der + b"\x00", der + der, bytes(5000), b"-----BEGIN"):
        with pytest.raises(Malformed):
            parse_certificate(damaged)


def test_a_pem_text_holds_one_certificate_and_nothing_else(identity: TlsIdentity) -> None:
    pem = identity.certificate.pem
    assert pem_to_der(pem.replace(b"\n", b"\r\n")) == identity.certificate.der
    for other in (
        pem + pem,
        b"x" + pem,
        pem + b"x",
        pem[:-30],
        pem.replace(b"\n-----END", b"!\n-----END"),
        pem.replace(b"M", b"\xff", 1),
    ):
        with pytest.raises(Malformed):
            pem_to_der(other)


def build(
    *,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None,
    names: tuple[x509.GeneralName, ...] = (x509.DNSName("hotline.example"),),
    ca: bool = False,
    authority: bytes | None = None,
    usages: tuple[x509.ObjectIdentifier, ...] = (
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ),
    signed_by: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7, start, start + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(authority or identifier.digest, None, None), critical=False)
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signed_by or key, algorithm).public_bytes(serialization.Encoding.DER)


def test_a_certificate_of_another_form_is_malformed_with_its_own_sentence() -> None:
    assert parse_certificate(build()).organisation == "hotline.example"
    for der, sentence in (
        (build(key=ed25519.Ed25519PrivateKey.generate()), "P-256"),
        (build(key=ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (build(names=(x509.DNSName("a.b"), x509.DNSName("c.d"))), "exactly one name"),
        (build(names=(x509.RFC822Name("a@b.c"),)), "exactly one name"),
        (build(names=(x509.DNSName("localhost"),)), "organisation id"),
        (build(ca=True), "authority"),
        (build(authority=b"\x01" * 20), "its own key"),
        (build(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), "both ends"),
        (build(signed_by=ec.generate_private_key(ec.SECP256R1())), "damaged, or not signed by its own key"),
    ):
        with pytest.raises(Malformed, match=sentence):
            parse_certificate(der)


def test_a_missing_extension_is_named() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([])
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, start, start + dt.timedelta(days=1))
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    with pytest.raises(Malformed, match="lacks the extension"):
        parse_certificate(der)
    assert len(spki_sha256(der)) == 32


def context(side: int, own: TlsIdentity, peer: TlsIdentity, folder: Path) -> ssl.SSLContext:
    file = folder / f"{own.certificate.organisation}.pem"
    file.write_bytes(own.certificate.pem + own.key_pem)
    made = ssl.SSLContext(side)
    made.load_cert_chain(file)
    made.load_verify_locations(cadata=peer.certificate.pem.decode())
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_two_nodes_that_pinned_each_other_connect(tmp_path: Path) -> None:
    now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    server, client = (make_identity(name, now=now) for name in ("server.example", "client.example"))
    ends = socket.socketpair()
    seen: list[bytes | None] = []

    def serve() -> None:
        made = context(ssl.PROTOCOL_TLS_SERVER, server, client, tmp_path)
        with made.wrap_socket(ends[0], server_side=True) as connection:
            seen.append(connection.getpeercert(binary_form=True))
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    made = context(ssl.PROTOCOL_TLS_CLIENT, client, server, tmp_path)
    with made.wrap_socket(ends[1], server_hostname="server.example") as connection:
        assert connection.getpeercert(binary_form=True) == server.certificate.der
        connection.send(b"x")
    thread.join()
    assert seen == [client.certificate.der]
