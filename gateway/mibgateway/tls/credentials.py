"""Certificates and keys out of files, and which of them a use takes.

The only file that reads PEM and PKCS#12. Keys never appear in a text: they are left out of `repr`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from OpenSSL import crypto

from mibgateway.tls.certificate import (
    CertificateFacts,
    CredentialError,
    Status,
    Usage,
    facts,
    is_authority,
    subject_of,
    usage,
)
from mibgateway.tls.policy import TlsPolicy

SIZE_LIMIT_BYTES = 1 << 20
CERTIFICATE_LIMIT = 64

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyMismatch(CredentialError):
    """A private key that belongs to none of the certificates it came with."""


@dataclass(frozen=True)
class HostCredential:
    """A certificate of the unit's own, with its chain and its key."""

    name: str
    """The row's key: the file's name."""
    chain: tuple[x509.Certificate, ...]
    """Its own certificate first, then its issuers upwards."""
    key: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if self.key.public_key() != self.certificate.public_key():
            raise KeyMismatch(
                f"{self.name}: the key does not belong to {subject_of(self.certificate)}"
            )

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @cached_property
    def facts(self) -> CertificateFacts:
        """What its own certificate says of itself."""
        return facts(self.certificate)

    @cached_property
    def fingerprints(self) -> tuple[bytes, ...]:
        """What tells its chain from any other."""
        return tuple(each.fingerprint(hashes.SHA256()) for each in self.chain)

    def chain_pem(self) -> bytes:
        """Write the certificates, its own first."""
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in self.chain)

    def key_pem(self) -> bytes:
        """Write the key without a password, PKCS#8: only ever to be sealed."""
        return key_pem(self.key)


@dataclass(frozen=True)
class Authority:
    """A CA certificate that the unit trusts."""

    name: str
    certificate: x509.Certificate

    def __post_init__(self) -> None:
        if not is_authority(self.certificate):
            raise CredentialError(
                f"{self.name}: {subject_of(self.certificate)} is not a CA certificate"
            )
        _ = self.for_openssl

    @cached_property
    def facts(self) -> CertificateFacts:
        return facts(self.certificate)

    @cached_property
    def fingerprint(self) -> bytes:
        """What tells it from any other."""
        return self.certificate.fingerprint(hashes.SHA256())

    @cached_property
    def for_openssl(self) -> crypto.X509:
        """The certificate as a store takes it. Raises CredentialError at the making, or never."""
        try:
            return crypto.X509.from_cryptography(self.certificate)
        except crypto.Error as error:
            raise CredentialError(
                f"{self.name}: OpenSSL can't read {subject_of(self.certificate)}"
            ) from error


def key_pem(key: PrivateKey) -> bytes:
    """Write a key without a password, PKCS#8: only ever to be sealed."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_key(name: str, octets: bytes) -> PrivateKey:
    """Read what `key_pem` wrote. Raises CredentialError."""
    return _only_key(name, list(_pem_blocks(name, octets)), "")


def read_host(
    name: str, octets: bytes, password: str = "", keys: Iterable[PrivateKey] = ()
) -> HostCredential:
    """Read a host certificate with its key: PEM in any order, or PKCS#12.

    The certificate that the key belongs to is taken as the unit's own, the others in the order in
    which they issued each other. Where there is no key in it, the one of `keys` that fits is taken.
    Raises CredentialError.
    """
    _check_size(name, octets)
    if _is_pem(octets):
        blocks = list(_pem_blocks(name, octets))
        certificates = _certificates(name, blocks)
        if certificates and not any(label.endswith("PRIVATE KEY") for label, _ in blocks):
            key = _fitting_key(name, certificates, keys)
        else:
            key = _only_key(name, blocks, password)
    else:
        certificates, key = _from_pkcs12(name, octets, password)
    if not certificates:
        raise CredentialError(f"{name}: no certificate in it")
    return HostCredential(name, _in_order(name, certificates, key), key)


def read_certificates(name: str, octets: bytes) -> tuple[x509.Certificate, ...]:
    """Read certificates without keys: PEM with one or more, or one in DER.

    Other PEM blocks are passed over. Raises CredentialError, also when there is none.
    """
    _check_size(name, octets)
    if _is_pem(octets):
        certificates = _certificates(name, list(_pem_blocks(name, octets)))
    else:
        certificates = [_certificate(name, "", octets)]
    if not certificates:
        raise CredentialError(f"{name}: no certificate in it")
    return tuple(certificates)


def read_authorities(name: str, octets: bytes) -> tuple[Authority, ...]:
    """Read CA certificates. Raises CredentialError, also when one of them is no CA."""
    return tuple(Authority(name, each) for each in read_certificates(name, octets))


def choose(
    credentials: Iterable[HostCredential],
    role: Usage,
    now: datetime | None,
    policy: TlsPolicy,
) -> HostCredential | None:
    """Take the one that ends last among those in date whose usage fits the role.

    One whose kind of key serves more of what the policy allows goes first: under CS1 to CS3 an EC
    key serves nothing below TLS 1.3. None for `now`, a clock that is not known, leaves dates aside.
    None is the answer when no credential will do.
    """
    in_date = (Status.VALID, Status.EXPIRES_SOON, Status.TIME_UNKNOWN)
    fitting = [
        each
        for each in credentials
        if role in usage(each.certificate, for_sip=policy.is_sip)
        and each.facts.status(now) in in_date
    ]

    def worth(each: HostCredential) -> tuple[int, datetime, str]:
        is_ec = isinstance(each.key, ec.EllipticCurvePrivateKey)
        return policy.selection.reach(is_ec), each.facts.valid_to, each.name

    return max(fitting, key=worth, default=None)


def _check_size(name: str, octets: bytes) -> None:
    if len(octets) > SIZE_LIMIT_BYTES:
        raise CredentialError(f"{name}: {len(octets)} octets, more than {SIZE_LIMIT_BYTES}")


def _is_pem(octets: bytes) -> bool:
    return b"-----BEGIN " in octets


def _pem_blocks(name: str, octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Give label and whole text of each block, in one pass over the lines.

    RFC 7468 section 2: text outside blocks is passed over.
    """
    label, lines = "", list[bytes]()
    for line in octets.splitlines():
        line = line.strip()
        if line.startswith(b"-----BEGIN ") and line.endswith(b"-----"):
            if label:
                raise CredentialError(f"{name}: a block {label} without its END line")
            label, lines = line[11:-5].decode("ascii", "replace"), []
        if label:
            lines.append(line)
        if line.startswith(b"-----END ") and line.endswith(b"-----") and label:
            if line[9:-5].decode("ascii", "replace") != label:
                raise CredentialError(f"{name}: a block {label} without its END line")
            yield label, b"\n".join(lines) + b"\n"
            label = ""
    if label:
        raise CredentialError(f"{name}: a block {label} without its END line")


_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")


def _certificates(name: str, blocks: list[tuple[str, bytes]]) -> list[x509.Certificate]:
    texts = [text for label, text in blocks if label in _CERTIFICATE_LABELS]
    if len(texts) > CERTIFICATE_LIMIT:
        raise CredentialError(f"{name}: {len(texts)} certificates, more than {CERTIFICATE_LIMIT}")
    of_all = f" of {len(texts)}" if len(texts) > 1 else ""
    return [
        _certificate(name, f" {number}{of_all}" if of_all else "", text)
        for number, text in enumerate(texts, 1)
    ]


def _certificate(name: str, which: str, octets: bytes) -> x509.Certificate:
    try:
        if _is_pem(octets):
            certificate = x509.load_pem_x509_certificate(octets)
        else:
            certificate = x509.load_der_x509_certificate(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CredentialError(f"{name}: certificate{which} can't be read: {error}") from error
    return _readable(name, which, certificate)


def _readable(name: str, which: str, certificate: x509.Certificate) -> x509.Certificate:
    try:
        facts(certificate)
    except CredentialError as error:
        raise CredentialError(
            f"{name}: certificate{which} ({subject_of(certificate)}): {error.why}"
        ) from error
    return certificate


def _only_key(name: str, blocks: list[tuple[str, bytes]], password: str) -> PrivateKey:
    texts = [text for label, text in blocks if label.endswith("PRIVATE KEY")]
    if len(texts) != 1:
        count = "no private key" if not texts else f"{len(texts)} private keys"
        raise CredentialError(f"{name}: {count} in it, one is needed")
    encrypted = b"ENCRYPTED" in texts[0]
    if encrypted and not password:
        raise CredentialError(f"{name}: the private key needs a password")
    try:
        key = serialization.load_pem_private_key(texts[0], password.encode() if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        wrong = "; is the password right?" if encrypted else ""
        raise CredentialError(f"{name}: the private key can't be read{wrong}") from error
    return _supported(name, key)


def _fitting_key(
    name: str, certificates: list[x509.Certificate], keys: Iterable[PrivateKey]
) -> PrivateKey:
    for key in keys:
        if any(each.public_key() == key.public_key() for each in certificates):
            return key
    raise CredentialError(
        f"{name}: no private key in it, one is needed; no signing request and no certificate of "
        "the unit's has one that fits"
    )


def _supported(name: str, key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    kind = type(key).__name__.removesuffix("PrivateKey")
    raise CredentialError(f"{name}: the private key is {kind}; RSA or EC is needed")


def _from_pkcs12(
    name: str, octets: bytes, password: str
) -> tuple[list[x509.Certificate], PrivateKey]:
    """RFC 7292."""
    try:
        bundle = pkcs12.load_pkcs12(octets, password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        wrong = ", or its password is another" if octets[:1] == b"\x30" else ""
        raise CredentialError(f"{name}: neither PEM nor PKCS#12{wrong}") from error
    if bundle.key is None:
        raise CredentialError(f"{name}: no private key in it, one is needed")
    found = [bundle.cert, *bundle.additional_certs]
    certificates = [each.certificate for each in found if each is not None]
    if len(certificates) > CERTIFICATE_LIMIT:
        raise CredentialError(
            f"{name}: {len(certificates)} certificates, more than {CERTIFICATE_LIMIT}"
        )
    for certificate in certificates:
        _readable(name, "", certificate)
    return certificates, _supported(name, bundle.key)


def _in_order(
    name: str, certificates: list[x509.Certificate], key: PrivateKey
) -> tuple[x509.Certificate, ...]:
    """Put the key's certificate first and each issuer after what it issued; strays go last."""
    public = key.public_key()
    rest = list(certificates)
    own = next((each for each in rest if each.public_key() == public), None)
    if own is None:
        shown = ", ".join(map(subject_of, rest[:3]))
        raise KeyMismatch(
            f"{name}: the private key belongs to none of its certificates: {shown}"
        )
    chain = [own]
    while own is not None:
        rest.remove(own)
        issuer = own.issuer
        own = next((each for each in rest if each.subject == issuer), None)
        if own is not None:
            chain.append(own)
    return (*chain, *rest)
