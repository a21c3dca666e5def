"""The UDP ports, on loopback."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mibagent.smi.syntax import Base
from mibagent.snmp.counters import Counters
from mibagent.snmp.engine import Engine
from mibagent.snmp.notify import Answered, Originator
from mibagent.snmp.pdu import Kind
from mibagent.snmp.shell import NotificationPort, SnmpPort, start
from mibagent.snmp.targets import Address, Params, Target, Targets
from mibagent.snmp.targets import Kind as NotifyKind
from mibagent.snmp.trap import Notification
from tests.agent.snmp.fakes import (
    ROOT,
    FakeAccess,
    FakeSource,
    request,
    response,
    sample,
    scalar,
    set_request,
    value,
)

NUMBER = (*ROOT, 1, 1, 0)
NOTE = Notification((1, 3, 6, 1, 4, 1, 32473, 1, 1400, 0, 303), 1)
Steps = Generator[Deferred[Any], Any, None]


def turn(seconds: float = 0.02) -> Deferred[None]:
    return deferLater(reactor, seconds)


class Listening(TestCase):
    """An engine on loopback and a client socket."""

    host = "127.0.0.1"
    family = socket.AF_INET

    def setUp(self) -> None:
        self.source: FakeSource = sample()
        self.engine = Engine(self.source, FakeAccess())
        self.chunks = 0
        self.port: SnmpPort = start(reactor, self.engine, self.host, 0, self.note_chunk)
        self.addCleanup(lambda: self.port.connected and self.port.stop())
        self.client = socket.socket(self.family, socket.SOCK_DGRAM)
        self.client.setblocking(False)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.addCleanup(self.client.close)
        self.client.connect((self.host, self.port.number))

    def note_chunk(self) -> None:
        self.chunks += 1

    def answers(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.client.recv(65536))
            except BlockingIOError:
                return found

    @inlineCallbacks
    def test_every_datagram_is_answered(self) -> Steps:
        for count in (1, 15, 16, 17, 150):
            for number in range(count):
                self.client.send(request(Kind.GET, NUMBER, request_id=number))
            yield turn()
            found = self.answers()
            numbers = [int.from_bytes(response(each).request_id, "big") for each in found]
            assert numbers == list(range(count))

    @inlineCallbacks
    def test_a_chunk_is_told_once(self) -> Steps:
        for number in range(5):
            self.client.send(request(Kind.GET, NUMBER, request_id=number))
        yield turn()
        assert self.chunks == 1

    @inlineCallbacks
    def test_those_that_wait_together_see_one_reading_and_the_next_one_another(self) -> Steps:
        source = FakeSource([scalar((1, 1), "count")], lambda node: False)
        source.computed["count", ()] = lambda: source.reads
        port = start(reactor, Engine(source, FakeAccess()), self.host, 0)
        self.addCleanup(port.stop)
        self.client.connect((self.host, port.number))
        for many in (1, 7, 40, 1, 1):
            before = source.reads
            for number in range(many):
                self.client.send(request(Kind.GET, NUMBER, request_id=number))
            yield turn()
            found = [int.from_bytes(response(each).varbinds[0].content, "big")
                     for each in self.answers()]
            assert len(found) == many
            assert found == sorted(found)
            assert before < found[0] <= source.reads <= before + -(-many // 16)

    @inlineCallbacks
    def test_a_set_is_answered_when_it_is_down(self) -> Steps:
        waiting: Deferred[object] = Deferred()
        self.source.on_commit = lambda: waiting
        self.client.send(set_request((NUMBER, value(Base.INTEGER, 9))))
        yield turn()
        assert self.answers() == []
        waiting.callback(None)
        yield turn()
        assert [response(each).first for each in self.answers()] == [0]

    @inlineCallbacks
    def test_a_commit_that_outlives_the_port_is_survived(self) -> Steps:
        waiting: Deferred[object] = Deferred()
        self.source.on_commit = lambda: waiting
        self.client.send(set_request((NUMBER, value(Base.INTEGER, 9))))
        yield turn()
        yield self.port.stop()
        waiting.callback(None)
        yield turn()
        assert self.source.values["oneNumber", ()] == 9

    @inlineCallbacks
    def test_a_peer_that_is_gone_hurts_nobody(self) -> Steps:
        gone = socket.socket(self.family, socket.SOCK_DGRAM)
        gone.connect((self.host, self.port.number))
        for number in range(40):
            gone.send(request(Kind.GET, NUMBER, request_id=number))
        gone.close()
        yield turn()
        self.client.send(request(Kind.GET, NUMBER))
        yield turn()
        assert len(self.answers()) == 1

    @inlineCallbacks
    def test_the_largest_datagram(self) -> Steps:
        self.client.send(bytes(60000))
        self.client.send(b"")
        self.client.send(request(Kind.GET, *[NUMBER] * 2000))
        yield turn(0.2)
        assert len(self.answers()) == 1
        assert self.engine.counters.in_asn_parse_errs == 2

    def test_a_port_in_use_says_so(self) -> None:
        with pytest.raises(CannotListenError):
            start(reactor, self.engine, self.host, self.port.number)


class ListeningOnIpv6(Listening):
    """The same by IPv6."""

    host = "::1"
    family = socket.AF_INET6


class Wildcard(TestCase):
    """A port at all addresses answers from the one that was asked."""

    @inlineCallbacks
    def asked(self, where: str, *hosts: tuple[int, str]) -> Steps:
        port = start(reactor, Engine(sample(), FakeAccess()), where, 0)
        self.addCleanup(port.stop)
        for family, host in hosts:
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.setblocking(False)
                client.connect((host, port.number))      # hears that address alone
                client.send(request(Kind.GET, NUMBER))
                client.send(set_request((NUMBER, value(Base.INTEGER, 9))))
                yield turn()
                assert [response(client.recv(65536)).first for _ in range(2)] == [0, 0], host

    def test_over_ipv4(self) -> Deferred[Any]:
        return self.asked("0.0.0.0", (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"),
                          (socket.AF_INET, "127.9.9.9"))

    def test_over_both(self) -> Deferred[Any]:
        return self.asked("::", (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2"))


class Plain:
    """Messages that say what they are; the answer to one is its own octets."""

    def may_be_told(self, params: Params, notification: Notification) -> bool:
        return True

    def seal(self, now: float, target: Target, kind: NotifyKind, notification: Notification,
             request_id: int) -> bytes | None:
        return b"%s %d" % (kind.name.encode(), request_id)

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | None:
        word, _, number = datagram.partition(b" ")
        return Answered(int(number), 0) if word == b"INFORM" else None


class Telling(TestCase):
    """A notification port, and a socket that receives."""

    host = "127.0.0.1"
    family = socket.AF_INET

    def setUp(self) -> None:
        self.receiver = socket.socket(self.family, socket.SOCK_DGRAM)
        self.receiver.bind((self.host, 0))
        self.receiver.setblocking(False)
        self.addCleanup(self.receiver.close)
        self.counters = Counters()
        self.originator = Originator(Plain(), 0)
        self.port = NotificationPort(
            reactor, self.originator, lambda: self.counters, self.host)
        self.addCleanup(turn)
        self.addCleanup(self.port.stop)

    def aim(self, kind: NotifyKind, port: int = 0, timeout: float = 0.1, retries: int = 3) -> None:
        target = Target(b"a", Address(self.host, port or self.receiver.getsockname()[1]),
                        Params(b"p", 1, 2, b"s", 1), timeout, retries)
        self.port.aim(Targets([(b"x", kind)], [(target, frozenset({b"x"}))]))

    def got(self) -> list[tuple[bytes, Any]]:
        found = []
        while True:
            try:
                found.append(self.receiver.recvfrom(65536))
            except BlockingIOError:
                return found

    @inlineCallbacks
    def test_a_trap_is_sent_and_nobody_is_listened_to(self) -> Steps:
        self.aim(NotifyKind.TRAP)
        self.port.issue(NOTE)
        yield turn()
        ((datagram, sender),) = self.got()
        self.assertEqual(datagram, b"TRAP 1")
        self.receiver.sendto(b"INFORM 1", sender)
        yield turn()
        self.assertEqual((self.counters.out_pkts, self.counters.out_traps, self.counters.in_pkts),
                         (1, 1, 0))

    @inlineCallbacks
    def test_an_inform_is_sent_until_it_is_answered(self) -> Steps:
        self.aim(NotifyKind.INFORM)
        self.port.issue(NOTE)
        found: list[tuple[bytes, Any]] = []
        while len(found) < 2:
            yield turn()
            found += self.got()
        self.receiver.sendto(b"nonsense", found[0][1])
        self.receiver.sendto(found[0][0], found[0][1])
        while self.originator.waiting:
            yield turn()
        self.assertEqual({datagram for datagram, _ in found}, {b"INFORM 1"})
        self.assertEqual(self.originator.tally.acknowledged, 1)
        self.assertEqual((self.counters.in_pkts, self.counters.out_traps), (2, 0))

    @inlineCallbacks
    def test_a_receiver_that_is_not_there_harms_nothing(self) -> Steps:
        port = self.receiver.getsockname()[1]
        self.receiver.close()
        self.aim(NotifyKind.INFORM, port, timeout=0.01, retries=1)
        self.port.issue(NOTE)
        while self.originator.waiting:
            yield turn()
        self.assertEqual(self.originator.tally.unanswered, 1)

    def test_a_stopped_port_has_no_timer_and_no_socket(self) -> None:
        self.aim(NotifyKind.INFORM)
        self.port.issue(NOTE)
        self.port.stop()
        self.assertEqual(self.originator.deadline, None)

    def test_our_address_is_the_one_that_the_receiver_sees(self) -> None:
        self.assertEqual(self.port.our_address("127.0.0.1"), bytes((127, 0, 0, 1)))
        bound = NotificationPort(reactor, self.originator, lambda: self.counters, "192.0.2.50")
        self.assertEqual(bound.our_address("198.51.100.1"), bytes((192, 0, 2, 50)))


class TellingOverIpv6(Telling):
    """The same over IPv6."""

    host = "::1"
    family = socket.AF_INET6
