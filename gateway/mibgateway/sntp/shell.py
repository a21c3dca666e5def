"""Carries out what the client decides: one look-up or one socket at a time."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from mibgateway.lookup import Search
from mibgateway.sntp.client import Answered, Ask, Client, Effect, LookUp, Silent

CANNOT_BE_REACHED = "it cannot be reached"


class SntpShell:
    """A client on a reactor. Each request has a socket of its own, at a port that chance chose.

    RFC 9109.
    """

    def __init__(
        self, reactor: Any, client: Client, monotonic: Callable[[], float],
        tell: Callable[[Answered | Silent], object],
    ) -> None:
        self._reactor, self._client, self._now, self._tell = reactor, client, monotonic, tell
        self._search: Search | None = None
        self._link: _Link | None = None
        self._timer: Any = None

    def start(self) -> None:
        """Ask for the first time."""
        self._carry_out(self._client.start(self._now()))

    def ask(self) -> None:
        """Ask out of turn."""
        self._carry_out(self._client.ask(self._now()))

    def stop(self) -> None:
        """Ask no more; nothing stays open."""
        self._client.stop()
        self._finish()
        self._rearm()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._finish()
            match effect:
                case LookUp(host, port):
                    self._search = Search(self._found)
                    self._search.begin(self._reactor, host, port)
                case Ask():
                    self._send(effect)
                case Answered() | Silent():
                    self._tell(effect)
        self._rearm()

    def _found(self, addresses: list[str]) -> None:
        self._search = None
        self._carry_out(self._client.found(self._now(), addresses))

    def _send(self, ask: Ask) -> None:
        link = self._link = _Link(ask, self._received, self._unreachable)
        try:
            link.open(self._reactor)
        except (OSError, CannotListenError, MessageLengthError) as error:
            self._unreachable(str(error))

    def _received(self, octets: bytes) -> None:
        self._carry_out(self._client.received(self._now(), octets))

    def _unreachable(self, why: str) -> None:
        self._carry_out(self._client.unreachable(self._now(), why))

    def _finish(self) -> None:
        if self._search is not None:
            self._search.give_up()
            self._search = None
        if self._link is not None:
            self._link.close()
            self._link = None

    def _rearm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._client.deadline is not None:
            self._timer = self._reactor.callLater(
                max(0.0, self._client.deadline - self._now()), self._tick)

    def _tick(self) -> None:
        self._carry_out(self._client.tick(self._now()))


class _Link(DatagramProtocol):
    """A socket for one request, connected, so that a closed port is noticed."""

    noisy = False

    def __init__(
        self, ask: Ask, received: Callable[[bytes], None], unreachable: Callable[[str], None]
    ) -> None:
        self._ask, self._received, self._unreachable = ask, received, unreachable
        self._opened: Any = None

    def open(self, reactor: Any) -> None:
        """Send. Raises OSError, CannotListenError."""
        address = self._ask.address
        self._opened = reactor.listenUDP(
            0, self, interface="::" if ":" in address else "0.0.0.0")
        self._opened.connect(address, self._ask.port)
        self._opened.write(self._ask.octets)

    def close(self) -> None:
        """Hear nothing any more."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.stopListening()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Pass on what the asked address sent; before the socket was connected anyone could."""
        host, port = addr[:2]
        asked = ip_address(self._ask.address.partition("%")[0])
        if self._opened is not None and port == self._ask.port \
                and ip_address(host.partition("%")[0]) == asked:
            self._received(datagram)

    def connectionRefused(self) -> None:
        """Note an ICMP error, where the reactor reads it."""
        if self._opened is not None:
            self._unreachable(CANNOT_BE_REACHED)

    def stopProtocol(self) -> None:
        """Note an ICMP error, where the reactor closes the socket for it, as epoll's does."""
        if self._opened is not None:
            self._opened = None
            self._unreachable(CANNOT_BE_REACHED)
