"""tshark reads our SIP over TLS out of a capture: with the key log, and with a server's RSA key."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.gateway.tls.pki import dns, issue
from tests.wire.capture import ADDRESS, Relay
from tests.wire.programs import require
from tests.wire.unit_process import UnitProcess, folder, mibgate, model, until

RSA = issue("gw.example.com", dns("gw.example.com"), kind="rsa",
            start=datetime.now(UTC) - timedelta(days=1))

OPTIONS = (b"OPTIONS sip:gw.example.com SIP/2.0\r\nVia: SIP/2.0/TLS client;branch=z9hG4bKsecret\r\n"
           b"Max-Forwards: 70\r\nFrom: <sip:eva@example.com>;tag=1\r\nTo: <sip:gw.example.com>\r\n"
           b"Call-ID: the-call\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def unit(request: pytest.FixtureRequest) -> Iterator[UnitProcess]:
    """A unit that takes SIP over TLS, with lines of its own in its script."""
    more = getattr(request, "param", "")
    script = f"SipEp.TransportConfig[GatewayName=default].TlsEnable=enable\n{more}"
    with folder("keylog") as home, UnitProcess(home, script) as running:
        yield running


def console(unit: UnitProcess, line: str) -> str:
    path = unit.home / "lines"
    path.write_text(line + "\n")
    done = mibgate("script", "--state", unit.state, path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def talk(unit: UnitProcess, capture: Path, highest: ssl.TLSVersion) -> str:
    """Ask for OPTIONS over TLS, with what went over the wire captured; give the version."""
    relay = Relay(unit.secure_port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = highest
    context.set_ciphers("ALL:@SECLEVEL=1")
    with socket.create_connection((ADDRESS, relay.port), 10) as raw, \
            context.wrap_socket(raw) as link:
        link.sendall(OPTIONS)
        assert link.recv(4096).startswith(b"SIP/2.0 200")
        version = str(link.version())
    relay.close()
    relay.write(capture)
    return version


def read(capture: Path, port: int, *options: str) -> str:
    """Give the SIP messages that tshark finds."""
    done = subprocess.run(
        [require("tshark"), "-r", str(capture), *options, "-d", f"tcp.port=={port},tls",
         "-d", f"tls.port=={port},sip", "-Y", "sip", "-T", "fields", "-e", "sip.Request-Line",
         "-e", "sip.Status-Line"], capture_output=True, text=True, timeout=60, check=False)
    assert "Malformed" not in done.stdout
    return done.stdout


def test_the_key_log_opens_tls_1_3(unit: UnitProcess, tmp_path: Path) -> None:
    require("tshark")
    console(unit, 'Cert.GenerateSelfSigned FileName=gw.pem CommonName="gw.example.com"')
    dark, bright = tmp_path / "dark.pcap", tmp_path / "bright.pcap"
    assert talk(unit, dark, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    console(unit, "Cert.KeyLog Minutes=5")
    log = unit.state / "keylog.txt"
    talk(unit, bright, ssl.TLSVersion.TLSv1_3)
    until(lambda: b"SERVER_TRAFFIC_SECRET_0" in log.read_bytes(), "the key log")
    key_log = ("-o", f"tls.keylog_file:{log}")
    found = read(bright, unit.secure_port, *key_log)
    assert "OPTIONS sip:gw.example.com SIP/2.0" in found
    assert "SIP/2.0 200 OK" in found
    assert read(bright, unit.secure_port) == ""
    assert read(dark, unit.secure_port, *key_log) == ""
    console(unit, "Cert.KeyLog Minutes=0")
    before = log.read_bytes()
    talk(unit, dark, ssl.TLSVersion.TLSv1_3)
    assert log.read_bytes() == before
    assert "key log keylog.txt is on for 5 min" in told(unit)


def told(unit: UnitProcess) -> str:
    """Give the unit's own log of notifications."""
    with unit.ask() as snmp:
        walked = snmp.walk(model()["nlmLocalLogMessagesMessage"].oid)
    return "\n".join(value.decode() for _, _, value in walked if isinstance(value, bytes))


@pytest.mark.parametrize("unit", ["SipEp.TransportTlsCipherSuite=CS1\n"], indirect=True)
def test_a_servers_rsa_key_opens_suites_without_diffie_hellman(
    unit: UnitProcess, tmp_path: Path
) -> None:
    require("tshark")
    (tmp_path / "rsa.pem").write_bytes(RSA.pem())
    mibgate("cert", "import", "--state", unit.state, "--type", "host", tmp_path / "rsa.pem")
    capture, key = tmp_path / "rsa.pcap", tmp_path / "key.pem"
    key.write_bytes(RSA.key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    assert talk(unit, capture, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    found = read(capture, unit.secure_port, "-o", f'uat:rsa_keys:"{key}",""')
    assert "OPTIONS sip:gw.example.com SIP/2.0" in found
