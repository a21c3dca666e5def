"""SIP on a reactor in memory: dials are carried out, timers re-armed, ports answer."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectBindError, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from mibgateway.sip import shell, terms
from mibgateway.sip.flow import Flow
from mibgateway.sip.options import Identity, UserAgentServer
from mibgateway.sip.shell import (
    CLIENT_HANDSHAKE_S,
    IDLE_CLIENT_S,
    Answering,
    Caller,
    FlowShell,
    bind_host,
    is_free,
    listen_tcp,
    listen_udp,
    zone_free,
)
from mibgateway.sip.terms import FlowSettings, State, Trouble
from mibgateway.sip.uri import SipUri
from tests.gateway.kit import Reactor

HOST, PORT = "192.0.2.10", 5063


def token() -> str:
    return "token"


@implementer(IOpenSSLClientConnectionCreator)
class Creator:
    """Makes no connection: no attempt comes so far here."""

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        raise NotImplementedError


class Trial:
    """A flow in its shell, with what it told and what it dialled."""

    def __init__(self, host: str = HOST, ports: Callable[[], Iterator[int]] | None = None,
                 creator: Callable[[], Any] = Creator, failback: int = 15) -> None:
        self.reactor = Reactor()
        self.told: list[terms.Effect] = []
        self.noted: list[int] = []
        settings = FlowSettings(target=SipUri(host), identity=Identity("t"),
                                failback_interval_s=failback)
        self.flow = Flow(settings, lambda request: None, token)
        self.shell = FlowShell(
            self.reactor, self.flow, host, PORT, make_creator=creator,
            facts_of=lambda connection: ("TLSv1.3", "SUITE", "CN=peer"),
            judge=lambda error: (Trouble.HANDSHAKE, str(error)),
            local_ports=ports or (lambda: iter(range(16000, 16010))),
            note_port=self.noted.append, tell=self.told.append)

    @property
    def clients(self) -> list[Any]:
        """What was dialled: host, port, factory, timeout, and from where."""  # type: ignore[misc,index]
        return self.reactor.tcpClients

    @property  # type: ignore[arg-type]
    def dialled(self) -> list[tuple[str, int, int]]:
        return [(host, port, bound[1]) for host, port, _, _, bound in self.clients]

    def not_made(self, error: Exception) -> None:
        self.clients[-1][2].clientConnectionFailed(None, TwistedFailure(error))

    def failures(self) -> list[terms.Failure]:
        return [effect.failure for effect in self.told if isinstance(effect, terms.Failed)]


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    found: set[int] = set()
    monkeypatch.setattr(shell, "is_free", lambda host, port: port not in found)
    return found


# -- dialling


def test_an_address_is_dialled_from_the_first_free_port(taken: set[int]) -> None:  # type: ignore[index]
    taken.update({16000, 16001})
    trial = Trial()
    trial.shell.start()
    assert trial.dialled == [(HOST, PORT, 16002)]
    assert trial.clients[0][4][0] == "0.0.0.0"
    assert isinstance(trial.told[0], terms.Dial)
  # type: ignore[index]

def test_an_address_of_version_6_is_bound_in_its_family() -> None:
    trial = Trial("2001:db8::1")
    trial.shell.start()
    assert trial.clients[0][4][0] == bind_host("2001:db8::1") == "::"


def test_a_name_is_looked_up_and_its_addresses_tried_in_turn() -> None:
    trial = Trial("proxy.example.com")
    names = trial.reactor.nameResolver
    names.names["proxy.example.com"] = ["192.0.2.1", "192.0.2.2"]  # type: ignore[attr-defined]
    trial.shell.start()
    trial.not_made(ConnectionRefusedError())
    assert [host for host, _, _ in trial.dialled] == ["192.0.2.1", "192.0.2.2"]
    trial.not_made(ConnectionRefusedError())
    (failure,) = trial.failures()
    assert failure.trouble is Trouble.CONNECT
    assert failure.text.startswith("no TCP connection to proxy.example.com port 5063")


def test_a_name_that_nobody_knows() -> None:
    trial = Trial("nowhere.example.com")
    trial.shell.start()
    (failure,) = trial.failures()
    assert (failure.trouble, failure.text) == \
        (Trouble.CONNECT, "the name nowhere.example.com is not found")


@pytest.mark.parametrize("error", [
    ConnectBindError(errno.EADDRINUSE, "in use"),
    ConnectionRefusedError(errno.EADDRINUSE, "Address already in use")])
def test_a_port_that_somebody_takes_meanwhile_gives_way_to_the_next(error: Exception) -> None:
    trial = Trial()
    trial.shell.start()
    trial.not_made(error)
    assert [bound for _, _, bound in trial.dialled] == [16000, 16001]
    assert trial.failures() == []


def test_without_a_free_port_it_says_so() -> None:
    trial = Trial(ports=lambda: iter(()))
    trial.shell.start()
    assert [failure.text for failure in trial.failures()] == \
        ["no local port is free for the connection"]
    assert trial.dialled == []


def test_not_every_port_of_the_world_is_tried(taken: set[int]) -> None:
    taken.update(range(10000, 60000))
    trial = Trial(ports=lambda: iter(range(10000, 60000)))
    trial.shell.start()
    assert len(trial.failures()) == 1


def test_credentials_that_cannot_be_had_are_a_failed_attempt() -> None:
    def broken() -> Any:
        raise ValueError("no CA certificate is installed")

    trial = Trial(creator=broken)
    trial.shell.start()
    assert trial.failures() == []          # never inside the dial itself
    trial.reactor.advance(0)
    assert [failure.text for failure in trial.failures()] == ["no CA certificate is installed"]


def test_a_failed_attempt_is_followed_by_another_after_the_interval() -> None:
    trial = Trial(failback=15)
    trial.shell.start()
    trial.not_made(TimeoutError())
    trial.reactor.advance(14.9)
    assert len(trial.dialled) == 1
    trial.reactor.advance(0.2)
    assert len(trial.dialled) == 2


def test_only_one_timer_is_ever_armed() -> None:
    trial = Trial()
    trial.shell.start()
    for _ in range(5):
        trial.shell.carry(lambda flow, now: flow.tick(now))
    assert len(trial.reactor.getDelayedCalls()) == 1


def test_an_attempt_that_was_given_up_counts_no_more() -> None:  # type: ignore[arg-type]
    trial = Trial()
    trial.shell.start()  # type: ignore[arg-type]
    trial.shell.carry(lambda flow, now: flow.replace(now))
    first, second = (client[2] for client in trial.clients)
    first.clientConnectionFailed(None, TwistedFailure(ConnectionRefusedError()))
    assert trial.failures() == []
    second.clientConnectionFailed(None, TwistedFailure(ConnectionRefusedError()))
    assert len(trial.failures()) == 1


def test_a_stop_while_dialling_is_over_at_once() -> None:
    trial = Trial()
    trial.shell.start()
    stopped = trial.shell.stop()
    assert stopped.called
    assert trial.reactor.getDelayedCalls() == []
    assert trial.flow.state is State.DOWN


def test_a_stop_of_what_never_started_is_over_too() -> None:
    trial = Trial()
    trial.shell.start()
    assert trial.shell.stop().called
    assert trial.shell.stop().called


# -- addresses and ports of this host


def test_an_address_is_told_without_its_zone() -> None:
    assert zone_free("fe80::1%eth0") == "fe80::1"
    assert zone_free("192.0.2.1") == "192.0.2.1"


def test_a_port_that_is_bound_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)


# -- ports that answer

OPTIONS = (b"OPTIONS sip:unit SIP/2.0\r\nVia: SIP/2.0/TCP h:5060;branch=z9hG4bK1\r\n"
           b"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:unit>\r\nCall-ID: 1\r\n"
           b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


class Answers:
    """A port's needs, with what it complained of."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.large: list[tuple[int, str]] = []
        self.refused: list[str] = []
        self.answering = Answering(
            self.reactor, UserAgentServer(Identity("t"), token), timeout_s=32, limit_octets=6000,
            too_large=lambda size, peer: self.large.append((size, peer)),
            refused=lambda error, peer: self.refused.append(peer))

    def caller(self, is_tls: bool = False) -> tuple[Caller, StringTransport]:
        caller = Caller(self.answering, is_tls)
        wire = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.9", 40000))
        caller.makeConnection(wire)
        return caller, wire


def test_a_caller_is_answered_however_its_octets_come() -> None:
    caller, wire = Answers().caller()
    for at in range(len(OPTIONS)):
        caller.dataReceived(OPTIONS[at:at + 1])
    assert wire.value().startswith(b"SIP/2.0 200 OK\r\n")
    assert b"received=192.0.2.9" in wire.value()


def test_two_requests_in_one_piece_have_two_answers() -> None:
    caller, wire = Answers().caller()
    caller.dataReceived(OPTIONS + OPTIONS.replace(b"z9hG4bK1", b"z9hG4bK2"))
    assert wire.value().count(b"SIP/2.0 200 OK\r\n") == 2


def test_a_ping_has_its_pong() -> None:
    caller, wire = Answers().caller()
    caller.dataReceived(b"\r\n\r\n")
    assert wire.value() == b"\r\n"


@pytest.mark.parametrize("noise", [b"\x16\x03\x01" * 500, b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_sip_ends_the_connection_or_is_answered(noise: bytes) -> None:
    caller, wire = Answers().caller()
    caller.dataReceived(noise)
    caller.dataReceived(b"x" * 70000)
    assert wire.disconnecting or wire.disconnected


def test_an_idle_caller_is_let_go() -> None:
    answers = Answers()
    caller, wire = answers.caller()
    answers.reactor.advance(IDLE_CLIENT_S - 1)
    caller.dataReceived(OPTIONS)
    answers.reactor.advance(IDLE_CLIENT_S - 1)
    assert not wire.disconnected
    answers.reactor.advance(1)
    assert wire.disconnected


def test_a_caller_that_does_not_shake_hands_is_let_go_sooner() -> None:
    answers = Answers()
    caller, wire = answers.caller(is_tls=True)
    answers.reactor.advance(CLIENT_HANDSHAKE_S)
    assert wire.disconnected
    caller.connectionLost()
    assert answers.refused == ["192.0.2.9:40000"]


def test_once_it_has_it_may_stay_and_is_not_refused() -> None:
    answers = Answers()
    caller, wire = answers.caller(is_tls=True)
    caller.handshakeCompleted()
    answers.reactor.advance(CLIENT_HANDSHAKE_S + 1)
    assert not wire.disconnected
    caller.connectionLost()
    assert (answers.refused, answers.reactor.getDelayedCalls()) == ([], [])


def test_callers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "MOST_CLIENTS", 2)
    answers = Answers()
    wires = [answers.caller()[1] for _ in range(3)]
    assert [wire.disconnected for wire in wires] == [False, False, True]


def test_datagrams_are_answered_to_where_they_came_from() -> None:
    answers = Answers()
    port = listen_udp(answers.answering, 5060, "127.0.0.1")
    port.given.datagramReceived(OPTIONS.replace(b"/TCP", b"/UDP"), ("192.0.2.9", 40000))
    ((data, to),) = port.written
    assert data.startswith(b"SIP/2.0 200 OK\r\n")
    assert to == ("192.0.2.9", 40000)


@pytest.mark.parametrize("noise", [b"", b"\0", b"\xff" * 5000, b"SIP/2.0 200 OK\r\n\r\n",
                                   OPTIONS[:60]])
def test_datagrams_that_are_no_requests_are_left(noise: bytes) -> None:
    answers = Answers()
    port = listen_udp(answers.answering, 5060, "127.0.0.1")
    port.given.datagramReceived(noise, ("192.0.2.9", 40000))
    assert all(data.startswith(b"SIP/2.0 4") for data, _ in port.written)


def test_a_retransmission_has_the_same_answer_and_is_not_run_twice() -> None:
    answers = Answers()
    port = listen_udp(answers.answering, 5060, "127.0.0.1")
    for _ in range(3):
        port.given.datagramReceived(OPTIONS.replace(b"/TCP", b"/UDP"), ("192.0.2.9", 40000))
    assert len(port.written) == 3
    assert len({data for data, _ in port.written}) == 1


def test_a_port_makes_a_caller_of_each_connection() -> None:
    answers = Answers()
    port = listen_tcp(answers.answering, 5060, "::1")
    assert (port.port, port.host) == (5060, "::1")
    address = IPv6Address("TCP", "fe80::9%eth0", 4000)
    caller = port.given.buildProtocol(address)
    wire = StringTransport(peerAddress=address)
    caller.makeConnection(wire)
    caller.dataReceived(OPTIONS)
    assert b"received=fe80::9" in wire.value()
    assert b"%eth0" not in wire.value()
