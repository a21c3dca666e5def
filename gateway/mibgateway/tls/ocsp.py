"""OCSP's octets: what is asked about a certificate, and whether an answer may be believed.

RFC 6960; no socket. Dates are judged by the time given.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from mibagent.errors import PeerError
from mibgateway.tls.certificate import printable, shown_name

CLOCK_SKEW = timedelta(minutes=5)
"""How far a responder's clock may be ahead of ours, or behind."""

NEWEST_ALWAYS = timedelta(days=1)
"""The oldest answer that is taken where the responder does not say when the next one comes."""

NONCE_OCTETS = 16


class OcspError(PeerError):
    """An answer that can't be believed, or none; the text says why."""


class Standing(StrEnum):
    """What an answer says of a certificate. RFC 6960 section 2.2."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """What a responder says of one certificate, once it is believed."""

    standing: Standing
    this_update: datetime
    next_update: datetime | None
    """None: newer knowledge is there at any time, so that it is not kept. RFC 6960 section 2.4."""
    revoked_at: datetime | None = None
    reason: str = ""

    def holds(self, now: datetime) -> bool:
        """Whether it may still be used. RFC 6960 section 3.2, rules 5 and 6."""
        return self.next_update is not None and self.this_update - CLOCK_SKEW <= now \
            < self.next_update


@dataclass(frozen=True)
class Question:
    """What is asked of a responder: one certificate, and the nonce that the answer may repeat."""

    octets: bytes
    nonce: bytes = b""


def ask(certificate: x509.Certificate, issuer: x509.Certificate) -> Question:
    """Write the request. Its hash is SHA-1, which every responder knows. RFC 5019 section 2.1.1."""
    nonce = secrets.token_bytes(NONCE_OCTETS)
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())
    request = builder.add_extension(x509.OCSPNonce(nonce), critical=False).build()
    return Question(request.public_bytes(Encoding.DER), nonce)


def responder_of(certificate: x509.Certificate) -> str:
    """Give the http URL of the responder that a certificate names, "" for none.

    RFC 5280 section 4.2.2.1.
    """
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return ""
    for each in found.value:
        location = each.access_location
        if each.access_method == AuthorityInformationAccessOID.OCSP \
                and isinstance(location, x509.UniformResourceIdentifier) \
                and location.value.lower().startswith("http://"):
            return location.value
    return ""


def is_responder_url(url: str) -> bool:
    """Whether a responder can be asked there. RFC 6960 section A.1."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    fits = url.isascii() and url.isprintable() and " " not in url
    return fits and parts.scheme == "http" and bool(parts.hostname)


def read(
    octets: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime,
    nonce: bytes = b"",
) -> Answer:
    """Believe an answer about a certificate, or raise OcspError.

    An answer without the nonce is taken, since answers that are made beforehand have none.
    RFC 6960 section 3.2.
    """
    try:
        response = ocsp.load_der_ocsp_response(octets)
    except ValueError as error:
        raise OcspError("it is no OCSP response") from error
    try:
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise OcspError(f"the responder says {response.response_status.name.lower()}")
        _check_nonce(response, nonce)
        single = _about(response, certificate, issuer)
        _check_signature(response, issuer, now)
        return _answer(single, now)
    except OcspError:
        raise
    except Exception as error:  # a foreign parser on a stranger's octets
        raise OcspError(f"the answer can't be read: {printable(str(error))}") from error


def _check_nonce(response: ocsp.OCSPResponse, nonce: bytes) -> None:
    """RFC 9654 section 2.1."""
    try:
        given = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return
    if nonce and given != nonce:
        raise OcspError("the answer is to another's question: its nonce is not ours")


def _about(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """Find the part about this certificate. RFC 6960 section 3.2, rule 1."""
    for single in response.responses:
        if single.serial_number != certificate.serial_number:
            continue
        wanted = ocsp.OCSPRequestBuilder().add_certificate(
            certificate, issuer, single.hash_algorithm).build()
        if (wanted.issuer_key_hash, wanted.issuer_name_hash) == \
                (single.issuer_key_hash, single.issuer_name_hash):
            return single
    raise OcspError("the answer is about another certificate")


def _check_signature(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> None:
    """Let the issuer have signed it, or whom it lets answer. RFC 6960 section 4.2.2.2."""
    why = "it is signed by nobody who may"
    for signer in (issuer, *response.certificates[:5]):
        if not _is_named(response, signer):
            continue
        if signer is not issuer:
            why = _why_no_delegate(signer, issuer, now)
            if why:
                continue
        if _is_signed_by(response, signer):
            return
        why = f"the signature of {shown_name(signer.subject)} does not fit"
    raise OcspError(f"the answer is not to be believed: {why}")


def _is_named(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    if response.responder_key_hash is not None:
        named = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
        return named.digest == response.responder_key_hash
    return response.responder_name == signer.subject


def _why_no_delegate(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> str:
    """RFC 6960 section 4.2.2.2: issued by the CA itself, for id-kp-OCSPSigning; "" when it is."""
    name = shown_name(signer.subject)
    try:
        signer.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return f"{name} was not issued by {shown_name(issuer.subject)}"
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        purposes = x509.ExtendedKeyUsage([])
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        return f"{name} is not for OCSP signing"
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        return f"the responder's certificate {name} is not in date"
    return ""


_WEAK = (hashes.MD5, hashes.SHA1)


def _is_signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    signature, signed = response.signature, response.tbs_response_bytes
    digest = response.signature_hash_algorithm
    if isinstance(digest, _WEAK):
        raise OcspError(f"the answer is signed with {digest.name}, which is too weak")
    try:
        match signer.public_key():
            case rsa.RSAPublicKey() as key if digest is not None:
                key.verify(signature, signed, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey() as key if digest is not None:
                key.verify(signature, signed, ec.ECDSA(digest))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey() as key:
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _answer(single: ocsp.OCSPSingleResponse, now: datetime) -> Answer:
    """RFC 6960 section 3.2, rules 5 and 6."""
    since, until = single.this_update_utc, single.next_update_utc
    if since > now + CLOCK_SKEW:
        raise OcspError(f"the answer is of {since:%Y-%m-%d %H:%M} UTC, which is yet to come")
    if until is not None and until + CLOCK_SKEW < now:
        raise OcspError(f"the answer held until {until:%Y-%m-%d %H:%M} UTC")
    if until is None and since + NEWEST_ALWAYS < now:
        raise OcspError(f"the answer is of {since:%Y-%m-%d %H:%M} UTC, which is too old")
    standing = Standing(single.certificate_status.name.lower())
    reason = single.revocation_reason
    return Answer(standing, since, until, single.revocation_time_utc,
                  reason.value if reason is not None else "")
