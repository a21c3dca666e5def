"""Makes TLS connections under a policy, for Twisted to carry.

A context belongs to one policy and one set of certificates and is never shared, so that the
security level of one use can't leak into another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from datetime import UTC
from importlib import resources
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity.hazmat import DNS_ID
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mibagent.errors import LocalError
from mibgateway.tls.certificate import CredentialError, subject_of
from mibgateway.tls.credentials import Authority, HostCredential
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import Clock, Judge, PeerRefused, address_of
from mibgateway.tls.keylog import KeyLog
from mibgateway.tls.native import (
    ask_for_the_name,
    judge_at,
    limit_groups,
    stapled_answer,
    was_resumed,
)
from mibgateway.tls.policy import Level, PolicyError, TlsPolicy, Trust, problems
from mibgateway.tls.shared import KeptSession, Shared
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


@dataclass(frozen=True)
class _Begun:
    """What a client's connection began with."""

    key: Hashable
    resumed: KeptSession | None


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
        shared: Shared | None = None,
    ) -> None:
        """`server_name` is the FQDN or IP address as configured, for SNI and for the name check.

        `srv_names` are what its SRV records returned. None for `wildcards`: all uses but SIP. None
        for `shared`: no session is resumed, no key logged, no responder asked.
        """
        self.policy, self._authorities, self._clock = policy, tuple(authorities), clock
        self._credential, self._shared = host_credential, shared or Shared()
        _needs_answers(policy, self._shared)
        wildcards = not policy.is_sip if wildcards is None else wildcards
        self._judge = Judge.of_server(
            policy.level,
            server_name,
            srv_names,
            for_sip=policy.is_sip,
            wildcards=wildcards,
        )
        self._sni = _sni(server_name)
        self._begun: WeakKeyDictionary[SSL.Connection, _Begun] = WeakKeyDictionary()
        self._key: Hashable = (
            policy,
            server_name,
            frozenset(srv_names),
            wildcards,
            fingerprints(host_credential, self._authorities),
        )
        self._context()

    def clientConnectionForTLS(  # noqa: N802
        self,
        tlsProtocol: TLSMemoryBIOProtocol | None,  # noqa: N803
    ) -> SSL.Connection:
        """Make a connection judged by the clock as it is now; it resumes a session if it can.

        Raises PeerRefused as the making of the creator does.
        """
        _needs_gate(self.policy, tlsProtocol)
        key = (self._key, self._shared.key_log.turns)
        kept = self._resumable(key)
        connection = SSL.Connection(kept.context if kept else self._context(), None)
        self._begun[connection] = _Begun(key, kept)
        if self._sni:
            connection.set_tlsext_host_name(self._sni)
        if self.policy.trust is not Trust.LOCALLY_TRUSTED:
            connection.request_ocsp()
        if kept is not None:
            connection.set_session(kept.session)
        connection.set_connect_state()
        return connection

    def _resumable(self, key: Hashable) -> KeptSession | None:
        sessions, now = self._shared.sessions, self._clock()
        kept = sessions.take(key, now) if sessions is not None else None
        if kept is None or now is None:
            return None
        if self._judge.refusal_before(self._authorities, self._clock) is not None:
            return None
        return kept if judge_at(kept.context, now) else None

    def _context(self) -> SSL.Context:
        refusal = self._judge.refusal_before(self._authorities, self._clock)
        if refusal:
            raise refusal
        context = _context(self.policy, self._credential, self._shared.key_log)
        context.set_session_cache_mode(
            SSL.SESS_CACHE_CLIENT | SSL.SESS_CACHE_NO_INTERNAL
            if self._shared.sessions is not None else SSL.SESS_CACHE_OFF)
        if self.policy.protocols:
            context.set_alpn_protos(list(self.policy.protocols))
        _trust(context, self._authorities)
        _judge_by(context, SSL.VERIFY_PEER, self._judge, self._authorities, self._clock)
        if self._judge.accepted:
            ask_for_the_name(context)
        return context

    def judge_revocation(self, connection: SSL.Connection) -> Deferred[None] | None:
        """Judge what the handshake left open, once it is done; see `Revocation.judge`."""
        asks = self.policy.trust is not Trust.LOCALLY_TRUSTED
        if not asks or self._judge.level is Level.NO_VALIDATION:
            return None
        return _judge_revocation(self.policy, self._shared, self._chain(connection), connection)

    def keep_session(self, connection: SSL.Connection) -> None:
        """Keep its session for the next dial; to be called when octets of the server have come."""
        sessions, now = self._shared.sessions, self._clock()
        session = connection.get_session() if sessions is not None else None
        if sessions is None or session is None or now is None:
            return
        begun = self._begun[connection]
        began = begun.resumed.began if begun.resumed and was_resumed(connection) else now
        context = connection.get_context()
        sessions.keep(begun.key, KeptSession(context, session, self._chain(connection), began))

    def _chain(self, connection: SSL.Connection) -> tuple[x509.Certificate, ...]:
        begun = self._begun[connection]
        if begun.resumed is not None and was_resumed(connection):
            return begun.resumed.chain
        if self._judge.level is Level.NO_VALIDATION:
            return ()
        return tuple(connection.get_verified_chain(as_cryptography=True) or ())


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
        shared: Shared | None = None,
    ) -> None:
        """`credential` and `authorities` are asked at each handshake.

        Their answers are compared by their certificates, so that an unchanged answer costs little.
        None for `shared`: no key is logged, no responder asked.
        """
        _check(policy)
        self.policy, self._clock, self._shared = policy, clock, shared or Shared()
        _needs_answers(policy, self._shared, as_server=True)
        self._credential, self._authorities = credential, authorities
        self._judge = Judge.of_client(for_sip=policy.is_sip)
        self._made_of: Hashable = None
        self._made: SSL.Context | None = None
        self._last_good: HostCredential | None = None

    def serverConnectionForTLS(  # noqa: N802
        self,
        tlsProtocol: TLSMemoryBIOProtocol | None,  # noqa: N803
    ) -> SSL.Connection:
        """Make a connection. Without a usable certificate its handshake will fail; never raises."""
        if self.policy.client_authentication:
            _needs_gate(self.policy, tlsProtocol)
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
        made_of = (fingerprints(credential, authorities), self._shared.key_log.turns)
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
        context = _context(self.policy, credential, self._shared.key_log)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        if self.policy.protocols:
            context.set_alpn_select_callback(self._speak)
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

    def _speak(self, connection: SSL.Connection, offered: list[bytes]) -> Any:
        """Choose the application protocol. RFC 7301 section 3.2."""
        common = [each for each in self.policy.protocols if each in offered]
        return common[0] if common else SSL.NO_OVERLAPPING_PROTOCOLS

    def judge_revocation(self, connection: SSL.Connection) -> Deferred[None] | None:
        """Judge what the handshake left open, once it is done; see `Revocation.judge`."""
        asks = self.policy.trust is not Trust.LOCALLY_TRUSTED
        if not (asks and self.policy.client_authentication):
            return None
        chain = tuple(connection.get_verified_chain(as_cryptography=True) or ())
        return _judge_revocation(self.policy, self._shared, chain, connection)

    def keep_session(self, connection: SSL.Connection) -> None:
        """OpenSSL keeps a server's sessions by itself, in tickets that die with the context."""


def _needs_answers(policy: TlsPolicy, shared: Shared, *, as_server: bool = False) -> None:
    asks = policy.client_authentication if as_server else policy.level is not Level.NO_VALIDATION
    if asks and policy.trust is not Trust.LOCALLY_TRUSTED and shared.revocation is None:
        raise LocalError(f"{policy.use}: {policy.trust.label} without anybody who asks responders")


def _needs_gate(policy: TlsPolicy, protocol: TLSMemoryBIOProtocol | None) -> None:
    """Refuse to leave revocation unjudged: the gate of `shell.py` judges it after the handshake."""
    if policy.trust is Trust.LOCALLY_TRUSTED or protocol is None:
        return
    if not getattr(protocol.wrappedProtocol, "judges_revocation", False):
        raise LocalError(f"{policy.use}: {policy.trust.label} needs a connection behind the gate")


def _judge_revocation(
    policy: TlsPolicy,
    shared: Shared,
    chain: tuple[x509.Certificate, ...],
    connection: SSL.Connection,
) -> Deferred[None] | None:
    """Raises RefusedInHandshake."""
    if shared.revocation is None:
        raise LocalError(f"{policy.use}: nobody asks responders")
    try:
        open_question = shared.revocation.judge(chain, policy.trust, stapled_answer(connection))
    except PeerRefused as refusal:
        raise RefusedInHandshake(refusal) from None
    if open_question is not None:
        open_question.addErrback(_as_in_handshake)
    return open_question


def _as_in_handshake(failure: Failure) -> Failure:
    if isinstance(failure.value, PeerRefused):
        return Failure(RefusedInHandshake(failure.value))
    return failure


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


def _context(
    policy: TlsPolicy, credential: HostCredential | None, key_log: KeyLog
) -> SSL.Context:
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
    if key_log.is_on:
        context.set_keylog_callback(key_log.hear)
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


def fingerprints(
    credential: HostCredential | None, authorities: tuple[Authority, ...]
) -> tuple[bytes, ...]:
    """Tell certificates apart, in the order in which they are used."""
    own = credential.fingerprints if credential else ()
    return (*own, b"", *(each.fingerprint for each in authorities))


def _sni(server_name: str) -> bytes:
    """Give the name to send, "" for an IP address. RFC 6066 section 3."""
    if address_of(server_name) is not None:
        return b""
    try:
        return DNS_ID(server_name.removesuffix(".")).hostname
    except ValueError:
        return b""
