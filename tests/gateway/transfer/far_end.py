"""A file server in memory, played by hand, and a reactor to reach it on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from mibgateway.tls.creator import ClientCreator
from mibgateway.tls.policy import TlsPolicy
from mibgateway.transfer.shell import Transfers
from mibgateway.transfer.terms import Done
from mibgateway.transfer.url import Url

POLICY = TlsPolicy(use="File transfer")


class Line(StringTransport):
    """A connection whose buffer never fills."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def pauseProducing(self) -> None:
        self.producerState = "paused"

    def resumeProducing(self) -> None:
        self.producerState = "producing"

    def abortConnection(self) -> None:
        self.aborting = self.disconnecting = True


class FarEnd:
    """What transfers meet; each thread's call is done at once, or when a test says so."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.is_slow = False
        self.waiting: list[Callable[[], object]] = []
        self.made: list[tuple[TlsPolicy, str]] = []
        self.transfers = Transfers(
            self.reactor, self._creator, self._in_thread, "mibgate/1.2.3")
        self.told: list[Any] = []
        self.progress: list[tuple[int, int | None]] = []
        self.running: Deferred[Done]
        self._factory: Any = None
        self._protocol: Any = None
        self.line = Line()

    def _creator(self, policy: TlsPolicy, server: str) -> ClientCreator:
        self.made.append((policy, server))
        return ClientCreator(policy, None, (), server, clock=lambda: datetime.now(UTC))

    def _in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        if not self.is_slow:
            return maybeDeferred(call)
        told: Deferred[Any] = Deferred()
        self.waiting.append(lambda: maybeDeferred(call).chainDeferred(told))
        return told

    def download(self, url: str, to: Path, **given: Any) -> None:
        given.setdefault("most_octets", 1000)
        self.running = ensureDeferred(self.transfers.download(
            Url.parse(url), to, policy=POLICY, progress=self._note, **given))
        self.running.addBoth(self.told.append)

    def upload(self, url: str, source: Path, **given: Any) -> None:
        self.running = ensureDeferred(self.transfers.upload(
            Url.parse(url), source, policy=POLICY, progress=self._note, **given))
        self.running.addBoth(self.told.append)

    def _note(self, octets: int, total: int | None) -> None:
        self.progress.append((octets, total))

    # -- what the server does

    def accept(self) -> str:
        """Take the connection that is dialled; give what is asked."""
        host, port, self._factory, *_ = self.reactor.tcpClients.pop()
        self._protocol = self._factory.buildProtocol(IPv4Address("TCP", host, port))
        self.line = Line()
        self._protocol.makeConnection(self.line)
        return self.asked()

    def asked(self) -> str:
        found: str = self.line.value().decode()
        self.line.clear()
        return found

    def refuse(self) -> None:
        factory: Any = self.reactor.tcpClients.pop()[2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def say(self, text: str | bytes) -> None:
        self._protocol.dataReceived(text.encode() if isinstance(text, str) else text)

    def answer(self, status: str, *fields: str, body: str = "") -> None:
        lines = [f"HTTP/1.1 {status}", *fields, "", body]
        self.say("\r\n".join(lines))

    def hang_up(self, cleanly: bool = True) -> None:
        why = ConnectionDone() if cleanly else ConnectionLost()
        self._protocol.connectionLost(Failure(why))

    # -- what came of it

    @property
    def result(self) -> Any:
        """What the transfer came to: Done, or its error."""
        assert self.told, "still waiting"
        found = self.told[0]
        return found.value if isinstance(found, Failure) else found

    def is_quiet(self) -> bool:
        return not self.reactor.getDelayedCalls() and not self.reactor.tcpClients
