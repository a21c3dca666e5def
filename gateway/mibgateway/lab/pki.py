"""Certificates to be thrown away: a CA, and what it issues."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

BEFORE, AFTER = timedelta(days=1), timedelta(days=90)
"""How long they are good, back from now and from now: nobody is to be warned of their end."""

KEY_BITS = 2048

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class Authority:
    """A CA with a key of its own, made in a moment."""

    def __init__(
        self, name: str, now: datetime | None = None, *, kept: tuple[bytes, bytes] | None = None,
    ) -> None:
        """kept: certificate and key as PEM, of one that was made before."""
        self._now = now or datetime.now(UTC)
        if kept is not None:
            self.certificate = x509.load_pem_x509_certificate(kept[0])
            key = serialization.load_pem_private_key(kept[1], None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            self._key, self._name = key, self.certificate.subject
            return
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        public = self._key.public_key()
        self.certificate = (
            self._builder(self._name, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @classmethod
    def read(cls, certificate: Path, key: Path) -> Authority:
        """Give the CA that was written down with its key."""
        return cls("", kept=(certificate.read_bytes(), key.read_bytes()))

    def write(self, path: Path) -> Path:
        """Write the CA's certificate as PEM."""
        path.write_bytes(_pem(self.certificate))
        return path

    def write_key(self, path: Path) -> Path:
        """Write the CA's key as PEM, for its owner alone."""
        path.touch(mode=0o600)
        path.write_bytes(_key_pem(self._key))
        return path

    def issue(
        self, path: Path, name: str, *addresses: str, names: Sequence[str] = (),
        key_type: str = "ec",
    ) -> Path:
        """Write a certificate for both roles, followed by its key, as PEM.

        addresses, names: what it is good for. key_type: `ec`, or `rsa`, which takes 0.1 s and more
        and suits the cipher suite sets CS1 to CS3 too.
        """
        key: Key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS) \
            if key_type == "rsa" else ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        issuer = self._key.public_key()
        alternatives: list[x509.GeneralName] = [
            *(x509.DNSName(each) for each in names),
            *(x509.IPAddress(ip_address(each)) for each in addresses)]
        certificate = (
            self._builder(_name(name), public)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path.touch(mode=0o600)
        path.write_bytes(_pem(certificate) + _key_pem(key))
        return path

    def _builder(self, subject: x509.Name, public: PublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - BEFORE)
            .not_valid_after(self._now + AFTER)
        )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not ca,
        data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
        encipher_only=False, decipher_only=False)
