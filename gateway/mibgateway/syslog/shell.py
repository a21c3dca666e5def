"""Sends syslog datagrams over UDP; nothing comes back (RFC 5426)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from mibgateway.lookup import Search

PORT = 514
QUEUE_LENGTH = 64
REFRESH_S = 300.0
"""How long an answer of the name servers is believed."""
FIRST_RETRY_S = 5.0
LAST_RETRY_S = 300.0


class Reactor(Protocol):
    """What is needed of a reactor."""

    @property
    def nameResolver(self) -> IHostnameResolver: ...

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = ...
    ) -> Any: ...

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object
    ) -> Any: ...

    def seconds(self) -> float: ...


class SyslogSender:
    """One collector at a time; never waits and never raises for what the network does.

    While a name is being looked up, datagrams wait in a queue that loses its oldest when it is
    full. An address is chosen for as long as it can be sent to; each is a connected socket, so
    that a closed port is noticed.
    """

    log = Logger()

    def __init__(self, reactor: Reactor) -> None:
        self.sent = 0
        """Datagrams given to the network."""
        self.failed = 0
        """Datagrams that got lost here or that the collector's host sent back."""
        self.trouble = ""
        """Why the last one failed, empty when the last one went out."""
        self._reactor = reactor
        self._host, self._port = "", PORT
        self._link: _Link | None = None
        self._queue: deque[bytes] = deque()
        self._search: Search | None = None
        self._found_at = 0.0
        self._wait = FIRST_RETRY_S
        self._timer: Any = None

    def send_to(self, host: str, port: int = 0) -> None:
        """Choose the collector: a name or an address, port 0 for 514; an empty host is none."""
        if (host, port or PORT) == (self._host, self._port):
            return
        self._forget()
        self._host, self._port = host, port or PORT
        self._wait = FIRST_RETRY_S
        if host:
            self._look_up()
        else:
            self._queue.clear()

    def send(self, data: bytes) -> None:
        """Send one datagram, now or when the collector is found; without a collector, nothing."""
        if not self._host:
            return
        if self._link is None:
            if len(self._queue) == QUEUE_LENGTH:
                self._queue.popleft()
                self._fail(f"no address of {self._host} yet, and too many wait for it")
            self._queue.append(data)
            if self._search is None and self._timer is None:
                self._look_up()
            return
        self._write(self._link, data)
        if self._reactor.seconds() - self._found_at >= REFRESH_S and self._search is None:
            self._look_up()

    def stop(self) -> None:
        """Close the socket; what waits is lost and counted."""
        for _ in self._queue:
            self._fail("stopped")
        self.send_to("")

    def _write(self, link: _Link, data: bytes) -> None:
        refused = link.refused
        try:
            link.write(data)
            if link.refused > refused:        # told of an earlier one, and has not sent this one
                self._fail(f"{link.address} answers that its port is closed")
                link.write(data)
        except (OSError, MessageLengthError) as error:
            self._fail(f"{link.address}: {error}")
            self._found_at = float("-inf")    # another address may do
        else:
            self.sent += 1
            if link.refused == refused:
                self.trouble = ""

    def _look_up(self) -> None:
        self._timer = None
        self._search = search = Search(self._found)
        search.begin(self._reactor, self._host, self._port)

    def _found(self, addresses: list[str]) -> None:
        self._search = None
        self._found_at = self._reactor.seconds()
        if self._link is not None:
            if not addresses or (self._link.address in addresses and not self.trouble):
                return
            self._link.close()
            self._link = None
        self._link = self._open(addresses)
        if self._link is None:
            self._timer = self._reactor.callLater(self._wait, self._look_up)
            self._wait = min(2 * self._wait, LAST_RETRY_S)
            return
        self._wait = FIRST_RETRY_S
        while self._queue:
            self._write(self._link, self._queue.popleft())

    def _open(self, addresses: list[str]) -> _Link | None:
        self.trouble = f"{self._host}: no such name" if not addresses else self.trouble
        for address in addresses:
            link = _Link(address)
            try:
                port = self._reactor.listenUDP(
                    0, link, interface="::" if ":" in address else "0.0.0.0"
                )
            except CannotListenError as error:
                self.trouble = f"{address}: {error}"
                continue
            try:
                link.connect(port, self._port)
            except OSError as error:
                self.trouble = f"{address}: {error}"
                link.close()
                continue
            return link
        self.log.warn("no syslog collector: {why}", why=self.trouble)
        return None

    def _forget(self) -> None:
        if self._search is not None:
            self._search.give_up()
            self._search = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._link is not None:
            self._link.close()
            self._link = None

    def _fail(self, why: str) -> None:
        self.failed += 1
        self.trouble = why


class _Link(DatagramProtocol):
    """A connected socket of one address."""

    noisy = False

    def __init__(self, address: str) -> None:
        self.address, self.refused = address, 0
        self._opened: Any = None

    def connect(self, opened: Any, port: int) -> None:
        """Only this peer; errors are asked for by the next write, not read for."""
        self._opened = opened
        opened.connect(self.address, port)
        opened.stopReading()

    def write(self, data: bytes) -> None:
        self._opened.write(data)

    def close(self) -> None:
        self._opened.stopListening()

    def connectionRefused(self) -> None:
        self.refused += 1
