"""TLS on sockets, for clients and servers alike: whoever speaks above it is behind a gate.

The gate holds back what comes and what is to be sent until it is known that the peer's certificates
are not revoked. An OCSP responder is asked here, by HTTP.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from mibgateway.tls.creator import ClientCreator, ServerCreator, facts
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.ocsp import OcspError, is_responder_url
from mibgateway.tls.probe import Closed, NoConnection, Seen

Creator = ClientCreator | ServerCreator

FETCH_S = 5.0
"""How long a responder may take in all: less than whoever dials has patience for a handshake."""

LARGEST_ANSWER_OCTETS = 65536

MOST_HELD_OCTETS = 1 << 20
"""What an application may want to write before the gate is open."""


@implementer(IHandshakeListener, ISSLTransport)
class Gate(ProtocolWrapper):
    """One connection's gate: shut until the handshake is done and nothing is left to ask."""

    judges_revocation = True

    def __init__(self, factory: _Gates, wrapped: IProtocol) -> None:
        super().__init__(factory, wrapped)  # type: ignore[arg-type]
        self._creator, self._gates = factory.creator, factory
        self._above: Any = wrapped
        self._is_open = self._kept = False
        self._come: list[bytes] = []
        self._to_go: list[bytes] = []
        self._held_octets = 0
        self._producer: tuple[Any, bool] | None = None
        self._closing = False
        self._question: Deferred[None] | None = None
        self._why: Failure | None = None

    def makeConnection(self, transport: Any) -> None:
        """As ProtocolWrapper's, but for taking over the transport's interfaces, which is slow."""
        self.connected = 1
        self.transport = transport
        self._gates.protocols[self] = 1
        self._above.makeConnection(self)

    @property
    def _below(self) -> Any:
        return self.transport

    def handshakeCompleted(self) -> None:
        """Open at once where nothing is to be asked."""
        try:
            question = self._creator.judge_revocation(self.getHandle())
        except SSL.Error:
            self._refuse(Failure())
            return
        if question is None:
            self._open()
            return
        self._question = question
        self._below.pauseProducing()
        question.addCallbacks(lambda _: self._answered(), self._refuse)

    def _answered(self) -> None:
        self._question = None
        self._below.resumeProducing()
        self._open()

    def _refuse(self, why: Failure) -> None:
        self._question = None
        if self._why is None:
            self._why = why
            self._come.clear()
            self._to_go.clear()
            self._below.abortConnection()

    def _open(self) -> None:
        self._is_open = True
        if IHandshakeListener.providedBy(self._above):
            self._above.handshakeCompleted()
        to_go, self._to_go = self._to_go, []
        for data in to_go:
            self._below.write(data)
        if self._producer is not None:
            self._below.registerProducer(*self._producer)
            self._producer = None
        come, self._come = self._come, []
        for data in come:
            self._above.dataReceived(data)
        if self._closing:
            self._below.loseConnection()

    # -- what comes

    def dataReceived(self, data: bytes) -> None:
        if not self._is_open:
            self._come.append(data)
            return
        if not self._kept:
            self._kept = True
            self._creator.keep_session(self.getHandle())
        self._above.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        question, self._question = self._question, None
        if question is not None:
            question.addErrback(lambda _: None)
            self._why = self._why or reason
            question.cancel()
        self._gates.protocols.pop(self, None)
        self._above.connectionLost(self._why or reason)

    # -- what is to go

    def write(self, data: bytes) -> None:
        if self._is_open:
            self._below.write(data)
        elif not self._closing:
            self._held_octets += len(data)
            if self._held_octets > MOST_HELD_OCTETS:
                self.abortConnection()
                return
            self._to_go.append(data)

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if self._is_open or not self._to_go:
            self._below.loseConnection()
        self._closing = self.disconnecting = True

    def abortConnection(self) -> None:
        """Close at once, whatever is held back."""
        self._below.abortConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._is_open:
            self._below.registerProducer(producer, streaming)
        else:
            self._producer = (producer, streaming)

    def unregisterProducer(self) -> None:
        if self._producer is not None:
            self._producer = None
        else:
            self._below.unregisterProducer()


class _Gates(WrappingFactory):
    """Puts a gate before each protocol of an application."""

    noisy = False

    def __init__(self, creator: Creator, wrapped: IProtocolFactory) -> None:
        self.protocols: dict[Any, Any] = {}
        self.wrappedFactory = wrapped
        self.creator = creator

    def buildProtocol(self, addr: IAddress | None) -> Any:
        made = self.wrappedFactory.buildProtocol(addr)
        return None if made is None else Gate(self, made)


def tls_factory(
    creator: Creator, application: IProtocolFactory, reactor: Any
) -> TLSMemoryBIOFactory:
    """Give a factory of TLS connections, to be listened or dialled with, for an application."""
    is_client = IOpenSSLClientConnectionCreator.providedBy(creator)
    factory = TLSMemoryBIOFactory(
        creator, is_client, _Gates(creator, application), clock=reactor)
    factory.noisy = False
    return factory


def socket_of(transport: Any) -> Any:
    """Give the socket under an application's transport."""
    return transport.transport.transport.getHandle()


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """Dials by another endpoint and speaks TLS over it."""

    def __init__(self, creator: ClientCreator, under: IStreamClientEndpoint, reactor: Any) -> None:
        self._creator, self._under, self._reactor = creator, under, reactor

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803
        """Give the application's protocol once TCP is connected."""
        dialled: Any = self._under.connect(
            tls_factory(self._creator, protocolFactory, self._reactor))
        found: Deferred[Any] = dialled.addCallback(
            lambda tls: tls.wrappedProtocol.wrappedProtocol)
        return found


# -- OCSP responders


def fetch_answer(reactor: Any, url: str, request: bytes) -> Deferred[bytes]:
    """Ask an OCSP responder; the Deferred fails with OcspError. RFC 6960 section A.1."""
    done: Deferred[bytes] = Deferred()
    if not is_responder_url(url):
        done.errback(OcspError("its address is no http URL"))
        return done
    parts = urlsplit(url)
    exchange = _Exchange(
        reactor, parts.hostname or "", parts.port or 80, _post(parts, request), done)
    exchange.begin()
    return done


def _post(parts: Any, request: bytes) -> bytes:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    head = (f"POST {path} HTTP/1.0\r\nHost: {host}\r\n"
            "Content-Type: application/ocsp-request\r\nAccept: application/ocsp-response\r\n"
            f"Content-Length: {len(request)}\r\nConnection: close\r\n\r\n")
    return head.encode("ascii") + request


class _Exchange(ClientFactory):
    """One request and what comes of it, bounded in time and size."""

    noisy = False

    def __init__(
        self, reactor: Any, host: str, port: int, request: bytes, done: Deferred[bytes]
    ) -> None:
        self._reactor, self._host, self._port, self.request = reactor, host, port, request
        self._done = done
        self._timer: Any = None
        self._connector: Any = None

    def begin(self) -> None:
        self._timer = self._reactor.callLater(
            FETCH_S, lambda: self.end(OcspError(f"no answer within {FETCH_S:.0f} s")))
        self._connector = self._reactor.connectTCP(self._host, self._port, self, FETCH_S)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Response(self)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.end(OcspError(reason.getErrorMessage().rstrip(".") or "no connection"))

    def end(self, outcome: bytes | OcspError) -> None:
        """Give the answer, or why there is none, once."""
        if self._done.called:
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if isinstance(outcome, bytes):
            self._done.callback(outcome)
        else:
            self._done.errback(outcome)
        self._connector.disconnect()


class _Response(Protocol):
    """Reads a response up to the end of its body. RFC 9112 section 6.3."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange, self._octets = exchange, b""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self._exchange.request)

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > LARGEST_ANSWER_OCTETS:
            self._exchange.end(OcspError(f"the answer is over {LARGEST_ANSWER_OCTETS} octets"))
            return
        self._look(is_all=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._look(is_all=True)

    def _look(self, is_all: bool) -> None:
        head, end_of_head, body = self._octets.partition(b"\r\n\r\n")
        if not end_of_head:
            if is_all:
                self._exchange.end(OcspError("the connection was closed before an answer"))
            return
        status, *fields = head.split(b"\r\n")
        words = status.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":
            shown = status[:60].decode("ascii", "replace")
            self._exchange.end(OcspError(f"it answers {shown!r}"))
            return
        length = _length(fields)
        if length is not None and len(body) >= length:
            self._exchange.end(body[:length])
        elif is_all:
            self._exchange.end(body if length is None else OcspError("the answer is cut short"))


def _length(fields: list[bytes]) -> int | None:
    for field in fields:
        name, _, value = field.partition(b":")
        digits = value.strip()
        if name.strip().lower() == b"content-length" and digits.isdigit() and len(digits) < 10:
            return int(digits)
    return None


# -- one handshake, to be looked at

SHAKE_S = 5.0
"""How long one connection may take until its handshake is done."""

LINGER_S = 0.4
"""How long a server that has finished its handshake may take to refuse a certificate of ours."""


def shake(
    reactor: Any, host: str, port: int, creator: ClientCreator, lingers: bool
) -> Deferred[Seen]:
    """Connect, shake hands, look, and close.

    The Deferred fails with NoConnection, or with what the handshake failed with.
    """
    look = _Look(reactor, lingers)
    factory = tls_factory(creator, look, reactor)
    look.connector = reactor.connectTCP(host, port, factory, SHAKE_S)
    return look.done


class _Look(ClientFactory):
    """Makes the one connection that is looked at."""

    noisy = False

    def __init__(self, reactor: Any, lingers: bool) -> None:
        self._reactor, self.lingers = reactor, lingers
        self.done: Deferred[Seen] = Deferred()
        self.connector: Any = None
        self._timer = reactor.callLater(
            SHAKE_S, lambda: self.end(NoConnection(f"no answer within {SHAKE_S:.0f} s")))

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Looked(self)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.end(NoConnection(reason.getErrorMessage().rstrip(".") or "no connection"))

    def linger(self, seen: Seen) -> None:
        """Give what was seen, once nothing has come that refuses us."""
        if self.lingers and not self.done.called:
            self._timer.cancel()
            self._timer = self._reactor.callLater(LINGER_S, self.end, seen)
        else:
            self.end(seen)

    def end(self, outcome: Seen | BaseException) -> None:
        """Tell the outcome once, and hang up."""
        if self.done.called:
            return
        if self._timer.active():
            self._timer.cancel()
        if isinstance(outcome, Seen):
            self.done.callback(outcome)
        else:
            self.done.errback(outcome)
        self.connector.disconnect()


@implementer(IHandshakeListener)
class _Looked(Protocol):
    """A connection that says nothing."""

    def __init__(self, look: _Look) -> None:
        self._look = look

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        connection = transport.getHandle()
        chain = tuple(connection.get_peer_cert_chain(as_cryptography=True) or ())
        self._look.linger(Seen(facts(connection), chain, transport.getPeer().host))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        why = reason.value
        said = isinstance(why, SSL.Error | PeerRefused)
        self._look.end(why if said and why else Closed("the server closed the connection"))
