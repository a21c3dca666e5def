"""Makes TLS connections under a policy, for Twisted to carry.

A context belongs to one policy and one set of certificates and is never shared, so that the
security level of one use can't leak into another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC
from importlib import resources
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL, crypto
from service_identity.hazmat import DNS_ID
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from zope.interface import implementer

from mibagent.errors import LocalError
from mibgateway.tls.certificate import CredentialError, subject_of
from mibgateway.tls.credentials import Authority, HostCredential
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import Clock, Judge, PeerRefused, address_of
from mibgateway.tls.native import ask_for_the_name, judge_at, limit_groups
from mibgateway.tls.policy import PolicyError, TlsPolicy, problems
from mibgateway.tls.suites import iana_name

if TYPE_CHECKING:
    from twisted.protocols.tls import TLSMemoryBIOProtocol

__all__ = ["ClientCreator", "PeerFacts", "ServerCreator", "explain", "facts"]

LONGEST_CHAIN = 10

_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_SINGLE_DH_USE


@dataclass(frozen=True)
class PeerFacts:
    """What a handshake came to."""

    tls_version: str
    """`TLSv1.3`"""
    cipher: str
    """IANA's name, with its `TLS_`."""
    peer_subject: str
    """Empty when the peer gave no certificate."""


class RefusedInHandshake(PeerRefused, SSL.Error):
    """A refusal that Twisted takes for what it is: a failed handshake.

    Twisted reads the last entry of OpenSSL's error queue out of `args`, and hands the exception on
    to `connectionLost`.
    """

    def __init__(self, refusal: PeerRefused) -> None:
        super().__init__(
            refusal.subject, refusal.check, refusal.level, refusal.detail, refusal.clause
        )
        self.text = str(refusal)
        self.args = ([("mibgate", "", self.text)],)

    def __str__(self) -> str:
        return self.text


@implementer(IOpenSSLClientConnectionCreator)
class ClientCreator:
    """Makes connections to one server. To be made anew for each dial, with what is installed then.

    Raises PolicyError when no handshake can succeed, CredentialError when OpenSSL can't use the
    unit's own certificate, PeerRefused when any server would be refused: no CA is installed, or the
    time is not known.
    """

    def __init__(
        self,
        policy: TlsPolicy,
        host_credential: HostCredential | None,
        authorities: Collection[Authority],
        server_name: str,
        srv_names: Collection[str] = (),
        *,
        clock: Clock,
        wildcards: bool | None = None,
    ) -> None:
        """`server_name` is the FQDN or IP address as configured, for SNI and for the name check.

        `srv_names` are what its SRV records returned. None for `wildcards`: all uses but SIP.
        """
        self.policy, self._authorities, self._clock = policy, tuple(authorities), clock
        self._credential = host_credential
        self._judge = Judge.of_server(
            policy.level,
            server_name,
            srv_names,
            for_sip=policy.is_sip,
            wildcards=not policy.is_sip if wildcards is None else wildcards,
        )
        self._sni = _sni(server_name)
        self._context()

    def clientConnectionForTLS(  # noqa: N802
        self,
        tlsProtocol: TLSMemoryBIOProtocol | None,  # noqa: N803
    ) -> SSL.Connection:
        """Make a connection with a context of its own, judged by the clock as it is now."""
        connection = SSL.Connection(self._context(), None)
        if self._sni:
            connection.set_tlsext_host_name(self._sni)
        connection.set_connect_state()
        return connection

    def _context(self) -> SSL.Context:
        refusal = self._judge.refusal_before(self._authorities, self._clock)
        if refusal:
            raise refusal
        context = _context(self.policy, self._credential)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        _trust(context, self._authorities)
        _judge_by(context, SSL.VERIFY_PEER, self._judge, self._authorities, self._clock)
        if self._judge.accepted:
            ask_for_the_name(context)
        return context


@implementer(IOpenSSLServerConnectionCreator)
class ServerCreator:
    """Makes connections for one port, with whatever certificates are installed at each handshake.

    Raises PolicyError when no handshake can succeed under the policy.
    """

    trouble = ""
    """Why there is no certificate, or the new one is not used but the last good one; else ""."""

    def __init__(
        self,
        policy: TlsPolicy,
        credential: Callable[[], HostCredential | None],
        authorities: Callable[[], Collection[Authority]],
        *,
        clock: Clock,
    ) -> None:
        """`credential` and `authorities` are asked at each handshake.

        Their answers are compared by their certificates, so that an unchanged answer costs little.
        """
        _check(policy)
        self.policy, self._clock = policy, clock
        self._credential, self._authorities = credential, authorities
        self._judge = Judge.of_client(for_sip=policy.is_sip)
        self._made_of: tuple[bytes, ...] | None = None
        self._made: SSL.Context | None = None
        self._last_good: HostCredential | None = None

    def serverConnectionForTLS(  # noqa: N802
        self,
        tlsProtocol: TLSMemoryBIOProtocol | None,  # noqa: N803
    ) -> SSL.Connection:
        """Make a connection. Without a usable certificate its handshake will fail; never raises."""
        context = self._context()
        now = self._clock()
        if self.policy.client_authentication and now is not None and not judge_at(context, now):
            self._made = None
            context = self._context()
        connection = SSL.Connection(context, None)
        connection.set_accept_state()
        return connection

    def _context(self) -> SSL.Context:
        credential, authorities = self._credential(), tuple(self._authorities())
        made_of = _fingerprints(credential, authorities)
        if self._made is not None and made_of == self._made_of:
            return self._made
        try:
            context = self._make(credential, authorities)
            self.trouble = "" if credential else f"{self.policy.use}: no host certificate to show"
            self._last_good = credential
        except CredentialError as error:
            self.trouble = error.why
            context = self._make(self._last_good, authorities)
        self._made_of, self._made = made_of, context
        return context

    def _make(
        self, credential: HostCredential | None, authorities: tuple[Authority, ...]
    ) -> SSL.Context:
        context = _context(self.policy, credential)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        with resources.as_file(resources.files(__package__) / "ffdhe2048.pem") as path:
            context.load_tmp_dh(str(path))
        if self.policy.client_authentication:
            # A resumed session would pass by the judge, whatever has become of the certificate.
            context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
            context.set_options(SSL.OP_NO_TICKET)
            _trust(context, authorities)
            for authority in authorities:
                context.add_client_ca(authority.certificate)
            mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            _judge_by(context, mode, self._judge, authorities, self._clock)
        return context


def facts(connection: SSL.Connection) -> PeerFacts:
    """Tell what the handshake of a connection came to, once it is done."""
    try:
        peer = connection.get_peer_certificate(as_cryptography=True)
        subject = "" if peer is None else subject_of(peer)
    except ValueError:  # at NoValidation nobody has read it before
        subject = "(unreadable certificate)"
    return PeerFacts(
        tls_version=connection.get_protocol_version_name(),
        cipher=iana_name(connection.get_cipher_name() or ""),
        peer_subject=subject,
    )


def _check(policy: TlsPolicy) -> None:
    found = problems(policy)
    if found:
        raise PolicyError("; ".join(found))


def _context(policy: TlsPolicy, credential: HostCredential | None) -> SSL.Context:
    """Make what both sides of a policy have in common."""
    _check(policy)
    chosen = policy.selection
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(chosen.cipher_list)
    context.set_min_proto_version(chosen.lowest.wire)
    context.set_max_proto_version(chosen.highest.wire)
    if chosen.for_1_3:
        context.set_tls13_ciphersuites(chosen.ciphersuites)
    if chosen.groups:
        limit_groups(context, chosen.groups)
    context.set_options(_OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    if credential is not None:
        _show(context, policy, credential)
    return context


def _show(context: SSL.Context, policy: TlsPolicy, credential: HostCredential) -> None:
    """Give the context the unit's own certificate. Raises CredentialError."""
    try:
        context.use_certificate(credential.certificate)
        context.use_privatekey(credential.key)
        for issuer in credential.chain[1:]:
            context.add_extra_chain_cert(issuer)
    except (SSL.Error, crypto.Error) as error:
        why = explain(error, policy)
        raise CredentialError(f"{credential.name}: not usable for {policy.use}: {why}") from error


def _trust(context: SSL.Context, authorities: tuple[Authority, ...]) -> None:
    """Let chains end at any of the installed CAs, an intermediate one too."""
    store = _store(context)
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for authority in authorities:
        store.add_cert(authority.for_openssl)


def _judge_by(
    context: SSL.Context,
    mode: int,
    judge: Judge,
    authorities: tuple[Authority, ...],
    clock: Clock,
) -> None:
    """Let the judge hear of each certificate during the handshake. Its first no ends it."""

    def hear(
        connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
    ) -> bool:
        refusal = judge.refusal_before(authorities, clock)
        if refusal is None:
            refusal = judge.refusal(certificate, error, depth, clock())
        if refusal is not None:
            raise RefusedInHandshake(refusal)
        return True

    context.set_verify(mode, hear)
    context.set_verify_depth(LONGEST_CHAIN)
    now = clock()
    if now is not None and not judge_at(context, now):
        _store(context).set_time(now.astimezone(UTC))


def _store(context: SSL.Context) -> crypto.X509Store:
    store = context.get_cert_store()
    if store is None:
        raise LocalError("a context without a certificate store")
    return store


def _fingerprints(
    credential: HostCredential | None, authorities: tuple[Authority, ...]
) -> tuple[bytes, ...]:
    own = credential.chain if credential else ()
    trusted = (each.certificate for each in authorities)
    return (
        *(each.fingerprint(hashes.SHA256()) for each in own),
        b"",
        *(each.fingerprint(hashes.SHA256()) for each in trusted),
    )


def _sni(server_name: str) -> bytes:
    """Give the name to send, "" for an IP address. RFC 6066 section 3."""
    if address_of(server_name) is not None:
        return b""
    try:
        return DNS_ID(server_name.removesuffix(".")).hostname
    except ValueError:
        return b""
