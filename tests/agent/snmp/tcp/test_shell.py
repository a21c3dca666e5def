"""SNMP over TCP, on loopback. RFC 3430."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mibagent.smi.syntax import Base
from mibagent.snmp.engine import Engine
from mibagent.snmp.pdu import Kind
from mibagent.snmp.stream import MessageStream
from mibagent.snmp.tcp.shell import CONNECTIONS_OF_A_HOST, SnmpTcpPort, start
from tests.agent.snmp.fakes import (
    ROOT,
    FakeAccess,
    request,
    response,
    sample,
    set_request,
    value,
)

NUMBER = (*ROOT, 1, 1, 0)
Steps = Generator[Deferred[Any], Any, None]


def turn(seconds: float = 0.02) -> Deferred[None]:
    return deferLater(reactor, seconds)     # type: ignore[arg-type]


class Connections(TestCase):
    """An engine that listens for connections on loopback."""

    def setUp(self) -> None:
        self.source, self.access = sample(), FakeAccess()
        self.engine = Engine(self.source, self.access)
        self.port: SnmpTcpPort = start(reactor, self.engine, "127.0.0.1", 0)
        self.addCleanup(self.finish)
        self.streams: dict[socket.socket, MessageStream] = {}

    @inlineCallbacks
    def finish(self) -> Steps:
        yield self.port.stop()
        for client in self.streams:
            client.close()
        yield turn()

    @property
    def count(self) -> int:
        return len(self.port.factory.connections)

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port.number))
        client.setblocking(False)
        self.streams[client] = MessageStream(1 << 20)
        return client

    def answers(self, client: socket.socket) -> list[bytes] | None:
        """What came; None once the connection is closed."""
        stream, found = self.streams[client], []
        try:
            while data := client.recv(65536):
                stream.feed(data)
        except BlockingIOError:
            while (message := stream.take()) is not None:
                found.append(message)
            return found
        except ConnectionError:
            pass
        return None

    @inlineCallbacks
    def test_messages_are_answered_in_order_however_they_are_cut(self) -> Steps:
        client = self.connect()
        octets = b"".join(request(Kind.GET, NUMBER, request_id=number) for number in range(300))
        for at in range(0, len(octets), 1000):
            client.sendall(octets[at:at + 1000])
            yield turn(0.001)
        yield turn(0.1)
        found = self.answers(client)
        assert found is not None
        assert [int.from_bytes(response(each).request_id, "big") for each in found] \
            == list(range(300))

    @inlineCallbacks
    def test_a_set_is_answered_once_it_is_done(self) -> Steps:
        client = self.connect()
        client.sendall(set_request((NUMBER, value(Base.INTEGER, 9))))
        yield turn()
        (answer,) = self.answers(client) or []
        assert response(answer).first == 0
        assert self.source.values["oneNumber", ()] == 9

    @inlineCallbacks
    def test_what_is_no_snmp_ends_the_connection(self) -> Steps:
        for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\x30\x84\x7f\xff\xff\xff", b"\x16\x03\x01"):
            client = self.connect()
            client.sendall(octets)
            yield turn()
            assert self.answers(client) is None
        assert self.count == 0
        assert self.engine.counters["snmpInASNParseErrs"] == 3

    @inlineCallbacks
    def test_a_message_that_is_no_request_leaves_the_connection(self) -> Steps:
        client = self.connect()
        client.sendall(b"\x30\x03\x02\x01\x09" + request(Kind.GET, NUMBER))
        yield turn()
        assert len(self.answers(client) or []) == 1

    @inlineCallbacks
    def test_a_host_has_so_many_connections_and_the_silent_one_makes_room(self) -> Steps:
        clients = [self.connect() for _ in range(CONNECTIONS_OF_A_HOST)]
        yield turn()
        clients[0].sendall(request(Kind.GET, NUMBER))
        yield turn()
        for _ in range(30):
            self.connect()
            yield turn(0.001)
        yield turn()
        assert self.count == CONNECTIONS_OF_A_HOST
        assert self.answers(clients[1]) is None
        assert self.port.factory.ended == 30

    @inlineCallbacks
    def test_who_may_not_ask_is_not_heard(self) -> Steps:
        self.access.shut_out.add("127.0.0.1")
        client = self.connect()
        yield turn()
        assert self.answers(client) is None
        assert self.count == 0

    @inlineCallbacks
    def test_a_connection_that_completes_nothing_is_closed_in_time(self) -> Steps:
        with mock.patch("mibagent.snmp.tcp.shell.IDLE_S", 0.1):
            slow = self.connect()
            for octet in request(Kind.GET, NUMBER)[:10]:
                slow.sendall(bytes((octet,)))
                yield turn(0.005)
            yield turn(0.3)
        assert self.count == 0
        assert self.answers(slow) is None

    @inlineCallbacks
    def test_who_does_not_take_its_answers_is_asked_no_more_of_the_host(self) -> Steps:
        """What waits to be written is bounded, whatever is sent meanwhile; nothing is lost."""
        self.source.put("oneText", (), b"x" * 20000)
        client, asked = self.connect(), 0
        octets = request(Kind.GET, (*ROOT, 1, 2, 0)) * 20
        for _ in range(100):
            try:
                asked += client.send(octets)
            except BlockingIOError:
                break
            yield turn(0.002)
        (connection,) = self.port.factory.connections
        transport: Any = connection.transport
        waiting = len(transport.dataBuffer) + transport._tempDataLen
        assert waiting < 400_000
        assert len(connection._stream) <= 1 << 17
        whole = asked // (len(octets) // 20)
        found: list[bytes] = []
        for _ in range(500):
            found += self.answers(client) or []
            if len(found) == whole:
                break
            yield turn(0.005)
        assert len(found) == whole

    @inlineCallbacks
    def test_at_the_end_all_are_closed(self) -> Steps:
        client = self.connect()
        yield turn()
        yield self.port.stop()
        yield turn()
        assert self.answers(client) is None
        self.port = start(reactor, self.engine, "127.0.0.1", 0)
