"""The gate before an application, and what a responder may answer."""

from __future__ import annotations

from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from mibgateway.tls.creator import ClientCreator
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.ocsp import OcspError
from mibgateway.tls.policy import Level, TlsPolicy, Trust
from mibgateway.tls.revocation import Revocation
from mibgateway.tls.shared import Shared
from mibgateway.tls.shell import (
    FETCH_S,
    LARGEST_ANSWER_OCTETS,
    MOST_HELD_OCTETS,
    Gate,
    _Gates,
    fetch_answer,
)
from tests.gateway.tls.pki import clock, issue

ROOT = issue("Root", ca=True, number=1)


# -- the gate


@implementer(IHandshakeListener)
class Application(Protocol):
    """Notes what happens to it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def connectionMade(self) -> None:
        self.events.append("made")

    def handshakeCompleted(self) -> None:
        self.events.append("shaken")

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None
        self.events.append(type(reason.value))


class Below(StringTransport):
    """What TLS is for the gate."""

    aborted = False

    def getHandle(self) -> None:
        return None

    def abortConnection(self) -> None:
        self.aborted = True


class Creator:
    """Answers as told to."""

    def __init__(self) -> None:
        self.question: Deferred[None] | None = Deferred()
        self.refusal: Exception | None = None
        self.kept = 0

    def judge_revocation(self, connection: object) -> Deferred[None] | None:
        if self.refusal is not None:
            raise self.refusal
        return self.question

    def keep_session(self, connection: object) -> None:
        self.kept += 1


class Fixture:
    def __init__(self) -> None:
        self.creator, self.application, self.below = Creator(), Application(), Below()
        factory: Any = Factory.forProtocol(lambda: self.application)  # type: ignore[arg-type]
        gates = _Gates(self.creator, factory)  # type: ignore[arg-type]
        self.gate: Gate = gates.buildProtocol(None)
        self.gate.makeConnection(self.below)


@pytest.fixture
def at() -> Fixture:
    return Fixture()


def test_nothing_passes_while_the_question_is_open(at: Fixture) -> None:
    at.gate.write(b"early")
    at.gate.handshakeCompleted()
    at.gate.dataReceived(b"come")
    at.gate.writeSequence([b" and", b" late"])
    assert (at.application.events, at.below.value()) == (["made"], b"")
    assert at.below.producerState == "paused"
    assert at.creator.question is not None
    at.creator.question.callback(None)
    assert at.application.events == ["made", "shaken", b"come"]
    assert at.below.value() == b"early and late"
    assert at.below.producerState == "producing"
    at.gate.write(b"!")
    at.gate.dataReceived(b"more")
    at.gate.dataReceived(b"and more")
    assert at.below.value().endswith(b"!")
    assert at.creator.kept == 1


def test_without_a_question_it_opens_at_once(at: Fixture) -> None:
    at.creator.question = None
    at.gate.write(b"early")
    assert at.below.value() == b""
    at.gate.handshakeCompleted()
    assert (at.application.events, at.below.value()) == (["made", "shaken"], b"early")


def refusal() -> PeerRefused:
    from mibgateway.tls.creator import RefusedInHandshake
    return RefusedInHandshake(
        PeerRefused("CN=x", "revocation", Trust.OCSP_MANDATORY, "it was revoked"))


@pytest.mark.parametrize("known", [True, False])
def test_a_refusal_is_the_reason_of_the_end_and_nothing_has_passed(
    at: Fixture, known: bool
) -> None:
    at.gate.write(b"secret")
    if known:
        at.creator.refusal = refusal()
    at.gate.handshakeCompleted()
    at.gate.dataReceived(b"poison")
    if not known:
        assert at.creator.question is not None
        at.creator.question.errback(refusal())
    assert at.below.aborted
    at.gate.connectionLost(Failure(ConnectionDone()))
    assert [getattr(each, "__name__", each) for each in at.application.events] == \
        ["made", "RefusedInHandshake"]
    assert at.below.value() == b""


def test_a_connection_that_is_lost_meanwhile_gives_the_question_up(at: Fixture) -> None:
    at.gate.handshakeCompleted()
    at.gate.connectionLost(Failure(ConnectionDone()))
    assert at.application.events == ["made", ConnectionDone]
    assert at.creator.question is not None
    assert at.creator.question.called


def test_closing_waits_for_what_is_held_back(at: Fixture) -> None:
    at.gate.write(b"goodbye")
    at.gate.loseConnection()
    at.gate.write(b"too late")
    assert not at.below.disconnecting
    at.creator.question = None
    at.gate.handshakeCompleted()
    assert (at.below.value(), at.below.disconnecting) == (b"goodbye", True)


def test_closing_with_nothing_to_say_closes(at: Fixture) -> None:
    at.gate.loseConnection()
    assert at.below.disconnecting


def test_what_is_held_back_is_bounded(at: Fixture) -> None:
    for _ in range(MOST_HELD_OCTETS // 65536 + 1):
        at.gate.write(b"x" * 65536)
    assert at.below.aborted


def test_a_producer_waits_too(at: Fixture) -> None:
    producer: Any = object()
    at.gate.registerProducer(producer, True)
    assert at.below.producer is None
    at.creator.question = None
    at.gate.handshakeCompleted()
    assert at.below.producer is producer
    at.gate.unregisterProducer()
    assert at.below.producer is None


def test_a_policy_that_asks_is_not_served_without_the_gate() -> None:
    from mibagent.errors import LocalError
    answers = Revocation(clock, lambda url, request: Deferred(), lambda: 0.0)
    policy = TlsPolicy(trust=Trust.OCSP_OPTIONAL)

    class Bare:
        def __getattr__(self, name: str) -> Protocol:
            return Protocol()

    creator = ClientCreator(
        policy, None, [ROOT.authority()], "x", clock=clock, shared=Shared(answers))
    with pytest.raises(LocalError, match="behind the gate"):
        creator.clientConnectionForTLS(Bare())  # type: ignore[arg-type]
    with pytest.raises(LocalError, match="without anybody who asks"):
        ClientCreator(policy, None, [ROOT.authority()], "x", clock=clock)
    harmless = TlsPolicy(level=Level.NO_VALIDATION, trust=Trust.OCSP_MANDATORY)
    assert isinstance(
        ClientCreator(harmless, None, (), "x", clock=clock).clientConnectionForTLS(None),
        SSL.Connection)


# -- responders


class Asked:
    """One exchange with a responder, in memory."""

    def __init__(self, url: str = "http://ocsp.example:8080/path?x=1") -> None:
        self.reactor = MemoryReactorClock()
        self.outcome: list[Any] = []
        fetch_answer(self.reactor, url, b"request").addBoth(self.outcome.append)
        self.transport = StringTransport()
        if self.reactor.tcpClients:
            dialled: Any = self.reactor.tcpClients[0]
            self.host, self.port, self.factory, *_ = dialled
            self.protocol: Any = self.factory.buildProtocol(None)
            self.protocol.makeConnection(self.transport)

    def answers(self, *parts: bytes, closes: bool = False) -> Any:
        for part in parts:
            self.protocol.dataReceived(part)
        if closes:
            self.protocol.connectionLost(Failure(ConnectionDone()))
        found = self.outcome[0] if self.outcome else None
        if isinstance(found, Failure):
            assert isinstance(found.value, OcspError)
            return str(found.value)
        return found


def test_the_request_is_a_post_in_http_1_0() -> None:
    asked = Asked()
    assert (asked.host, asked.port) == ("ocsp.example", 8080)
    head, _, body = asked.transport.value().partition(b"\r\n\r\n")
    assert head.startswith(b"POST /path?x=1 HTTP/1.0\r\nHost: ocsp.example:8080\r\n")
    assert b"Content-Length: 7" in head
    assert body == b"request"
    assert Asked("http://user:word@ocsp.example").transport.value().startswith(
        b"POST / HTTP/1.0\r\nHost: ocsp.example\r\n")


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(("parts", "closes", "found"), [
    ((OK + b"Content-Length: 3\r\n\r\nabc",), False, b"abc"),
    ((OK + b"content-length: 3\r\n\r\na", b"b", b"c"), False, b"abc"),
    ((OK, b"\r\nabc"), True, b"abc"),
    ((OK + b"Content-Length: 3\r\n\r\nabcdef",), False, b"abc"),
    ((OK + b"Content-Length: 9\r\n\r\nabc",), True, "the answer is cut short"),
    ((b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n",), False, "it answers 'HTTP/1.1 302 Found'"),
    ((b"SSH-2.0-x\r\n\r\n",), False, "it answers 'SSH-2.0-x'"),
    ((b"",), True, "the connection was closed before an answer"),
    ((b"x" * (LARGEST_ANSWER_OCTETS + 1),), False, "the answer is over 65536 octets"),
    ((OK,), False, None),
])
def test_what_a_responder_answers(parts: tuple[bytes, ...], closes: bool, found: Any) -> None:
    assert Asked().answers(*parts, closes=closes) == found


def test_a_slow_responder_is_given_up() -> None:
    asked = Asked()
    for _ in range(10):
        asked.reactor.advance(FETCH_S / 10)
        asked.protocol.dataReceived(b"H")
    assert asked.answers() == "no answer within 5 s"


def test_one_that_cannot_be_reached_is_said() -> None:
    asked = Asked()
    asked.factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    assert asked.answers().startswith("Connection was refused")
    assert asked.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("url", ["https://x/", "", "x", "http:///x", "http://x:0x/", "http://a\r\nb/"])
def test_what_is_no_http_url_is_not_dialled(url: str) -> None:
    asked = Asked(url)
    assert asked.reactor.tcpClients == []
    assert str(asked.outcome[0].value) == "its address is no http URL"
