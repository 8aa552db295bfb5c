"""TLS identities of nodes: P-256 keys and self-signed X.509 certificates, pinned whole and never trusted by name.

P-256 because grpcio cannot do mutual TLS with Ed25519. A certificate has the organisation id as its one DNS name,
CA:FALSE, usages server and client, and subject *and* authority key identifiers: without them two certificates of the
same subject (current and next) lock each other out of one root bundle.

``parse_certificate`` is strict because a bundle reader silently drops every certificate after a damaged one. Chains,
revocation and trust are not here: a peer is who its pinned key (``spki_sha256``) says.
"""

import datetime as dt
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tocsin_crypto._encoding import MAX_TIME_MS, from_base64, to_base64
from tocsin_crypto.ed25519 import Random
from tocsin_crypto.errors import Malformed
from tocsin_crypto.names import check_organisation

MAX_CERTIFICATE = 4096
"""Bytes of one certificate (DER): a self-signed P-256 one takes about 600."""
MAX_SHOWN = 64 * 1024
"""Bytes of a certificate that is only looked at: whatever some other server shows."""
MAX_DAYS = 825
"""Longest life of a certificate in days: what common TLS stacks accept of private ones."""
VALID_DAYS = 90
"""Usual life of a certificate in days."""
BACKDATE_MINUTES = 10
"""How far the clock of a peer that sees a new certificate may be behind, as for a card."""

_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?"
)
_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
_UNREADABLE = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_USAGES = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
_DAY_MS = 86_400_000
_COMMON_NAME = 64  # characters X.509 allows a common name


@dataclass(frozen=True, slots=True)
class Certificate:
    """A parsed node certificate; times in ms UTC, ``spki_sha256`` of its public key."""

    der: bytes
    organisation: str
    not_before: int
    not_after: int
    spki_sha256: bytes

    @property
    def pem(self) -> bytes:
        """The same certificate as PEM."""
        return der_to_pem(self.der)


@dataclass(frozen=True, slots=True)
class Shown:
    """What any certificate says of itself, believed by nobody; times in ms UTC. ``names`` are its DNS names."""

    names: tuple[str, ...]
    not_before: int
    not_after: int
    spki_sha256: bytes


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A certificate and its private key as unencrypted PKCS#8 PEM: keep it in a sealed key file."""

    certificate: Certificate
    key_pem: bytes = field(repr=False)


def make_identity(
    organisation: str, *, now: int, days: int = VALID_DAYS, random: Random = secrets.token_bytes
) -> TlsIdentity:
    """A fresh key and certificate, valid from BACKDATE_MINUTES before ``now`` (ms UTC) for ``days`` from ``now`` on."""
    if not 1 <= days <= MAX_DAYS or not _DAY_MS <= now <= MAX_TIME_MS - MAX_DAYS * _DAY_MS:
        raise Malformed(f"a certificate cannot be made for {days} days (1 to {MAX_DAYS}) at this time")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, check_organisation(organisation)[:_COMMON_NAME])])
    key_identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier)
    start = dt.datetime.fromtimestamp(now // 1000, dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(b"\x01" + random(15), "big"))
        .not_valid_before(start - dt.timedelta(minutes=BACKDATE_MINUTES))
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(organisation)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage(sorted(_USAGES, key=lambda usage: usage.dotted_string)), critical=False)
        .add_extension(key_identifier, critical=False)
        .add_extension(authority, critical=False)
    )
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return TlsIdentity(parse_certificate(der), key_pem)


def parse_certificate(data: bytes) -> Certificate:
    """One whole node certificate, DER or PEM, of the form ``make_identity`` gives; anything else is ``Malformed``."""
    der = _to_der(data)
    try:
        found = x509.load_der_x509_certificate(der)
        found.verify_directly_issued_by(found)
        return _certificate(der, found)
    except x509.ExtensionNotFound as missing:
        raise Malformed(f"a certificate lacks the extension {missing.oid.dotted_string}") from None
    except _UNREADABLE:
        raise Malformed("a certificate is damaged, or not signed by its own key") from None


def spki_sha256(data: bytes) -> bytes:
    """SHA-256 of the public key (SubjectPublicKeyInfo) of any one certificate, DER or PEM: what peers pin."""
    try:
        return _spki_sha256(x509.load_der_x509_certificate(_to_der(data)))
    except _UNREADABLE:
        raise Malformed("a certificate is damaged") from None


def look_at(der: bytes) -> Shown:
    """What any certificate says of itself, to name what differs: nothing is verified. ``Malformed`` if unreadable."""
    if len(der) > MAX_SHOWN:
        raise Malformed(f"a certificate has {len(der)} bytes, more than {MAX_SHOWN}")
    try:
        found = x509.load_der_x509_certificate(der)
        names: tuple[str, ...] = ()
        for extension in found.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names = tuple(extension.value.get_values_for_type(x509.DNSName))
        return Shown(
            names,
            int(found.not_valid_before_utc.timestamp() * 1000),
            int(found.not_valid_after_utc.timestamp() * 1000),
            _spki_sha256(found),
        )
    except _UNREADABLE:
        raise Malformed("a certificate is damaged") from None


def der_to_pem(der: bytes) -> bytes:
    """A certificate as PEM."""
    body = to_base64(der)
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()


def pem_to_der(pem: bytes) -> bytes:
    """The one certificate of a PEM text with nothing around it."""
    found = _PEM.fullmatch(pem) if len(pem) <= 2 * MAX_CERTIFICATE else None
    if found is None:
        raise Malformed("a certificate is not one block of PEM")
    return from_base64(b"".join(found[1].split()).decode(), "a PEM certificate")


def _to_der(data: bytes) -> bytes:
    der = pem_to_der(data) if data.startswith(b"-----") else data
    if len(der) > MAX_CERTIFICATE:
        raise Malformed(f"a certificate has {len(der)} bytes, more than {MAX_CERTIFICATE}")
    return der


def _spki_sha256(certificate: x509.Certificate) -> bytes:
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(spki).digest()


def _certificate(der: bytes, found: x509.Certificate) -> Certificate:
    """The certificate's content, every rule of the module docstring checked."""
    extensions, public = found.extensions, found.public_key()
    names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    subject_id = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    authority_id = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    usages = set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise Malformed("a certificate is not for a P-256 key")
    if len(names) != 1 or not isinstance(names[0], x509.DNSName):
        raise Malformed("a certificate does not have exactly one name, a DNS name")
    if basic.ca:
        raise Malformed("a certificate is one of a certificate authority")
    if authority_id != subject_id:
        raise Malformed("a certificate does not name its own key as its authority")
    if not usages >= _USAGES:
        raise Malformed("a certificate is not for both ends of a connection")
    return Certificate(
        der,
        check_organisation(names[0].value),
        int(found.not_valid_before_utc.timestamp() * 1000),
        int(found.not_valid_after_utc.timestamp() * 1000),
        _spki_sha256(found),
    )
