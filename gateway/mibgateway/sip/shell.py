"""SIP on sockets: a persistent TLS flow to one server, and the ports that others come to.

No decisions here: a flow's effects are carried out and one timer is re-armed after each input.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectBindError, ConnectionDone
from twisted.internet.interfaces import IAddress, IHandshakeListener
from twisted.internet.protocol import (
    ClientFactory,
    DatagramProtocol,
    Protocol,
    ServerFactory,
    connectionDone,
)
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from mibgateway.sip import terms
from mibgateway.sip.errors import SipPeerError
from mibgateway.sip.flow import Flow
from mibgateway.sip.framing import PONG, Garbled, LineEnd, Stream, StreamBroken, parse_datagram
from mibgateway.sip.message import Request, Response
from mibgateway.sip.options import UserAgentServer
from mibgateway.sip.terms import Facts, Failure, Trouble
from mibgateway.sip.transaction import Effect, GiveRequest, SendMessage, Timers, TransactionLayer
from mibgateway.tls.shell import socket_of, tls_factory

MOST_TRIED_PORTS = 200
"""Local ports tried at one dial."""

MOST_CLIENTS = 1000
IDLE_CLIENT_S = 600.0
CLIENT_HANDSHAKE_S = 10.0


def _error(reason: TwistedFailure) -> BaseException:
    return reason.value or ConnectionDone()


def zone_free(host: str) -> str:
    """Give an address without the zone that only this host knows."""
    return host.partition("%")[0]


@implementer(IHandshakeListener)
class _Connection(Protocol):
    """One TLS connection on behalf of a flow."""

    def __init__(self, dial: _Dial) -> None:
        self._dial = dial
        self.is_over = False

    def connectionMade(self) -> None:
        self._dial.made(self)

    def handshakeCompleted(self) -> None:
        self._dial.shaken()

    def dataReceived(self, data: bytes) -> None:
        self._dial.received(data)

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        self._dial.ended(_error(reason))


class _Factory(ClientFactory):
    """Makes the one connection of one attempt."""

    noisy = False

    def __init__(self, dial: _Dial) -> None:
        self._dial = dial

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Connection(self._dial)

    def clientConnectionFailed(self, connector: Any, reason: TwistedFailure) -> None:
        self._dial.not_made(_error(reason))


class _Dial:
    """One attempt: name look-up, local port, TCP, TLS."""

    def __init__(self, shell: FlowShell, link: int) -> None:
        self._shell, self._link = shell, link
        self._connector: Any = None
        self._connection: _Connection | None = None
        self._addresses: list[str] = []
        self._ports: Iterator[int] = iter(())
        self._given_up = False
        self._draining = False
        self._error: BaseException | None = None
        self.address = ""
        self.port = 0

    def start(self) -> None:
        """Look the name up, then try address by address."""
        try:
            self._creator = self._shell.make_creator()
        except Exception as error:
            self._shell.reactor.callLater(0, self._fail, error)
            return
        host = self._shell.host
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            self._addresses = [host]
            self._next_address()
            return
        self._shell.look_up(host, self._found)

    def _found(self, addresses: list[str]) -> None:
        if self._given_up:
            return
        if not addresses:
            self._report(Failure(Trouble.CONNECT, f"the name {self._shell.host} is not found"))
            return
        self._addresses = addresses
        self._next_address()

    def _next_address(self) -> None:
        self.address = self._addresses.pop(0)
        self._ports = self._shell.local_ports()
        self._tries = 0
        self._next_port()

    def _next_port(self) -> None:
        bind = None
        for port in self._ports:
            self._tries += 1
            if self._tries > MOST_TRIED_PORTS:
                break
            if is_free(self.address, port):
                bind, self.port = (bind_host(self.address), port), port
                break
        if bind is None:
            self._report(Failure(Trouble.CONNECT, "no local port is free for the connection"))
            return
        self._shell.note_port(self.port)
        factory = tls_factory(self._creator, _Factory(self), self._shell.reactor)
        self._connector = self._shell.reactor.connectTCP(
            self.address, self._shell.port, factory, self._shell.connect_timeout_s, bind)

    def not_made(self, error: BaseException) -> None:
        """Note that TCP could not be connected."""
        if self._given_up:
            return
        refused = getattr(error, "osError", None)
        in_use = refused == errno.EADDRINUSE or "in use" in str(error).lower()
        if isinstance(error, ConnectBindError) or in_use:
            self._next_port()
        elif self._addresses:
            self._next_address()
        else:
            self._report(Failure(Trouble.CONNECT, self._shell.explain(error)))

    def made(self, connection: _Connection) -> None:
        """Note that TCP is connected; TLS begins."""
        self._connection = connection
        if self._given_up:
            self._abort()
            return
        self._shell.carry(lambda flow, now: flow.opened(now, self._link))
        self._shell.prepare_socket(self._socket())

    def _socket(self) -> Any:
        transport = self._connection.transport if self._connection else None
        return socket_of(transport) if transport is not None else None

    def shaken(self) -> None:
        """Note that TLS is connected."""
        if self._connection is None or self._given_up:
            return
        transport: Any = self._connection.transport
        here, there = transport.getHost(), transport.getPeer()
        found = self._shell.facts_of(transport.getHandle())
        facts = Facts(zone_free(here.host), here.port, zone_free(there.host), there.port, *found)
        self._shell.carry(lambda flow, now: flow.connected(now, self._link, facts))

    def received(self, data: bytes) -> None:
        """Hand octets to the flow."""
        if not self._given_up:
            self._shell.carry(
                lambda flow, now: flow.received(now, self._link, data, self._shell.luck()))

    def send(self, data: bytes) -> None:
        """Write to the server."""
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.write(data)

    def ended(self, error: BaseException) -> None:
        """Note that the connection is closed, or failed in its handshake."""
        if not self._given_up:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        trouble, text = self._shell.judge(error)
        self._report(Failure(trouble, text))

    def _report(self, failure: Failure) -> None:
        if not self._given_up:
            self._given_up = True
            self._shell.ended(self._link, failure)

    def drain(self) -> None:
        """Say goodbye."""
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.loseConnection()

    def close(self) -> None:
        """Stop at once; nothing of it counts any more."""
        self._given_up = True
        self._abort()

    def _abort(self) -> None:
        if self._connection is not None and self._connection.transport is not None:
            transport: Any = self._connection.transport
            transport.abortConnection()
        elif self._connector is not None:
            self._connector.disconnect()


def bind_host(address: str) -> str:
    """Give the wildcard of the address's family."""
    return "::" if ":" in address else "0.0.0.0"


def is_free(address: str, port: int) -> bool:
    """Whether a connection to that address may come from that local port now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((bind_host(address), port))
        except OSError:
            return False
    return True


class FlowShell:
    """Carries out one flow: dials, writes, closes, and wakes it when it is due."""

    def __init__(
        self,
        reactor: Any,
        flow: Flow,
        host: str,
        port: int,
        *,
        make_creator: Callable[[], Any],
        facts_of: Callable[[Any], tuple[str, str, str]],
        judge: Callable[[BaseException], tuple[Trouble, str]],
        local_ports: Callable[[], Iterator[int]],
        note_port: Callable[[int], None],
        tell: Callable[[terms.Effect], None],
        tcp_keep_alive: tuple[int, int] | None = None,
    ) -> None:
        """tcp_keep_alive: seconds between the kernel's probes, and how many may stay unanswered."""
        self.reactor, self.flow, self.host, self.port = reactor, flow, host, port
        self.make_creator, self.facts_of, self.judge = make_creator, facts_of, judge
        self.local_ports, self.note_port, self._tell = local_ports, note_port, tell
        self.connect_timeout_s = flow.settings.connect_timeout_s
        self._tcp_keep_alive = tcp_keep_alive
        self._dials: dict[int, _Dial] = {}
        self._timer: Any = None
        self._stopped: Deferred[None] | None = None

    def luck(self) -> float:
        """Give what spreads a crowd: 0.5 to 1.0."""
        return random.uniform(0.5, 1.0)

    def explain(self, error: BaseException) -> str:
        """Say why TCP could not be connected."""
        code = getattr(error, "osError", None)
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return f"no TCP connection to {self.host} port {self.port}: " \
            f"{errno.errorcode.get(code, '') if isinstance(code, int) else ''} {text}".strip()

    def look_up(self, name: str, found: Callable[[list[str]], None]) -> None:
        """Ask the resolver for the addresses of a name."""
        self.reactor.nameResolver.resolveHostName(_Search(found), name)

    def prepare_socket(self, handle: Any) -> None:
        """Switch the kernel's keep-alive on where it is asked for."""
        if self._tcp_keep_alive is None or handle is None:
            return
        interval, probes = self._tcp_keep_alive
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, max(1, probes))

    def start(self) -> None:
        """Dial."""
        self.carry(lambda flow, now: flow.start(now))

    def stop(self) -> Deferred[None]:
        """Drain; fires when nothing is left."""
        self._stopped = Deferred()
        done = self._stopped
        self.carry(lambda flow, now: flow.stop(now))
        if self.flow.is_stopped and not done.called:
            done.callback(None)
        return done

    def dial_of(self, link: int) -> _Dial | None:
        """Give the attempt or connection of that number."""
        return self._dials.get(link)

    def ended(self, link: int, failure: Failure) -> None:
        """Take note that a connection is gone."""
        self._dials.pop(link, None)
        self.carry(lambda flow, now: flow.lost(now, link, failure, self.luck()))

    def carry(self, given: Callable[[Flow, float], list[terms.Effect]]) -> None:
        """Give the flow an input, carry out its effects, re-arm the timer."""
        for effect in given(self.flow, self.reactor.seconds()):
            self._carry_out(effect)
        self._rearm()

    def _carry_out(self, effect: terms.Effect) -> None:
        match effect:
            case terms.Dial(link):
                dial = self._dials[link] = _Dial(self, link)
                self._tell(effect)
                dial.start()
            case terms.Send(link, data):
                if link in self._dials:
                    self._dials[link].send(data)
            case terms.Drain(link):
                if link in self._dials:
                    self._dials[link].drain()
                self._tell(effect)
            case terms.Close(link):
                dial_ = self._dials.pop(link, None)
                if dial_ is not None:
                    dial_.close()
                self._tell(effect)
            case terms.Stopped():
                if self._stopped is not None and not self._stopped.called:
                    self._stopped.callback(None)
            case _:
                self._tell(effect)

    def _rearm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        deadline = self.flow.deadline
        if deadline is not None:
            wait = max(0.0, deadline - self.reactor.seconds())
            self._timer = self.reactor.callLater(
                wait, lambda: self.carry(lambda flow, now: flow.tick(now, self.luck())))


class _Search:
    """Collects the addresses of a name."""

    def __init__(self, found: Callable[[list[str]], None]) -> None:
        self._found = found
        self._addresses: list[str] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None:  # noqa: N803
        """Nothing to do: an attempt that was given up drops the answer."""

    def addressResolved(self, address: Any) -> None:
        if address.host not in self._addresses:
            self._addresses.append(address.host)

    def resolutionComplete(self) -> None:
        self._found(self._addresses)


class Answering:
    """What a port needs to answer: the user agent core, its timers, its limit."""

    def __init__(
        self, reactor: Any, core: UserAgentServer, *, timeout_s: float, limit_octets: int,
        too_large: Callable[[int, str], None],
        refused: Callable[[BaseException, str], None] = lambda error, peer: None,
    ) -> None:
        self.reactor, self.core, self.limit_octets = reactor, core, limit_octets
        self.timers = Timers(timeout=timeout_s)
        self.too_large, self.refused = too_large, refused
        self.clients: set[Caller] = set()

    def answers(self, layer: TransactionLayer, effects: list[Effect], now: float) \
            -> Iterator[bytes]:
        """Answer what came and give the octets to send."""
        for effect in effects:
            if isinstance(effect, SendMessage):
                yield bytes(effect.message)
            elif isinstance(effect, GiveRequest):
                response = self.core.answer(effect.request)
                if response is not None and effect.key is not None:
                    yield from self.answers(layer, layer.respond(now, effect.key, response), now)


@implementer(IHandshakeListener)
class Caller(Protocol):
    """Somebody who connected to us, by TCP or TLS."""

    def __init__(self, answering: Answering, is_tls: bool) -> None:
        self._answering, self._is_tls = answering, is_tls
        self._stream = Stream(answering.limit_octets)
        self._layer = TransactionLayer(answering.timers, reliable=True, most_servers=100)
        self._timer: Any = None
        self._shaken = not is_tls

    def connectionMade(self) -> None:
        if len(self._answering.clients) >= MOST_CLIENTS:
            self._abort()
            return
        self._answering.clients.add(self)
        wait = IDLE_CLIENT_S if self._shaken else CLIENT_HANDSHAKE_S
        self._timer = self._answering.reactor.callLater(wait, self._abort)

    def handshakeCompleted(self) -> None:
        self._shaken = True
        if self._timer is not None and self._timer.active():
            self._timer.reset(IDLE_CLIENT_S)

    def dataReceived(self, data: bytes) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.reset(IDLE_CLIENT_S)
        broken = False
        try:
            items = self._stream.feed(data)
        except StreamBroken as error:
            items, broken = error.complete, True
        for item in items:
            self._take(item)
        if broken and self.transport is not None:
            self.transport.loseConnection()

    def _take(self, item: Any) -> None:
        transport: Any = self.transport
        now = self._answering.reactor.seconds()
        if item is LineEnd.PING:
            transport.write(PONG)
        elif isinstance(item, Request | Response):
            if isinstance(item, Request):
                peer = transport.getPeer()
                item = item.seen_from(zone_free(peer.host), peer.port)
            self._layer.tick(now)
            for octets in self._answering.answers(
                    self._layer, self._layer.received(now, item), now):
                transport.write(octets)
        elif isinstance(item, Garbled):
            transport.loseConnection()

    def _abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        self._answering.clients.discard(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._shaken:
            transport: Any = self.transport
            peer = transport.getPeer() if transport is not None else None
            self._answering.refused(
                _error(reason), f"{peer.host}:{peer.port}" if peer is not None else "")


class _Callers(ServerFactory):
    """Makes a Caller of each connection."""

    noisy = False

    def __init__(self, answering: Answering, is_tls: bool) -> None:
        self._answering, self._is_tls = answering, is_tls

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return Caller(self._answering, self._is_tls)


class Datagrams(DatagramProtocol):
    """SIP over UDP."""

    noisy = False

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._layer = TransactionLayer(answering.timers, reliable=False)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        host, port = zone_free(addr[0]), addr[1]
        try:
            found = parse_datagram(datagram)
        except SipPeerError:
            return
        if not isinstance(found, Request):
            return
        if found.fault is not None and found.fault.status == 513:
            self._answering.too_large(len(datagram), f"{host}:{port}")
        now = self._answering.reactor.seconds()
        self._layer.tick(now)
        transport: Any = self.transport
        for octets in self._answering.answers(
                self._layer, self._layer.received(now, found.seen_from(host, port)), now):
            transport.write(octets, addr)


def listen_udp(answering: Answering, port: int, interface: str) -> Any:
    """Take SIP over UDP. Raises CannotListenError."""
    return answering.reactor.listenUDP(
        port, Datagrams(answering), interface=interface, maxPacketSize=65535)


def listen_tcp(answering: Answering, port: int, interface: str) -> Any:
    """Take SIP over TCP. Raises CannotListenError."""
    return answering.reactor.listenTCP(port, _Callers(answering, False), interface=interface)


def listen_tls(answering: Answering, creator: Any, port: int, interface: str) -> Any:
    """Take SIP over TLS. Raises CannotListenError."""
    factory = tls_factory(creator, _Callers(answering, True), answering.reactor)
    return answering.reactor.listenTCP(port, factory, interface=interface)
