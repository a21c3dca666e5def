"""The sender, against a network that is not there."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import MessageLengthError
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mibgateway.syslog.shell import FIRST_RETRY_S, QUEUE_LENGTH, REFRESH_S, SyslogSender


class Socket:
    """What listenUDP gives: notes what is done to it."""

    def __init__(self, network: Network, protocol: DatagramProtocol, interface: str) -> None:
        self.network, self.protocol, self.interface = network, protocol, interface
        self.peer: tuple[str, int] | None = None
        self.reading, self.open = True, True

    def connect(self, host: str, port: int) -> None:
        if host in self.network.unreachable:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.peer = (host, port)

    def stopReading(self) -> None:
        self.reading = False

    def write(self, data: bytes) -> None:
        assert self.peer is not None and self.open
        if self.network.errors:
            error = self.network.errors.pop(0)
            if isinstance(error, ConnectionRefusedError):
                refused: Callable[[], None] = self.protocol.connectionRefused
                refused()               # as Twisted does: nothing is raised
                return
            raise error
        self.network.sent.append((*self.peer, data))

    def stopListening(self) -> None:
        self.open = False


@implementer(IHostnameResolver)
class Names:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, IResolutionReceiver]] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        assert transportSemantics == "UDP"
        self.asked.append((hostName, resolutionReceiver))

    def answer(self, *addresses: str) -> None:
        _, receiver = self.asked.pop(0)
        for address in addresses:
            kind = IPv6Address if ipaddress.ip_address(address).version == 6 else IPv4Address
            receiver.addressResolved(kind("UDP", address, 0))
        receiver.resolutionComplete()


class Network(Clock):
    """The part of a reactor that the sender uses."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = Names()
        self.sockets: list[Socket] = []
        self.sent: list[tuple[str, int, bytes]] = []
        self.errors: list[Exception] = []
        self.unreachable: set[str] = set()

    def listenUDP(self, port: int, protocol: DatagramProtocol, interface: str = "") -> Socket:
        assert port == 0
        self.sockets.append(Socket(self, protocol, interface))
        return self.sockets[-1]


class SyslogSenderTests(TestCase):
    def setUp(self) -> None:
        self.network = Network()
        self.names = self.network.nameResolver
        self.sender = SyslogSender(self.network)

    def counts(self) -> tuple[int, int]:
        return self.sender.sent, self.sender.failed

    def test_an_address_is_sent_to_at_once(self) -> None:
        self.sender.send_to("192.0.2.1")
        self.sender.send(b"<14>a")
        self.sender.send_to("2001:db8::1", 1514)
        self.sender.send(b"<14>b")
        assert self.network.sent == [
            ("192.0.2.1", 514, b"<14>a"),
            ("2001:db8::1", 1514, b"<14>b"),
        ]
        assert [(s.interface, s.open, s.reading) for s in self.network.sockets] == [
            ("0.0.0.0", False, False),
            ("::", True, False),
        ]
        assert (self.names.asked, self.counts()) == ([], (2, 0))

    def test_an_address_in_brackets_is_an_address(self) -> None:
        self.sender.send_to("[::1]")
        self.sender.send(b"a")
        assert self.network.sent == [("::1", 514, b"a")]

    def test_without_a_collector_nothing_is_sent_nor_counted(self) -> None:
        self.sender.send(b"a")
        self.sender.send_to("192.0.2.1")
        self.sender.send_to("")
        self.sender.send(b"b")
        assert (self.network.sent, self.counts()) == ([], (0, 0))
        assert [socket.open for socket in self.network.sockets] == [False]

    def test_datagrams_wait_for_the_name(self) -> None:
        self.sender.send_to("log.test")
        self.sender.send(b"a")
        self.sender.send(b"b")
        assert self.network.sent == []
        self.names.answer("192.0.2.1")
        self.sender.send(b"c")
        assert [data for _, _, data in self.network.sent] == [b"a", b"b", b"c"]

    def test_the_queue_loses_its_oldest(self) -> None:
        self.sender.send_to("log.test")
        for number in range(QUEUE_LENGTH + 2):
            self.sender.send(b"%d" % number)
        self.names.answer("192.0.2.1")
        assert self.network.sent[0] == ("192.0.2.1", 514, b"2")
        assert self.counts() == (QUEUE_LENGTH, 2)

    def test_an_unknown_name_is_asked_for_again_and_again_later(self) -> None:
        self.sender.send_to("log.test")
        self.sender.send(b"a")
        self.names.answer()
        assert "no such name" in self.sender.trouble
        self.network.advance(FIRST_RETRY_S)
        self.names.answer()
        self.network.advance(FIRST_RETRY_S)
        assert self.names.asked == []
        self.network.advance(FIRST_RETRY_S)
        self.names.answer("192.0.2.1")
        assert (self.network.sent, self.counts()) == ([("192.0.2.1", 514, b"a")], (1, 0))

    def test_an_address_that_no_route_leads_to_is_passed_over(self) -> None:
        self.network.unreachable.add("2001:db8::1")
        self.sender.send_to("log.test")
        self.sender.send(b"a")
        self.names.answer("2001:db8::1", "192.0.2.1")
        assert self.network.sent == [("192.0.2.1", 514, b"a")]
        assert [socket.open for socket in self.network.sockets] == [False, True]

    def test_an_answer_about_the_collector_of_before_counts_no_more(self) -> None:
        self.sender.send_to("old.test")
        self.sender.send(b"a")
        self.sender.send_to("new.test")
        self.names.answer("192.0.2.1")
        self.names.answer("192.0.2.2")
        assert self.network.sent == [("192.0.2.2", 514, b"a")]

    def test_a_refused_datagram_is_counted_and_the_next_still_leaves(self) -> None:
        self.sender.send_to("192.0.2.1")
        self.sender.send(b"a")
        self.network.errors.append(ConnectionRefusedError())
        self.sender.send(b"b")
        assert [data for _, _, data in self.network.sent] == [b"a", b"b"]
        assert self.counts() == (2, 1)
        assert "closed" in self.sender.trouble
        self.sender.send(b"c")
        assert (self.counts(), self.sender.trouble) == ((3, 1), "")

    def test_a_network_that_fails_is_no_error_of_the_caller(self) -> None:
        self.sender.send_to("192.0.2.1")
        self.network.errors += [OSError(errno.ENETDOWN, "Network is down"), MessageLengthError()]
        self.sender.send(b"a")
        assert "Network is down" in self.sender.trouble
        self.sender.send(b"b")
        self.sender.send(b"c")
        assert ([data for _, _, data in self.network.sent], self.counts()) == ([b"c"], (1, 2))

    def test_a_name_is_looked_up_again_while_the_old_address_serves(self) -> None:
        self.sender.send_to("log.test")
        self.names.answer("192.0.2.1")
        self.network.advance(REFRESH_S)
        self.sender.send(b"a")
        self.sender.send(b"b")
        self.names.answer("192.0.2.2")
        self.sender.send(b"c")
        assert [host for host, _, _ in self.network.sent] == ["192.0.2.1"] * 2 + ["192.0.2.2"]
        self.network.advance(REFRESH_S)
        self.sender.send(b"d")
        self.names.answer()
        self.sender.send(b"e")
        assert self.network.sent[-1][0] == "192.0.2.2"
        assert self.names.asked == []

    def test_stop_leaves_neither_socket_nor_timer(self) -> None:
        self.sender.send_to("log.test")
        self.sender.send(b"a")
        self.names.answer()
        self.sender.stop()
        assert (self.network.getDelayedCalls(), self.counts()) == ([], (0, 1))
