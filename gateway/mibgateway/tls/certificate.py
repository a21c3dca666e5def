"""What a certificate says of itself: the facts that tables show and choices rest on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

from mibagent.errors import MibgateError

SIP_DOMAIN = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.20")
"""id-kp-sipDomain. RFC 5924 section 4.1."""

SHOWN_CHARACTERS = 250


class CredentialError(MibgateError):
    """A certificate, key or file that can't be used; the text names which and says why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Usage(StrEnum):
    """The roles in a handshake that a certificate allows."""

    TLS_CLIENT = "TlsClient"
    TLS_SERVER = "TlsServer"


class Status(IntEnum):
    """A certificate against the unit's clock, by the numbers of the Cert MIB."""

    VALID = 100
    NOT_YET_VALID = 200
    EXPIRED = 300
    EXPIRES_SOON = 400
    INVALID = 500
    TIME_UNKNOWN = 600


@dataclass(frozen=True)
class CertificateFacts:
    """What the certificate tables show of one certificate."""

    issued_to: str
    issued_by: str
    valid_from: datetime
    """With time zone UTC, as `valid_to`."""
    valid_to: datetime
    usage: tuple[Usage, ...]
    is_authority: bool
    fingerprint: str
    """SHA-256, hexadecimal, small letters, no colons."""
    alternative_names: tuple[str, ...]
    """`DNS:`, `IP:`, `URI:` or `email:` before each."""
    key_type: str
    """`RSA-2048`, `EC-P256`."""

    def status(self, now: datetime | None, warning_days: int = 0) -> Status:
        """Judge the dates. None for `now`: the clock is not known; 0 days: never ExpiresSoon.

        RFC 5280 section 4.1.2.5.
        """
        if self.valid_to < self.valid_from:
            return Status.INVALID
        if now is None:
            return Status.TIME_UNKNOWN
        if now < self.valid_from:
            return Status.NOT_YET_VALID
        if now > self.valid_to:
            return Status.EXPIRED
        if warning_days and self.valid_to - now <= timedelta(days=warning_days):
            return Status.EXPIRES_SOON
        return Status.VALID

    def days_left(self, now: datetime) -> int:
        """Give the whole days until the end; below 0 once it is over."""
        return (self.valid_to - now) // timedelta(days=1)


def facts(certificate: x509.Certificate) -> CertificateFacts:
    """Read a certificate. Raises CredentialError when a part of it can't be read."""
    try:
        return CertificateFacts(
            issued_to=shown_name(certificate.subject),
            issued_by=shown_name(certificate.issuer),
            valid_from=certificate.not_valid_before_utc,
            valid_to=certificate.not_valid_after_utc,
            usage=usage(certificate),
            is_authority=is_authority(certificate),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            alternative_names=tuple(map(printable, alternative_names(certificate))),
            key_type=key_type(certificate),
        )
    except CredentialError:
        raise
    except Exception as error:  # a foreign parser on a stranger's octets
        raise CredentialError(f"the certificate can't be read: {error}") from error


def printable(text: str) -> str:
    """Make a stranger's text fit for one line of a log: no controls, bounded."""
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def shown_name(name: x509.Name) -> str:
    """Write a subject or issuer, most specific part first. RFC 4514."""
    return printable(name.rfc4514_string()) or "(no name)"


def subject_of(certificate: x509.Certificate) -> str:
    """Name a certificate in a refusal: its subject, else its first alternative name.

    Never raises.
    """
    try:
        if certificate.subject.rdns:
            return shown_name(certificate.subject)
        return printable(next(iter(alternative_names(certificate)), "(no name)"))
    except Exception:  # a foreign parser on a stranger's octets
        return "(unreadable name)"


def general_names(certificate: x509.Certificate) -> x509.GeneralNames | tuple[()]:
    """Give the subjectAltName extension's names; none when there is no such extension."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return x509.GeneralNames(found.value)


def alternative_names(certificate: x509.Certificate) -> Iterator[str]:
    """Write each subjectAltName with its kind before it."""
    for name in general_names(certificate):
        match name:
            case x509.DNSName():
                yield f"DNS:{name.value}"
            case x509.IPAddress():
                yield f"IP:{name.value}"
            case x509.UniformResourceIdentifier():
                yield f"URI:{name.value}"
            case x509.RFC822Name():
                yield f"email:{name.value}"
            case x509.DirectoryName():
                yield f"DirName:{name.value.rfc4514_string()}"
            case x509.RegisteredID():
                yield f"RID:{name.value.dotted_string}"
            case _:
                yield "other"


def common_name(certificate: x509.Certificate) -> str:
    """Give the most specific CN of the subject, or "". RFC 6125 section 6.4.4."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""


def extended_usage(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier] | None:
    """Give the purposes of the extended key usage; None when there is no such extension."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return None
    return frozenset(found.value)


def usage(certificate: x509.Certificate, *, for_sip: bool = False) -> tuple[Usage, ...]:
    """Give the roles that key usage and extended key usage allow together.

    For SIP the purpose id-kp-sipDomain allows both. RFC 5280 section 4.2.1.12; RFC 5924
    section 4.
    """
    purposes = extended_usage(certificate)
    both = purposes is None or Purpose.ANY_EXTENDED_KEY_USAGE in purposes
    both = both or (for_sip and SIP_DOMAIN in (purposes or ()))
    roles = []
    if both or Purpose.CLIENT_AUTH in (purposes or ()):
        roles.append(Usage.TLS_CLIENT)
    if both or Purpose.SERVER_AUTH in (purposes or ()):
        roles.append(Usage.TLS_SERVER)
    return tuple(role for role in roles if _key_usage_fits(certificate, role))


def _key_usage_fits(certificate: x509.Certificate, role: Usage) -> bool:
    try:
        bits = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    if bits.digital_signature or bits.key_agreement:
        return True
    return role is Usage.TLS_SERVER and bits.key_encipherment


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue others: by basicConstraints, or as a self-issued X.509 v1 root.

    RFC 5280 section 4.2.1.9.
    """
    if certificate.version is x509.Version.v1:
        return certificate.subject == certificate.issuer
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca


_CURVES = {"secp256r1": "P256", "secp384r1": "P384", "secp521r1": "P521"}


def key_type(certificate: x509.Certificate) -> str:
    """Write kind and size of a certificate's public key."""
    return kind_of_key(certificate.public_key())


def kind_of_key(public: object) -> str:
    """Write kind and size of a public key."""
    match public:
        case rsa.RSAPublicKey() as key:
            return f"RSA-{key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"EC-{_CURVES.get(key.curve.name, key.curve.name)}"
        case dsa.DSAPublicKey() as key:
            return f"DSA-{key.key_size}"
        case key:
            return type(key).__name__.removesuffix("PublicKey")
