"""The UDP port, on loopback."""

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
from mibagent.snmp.engine import Engine
from mibagent.snmp.pdu import Kind
from mibagent.snmp.shell import SnmpPort, start
from tests.agent.snmp.fakes import (
    ROOT,
    FakeAccess,
    FakeSource,
    request,
    response,
    sample,
    set_request,
    value,
)

NUMBER = (*ROOT, 1, 1, 0)
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
