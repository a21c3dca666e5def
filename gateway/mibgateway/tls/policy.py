"""What one use of TLS asks for, and whether that can be had."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from mibagent.errors import MibgateError
from mibgateway.tls.suites import Floor, Selection, SuiteSet, select

__all__ = [
    "Floor",
    "Level",
    "PolicyError",
    "SuiteSet",
    "TlsPolicy",
    "Trust",
    "missing",
    "problems",
    "warnings",
]


class Level(IntEnum):
    """How a client judges its server, by the numbers of `sipEpInteropTlsCertificateValidation`."""

    NO_VALIDATION = 100
    TRUSTED_CERTIFICATE = 200
    DNS_SRV_RESPONSE = 300
    HOST_NAME = 400

    @property
    def label(self) -> str:
        """`HostName`, as the MIBs and people spell it."""
        return _LABELS[self]


_LABELS = {
    Level.NO_VALIDATION: "NoValidation",
    Level.TRUSTED_CERTIFICATE: "TrustedCertificate",
    Level.DNS_SRV_RESPONSE: "DnsSrvResponse",
    Level.HOST_NAME: "HostName",
}


class Trust(IntEnum):
    """Whether a trusted certificate may have been revoked, by the numbers of the MIBs."""

    LOCALLY_TRUSTED = 100
    """Nobody is asked."""
    OCSP_OPTIONAL = 200
    """What is known to be revoked is refused; no answer, or one of unknown, passes."""
    OCSP_MANDATORY = 300
    """What is not known to be good is refused."""

    @property
    def label(self) -> str:
        """`OcspMandatory`, as the MIBs and people spell it."""
        return {100: "LocallyTrusted", 200: "OcspOptional", 300: "OcspMandatory"}[self]


class PolicyError(MibgateError):
    """A policy that no handshake can satisfy; the text says why."""


@dataclass(frozen=True)
class TlsPolicy:
    """The TLS parameters of one use, as they are running there."""

    suite_set: SuiteSet = SuiteSet.CS4
    floor: Floor = Floor.TLSV1_2
    level: Level = Level.HOST_NAME
    """How servers are judged; as a server it has no effect."""
    client_authentication: bool = False
    """As a server: demand a client certificate and judge it at the trusted level."""
    use: str = "SIP"
    """For texts, and for the rules that only SIP has."""
    trust: Trust = Trust.LOCALLY_TRUSTED
    """How far the certificates of a peer that is judged are asked after."""
    protocols: tuple[bytes, ...] = ()
    """Application protocols by ALPN, best first; empty: none is spoken of. RFC 7301."""

    @property
    def is_sip(self) -> bool:
        """Whether certificates are read by RFC 5922 and RFC 5924."""
        return self.use == "SIP"

    @cached_property
    def selection(self) -> Selection:
        """What the installed OpenSSL makes of it."""
        return select(self.suite_set, self.floor)


def problems(policy: TlsPolicy) -> list[str]:
    """Say why no handshake can succeed under this policy; empty when one can."""
    chosen = policy.selection
    if chosen.usable:
        return []
    name = policy.suite_set.name
    lacking = f" (this OpenSSL lacks {', '.join(chosen.missing)})" if chosen.missing else ""
    if chosen.lowest > chosen.highest:
        return [
            f"{policy.use}: {name} has no cipher suite of {chosen.lowest.words}, "
            f"which is the lowest version allowed{lacking}"
        ]
    return [f"{policy.use}: no cipher suite of {name} is left{lacking}"]


def missing(policy: TlsPolicy) -> tuple[str, ...]:
    """IANA names of the set's suites that are left out, since this OpenSSL lacks them."""
    return policy.selection.missing


def warnings(policy: TlsPolicy) -> list[str]:
    """Say what is accepted but does not act as it reads."""
    found = []
    if policy.floor is Floor.SSLV3:
        found.append(f"{policy.use}: SSLv3 acts as TLSv1, since no library has SSLv3 any more")
    if policy.selection.missing:
        names = ", ".join(policy.selection.missing)
        found.append(
            f"{policy.use}: cipher suites of {policy.suite_set.name} not available: {names}"
        )
    return found
