"""The demo's SIP server: whom it takes, and what it tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from OpenSSL import SSL

from mibgateway.demo.actors import Core, Creator, swap
from mibgateway.lab.pki import Authority
from mibgateway.sip.options import Identity, build_options
from mibgateway.sip.uri import SipUri
from mibgateway.tls.creator import ClientCreator, facts
from mibgateway.tls.credentials import read_authorities, read_host
from mibgateway.tls.policy import SuiteSet, TlsPolicy
from tests.gateway.tls.pki import handshake

HERE = "127.0.0.1"


def clock() -> datetime:
    """The server judges by the host's clock."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of server and unit."""
    found = tmp_path_factory.mktemp("pki")
    authority = Authority("a CA")
    authority.write(found / "ca.pem")
    authority.issue(found / "server.pem", "a server", HERE, key_type="rsa")
    authority.issue(found / "unit.pem", "a unit", HERE, key_type="rsa")
    return found


def connect(folder: Path, suite_set: SuiteSet, *, shows: bool = True) \
        -> tuple[SSL.Connection, dict[str, SSL.Error]]:
    own = read_host("unit.pem", (folder / "unit.pem").read_bytes()) if shows else None
    trusted = read_authorities("ca.pem", (folder / "ca.pem").read_bytes())
    client = ClientCreator(TlsPolicy(suite_set), own, trusted, HERE, clock=clock)
    server = Creator(folder / "server.pem", folder / "ca.pem").serverConnectionForTLS(None)
    failed = handshake(client.clientConnectionForTLS(None), server)
    return server, failed


@pytest.mark.parametrize(("suite_set", "version"), [
    (SuiteSet.CS1, "TLSv1.2"), (SuiteSet.CS2, "TLSv1.2"), (SuiteSet.CS3, "TLSv1.3"),
    (SuiteSet.CS4, "TLSv1.3")])
def test_every_suite_set_finds_a_suite_there(
    folder: Path, suite_set: SuiteSet, version: str
) -> None:
    server, failed = connect(folder, suite_set)
    assert failed == {}
    assert (facts(server).tls_version, facts(server).peer_subject) == (version, "CN=a unit")


def test_who_shows_no_certificate_is_refused(folder: Path) -> None:
    _, failed = connect(folder, SuiteSet.CS4, shows=False)
    assert "server" in failed


def test_options_is_answered_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    request = build_options(
        Identity(), SipUri(HERE, 5061), (HERE, 16000), "TLS", 1, "call", "tag", "branch")
    response = Core(Identity(), lambda: "token").answer(request)
    assert response is not None and response.status == 200
    assert json.loads(capsys.readouterr().out) == {
        "event": "request", "method": "OPTIONS", "status": 200}


def test_the_server_shows_another_certificate_from_the_next_handshake_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority("another CA")
    wrong = authority.issue(tmp_path / "wrong.pem", "somebody else", "192.0.2.1", key_type="rsa")
    creator = Creator(folder / "server.pem", folder / "ca.pem")
    swap(creator, wrong)
    assert json.loads(capsys.readouterr().out) == {
        "event": "swapped", "subject": "CN=somebody else", "names": "IP:192.0.2.1"}
    own = read_host("unit.pem", (folder / "unit.pem").read_bytes())
    trusted = read_authorities("ca.pem", (folder / "ca.pem").read_bytes())
    client = ClientCreator(TlsPolicy(SuiteSet.CS4), own, trusted, HERE, clock=clock)
    failed = handshake(
        client.clientConnectionForTLS(None), creator.serverConnectionForTLS(None))
    assert "client" in failed
