"""The probe against real servers: one line a level, what is shown, what each set comes to."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet import protocol, reactor
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks
from twisted.trial.unittest import TestCase

from mibgateway.cli import mibgate as command_line
from mibgateway.tls.creator import ServerCreator
from mibgateway.tls.policy import Floor, SuiteSet, TlsPolicy
from mibgateway.tls.probe import NoConnection, Probe
from mibgateway.tls.revocation import Revocation
from mibgateway.tls.shared import Shared
from mibgateway.tls.shell import fetch_answer, shake, tls_factory
from tests.gateway.tls.pki import Issued, chain_pem, dns, ip, issue
from tests.wire.tls_peers import Peers
from tests.wire.unit_process import UnitProcess, folder, mibgate, model

Steps = Generator[Deferred[Any], Any, None]

NOW = datetime.now(UTC)
BEGIN = NOW - timedelta(days=1)
ROOT = issue("Root", ca=True, number=1, start=BEGIN, days=3650)
NAME = "sip.example.com"
LEAF = issue("leaf", (*dns(NAME), *ip("127.0.0.1")), by=ROOT, number=2, start=BEGIN, days=90)
RSA = issue("rsa", dns(NAME), by=ROOT, kind="rsa", start=BEGIN, days=90)
OWN = issue("own", by=ROOT, number=3, start=BEGIN)


def clock() -> datetime:
    return datetime.now(UTC)


class ProbeTests(TestCase):
    def listen(self, shows: Issued, policy: TlsPolicy = TlsPolicy()) -> int:  # noqa: B008
        own = shows.credential()
        creator = ServerCreator(policy, lambda: own, lambda: [ROOT.authority()], clock=clock)
        factory: Any = tls_factory(
            creator, protocol.Factory.forProtocol(protocol.Protocol), reactor)
        return self.port(factory)

    def port(self, factory: Any) -> int:
        listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        number: int = listening.getHost().port
        return number

    def probe(
        self, port: int, name: str = NAME, trusts: Sequence[Issued] = (ROOT,),
        own: Issued | None = None,
    ) -> Any:
        answers = Revocation(clock, partial(fetch_answer, reactor), reactor.seconds)
        made = Probe(
            f"127.0.0.1:{port}", name, partial(shake, reactor, "127.0.0.1", port),
            lambda policy: own.credential() if own else None,
            [each.authority() for each in trusts], clock, Shared(answers))
        return ensureDeferred(made.report())

    @inlineCallbacks
    def test_a_good_server_passes_every_level(self) -> Steps:
        lines = yield self.probe(self.listen(LEAF))
        assert lines[1] == "negotiated TLSv1.3 TLS_AES_256_GCM_SHA384 (CS4 from TLS 1.2)"
        assert lines[2].startswith("certificate 0: CN=leaf, issued by CN=Root, ")
        assert lines[3] == "  names DNS:sip.example.com, IP:127.0.0.1"
        assert "EC-P256" in lines[2]
        for level in ("NoValidation", "TrustedCertificate", "DnsSrvResponse", "HostName"):
            assert f"{level} pass" in lines
        assert "OcspOptional pass" in lines
        (mandatory,) = [line for line in lines if line.startswith("OcspMandatory")]
        assert mandatory.startswith("OcspMandatory fail: certificate CN=leaf: revocation: ")

    @inlineCallbacks
    def test_each_set_and_floor_is_tried(self) -> Steps:
        lines = yield self.probe(self.listen(RSA, TlsPolicy(SuiteSet.CS3)))
        found = dict(line.split(": ", 1) for line in lines if line.startswith("CS"))
        assert len(found) == 16
        assert found["CS3 from TLS 1.2"] == "TLSv1.3 TLS_AES_256_GCM_SHA384"
        assert found["CS4 from TLS 1.0"].startswith("TLSv1.3")
        assert "handshake failure" in found["CS1 from TLS 1.2"]
        assert "no cipher suite of TLS 1.3" in found["CS2 from TLS 1.3"]

    @inlineCallbacks
    def test_a_server_that_ours_cannot_talk_to_is_found_by_what_can(self) -> Steps:
        lines = yield self.probe(self.listen(RSA, TlsPolicy(SuiteSet.CS1, Floor.TLSV1)))
        assert "(CS2 from TLS 1.0)" in lines[1]
        assert "HostName pass" in lines

    @inlineCallbacks
    def test_the_reason_why_the_next_level_would_not(self) -> Steps:
        lines = yield self.probe(self.listen(LEAF), name="other.example.com")
        assert "TrustedCertificate pass" in lines
        (host,) = [line for line in lines if line.startswith("HostName")]
        assert host.startswith("HostName fail: certificate CN=leaf: hostname: it names ")
        assert "not other.example.com, at level HostName" in host
        lines = yield self.probe(self.listen(LEAF), trusts=())
        assert "NoValidation pass" in lines
        assert any(line.startswith("TrustedCertificate fail: no certificate: empty store")
                   for line in lines)

    @inlineCallbacks
    def test_a_wildcard_is_for_others_than_sip(self) -> Steps:
        wild = issue("wild", dns("*.example.com"), by=ROOT, number=2, start=BEGIN)
        lines = yield self.probe(self.listen(wild))
        verdicts = [line for line in lines if line.startswith("HostName")]
        assert verdicts[0].startswith("HostName fail: ")
        assert verdicts[1] == "HostName pass (by the rules of other uses than SIP)"

    @inlineCallbacks
    def test_a_server_that_demands_our_certificate_is_said_to(self) -> Steps:
        port = self.listen(LEAF, TlsPolicy(client_authentication=True))
        lines = yield self.probe(port)
        assert "as it stands: the server demands a certificate, and none of ours was given" in lines
        lines = yield self.probe(port, own=OWN)
        assert not any(line.startswith("as it stands") for line in lines)

    @inlineCallbacks
    def test_what_is_no_tls_server_is_said_in_bounded_time(self) -> Steps:
        class Web(protocol.Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(b"HTTP/1.0 400 No\r\n\r\n")
                self.transport.loseConnection()

        port = self.port(protocol.Factory.forProtocol(Web))
        lines = yield self.probe(port)
        assert lines[0] == f"127.0.0.1:{port}: the server does not speak TLS"
        try:
            yield self.probe(9)
        except NoConnection as error:
            assert "refused" in str(error)
        else:
            raise AssertionError("somebody answers at the discard port")


# -- the same by the job and by the command line, with a unit's own CAs


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    peers = Peers(tmp_path)
    yield peers.listen(LEAF)
    peers.close()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[UnitProcess]:
    (tmp_path / "root.pem").write_bytes(chain_pem(ROOT.certificate))
    with folder("probe") as home, UnitProcess(
            home, f'Cert.Import Type=Other Path="{tmp_path / "root.pem"}"\n') as running:
        yield running


def test_the_job_gives_the_report_line_by_line(
    unit: UnitProcess, port: int, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text(f'Cert.Probe Host="127.0.0.1:{port}"\n')
    done = mibgate("script", "--state", unit.state, script)
    assert "\nHostName pass\n" in done.stdout
    with unit.ask() as snmp:
        walked = snmp.walk(model()["certProbeReportText"].oid)
    lines = [value.decode() for _, _, value in walked if isinstance(value, bytes)]
    assert lines == done.stdout.splitlines()[:len(lines)]
    assert any(line.startswith("OcspMandatory fail") for line in lines)


def test_the_name_may_be_another(unit: UnitProcess, port: int) -> None:
    where = f"127.0.0.1:{port}"
    done = mibgate("tls", "probe", "--state", unit.state, where, "--sni", NAME)
    assert (done.returncode, "\nHostName pass\n" in done.stdout) == (0, True), done.stderr
    done = mibgate("tls", "probe", "--state", unit.state, where, "--sni", "other.example.com")
    assert done.returncode == 1
    assert "\nHostName fail: certificate CN=leaf: hostname: " in done.stdout
    unit.stop()
    done = mibgate("tls", "probe", "--state", unit.state, where, "--sni", NAME)
    assert (done.returncode, "\nHostName pass\n" in done.stdout) == (0, True), done.stderr


def test_without_a_unit_there_is_no_ca_and_no_state_is_made(port: int, tmp_path: Path) -> None:
    state = tmp_path / "none"
    done = mibgate("tls", "probe", "--state", state, f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert "no CA certificate is installed" in done.stdout
    assert "judged without any CA" in done.stderr
    assert not state.exists()


@pytest.mark.parametrize("wrong", ["[::1", "a b:1", "::1:x"])
def test_what_names_no_server_is_said_at_once(wrong: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(command_line, ["tls", "probe", "--state", str(tmp_path), wrong])
    assert done.exit_code == 1
    assert wrong in done.output
