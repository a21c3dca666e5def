"""Whether a peer's certificate will do, by level: names, dates, chain and usage.

OpenSSL builds the chain and reports each certificate of it; what its reports mean for a level, and
which names count, is decided here. No socket and no connection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from OpenSSL import crypto
from service_identity.exceptions import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from mibagent.errors import PeerError
from mibgateway.tls.certificate import (
    Usage,
    common_name,
    general_names,
    printable,
    shown_name,
    subject_of,
    usage,
)
from mibgateway.tls.policy import Level, Trust

Clock = Callable[[], datetime | None]
"""Tells the unit's time, with its time zone; None while it is not known."""


class PeerRefused(PeerError):
    """No to the peer's certificate: which one, by which check, at which level."""

    def __init__(
        self, subject: str, check: str, level: Level | Trust, detail: str, clause: str = ""
    ) -> None:
        which = f"certificate {subject}" if subject else "no certificate"
        super().__init__(f"{which}: {check}: {detail}, at level {level.label}", clause)
        self.subject, self.check, self.level, self.detail = subject, check, level, detail


@dataclass(frozen=True)
class Names:
    """The names in a certificate by which a peer may be known."""

    dns: tuple[str, ...]
    addresses: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]
    sip_hosts: tuple[str, ...]
    """Hosts of `sip:` URIs without a user part."""
    common_name: str

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Names:
        """Read them. Raises ValueError for extensions that can't be read."""
        names = list(general_names(certificate))
        uris = [n.value for n in names if isinstance(n, x509.UniformResourceIdentifier)]
        addresses = [n.value for n in names if isinstance(n, x509.IPAddress)]
        return cls(
            dns=tuple(n.value for n in names if isinstance(n, x509.DNSName)),
            addresses=tuple(
                a for a in addresses if isinstance(a, ipaddress.IPv4Address | ipaddress.IPv6Address)
            ),
            sip_hosts=tuple(host for uri in uris if (host := sip_host(uri))),
            common_name=common_name(certificate),
        )

    def shown(self) -> str:
        """Write them all, for a refusal."""
        found = [f"sip:{host}" for host in self.sip_hosts]
        found += [*self.dns, *map(str, self.addresses)]
        if self.common_name:
            found.append(f"CN={self.common_name}")
        return printable(", ".join(found)) or "nobody"


_SIP_URI = re.compile(r"sip:([A-Za-z0-9._-]++)(?::\d++)?+(?:;[^?@]*+)?+", re.IGNORECASE)


def sip_host(uri: str) -> str | None:
    """Give the domain that a SIP URI in a certificate names; None where it names none.

    Neither `sips:` nor a URI with a user part names a domain. RFC 5922 section 7.1.
    """
    match = _SIP_URI.fullmatch(uri)
    return match[1] if match else None


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read a literal IP address, with or without brackets; None for a host name."""
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def is_named(names: Names, contacted: str, *, for_sip: bool, wildcards: bool) -> bool:
    """Whether the certificate's names hold the FQDN or IP address that was contacted.

    The CN counts when there is no SAN of the kind that was contacted. For SIP a `sip:` URI is such
    a kind, and beside one no dNSName counts. RFC 9525 section 6; RFC 6125 section 6.4.4;
    RFC 5922 section 7.1.
    """
    address = address_of(contacted)
    if address is not None:
        if names.addresses:
            return address in names.addresses
        return address_of(names.common_name) == address
    try:
        wanted = DNS_ID(contacted.removesuffix("."))
    except ValueError:
        return False
    if for_sip and names.sip_hosts:
        return any(_same_name(wanted, host, wildcards=False) for host in names.sip_hosts)
    if names.dns:
        return any(_same_name(wanted, name, wildcards=wildcards) for name in names.dns)
    return _same_name(wanted, names.common_name, wildcards=wildcards)


def _same_name(wanted: DNS_ID, presented: str, *, wildcards: bool) -> bool:
    """RFC 9525 section 6.3: a wildcard is the whole of the left-most label."""
    if "*" in presented and not (wildcards and presented.startswith("*.")):
        return False
    try:
        return wanted.verify(DNSPattern.from_bytes(presented.encode("ascii")))
    except (CertificateError, UnicodeEncodeError):
        return False


# The errors of OpenSSL's x509_vfy.h, under its names without X509_V_ERR.
NOT_YET_VALID, EXPIRED = 9, 10
SELF_SIGNED_LEAF, SELF_SIGNED_ROOT = 18, 19
NO_ISSUER = (2, 20, 21)
INVALID_PURPOSE = 26
TOO_WEAK = (66, 67, 68)
HOSTNAME_MISMATCH = 62


@dataclass(frozen=True)
class Judge:
    """Judges one peer, certificate by certificate, as OpenSSL reports them."""

    level: Level
    accepted: Collection[str] = ()
    """FQDNs or IP addresses of which one must be named; those of a server only."""
    role: Usage = Usage.TLS_SERVER
    """What the peer is in the handshake."""
    for_sip: bool = True
    wildcards: bool = False

    @classmethod
    def of_server(
        cls,
        level: Level,
        server_name: str,
        srv_names: Collection[str],
        *,
        for_sip: bool,
        wildcards: bool,
    ) -> Judge:
        """Judge the server that was contacted, or that SRV records of its name led to."""
        accepted: tuple[str, ...] = ()
        if level is Level.HOST_NAME:
            accepted = (server_name,)
        elif level is Level.DNS_SRV_RESPONSE:
            accepted = (server_name, *sorted(set(srv_names) - {server_name}))
        return cls(level, accepted, Usage.TLS_SERVER, for_sip, wildcards)

    @classmethod
    def of_client(cls, *, for_sip: bool) -> Judge:
        """Judge a client, which is always done at the trusted level."""
        return cls(Level.TRUSTED_CERTIFICATE, (), Usage.TLS_CLIENT, for_sip)

    def refusal_before(self, authorities: Collection[object], clock: Clock) -> PeerRefused | None:
        """Say what makes any certificate fail, so that nothing need be dialled."""
        if self.level is Level.NO_VALIDATION:
            return None
        if not authorities:
            return self._refuse("", "empty store", "no CA certificate is installed")
        if clock() is None:
            return self._refuse("", "clock", "the time is not known")
        return None

    def refusal(
        self, presented: crypto.X509, error: int, depth: int, now: datetime | None
    ) -> PeerRefused | None:
        """Judge what OpenSSL reports of one certificate; None lets it go on.

        `error` is 0 or OpenSSL's verification error, `depth` 0 for the peer's own certificate.
        """
        if self.level is Level.NO_VALIDATION or (depth > 0 and error == 0):
            return None
        try:
            certificate = presented.to_cryptography()
        except ValueError as unreadable:
            return self._refuse("(unreadable)", "form", f"it can't be read: {unreadable}")
        return self.refusal_of(certificate, error, depth, now)

    def refusal_of(
        self, certificate: x509.Certificate, error: int, depth: int, now: datetime | None
    ) -> PeerRefused | None:
        """Judge the same of a certificate that could be read."""
        try:
            if error == INVALID_PURPOSE and depth == 0 and self._is_for_sip(certificate):
                return None
            if error in (0, HOSTNAME_MISMATCH):
                return self._refusal_of_name(certificate) if depth == 0 else None
            return self._refusal_by_openssl(certificate, error, now)
        except Exception as unreadable:  # a foreign parser on a stranger's octets
            return self._refuse(subject_of(certificate), "form", f"it can't be read: {unreadable}")

    def _is_for_sip(self, certificate: x509.Certificate) -> bool:
        """OpenSSL does not know id-kp-sipDomain. RFC 5924 section 4."""
        return self.for_sip and self.role in usage(certificate, for_sip=True)

    def _refusal_of_name(self, certificate: x509.Certificate) -> PeerRefused | None:
        if not self.accepted:
            return None
        names = Names.of(certificate)
        for contacted in self.accepted:
            if is_named(names, contacted, for_sip=self.for_sip, wildcards=self.wildcards):
                return None
        wanted = printable(" or ".join(self.accepted))
        return self._refuse(
            subject_of(certificate),
            "hostname",
            f"it names {names.shown()}, not {wanted}",
            "RFC 5922 section 7" if self.for_sip else "RFC 9525 section 6",
        )

    def _refusal_by_openssl(
        self, certificate: x509.Certificate, error: int, now: datetime | None
    ) -> PeerRefused:
        subject = subject_of(certificate)
        at = "" if now is None else f" (the unit's clock says {now:%Y-%m-%d %H:%M} UTC)"
        if error == EXPIRED:
            ended = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            return self._refuse(subject, "dates", f"it expired on {ended}{at}")
        if error == NOT_YET_VALID:
            begins = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            return self._refuse(subject, "dates", f"it is not valid before {begins}{at}")
        if error == SELF_SIGNED_LEAF:
            return self._refuse(subject, "chain", "it is self-signed and no installed CA")
        if error == SELF_SIGNED_ROOT:
            return self._refuse(subject, "chain", "the chain ends at it, and it is not installed")
        if error in NO_ISSUER:
            issuer = shown_name(certificate.issuer)
            return self._refuse(
                subject, "chain", f"its issuer {issuer} is neither installed nor was it sent"
            )
        if error == INVALID_PURPOSE:
            return self._refuse(
                subject, "key usage", f"it is not for use as {self.role}", "RFC 5280 section 4.2.1"
            )
        if error in TOO_WEAK:
            return self._refuse(subject, "strength", "its key or its signature is too weak")
        return self._refuse(subject, "chain", f"OpenSSL's verification error {error}")

    def _refuse(self, subject: str, check: str, detail: str, clause: str = "") -> PeerRefused:
        return PeerRefused(subject, check, self.level, detail, clause)
