"""Makes keys, certificates that are signed with their own key, and signing requests."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mibgateway.tls.certificate import CredentialError
from mibgateway.tls.credentials import HostCredential, PrivateKey

MOST_NAMES = 50

BEGINS_BEFORE = timedelta(minutes=5)
"""How long before now a certificate begins, since a peer's clock may be behind."""


class KeyKind(enum.IntEnum):
    """Kinds of key, by the numbers of the Cert MIB."""

    RSA2048 = 100
    RSA3072 = 200
    RSA4096 = 300
    EC_P256 = 400
    EC_P384 = 500


def make_key(kind: KeyKind) -> PrivateKey:
    """Make a key at random. One of RSA can take seconds."""
    match kind:
        case KeyKind.EC_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.EC_P384:
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            bits = {KeyKind.RSA2048: 2048, KeyKind.RSA3072: 3072}.get(kind, 4096)
            return rsa.generate_private_key(65537, bits)


def self_signed(
    name: str, common_name: str, alternative_names: str, days: int, key: PrivateKey, now: datetime
) -> HostCredential:
    """Make a certificate that nobody vouches for but itself. Raises CredentialError."""
    subject, extensions = _wanted(name, common_name, alternative_names, key)
    begin = now - BEGINS_BEFORE
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return HostCredential(name, (builder.sign(key, hashes.SHA256()),), key)


def signing_request(
    name: str, common_name: str, alternative_names: str, key: PrivateKey
) -> bytes:
    """Write a request in PEM with which an authority can make a certificate.

    Raises CredentialError. RFC 2986.
    """
    subject, extensions = _wanted(name, common_name, alternative_names, key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _wanted(
    name: str, common_name: str, alternative_names: str, key: PrivateKey
) -> tuple[x509.Name, list[tuple[x509.ExtensionType, bool]]]:
    if not common_name or not common_name.isprintable():
        raise CredentialError(f"{name}: CommonName is 1 to 64 printable octets")
    names = read_names(name, alternative_names or common_name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    bits = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=is_rsa,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return subject, [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (bits, True),
        (x509.ExtendedKeyUsage(purposes), False),
        (x509.SubjectAlternativeName(names), False),
    ]


_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?")


def read_names(name: str, text: str) -> list[x509.GeneralName]:
    """Read `DNS:gw.example.org, IP:192.0.2.1, URI:sip:example.org`; a kind may be left out.

    Raises CredentialError that says which name is none.
    """
    parts: Sequence[str] = [part.strip() for part in text.split(",")]
    if len(parts) > MOST_NAMES:
        raise CredentialError(f"{name}: {len(parts)} alternative names, more than {MOST_NAMES}")
    return [_read_name(name, part) for part in parts]


def _read_name(name: str, part: str) -> x509.GeneralName:
    kind, colon, value = part.partition(":")
    kind = kind.upper() if colon else ""
    if kind not in ("DNS", "IP", "URI"):
        try:
            return x509.IPAddress(ipaddress.ip_address(part))
        except ValueError:
            kind, value = "DNS", part
    if kind == "IP":
        try:
            return x509.IPAddress(ipaddress.ip_address(value))
        except ValueError:
            raise CredentialError(f"{name}: {value} is no IP address") from None
    if kind == "URI":
        if ":" not in value or not value.isascii() or not value.isprintable() or " " in value:
            raise CredentialError(f"{name}: {value} is no URI")
        return x509.UniformResourceIdentifier(value)
    if len(value) > 253 or not _DNS_NAME.fullmatch(value):
        raise CredentialError(f"{name}: {value or 'an empty text'} is no DNS name")
    return x509.DNSName(value)
