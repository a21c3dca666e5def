"""A SIP server at the other end of a unit's TLS connections, in memory."""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure
from twisted.test import iosim

from mibgateway.sip.message import Request, Response
from mibgateway.sip.options import Identity, UserAgentServer
from mibgateway.sip.shell import Answering, listen_tls
from mibgateway.tls.creator import ServerCreator
from mibgateway.tls.policy import Floor, Level, SuiteSet, TlsPolicy
from tests.gateway.kit import Bench
from tests.gateway.tls.pki import Issued, clock, ip, issue

CA = issue("Test CA", ca=True, days=3650)
OTHER_CA = issue("Other CA", ca=True, number=7, days=3650)
ADDRESS = "192.0.2.10"
SERVER = issue("proxy.example.com", ip(ADDRESS), by=CA, number=2)


class Wire(iosim.FakeTransport):  # type: ignore[misc]
    """A transport that has a socket's other doors too."""

    def getHandle(self) -> None:
        return None


class Connection:
    """One connection that is on its way or made."""

    def __init__(self, unit: Bench, dialled: tuple[Any, ...]) -> None:
        self.host, self.port, self.factory, self.timeout, bound = dialled
        self.bound: int = bound[1]
        self.unit = unit
        self.pump: iosim.IOPump

    def refuse(self) -> None:
        self.factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.unit.settle()

    def join(self, server: Server) -> None:
        """Connect it to a server and let both talk until they have no more to say."""
        here = IPv4Address("TCP", "192.0.2.2", self.bound)
        there = IPv4Address("TCP", self.host, self.port)
        client = self.factory.buildProtocol(there)
        self.server_protocol = server.factory.buildProtocol(here)
        self.pump = iosim.connect(
            self.server_protocol, Wire(self.server_protocol, True, there, here),
            client, Wire(client, False, here, there), clock=self.unit.reactor)
        self.talk()

    def talk(self) -> None:
        for _ in range(8):
            self.pump.flush()
            self.unit.settle()

    def lose(self) -> None:
        """Let the server hang up."""
        self.server_protocol.transport.loseConnection()
        self.talk()


class Server:
    """A server that answers OPTIONS."""

    def __init__(
        self, unit: Bench, shows: Issued | None = SERVER, *, trusts: tuple[Issued, ...] = (CA,),
        asks: bool = False, suites: SuiteSet = SuiteSet.CS4, floor: Floor = Floor.TLSV1_2,
    ) -> None:
        policy = TlsPolicy(suites, floor, Level.NO_VALIDATION, asks, "far end")
        creator = ServerCreator(
            policy, lambda: shows.credential() if shows else None,
            lambda: tuple(each.authority() for each in trusts), clock=clock)
        numbers = count()
        core = UserAgentServer(Identity("far end"), lambda: f"tag{next(numbers)}")
        self.requests: list[Request] = []
        self.answering = Answering(
            unit.reactor, self,  # type: ignore[arg-type]
            timeout_s=32, limit_octets=65535, too_large=lambda size, peer: None)
        self._core = core
        listening = listen_tls(self.answering, creator, 15061, "127.0.0.1")
        unit.reactor.ports.remove(listening)
        self.factory = listening.given

    def answer(self, request: Request) -> Response | None:
        """Note a request and answer it."""
        self.requests.append(request)
        return self._core.answer(request)


def dialled(unit: Bench) -> list[Connection]:
    """Give what the unit has dialled since this was asked last."""
    found = [Connection(unit, client) for client in unit.reactor.tcpClients]
    unit.reactor.tcpClients.clear()
    return found
