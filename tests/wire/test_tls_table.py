"""Every level against every sort of certificate, over real sockets, as client and as server.

What is expected comes from the standards and from product.md, never from the code: each row names
its clause. The peers are Python's `ssl`, on the system's OpenSSL, each in a thread of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import defer, endpoints, protocol, reactor, threads
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import TestCase

from mibgateway.tls.creator import ClientCreator, ServerCreator, facts
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.policy import Level, TlsPolicy, Trust
from mibgateway.tls.revocation import Responder, Revocation
from mibgateway.tls.shared import Sessions, Shared
from mibgateway.tls.shell import TlsEndpoint, fetch_answer, tls_factory
from tests.gateway.tls.pki import BOTH, NOW, Issued, answer, clock, dns, ip, issue
from tests.wire.tls_peers import Peers

Steps = Generator[Deferred[Any], Any, None]

NAME, SRV_NAME, ADDRESS = "sip.example.com", "node7.example.com", "127.0.0.1"
NOWHERE = "http://127.0.0.1:9/"
"""The discard port: nobody answers there."""

ROOT = issue("Root", ca=True, number=1, start=NOW - timedelta(days=100), days=3650)
MIDDLE = issue("Middle", by=ROOT, ca=True, number=2, start=NOW - timedelta(days=90), days=3000)
STRANGER = issue("Stranger", ca=True, number=3, start=NOW - timedelta(days=100), days=3650)


def leaf(**given: Any) -> Issued:
    names = given.pop("names", dns(NAME))
    common_name = given.pop("common_name", "peer")
    return issue(common_name, names, by=given.pop("by", ROOT), number=4, **given)


def wrong_usage(as_server: bool) -> Issued:
    """A certificate for the other role than its owner has in the handshake."""
    return leaf(purposes=BOTH[1:] if as_server else BOTH[:1])


@dataclass(frozen=True)
class Row:
    """A sort of certificate, and by which check each level refuses it; "" lets it pass."""

    what: str
    peer: Issued
    trusted: str
    """At TrustedCertificate as client, and at the only level that a server has."""
    srv: str
    host: str
    clause: str
    contacted: str = NAME
    other_use: str | None = None
    """At HostName for another use than SIP, where that differs."""


TABLE = (
    Row("good", leaf(), "", "", "", "RFC 5280 section 6.1; RFC 5922 section 7.2"),
    Row("self-signed", issue("peer", dns(NAME), number=4), "chain", "chain", "chain",
        "RFC 5280 section 6.1.1 (d): a path begins at a trust anchor"),
    Row("unknown CA", leaf(by=STRANGER), "chain", "chain", "chain", "RFC 5280 section 6.1.1 (d)"),
    Row("expired", leaf(start=NOW - timedelta(days=60), days=59), "dates", "dates", "dates",
        "RFC 5280 section 6.1.3 (a)(2)"),
    Row("not yet valid", leaf(start=NOW + timedelta(days=1)), "dates", "dates", "dates",
        "RFC 5280 section 6.1.3 (a)(2)"),
    Row("wrong name", leaf(names=dns("sip.example.org")), "", "hostname", "hostname",
        "RFC 5922 section 7.3"),
    Row("CN only", leaf(common_name=NAME, names=()), "", "", "",
        "RFC 5922 section 7.1 (4); RFC 6125 section 6.4.4"),
    Row("IP SAN", leaf(names=ip(ADDRESS)), "", "", "", "RFC 9525 section 6.5", ADDRESS),
    Row("SRV name only", leaf(names=dns(SRV_NAME)), "", "", "hostname",
        "RFC 5922 section 7.3: the name sought is the one before DNS was asked; product.md 2"),
    Row("wildcard", leaf(names=dns("*.example.com")), "", "hostname", "hostname",
        "RFC 5922 section 7.2: no wildcards in SIP; RFC 9525 section 6.3", other_use=""),
    Row("missing intermediate", Issued(leaf(by=MIDDLE).certificate, leaf().key), "chain", "chain",
        "chain", "RFC 5280 section 6.1; RFC 8446 section 4.4.2"),
    Row("with its intermediate", leaf(by=MIDDLE), "", "", "", "RFC 8446 section 4.4.2"),
)

LEVELS = {Level.TRUSTED_CERTIFICATE: "trusted", Level.DNS_SRV_RESPONSE: "srv",
          Level.HOST_NAME: "host"}

REVOCATION = {
    # RFC 6960 section 2.2; an answer that is not there is product.md 2's to judge.
    "good by OCSP": ("", "", ""),
    "revoked by OCSP": ("", "revocation", "revocation"),
    "unknown to OCSP": ("", "", "revocation"),
    "responder down": ("", "", "revocation"),
    "no responder named": ("", "", "revocation"),
}


class Talker(protocol.Protocol):
    """Ours: says a line once it may, and tells what came of it."""

    def __init__(self) -> None:
        self.outcome: Deferred[Any] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello\n")

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        self.found = facts(transport.getHandle())
        transport.loseConnection()

    def connectionLost(self, reason: Any = protocol.connectionDone) -> None:
        self.outcome.callback(getattr(self, "found", None) or reason.value)


class TableTests(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.peers = Peers(Path(folder.name))
        self.addCleanup(self.peers.close)
        self.shared = self.fresh()

    def fresh(self) -> Shared:
        answers = Revocation(clock, partial(fetch_answer, reactor), reactor.seconds)
        return Shared(answers, Sessions())

    @inlineCallbacks
    def dial(
        self, port: int, policy: TlsPolicy, contacted: str = NAME, trusts: Any = (ROOT,)
    ) -> Generator[Deferred[Any], Any, Any]:
        """Give the facts of a connection, or what it failed with."""
        try:
            creator = ClientCreator(
                policy, None, [each.authority() for each in trusts], contacted, (SRV_NAME,),
                clock=clock, shared=self.shared)
        except PeerRefused as refusal:
            return refusal
        endpoint = TlsEndpoint(
            creator, endpoints.TCP4ClientEndpoint(reactor, ADDRESS, port), reactor)
        talker = yield endpoint.connect(protocol.Factory.forProtocol(Talker))
        outcome = yield talker.outcome
        return outcome

    def listen(self, policy: TlsPolicy, trusts: Any = (ROOT,)) -> tuple[int, list[Talker]]:
        own = leaf().credential()
        creator = ServerCreator(
            policy, lambda: own, lambda: [each.authority() for each in trusts], clock=clock,
            shared=self.shared)
        met: list[Talker] = []

        class Factory(protocol.Factory):
            def buildProtocol(self, addr: Any) -> Talker:
                met.append(Talker())
                return met[-1]

        factory: Any = tls_factory(creator, Factory(), reactor)
        listening: Any = reactor.listenTCP(0, factory, interface=ADDRESS)
        self.addCleanup(listening.stopListening)
        return listening.getHost().port, met

    @inlineCallbacks
    def call(
        self, who: Issued, port: int, met: list[Talker]
    ) -> Generator[Deferred[Any], Any, tuple[bytes, Any]]:
        """Let a client call; give what it was answered, and our side's outcome."""
        heard = yield threads.deferToThread(self.peers.call, who, port)
        outcome = yield met[-1].outcome
        return heard, outcome

    def is_judged(self, outcome: Any, check: str, level: str, row: str) -> None:
        where = f"{row} at {level}: {outcome}"
        if not check:
            assert getattr(outcome, "peer_subject", None) is not None, where
            return
        assert isinstance(outcome, PeerRefused), where
        assert outcome.check == check, where
        assert f"at level {level}" in explain(outcome, TlsPolicy()), where
        assert str(outcome).startswith("certificate CN="), where

    @inlineCallbacks
    def test_as_client(self) -> Steps:
        for row in TABLE:
            port = self.peers.listen(row.peer)
            outcome = yield self.dial(port, TlsPolicy(level=Level.NO_VALIDATION), row.contacted)
            self.is_judged(outcome, "", "NoValidation", row.what)
            for level, column in LEVELS.items():
                outcome = yield self.dial(port, TlsPolicy(level=level), row.contacted)
                self.is_judged(outcome, getattr(row, column), level.label, row.what)
            outcome = yield self.dial(port, TlsPolicy(use="Web"), row.contacted)
            expected = row.host if row.other_use is None else row.other_use
            self.is_judged(outcome, expected, "HostName", row.what + " for the Web")

    @inlineCallbacks
    def test_a_certificate_for_the_other_role_as_client(self) -> Steps:
        """RFC 5280 section 4.2.1.12."""
        port = self.peers.listen(wrong_usage(True))
        for level in Level:
            outcome = yield self.dial(port, TlsPolicy(level=level))
            check = "" if level is Level.NO_VALIDATION else "key usage"
            self.is_judged(outcome, check, level.label, "wrong key usage")

    @inlineCallbacks
    def test_as_server_the_level_has_no_effect(self) -> Steps:
        """RFC 5922 section 7.4: whom a client's certificate names is for the application."""
        for level in Level:
            policy = TlsPolicy(level=level, client_authentication=True)
            port, met = self.listen(policy)
            for row in TABLE:
                heard, outcome = yield self.call(row.peer, port, met)
                self.is_judged(outcome, row.trusted, "TrustedCertificate", row.what)
                assert (heard == b"hello\n") is (row.trusted == ""), row.what
            _, outcome = yield self.call(wrong_usage(False), port, met)
            self.is_judged(outcome, "key usage", "TrustedCertificate", "wrong key usage")

    @inlineCallbacks
    def test_an_empty_store_is_the_reason(self) -> Steps:
        port = self.peers.listen(TABLE[0].peer)
        for level in LEVELS:
            outcome = yield self.dial(port, TlsPolicy(level=level), trusts=())
            assert isinstance(outcome, PeerRefused)
            assert "no CA certificate is installed" in str(outcome)
        port, met = self.listen(TlsPolicy(client_authentication=True), trusts=())
        _, outcome = yield self.call(TABLE[0].peer, port, met)
        assert "no CA certificate is installed" in str(outcome)

    # -- revocation

    def responder(self, answers: dict[str, bytes]) -> str:
        """Answer over HTTP by the path that is asked; give the URL."""
        asked: list[bytes] = []

        class Http(protocol.Protocol):
            def connectionMade(self) -> None:
                self.come = b""

            def dataReceived(self, data: bytes) -> None:
                self.come += data
                head, end, body = self.come.partition(b"\r\n\r\n")
                if not end or len(body) < 60:
                    return
                asked.append(self.come)
                path = head.split()[1].decode().lstrip("/")
                assert self.transport is not None
                octets = answers.get(path, b"")
                self.transport.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(octets) + octets)

        factory: Any = protocol.Factory.forProtocol(Http)
        listening: Any = reactor.listenTCP(0, factory, interface=ADDRESS)
        self.addCleanup(listening.stopListening)
        self.asked = asked
        return f"http://{ADDRESS}:{listening.getHost().port}/"

    def subjects(self) -> dict[str, Issued]:
        answers: dict[str, bytes] = {}
        url = self.responder(answers)
        made = {what: leaf(responder=url + what.split()[0]) for what in REVOCATION}
        made["responder down"] = leaf(responder=NOWHERE)
        made["no responder named"] = leaf()
        for what in ("good", "revoked", "unknown"):
            answers[what] = answer(made[f"{what} {'to' if what == 'unknown' else 'by'} OCSP"],
                                   ROOT, what)
        return made

    @inlineCallbacks
    def test_revocation_as_client(self) -> Steps:
        for what, peer in self.subjects().items():
            port = self.peers.listen(peer)
            for trust, check in zip(Trust, REVOCATION[what], strict=True):
                for level in Level:
                    outcome = yield self.dial(port, TlsPolicy(level=level, trust=trust))
                    expected = "" if level is Level.NO_VALIDATION else check
                    self.is_judged(outcome, expected, trust.label, what)
        assert len(self.asked) == 3             # the others came from what was kept

    @inlineCallbacks
    def test_revocation_as_server(self) -> Steps:
        for what, peer in self.subjects().items():
            for trust, check in zip(Trust, REVOCATION[what], strict=True):
                port, met = self.listen(TlsPolicy(client_authentication=True, trust=trust))
                heard, outcome = yield self.call(peer, port, met)
                self.is_judged(outcome, check, trust.label, what)
                assert (heard == b"hello\n") is (check == ""), what

    @inlineCallbacks
    def test_a_responder_that_is_back_is_heard_again(self) -> Steps:
        told: list[Any] = []
        assert self.shared.revocation is not None
        self.shared.revocation.tell = told.append
        answers: dict[str, bytes] = {}
        url = self.responder(answers)
        peer = leaf(responder=url + "late")
        port = self.peers.listen(peer)
        policy = TlsPolicy(trust=Trust.OCSP_MANDATORY)
        outcome = yield self.dial(port, policy)
        assert "no answer about it" in str(outcome)
        answers["late"] = answer(peer, ROOT)
        self.shared.revocation.forget()
        outcome = yield self.dial(port, policy)
        assert outcome.peer_subject == "CN=peer"
        assert [type(each) for each in told] == [Responder, Responder]
        assert [bool(each.why) for each in told] == [True, False]

    @inlineCallbacks
    def test_nothing_passes_either_way_before_the_answer(self) -> Steps:
        waiting: list[Deferred[bytes]] = []

        def fetch(url: str, request: bytes) -> Deferred[bytes]:
            waiting.append(Deferred())
            return waiting[-1]

        self.shared = Shared(Revocation(clock, fetch, reactor.seconds))
        peer = leaf(responder=NOWHERE)
        port, met = self.listen(
            TlsPolicy(client_authentication=True, trust=Trust.OCSP_MANDATORY))
        calling = threads.deferToThread(self.peers.call, peer, port)
        while not waiting:
            yield defer.succeed(None)
            yield _soon(0.01)
        yield _soon(0.1)
        assert not hasattr(met[-1], "found")
        assert not met[-1].outcome.called
        waiting[0].callback(answer(peer, ROOT))
        heard = yield calling
        assert heard == b"hello\n"
        outcome = yield met[-1].outcome
        assert not isinstance(outcome, ConnectionDone)


def _soon(seconds: float) -> Deferred[None]:
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


