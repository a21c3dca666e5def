"""Our TLS against the openssl program of the host, over real sockets.

Expectations come from RFC 8446, RFC 5246 and RFC 5922, not from our code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet import address, endpoints, interfaces, protocol, reactor, threads
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial import unittest

from mibgateway.tls.creator import ClientCreator, PeerFacts, ServerCreator, facts
from mibgateway.tls.credentials import Authority, HostCredential
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.policy import Floor, Level, SuiteSet, TlsPolicy, Trust
from mibgateway.tls.revocation import Revocation
from mibgateway.tls.shared import Sessions, Shared
from mibgateway.tls.shell import TlsEndpoint, fetch_answer
from tests.gateway.tls.pki import BOTH, Issued, answer, chain_pem, dns, ip, issue
from tests.wire.unit_process import free_tcp_port

OPENSSL = shutil.which("openssl")
NAME = "sip.example.com"
NOW = datetime.now(UTC)
BEGIN = NOW - timedelta(days=30)

ROOT = issue("Root", ca=True, number=1, start=BEGIN)
MIDDLE = issue("Middle", by=ROOT, ca=True, number=2, start=BEGIN)
OTHER = issue("Other root", ca=True, number=4, start=BEGIN)
GOOD = issue("good", dns(NAME), by=ROOT, kind="rsa", start=BEGIN)
GOOD_EC = issue("good with EC", dns(NAME), by=ROOT, start=BEGIN)
CLIENT = issue("client", by=ROOT, kind="rsa", start=BEGIN)


def without_issuers(issued: Issued) -> Issued:
    return Issued(issued.certificate, issued.key)


Steps = Generator[Deferred[Any], Any, None]


def clock() -> datetime | None:
    return datetime.now(UTC)


class Outcome(Exception):
    """How a dial ended without an answer."""


class Talker(protocol.Protocol):
    """Says a line, waits for the answer, and tells what the handshake came to."""

    transport: Any

    def __init__(self) -> None:
        self.answered: Deferred[PeerFacts] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"abc\n")

    def dataReceived(self, data: bytes) -> None:
        if not self.answered.called:
            self.answered.callback(facts(self.transport.getHandle()))
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.gone.callback(None)
        if not self.answered.called:
            self.answered.errback(reason)


class Answerer(protocol.Protocol):
    """Answers what it hears, and keeps what the handshake came to or failed with."""

    transport: Any

    def __init__(self) -> None:
        self.facts: PeerFacts | None = None
        self.failure: BaseException = Outcome("still there")

    def dataReceived(self, data: bytes) -> None:
        self.facts = facts(self.transport.getHandle())
        self.transport.write(data)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.failure = reason.value or Outcome("nothing")


class OpenSslTests(unittest.TestCase):
    """Shared beginnings: files, `openssl s_server`, and a port of ours."""

    timeout = 30

    def setUp(self) -> None:
        if OPENSSL is None:
            if os.environ.get("CI"):
                self.fail("the program openssl is not installed")
            raise unittest.SkipTest("the program openssl is not installed")
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name: str, octets: bytes) -> str:
        path = self.folder / name
        path.write_bytes(octets)
        return str(path)

    def identify(self, who: Issued) -> list[str]:
        """Give the options by which openssl shows a certificate, its chain included."""
        both = self.file("own.pem", who.pem())
        found = ["-cert", both, "-key", both]
        if who.issuers:
            found += ["-cert_chain", self.file("chain.pem", chain_pem(*who.issuers))]
        return found

    def s_server(self, who: Issued, *options: str) -> int:
        """Start a server that sends each line back reversed; give its port."""
        command = [OPENSSL or "", "s_server", "-accept", "127.0.0.1:0", "-rev"]
        running = subprocess.Popen(
            [*command, *self.identify(who), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert running.stdout is not None
        self.addCleanup(running.wait)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.kill)
        for line in running.stdout:
            found = re.match(rb"ACCEPT .*:(\d+)", line)
            if found:
                return int(found[1])
        raise AssertionError("s_server did not start")

    @inlineCallbacks
    def dial(
        self,
        port: int,
        policy: TlsPolicy,
        *,
        shows: Issued | None = None,
        name: str = NAME,
        srv_names: Sequence[str] = (),
        shared: Shared | None = None,
    ) -> Generator[Deferred[Any], Any, PeerFacts]:
        """Connect, and wait for the server's first octets. Raises Outcome with the explanation."""
        creator = ClientCreator(
            policy,
            shows.credential() if shows else None,
            [ROOT.authority()],
            name,
            srv_names,
            clock=clock,
            shared=shared,
        )
        endpoint = TlsEndpoint(
            creator, endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port), reactor
        )
        talker: Talker = yield endpoint.connect(protocol.Factory.forProtocol(Talker))
        try:
            found: PeerFacts = yield talker.answered
        except Exception as failure:
            yield talker.gone
            raise Outcome(explain(failure, policy)) from failure
        yield talker.gone
        return found

    @inlineCallbacks
    def refused(
        self, who: Issued, policy: TlsPolicy, *options: str, **how: Any
    ) -> Generator[Deferred[Any], Any, tuple[str, BaseException | None]]:
        """Dial a server that is refused, or refuses us; give the explanation and its cause."""
        port = self.s_server(who, *options)
        try:
            found = yield self.dial(port, policy, **how)
        except Outcome as outcome:
            return str(outcome), outcome.__cause__
        raise AssertionError(f"not refused: {found}")


class AsClient(OpenSslTests):
    """We dial, `openssl s_server` answers."""

    @inlineCallbacks
    def test_cs1_gives_aes256_sha_at_tls_1_2(self) -> Steps:
        port = self.s_server(GOOD)
        found = yield self.dial(port, TlsPolicy(SuiteSet.CS1))
        assert found == PeerFacts("TLSv1.2", "TLS_RSA_WITH_AES_256_CBC_SHA", "CN=good")

    @inlineCallbacks
    def test_cs4_gives_tls_1_3(self) -> Steps:
        for who in (GOOD, GOOD_EC):
            found = yield self.dial(self.s_server(who), TlsPolicy(SuiteSet.CS4))
            assert found.tls_version == "TLSv1.3"
            assert found.cipher == "TLS_AES_256_GCM_SHA384"

    @inlineCallbacks
    def test_cs4_at_tls_1_2_follows_the_certificate(self) -> Steps:
        for who, kind in ((GOOD, "RSA"), (GOOD_EC, "ECDSA")):
            found = yield self.dial(self.s_server(who, "-tls1_2"), TlsPolicy(SuiteSet.CS4))
            assert found.cipher == f"TLS_ECDHE_{kind}_WITH_AES_256_GCM_SHA384"

    @inlineCallbacks
    def test_every_suite_of_every_set_that_both_have(self) -> Steps:
        for suite_set in SuiteSet:
            policy = TlsPolicy(suite_set)
            for suite in policy.selection.up_to_1_2:
                if "DSS" in suite.iana:
                    continue
                who = GOOD_EC if "ECDSA" in suite.iana else GOOD
                port = self.s_server(who, "-tls1_2", "-cipher", suite.openssl)
                found = yield self.dial(port, policy)
                assert found.cipher == f"TLS_{suite.iana}"

    @inlineCallbacks
    def test_a_floor_of_1_3_against_a_server_of_1_2_names_the_version(self) -> Steps:
        text, _ = yield self.refused(GOOD, TlsPolicy(floor=Floor.TLSV1_3), "-tls1_2")
        assert text == "the server refuses TLS 1.3 and above: protocol version"

    @inlineCallbacks
    def test_old_versions_need_a_low_floor(self) -> Steps:
        old = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        found = yield self.dial(self.s_server(GOOD, *old), TlsPolicy(SuiteSet.CS1, Floor.TLSV1))
        assert found.tls_version == "TLSv1.1"
        text, _ = yield self.refused(GOOD, TlsPolicy(SuiteSet.CS1), *old)
        assert "TLS 1.2" in text

    @inlineCallbacks
    def test_no_suite_in_common(self) -> Steps:
        text, _ = yield self.refused(
            GOOD, TlsPolicy(SuiteSet.CS1), "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"
        )
        assert "CS1" in text
        assert "handshake failure" in text

    @inlineCallbacks
    def test_what_is_wrong_with_a_certificate_is_said(self) -> Steps:
        expired = issue("x", dns(NAME), by=ROOT, start=BEGIN, days=29)
        future = issue("x", dns(NAME), by=ROOT, start=NOW + timedelta(days=1))
        for who, check in (
            (issue("x", dns("sip.example.org"), by=ROOT, start=BEGIN), "hostname"),
            (issue("x", dns("*.example.com"), by=ROOT, start=BEGIN), "hostname"),
            (expired, "dates"),
            (future, "dates"),
            (issue("x", dns(NAME), by=OTHER, start=BEGIN), "chain"),
            (issue("x", dns(NAME), start=BEGIN), "chain"),
            (without_issuers(issue("x", dns(NAME), by=MIDDLE, start=BEGIN)), "chain"),
            (issue("x", dns(NAME), by=ROOT, start=BEGIN, purposes=BOTH[1:]), "key usage"),
        ):
            text, cause = yield self.refused(who, TlsPolicy())
            assert isinstance(cause, PeerRefused)
            assert text.startswith(f"certificate CN=x: {check}: "), text
            assert "at level HostName" in text
            found = yield self.dial(self.s_server(who), TlsPolicy(level=Level.NO_VALIDATION))
            assert found.peer_subject == "CN=x"

    @inlineCallbacks
    def test_names_that_will_do(self) -> Steps:
        node = issue("x", dns("node1.example.com"), by=ROOT, start=BEGIN)
        srv = TlsPolicy(level=Level.DNS_SRV_RESPONSE)
        found = yield self.dial(self.s_server(node), srv, srv_names=["node1.example.com"])
        assert found.peer_subject == "CN=x"
        found = yield self.dial(self.s_server(node), TlsPolicy(level=Level.TRUSTED_CERTIFICATE))
        assert found.peer_subject == "CN=x"
        by_address = issue("x", ip("127.0.0.1"), by=ROOT, start=BEGIN)
        found = yield self.dial(self.s_server(by_address), TlsPolicy(), name="127.0.0.1")
        assert found.peer_subject == "CN=x"
        chained = issue("x", dns(NAME), by=MIDDLE, start=BEGIN)
        found = yield self.dial(self.s_server(chained), TlsPolicy())
        assert found.peer_subject == "CN=x"

    @inlineCallbacks
    def test_a_client_certificate_is_shown_when_demanded(self) -> Steps:
        demand = ("-Verify", "3", "-verify_return_error", "-CAfile")
        authority = self.file("root.pem", chain_pem(ROOT.certificate))
        for version in ("-tls1_2", "-tls1_3"):
            port = self.s_server(GOOD, version, *demand, authority)
            found = yield self.dial(port, TlsPolicy(), shows=CLIENT)
            assert found.peer_subject == "CN=good"

    @inlineCallbacks
    def test_no_client_certificate_when_demanded(self) -> Steps:
        """RFC 8446 section 6.2, certificate_required; RFC 5246 section 7.4.6, handshake_failure."""
        for version in ("-tls1_2", "-tls1_3"):
            text, _ = yield self.refused(GOOD, TlsPolicy(), version, "-Verify", "3")
            assert "certificate" in text

    @inlineCallbacks
    def test_a_client_certificate_of_an_unknown_ca(self) -> Steps:
        demand = ("-Verify", "3", "-verify_return_error", "-CAfile")
        other = self.file("other.pem", chain_pem(OTHER.certificate))
        text, _ = yield self.refused(GOOD, TlsPolicy(), *demand, other, shows=CLIENT)
        assert text == "the server does not trust the CA of our certificate"


class Revoked(OpenSslTests):
    """We dial, and ask `openssl ocsp`, or are told by what `openssl s_server` sends along."""

    POLICY = TlsPolicy(trust=Trust.OCSP_MANDATORY)

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []

        def fetch(url: str, request: bytes) -> Deferred[bytes]:
            self.asked.append(url)
            return fetch_answer(reactor, url, request)

        self.shared = Shared(Revocation(clock, fetch, reactor.seconds), Sessions())

    def responder(self, port: int, standings: dict[str, Issued]) -> None:
        """Start a responder whose answers a delegate of the CA signs."""
        signer = issue("responder", by=ROOT, kind="rsa", number=5, start=BEGIN,
                       purposes=[ExtendedKeyUsageOID.OCSP_SIGNING])
        lines = []
        for standing, who in standings.items():
            until = f"{who.certificate.not_valid_after_utc:%y%m%d%H%M%SZ}"
            gone = f"{NOW:%y%m%d%H%M%SZ},keyCompromise" if standing == "R" else ""
            lines.append(f"{standing}\t{until}\t{gone}\t{who.certificate.serial_number:040X}"
                         f"\tunknown\t/CN=x\n")
        index = self.file("index.txt", "".join(lines).encode())
        running = subprocess.Popen(
            [OPENSSL or "", "ocsp", "-port", str(port), "-index", index, "-CA",
             self.file("ca.pem", chain_pem(ROOT.certificate)), "-rsigner",
             self.file("signer.pem", signer.pem()), "-rkey",
             self.file("signer-key.pem", signer.pem()), "-nmin", "5", "-text"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert running.stdout is not None
        self.addCleanup(running.wait)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.kill)
        for line in running.stdout:
            if b"waiting for OCSP client" in line or b"ACCEPT" in line:
                return
        raise AssertionError("the responder did not start")

    @inlineCallbacks
    def test_openssls_responder_is_asked_and_believed(self) -> Steps:
        port = free_tcp_port()
        url = f"http://127.0.0.1:{port}/"
        good, gone, new = (
            issue(name, dns(NAME), by=ROOT, kind="rsa", start=BEGIN, responder=url)
            for name in ("good", "gone", "new"))
        self.responder(port, {"V": good, "R": gone})
        for _ in range(2):
            found = yield self.dial(self.s_server(good), self.POLICY, shared=self.shared)
            assert found.peer_subject == "CN=good"
        text, _ = yield self.refused(gone, self.POLICY, shared=self.shared)
        assert text.startswith(f"certificate CN=gone: revocation: it was revoked on {NOW:%Y-%m-%d}")
        assert "(keyCompromise), at level OcspMandatory" in text
        text, _ = yield self.refused(new, self.POLICY, shared=self.shared)
        assert "its responder does not know it" in text
        assert self.asked == [url] * 3

    @inlineCallbacks
    def test_what_a_server_sends_along_is_taken(self) -> Steps:
        """RFC 6066 section 8; RFC 8446 section 4.4.2.1."""
        for version in ("-tls1_2", "-tls1_3"):
            for standing in ("good", "revoked"):
                who = issue(standing, dns(NAME), by=ROOT, kind="rsa", start=BEGIN)
                stapled = self.file(f"{standing}.der", answer(
                    who, ROOT, standing, since=NOW - timedelta(hours=1),
                    until=NOW + timedelta(days=1)))
                options = (version, "-status_file", stapled)
                if standing == "good":
                    found = yield self.dial(
                        self.s_server(who, *options), self.POLICY, shared=self.shared)
                    assert found.peer_subject == "CN=good"
                else:
                    text, _ = yield self.refused(who, self.POLICY, *options, shared=self.shared)
                    assert "it was revoked" in text
        assert self.asked == []


class AsServer(OpenSslTests):
    """We listen, `openssl s_client` dials."""

    def listen(
        self, policy: TlsPolicy, who: Issued, authorities: Sequence[Authority] = ()
    ) -> tuple[int, list[Answerer]]:
        credential: HostCredential = who.credential()
        creator = ServerCreator(policy, lambda: credential, lambda: authorities, clock=clock)
        met: list[Answerer] = []

        class Factory(protocol.Factory):
            def buildProtocol(self, addr: interfaces.IAddress | None) -> Answerer:
                met.append(Answerer())
                return met[-1]

        factory: Any = TLSMemoryBIOFactory(creator, False, Factory())
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        host = listening.getHost()
        assert isinstance(host, address.IPv4Address)
        return host.port, met

    @inlineCallbacks
    def s_client(self, port: int, *options: str) -> Generator[Deferred[Any], Any, str]:
        """Dial with openssl, say a line; give all that it wrote."""
        command = [OPENSSL or "", "s_client", "-connect", f"127.0.0.1:{port}", "-brief"]

        def run() -> str:
            done = subprocess.run(
                [*command, *options], input=b"abc\n", capture_output=True, timeout=20, check=False
            )
            return (done.stdout + done.stderr).decode()

        text: str = yield threads.deferToThread(run)
        waited = Deferred[None]()
        reactor.callLater(0.05, waited.callback, None)
        yield waited
        return text

    @inlineCallbacks
    def test_each_set_answers_with_its_own(self) -> Steps:
        for suite_set, version, suite in (
            (SuiteSet.CS1, "TLSv1.2", "AES256-SHA"),
            (SuiteSet.CS2, "TLSv1.2", "AES256-SHA"),
            (SuiteSet.CS3, "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
            (SuiteSet.CS4, "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        ):
            port, met = self.listen(TlsPolicy(suite_set), GOOD)
            text = yield self.s_client(port)
            assert f"Protocol version: {version}" in text
            assert f"Ciphersuite: {suite}\n" in text
            assert met[0].facts is not None

    @inlineCallbacks
    def test_a_floor_keeps_older_clients_out_and_says_so(self) -> Steps:
        policy = TlsPolicy(floor=Floor.TLSV1_3)
        port, met = self.listen(policy, GOOD)
        text = yield self.s_client(port, "-tls1_2")
        assert "alert protocol version" in text
        assert (
            explain(met[0].failure, policy, "client")
            == "the client does not speak TLS 1.3 and above: protocol version"
        )

    @inlineCallbacks
    def test_a_demanded_client_certificate_is_judged(self) -> Steps:
        policy = TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
        port, met = self.listen(policy, GOOD, [ROOT.authority()])
        yield self.s_client(port, *self.identify(CLIENT))
        assert met[-1].facts == PeerFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "CN=client")
        stranger = issue("stranger", by=OTHER, start=BEGIN)
        old = issue("old", by=ROOT, start=BEGIN, days=29)
        server_only = issue("server", by=ROOT, start=BEGIN, purposes=BOTH[:1])
        for who, check, alert in (
            (stranger, "chain", "unknown ca"),
            (old, "dates", "certificate expired"),
            (server_only, "key usage", "unsupported certificate"),
        ):
            text = yield self.s_client(port, *self.identify(who), "-tls1_2")
            assert isinstance(met[-1].failure, PeerRefused)
            why = explain(met[-1].failure, policy, "client")
            assert f": {check}: " in why
            assert "at level TrustedCertificate" in why
            assert alert in text

    @inlineCallbacks
    def test_no_client_certificate_when_demanded(self) -> Steps:
        policy = TlsPolicy(client_authentication=True)
        port, met = self.listen(policy, GOOD, [ROOT.authority()])
        for version in ("-tls1_2", "-tls1_3"):
            yield self.s_client(port, version)
            assert isinstance(met[-1].failure, SSL.Error)
            assert explain(met[-1].failure, policy, "client") == "the client gave no certificate"

    @inlineCallbacks
    def test_neither_renegotiation_nor_compression(self) -> Steps:
        port, _ = self.listen(TlsPolicy(SuiteSet.CS3), GOOD)
        command = [OPENSSL or "", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"]

        def run() -> bytes:
            done = subprocess.run(
                command, input=b"R\n", capture_output=True, timeout=20, check=False
            )
            return done.stdout + done.stderr

        text = yield threads.deferToThread(run)
        assert b"Compression: NONE" in text
        assert b"Secure Renegotiation IS supported" in text
        assert b"no renegotiation" in text
