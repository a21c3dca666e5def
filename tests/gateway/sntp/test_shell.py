"""The shell, on a reactor in memory."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from mibagent.smi.host import HostPort
from mibgateway.sntp.client import ANSWER_S, Answered, Client, Silent
from mibgateway.sntp.shell import SntpShell
from tests.gateway.kit import Port, Reactor
from tests.gateway.sntp.servers import reply

RIGHT = 1_800_000_000.0


class Room:
    def __init__(self, *servers: str) -> None:
        self.reactor = Reactor()
        self.told: list[Any] = []
        self.client = Client([HostPort.from_text(server) for server in servers], 3600, 60,
                             lambda: b"nonce 08", 0)
        self.shell = SntpShell(self.reactor, self.client, self.reactor.seconds, self.told.append)

    @property
    def port(self) -> Port:
        (port,) = self.reactor.ports
        return port

    def answer(self, host: str = "192.0.2.1", port: int = 123) -> None:
        asked = self.port.written[0][0]
        self.port.given.datagramReceived(
            reply(asked, RIGHT + self.reactor.seconds()), (host, port))


def test_an_answer_is_told_and_its_socket_closed() -> None:
    room = Room("192.0.2.1")
    room.shell.start()
    assert room.port.peer == ("192.0.2.1", 123)
    room.answer()
    assert room.told == [Answered(HostPort("192.0.2.1", 123), RIGHT)]
    assert room.reactor.ports == []
    room.reactor.advance(3600)
    assert len(room.port.written) == 1


@pytest.mark.parametrize("whom", [("192.0.2.2", 123), ("192.0.2.1", 124)])
def test_only_the_asked_address_is_heard(whom: tuple[str, int]) -> None:
    room = Room("192.0.2.1")
    room.shell.start()
    room.answer(*whom)
    assert room.told == []
    room.answer()
    assert isinstance(room.told[0], Answered)


def test_each_address_has_a_new_socket_and_its_family() -> None:
    room = Room("a.example")
    room.reactor.nameResolver.names["a.example"] = ["192.0.2.1", "192.0.2.2"]  # type: ignore[attr-defined]
    room.shell.start()
    first = room.port
    room.reactor.advance(ANSWER_S)
    assert room.port is not first
    assert room.port.peer == ("192.0.2.2", 123)
    first.given.datagramReceived(reply(first.written[0][0], RIGHT), ("192.0.2.1", 123))
    assert room.told == []
    six = Room("2001:db8::1")
    six.shell.start()
    assert (six.port.host, six.port.peer) == ("::", ("2001:db8::1", 123))


@pytest.mark.parametrize("how", ["connectionRefused", "doStop"])
def test_what_icmp_says_is_not_waited_for(how: str) -> None:
    room = Room("192.0.2.1", "192.0.2.2")
    room.shell.start()
    getattr(room.port.given, how)()
    room.reactor.ports = [port for port in room.reactor.ports if port.peer[0] == "192.0.2.2"]
    room.port.given.connectionRefused()
    assert room.told == [Silent((
        "192.0.2.1:123: it cannot be reached", "192.0.2.2:123: it cannot be reached"))]


def test_a_socket_that_cannot_be_had_is_a_failure_like_others() -> None:
    room = Room("192.0.2.1")
    room.reactor.occupy(0, errno.EMFILE)
    room.shell.start()
    (silent,) = room.told
    assert silent.reasons[0].startswith("192.0.2.1:123: ")
    room.reactor.taken.clear()
    room.reactor.advance(5)
    room.answer()
    assert isinstance(room.told[1], Answered)


def test_stopped_it_leaves_no_socket_and_no_timer() -> None:
    room = Room("192.0.2.1")
    room.shell.start()
    room.shell.stop()
    assert (room.reactor.ports, room.reactor.getDelayedCalls()) == ([], [])


def test_who_is_told_may_stop_it() -> None:
    room = Room("192.0.2.1")
    room.shell = SntpShell(
        room.reactor, room.client, room.reactor.seconds, lambda _: room.shell.stop())
    room.shell.start()
    room.answer()
    assert room.reactor.getDelayedCalls() == []
