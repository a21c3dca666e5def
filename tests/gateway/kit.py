"""A unit with all its services on a reactor in memory: no socket, no thread, time by hand."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from mibagent.errors import Index
from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.northbound import Session
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal, Rights
from mibagent.store.wish import Revision, Wish
from mibgateway.clock.unit_clock import UnitClock
from mibgateway.main import SERVICES
from mibgateway.notifier import Notice
from mibgateway.services.sipep import SipEpService
from mibgateway.state import StateDirectory
from mibgateway.unit import Options, Unit
from tests.gateway.tls.pki import NOW

T = TypeVar("T")

ADMIN = Principal("admin", Rights.ADMIN, "snmp", "192.0.2.1")
USER = Principal("user", Rights.USER, "snmp", "192.0.2.1")
LOCAL = Principal("console", Rights.ADMIN, "console")
SCALAR: Index = ()
DEFAULT: Index = (b"default",)


@cache
def model() -> MibModel:
    return load_model(mib_folders())


class Port:
    """A port that listens in memory."""

    def __init__(self, reactor: Reactor, kind: str, port: int, given: Any, host: str) -> None:
        self.kind, self.port, self.given, self.host = kind, port, given, host
        self._reactor = reactor
        self.written: list[tuple[bytes, Any]] = []
        self.peer: Any = None
        self.is_reading = True

    def write(self, data: bytes, addr: Any = None) -> None:
        self.written.append((data, addr or self.peer))

    def connect(self, host: str, port: int) -> None:
        self.peer = (host, port)

    def stopReading(self) -> None:
        self.is_reading = False

    def startReading(self) -> None:
        self.is_reading = True

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", self.host, self.port)

    def stopListening(self) -> Deferred[None]:
        self._reactor.ports.remove(self)
        return succeed(None)


class Resolver:
    """Names with their addresses."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> Any:
        self.asked.append(name)
        receiver.resolutionBegan(None)
        for address in self.names.get(name, []):
            receiver.addressResolved(IPv4Address("TCP", address, 0))
        receiver.resolutionComplete()


class Reactor(MemoryReactorClock):
    """MemoryReactorClock, with UDP and with ports that can be taken or forbidden."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[Port] = []
        self.taken: dict[int, int] = {}
        """Ports that nobody gets, with the errno that says why."""
        self.nameResolver = Resolver()  # type: ignore[assignment]

    def _open(self, kind: str, port: int, given: Any, host: str) -> Port:
        if port in self.taken:
            raise CannotListenError(host, port, OSError(self.taken[port], "no"))
        opened = Port(self, kind, port, given, host)
        self.ports.append(opened)
        return opened

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        return self._open("tcp", port, factory, interface)

    def listenUDP(
        self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
    ) -> Any:
        opened = self._open("udp", port, protocol, interface)
        protocol.makeConnection(opened)
        return opened

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> Any:
        return self._open("unix", 0, factory, str(address))

    def getThreadPool(self) -> Reactor:
        return self

    def callInThreadWithCallback(
        self, told: Callable[[bool, Any], None], call: Callable[..., Any], *given: Any
    ) -> None:
        told(True, call(*given))

    def callFromThread(self, call: Callable[..., Any], *given: Any) -> None:
        self.callLater(0, call, *given)

    def listening(self, kind: str) -> list[int]:
        return [port.port for port in self.ports if port.kind == kind and port.port]

    def occupy(self, port: int, code: int = errno.EADDRINUSE) -> None:
        self.taken[port] = code


class AtOnce:
    """Calls what the journal's thread would call, where it stands."""

    def __init__(self, reactor: Any) -> None:
        self.stopped = False

    def run(self, call: Callable[[], T]) -> Deferred[T]:
        return maybeDeferred(call)

    def stop(self) -> None:
        self.stopped = True


class Bench:
    """One unit, and what a test does to it."""

    def __init__(
        self, path: Path, *, before: Mapping[tuple[str, Index], Value] | None = None,
        starts: bool = True, options: Options | None = None,
    ) -> None:
        """before: what is configured when the services start."""
        self.reactor = Reactor()
        self.host_time = NOW.timestamp()
        self.said: list[str] = []
        self.notices: list[Notice] = []
        clock = UnitClock(lambda: self.host_time + self.reactor.seconds(), self.reactor.seconds)
        with mock.patch("mibgateway.unit.JournalThread", AtOnce):
            self.unit = Unit(
                self.reactor, model(), StateDirectory(path), options or Options(version="1.2.3"),
                say=self.said.append, clock=clock)
        self.unit.in_thread = maybeDeferred  # type: ignore[method-assign,assignment]
        self.store = self.unit.store
        self.services = {service.mib: service(self.unit) for service in SERVICES}
        self.unit.serve(list(self.services.values()))
        self.host = self.unit.host
        self.unit.notifier.deliver_to(lambda notice: self.notices.append(notice))
        if not starts:
            return
        with self.store.begin(LOCAL) as transaction:
            for wish in self.host.factory_wishes() if self.unit.is_first_start else ():
                transaction.put(wish)
            for (name, index), value in (before or {}).items():
                transaction.set(name, index, value)
            transaction.prepare()
            done = maybeDeferred(transaction.commit)  # type: ignore[arg-type]
        self.settle()
        self.result(done)
        self.result(ensureDeferred(self.unit.keep_identity()))  # type: ignore[arg-type]
        self.result(ensureDeferred(self.unit.start()))
        self.settle()

    # -- time

    def settle(self) -> None:
        """Let the reactor have some turns, without time passing."""
        for _ in range(12):
            self.reactor.advance(0)

    def wait(self, seconds: float) -> None:
        self.reactor.advance(seconds)
        self.settle()

    def result(self, waited: Deferred[T]) -> T:
        """Give what a Deferred has come to. Raises what it failed with."""
        found: list[Any] = []
        waited.addBoth(found.append)
        self.settle()
        assert found, "still waiting"
        if isinstance(found[0], Failure):
            found[0].raiseException()
        answer: T = found[0]
        return answer

    # -- the doors

    def session(self, principal: Principal = ADMIN) -> Session:
        return Session(self.host, principal)

    def change(
        self, *wishes: tuple[str, Index, Value], principal: Principal = ADMIN
    ) -> Revision | None:
        """Commit these as one. Raises Refused."""
        made = [Wish(*wish) for wish in wishes]
        return self.result(ensureDeferred(self.session(principal).change(made)))

    def set(
        self, name: str, value: Value, index: Index = (), principal: Principal = ADMIN
    ) -> Revision | None:
        return self.change((name, index, value), principal=principal)

    def get(self, name: str, index: Index = ()) -> Any:
        return self.store.get(name, index)

    def run(
        self, table: str, arguments: dict[str, Value], principal: Principal = ADMIN
    ) -> Any:
        """Run a job to its end."""
        running: Any = self.session(principal).run(table, arguments)
        return self.result(ensureDeferred(running))

    def restart(self, name: str) -> None:
        self.set("scmServiceCommandsRestart", 10, (name.encode(),))
        self.settle()

    def rows(self, table: str) -> list[Index]:
        return list(self.store.rows(model().tables[table]))

    # -- what came of it

    def texts(self, *names: str) -> list[str]:
        """Give the notifications of these names, or all, and forget those given."""
        wanted = [notice for notice in self.notices if not names or notice.node.name in names]
        self.notices = [notice for notice in self.notices if notice not in wanted]
        return [notice.text for notice in wanted]

    def issued(self) -> list[str]:
        return [notice.node.name for notice in self.notices]

    def active(self) -> list[str]:
        """Give the texts of what trouble is active."""
        return [notice.text for notice in self.unit.notifier.active.values()]

    @property
    def sip(self) -> SipEpService:
        found = self.services[SipEpService.mib]
        assert isinstance(found, SipEpService)
        return found

    def udp(self, port: int = 0) -> Port:
        return next(each for each in self.reactor.ports
                    if each.kind == "udp" and each.port == port)

    def stop(self) -> None:
        stopped = ensureDeferred(self.unit.stop())
        self.wait(10)
        self.result(stopped)

    def again(self, path: Path) -> Bench:
        """Stop, and start another process on the same state."""
        self.stop()
        return Bench(path)


@contextmanager
def bench(path: Path, **given: Any) -> Iterator[Bench]:
    made = Bench(path, **given)
    try:
        yield made
    finally:
        made.stop()
