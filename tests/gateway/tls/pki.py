"""Throw-away CAs and certificates, good and odd, and handshakes in memory between two ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from mibgateway.tls.credentials import Authority, HostCredential, PrivateKey

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
"""What the unit's clock says: years away from the host's, so that only the unit's can be meant."""

BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def clock() -> datetime | None:
    return NOW


@cache
def key(kind: str = "ec", number: int = 0) -> PrivateKey:
    """Make a key once and give the same for the same arguments."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if kind == "rsa1024" else 2048)


def dns(*names: str) -> tuple[x509.GeneralName, ...]:
    return tuple(map(x509.DNSName, names))


def ip(*names: str) -> tuple[x509.GeneralName, ...]:
    return tuple(x509.IPAddress(ipaddress.ip_address(name)) for name in names)


def uri(*names: str) -> tuple[x509.GeneralName, ...]:
    return tuple(map(x509.UniformResourceIdentifier, names))


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and the issuers that go with it."""

    certificate: x509.Certificate
    key: PrivateKey
    issuers: tuple[x509.Certificate, ...] = ()

    def credential(self, name: str = "host.pem") -> HostCredential:
        return HostCredential(name, (self.certificate, *self.issuers), self.key)

    def authority(self, name: str = "ca.pem") -> Authority:
        return Authority(name, self.certificate)

    def pem(self, password: str = "") -> bytes:
        """Certificates and key in one file."""
        secret = password.encode()
        protection: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(secret)
            if secret
            else serialization.NoEncryption()
        )
        return chain_pem(self.certificate, *self.issuers) + self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )


def chain_pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def issue(
    common_name: str = "",
    names: Sequence[x509.GeneralName] = (),
    *,
    by: Issued | None = None,
    ca: bool = False,
    kind: str = "ec",
    number: int = 0,
    purposes: Sequence[x509.ObjectIdentifier] | None = BOTH,
    key_usage: x509.KeyUsage | None = None,
    extra: x509.ExtensionType | None = None,
    responder: str = "",
    start: datetime = NOW - timedelta(days=30),
    days: float = 365,
) -> Issued:
    """Issue a certificate; None for `by` means by itself."""
    own = key(kind, number)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if purposes and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if key_usage:
        builder = builder.add_extension(key_usage, critical=True)
    if extra:
        builder = builder.add_extension(extra, critical=False)
    if responder:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder))
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    certificate = builder.sign(by.key if by else own, hashes.SHA256())
    above = (by.certificate, *by.issuers) if by and by.issuers else ()
    is_intermediate = by is not None and by.certificate.subject != by.certificate.issuer
    return Issued(certificate, own, (by.certificate, *above) if by and is_intermediate else above)


def key_usage(*bits: str) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in bits for name in every})


def answer(
    about: Issued,
    issuer: Issued,
    standing: str = "good",
    *,
    by: Issued | None = None,
    shown: Sequence[Issued] = (),
    nonce: bytes = b"",
    since: datetime = NOW - timedelta(hours=1),
    until: datetime | None = NOW + timedelta(days=1),
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """Make a responder's answer; None for `by` means by the issuer itself."""
    signer = by or issuer
    status = ocsp.OCSPCertStatus[standing.upper()]
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        about.certificate, issuer.certificate, hashes.SHA1(), status, since, until,
        NOW - timedelta(days=2) if revoked else None,
        x509.ReasonFlags.key_compromise if revoked else None)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, signer.certificate)
    if shown:
        builder = builder.certificates([each.certificate for each in shown])
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    made = builder.sign(signer.key, digest or hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def handshake(client: SSL.Connection, server: SSL.Connection) -> dict[str, SSL.Error]:
    """Shake hands in memory; give what either side failed with, nobody when all went well.

    One record goes each way after it, since with TLS 1.3 a client learns only then that the server
    refused its certificate.
    """
    failed: dict[str, SSL.Error] = {}
    done: set[str] = set()
    ends = (("client", client, server), ("server", server, client))
    for _ in range(12):
        for name, own, other in ends:
            if name not in failed:
                try:
                    if name in done:
                        own.recv(100)
                    else:
                        own.do_handshake()
                        done.add(name)
                        own.send(b"hello")
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    failed[name] = error
            _carry(own, other)
    return failed


def _carry(own: SSL.Connection, other: SSL.Connection) -> None:
    while True:
        try:
            other.bio_write(own.bio_read(65536))
        except SSL.WantReadError:
            return
