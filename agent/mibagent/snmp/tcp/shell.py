"""TCP for the engine: messages back to back, bounded in size, in number and in time.

RFC 3430 section 2.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from mibagent.snmp.ber import BerError
from mibagent.snmp.engine import Engine
from mibagent.snmp.peer import OVER_TCP
from mibagent.snmp.stream import MessageStream

CONNECTIONS = 64
CONNECTIONS_OF_A_HOST = 16
"""TCP connections at once; one more ends the one that has been silent longest."""
IDLE_S = 60.0
"""A connection that completes no message for so long is closed."""
MESSAGES_A_TURN = 64


@implementer(IPushProducer)
class SnmpConnection(Protocol):
    """One TCP connection of a manager."""

    factory: SnmpConnections

    def __init__(self, host: str) -> None:
        self.host = host
        self._stream = MessageStream()
        self._paused = False
        self._idle: Any = None
        self._again: Any = None

    def connectionMade(self) -> None:
        """Begin; the transport says when too much waits to be written."""
        self.transport.registerProducer(self, True)     # type: ignore[union-attr]
        with contextlib.suppress(AttributeError, OSError):
            self.transport.setTcpNoDelay(True)          # type: ignore[union-attr]
        address: Any = self.transport.getPeer()         # type: ignore[union-attr]
        self._peer = (address.host + OVER_TCP, address.port)
        self._idle = self.factory.reactor.callLater(IDLE_S, self.end)

    def dataReceived(self, data: bytes) -> None:
        """Answer what is whole."""
        self._stream.feed(data)
        if self._again is None:
            self._work()

    def _work(self) -> None:
        self._again = None
        engine, send = self.factory.engine, self._send
        for _ in range(MESSAGES_A_TURN):
            if self._paused:
                return
            try:
                message = self._stream.take()
            except BerError:
                engine.counters.in_asn_parse_errs += 1
                self.end()
                return
            if message is None:
                self.transport.resumeProducing()    # type: ignore[union-attr]
                return
            if self not in self.factory.connections:
                return
            self._idle.reset(IDLE_S)
            self.factory.connections.move_to_end(self)
            answer = engine.answer(message, self._peer, send)
            if answer is not None:
                send(answer)
        self.transport.pauseProducing()         # type: ignore[union-attr]
        self._again = self.factory.reactor.callLater(0, self._work)

    def _send(self, answer: bytes) -> None:
        if self in self.factory.connections:
            self.transport.write(answer)        # type: ignore[union-attr]

    def pauseProducing(self) -> None:
        """Answer nothing more for now: the manager does not take its answers."""
        self._paused = True
        self.transport.pauseProducing()         # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        if self._again is None:
            self._work()

    def stopProducing(self) -> None:
        """Nothing: the connection is at its end."""

    def end(self) -> None:
        """Close the connection, whatever waits."""
        self.transport.abortConnection()        # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        """Forget it."""
        self.factory.connections.pop(self, None)
        for call in (self._idle, self._again):
            if call is not None and call.active():
                call.cancel()


class SnmpConnections(Factory):
    """All TCP connections of an engine, the one that has been silent longest first."""

    noisy = False

    def __init__(self, reactor: Any, engine: Engine) -> None:
        self.reactor, self.engine = reactor, engine
        self.connections: OrderedDict[SnmpConnection, None] = OrderedDict()
        self.ended = 0
        """Connections that had to make room."""

    def buildProtocol(self, addr: Any) -> Any:
        """Give what speaks with a manager; None for one that may not ask at all."""
        host = str(addr.host)
        if not self.engine.admits(host):
            return None
        mine = [each for each in self.connections if each.host == host]
        if len(mine) >= CONNECTIONS_OF_A_HOST:
            self._make_room(mine[0])
        elif len(self.connections) >= CONNECTIONS:
            self._make_room(next(iter(self.connections)))
        made = SnmpConnection(host)
        made.factory = self
        self.connections[made] = None
        return made

    def _make_room(self, silent: SnmpConnection) -> None:
        self.ended += 1
        del self.connections[silent]
        silent.end()


class SnmpTcpPort:
    """A TCP port with its connections."""

    def __init__(self, port: Any, factory: SnmpConnections) -> None:
        self._port, self.factory = port, factory

    @property
    def number(self) -> int:
        """The port that it listens on."""
        number: int = self._port.getHost().port
        return number

    def stop(self) -> Deferred[None]:
        """Close the port and every connection; fires when the port is closed."""
        for connection in list(self.factory.connections):
            connection.end()
        closed: Deferred[None] = maybeDeferred(self._port.stopListening)
        return closed


def start(reactor: Any, engine: Engine, interface: str, port: int) -> SnmpTcpPort:
    """Listen for connections, and answer from now on. Raises CannotListenError."""
    factory = SnmpConnections(reactor, engine)
    return SnmpTcpPort(reactor.listenTCP(port, factory, interface=interface), factory)
