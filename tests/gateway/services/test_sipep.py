"""The SIP endpoint: its transports, its persistent connections, and how it says how it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mibagent.errors import InconsistentValue, NoAccess, Refused, WrongValue
from mibagent.smi.syntax import Value
from mibagent.store.wish import Wish
from mibgateway.services.sipep_rows import GatewayState
from mibgateway.tls.policy import Floor, SuiteSet
from tests.gateway.far_end import ADDRESS, CA, OTHER_CA, SERVER, Connection, Server, dialled
from tests.gateway.kit import DEFAULT, SCALAR, USER, Bench
from tests.gateway.tls.pki import answer, chain_pem, ip, issue

UDP, TCP, TLS = (f"sipEpTransportConfig{name}Enable" for name in ("Udp", "Tcp", "Tls"))
PROXY = "sipEpDefaultStaticProxyOutboundHost"
HOME = "sipEpDefaultStaticProxyHomeDomainHost"
REGISTRAR = "sipEpDefaultStaticRegistrarServerHost"
STATUS = "sipEpTlsPersistentConnectionStatus"
ROW = "sipEpGatewayRowStatus"
CREATE_AND_GO, CREATE_AND_WAIT, DESTROY, ACTIVE, NOT_IN_SERVICE = 4, 5, 6, 1, 2
TRUNK, ENDPOINT = 100, 200
SNMP_PORT = 161
UP, DOWN = 100, 200
TWO, THREE = (b"two",), (b"three",)
DRAIN_S = 10
"""More than a server that does not close can hold a restart up."""

SECONDS_2001 = datetime(2001, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def every_local_port_is_free(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Which local ports are free is asked of a table, not of this host."""
    taken: set[int] = set()
    monkeypatch.setattr("mibgateway.sip.shell.is_free", lambda host, port: port not in taken)
    yield taken


def transports(unit: Bench, index: Any = DEFAULT) -> tuple[Value, ...]:
    return tuple(unit.get(name, index) for name in (UDP, TCP, TLS))


def udp(unit: Bench) -> list[int]:
    """Give the UDP ports that are open for SIP."""
    return [port for port in unit.reactor.listening("udp") if port != SNMP_PORT]


def trust(unit: Bench, name: str = "ca.pem", by: Any = CA) -> None:
    table = "certOthersCertificatesInfo"
    install(unit, Wish(table + "RowStatus", (name.encode(),), 4, raw=True),
            Wish(table + "@chain", (name.encode(),), chain_pem(by.certificate), raw=True))


def own(unit: Bench, name: str = "unit.pem", days: float = 365) -> None:
    credential = issue("unit.example.com", ip("192.0.2.2"), by=CA, number=1,
                       days=days).credential()
    table, index = "certHostCertificatesInfo", (name.encode(),)
    install(unit, Wish(table + "RowStatus", index, 4, raw=True),
            Wish(table + "@chain", index, credential.chain_pem(), raw=True),
            Wish(table + "@key", index, credential.key_pem(), raw=True))


def install(unit: Bench, *wishes: Wish) -> None:
    from twisted.internet.defer import maybeDeferred

    from mibagent.store.store import SYSTEM
    with unit.store.begin(SYSTEM) as transaction:
        for wish in wishes:
            transaction.put(wish)
        transaction.prepare()
        unit.result(maybeDeferred(transaction.commit))  # type: ignore[arg-type]
    unit.settle()


def tls(unit: Bench, *more: tuple[str, Any, Value], proxy: str = f"{ADDRESS}:5063") -> None:
    """Trust the CA, name the proxy, switch TLS on, restart."""
    if not unit.rows("certOthersCertificatesInfoTable"):
        trust(unit)
    unit.change((TLS, DEFAULT, 1), (PROXY, SCALAR, proxy.encode()), *more)
    unit.restart("SipEp")
    unit.texts()


def up(unit: Bench, *more: tuple[str, Any, Value], server: Server | None = None) -> Connection:
    """Have one connection in use."""
    tls(unit, *more)
    (connection,) = dialled(unit)
    connection.join(server or Server(unit))
    assert states(unit) == [UP]
    return connection


def rows(unit: Bench) -> list[Any]:
    return unit.rows(STATUS + "Table")


def states(unit: Bench) -> list[Any]:
    return [unit.get(STATUS + "State", index) for index in rows(unit)]


def column(unit: Bench, name: str, at: int = 0) -> Any:
    return unit.get(STATUS + name, rows(unit)[at])


def gateway(unit: Bench, index: Any = DEFAULT) -> GatewayState:
    return GatewayState(unit.get("sipEpGatewayStatusStateCode", index))


# -- the TLS switch


def test_tls_alone_turns_the_others_off(unit: Bench) -> None:
    assert transports(unit) == (1, 0, 0)
    unit.set(TLS, 1, DEFAULT)
    assert transports(unit) == (0, 0, 1)


def test_no_tls_alone_brings_udp_back(unit: Bench) -> None:
    unit.set(TLS, 1, DEFAULT)
    unit.set(TLS, 0, DEFAULT)
    assert transports(unit) == (1, 0, 0)


def test_no_tls_with_another_choice_takes_that_choice(unit: Bench) -> None:
    unit.set(TLS, 1, DEFAULT)
    unit.change((TLS, DEFAULT, 0), (TCP, DEFAULT, 1))
    assert transports(unit) == (0, 1, 0)


def test_the_switch_is_for_all_gateways(unit: Bench) -> None:
    for index in (TWO, THREE):
        unit.set(ROW, CREATE_AND_GO, index)
    unit.set(TCP, 1, THREE)
    unit.set(TLS, 1, TWO)
    assert {transports(unit, index) for index in (DEFAULT, TWO, THREE)} == {(0, 0, 1)}
    unit.set(TLS, 0, THREE)
    assert {transports(unit, index) for index in (DEFAULT, TWO, THREE)} == {(1, 0, 0)}


@pytest.mark.parametrize("other", [UDP, TCP])
def test_asking_for_both_is_refused_whole(unit: Bench, other: str) -> None:
    with pytest.raises(InconsistentValue) as refused:
        unit.change((TLS, DEFAULT, 1), (other, DEFAULT, 1))
    assert (refused.value.name, refused.value.index) == (TLS, DEFAULT)
    assert transports(unit) == (1, 0, 0)


@pytest.mark.parametrize("other", [UDP, TCP])
def test_another_transport_while_tls_is_on_is_refused(unit: Bench, other: str) -> None:
    unit.set(TLS, 1, DEFAULT)
    with pytest.raises(InconsistentValue) as refused:
        unit.set(other, 1, DEFAULT)
    assert (refused.value.name, refused.value.index) == (other, DEFAULT)


def test_both_on_different_gateways_is_refused(unit: Bench) -> None:
    unit.set(ROW, CREATE_AND_GO, TWO)
    with pytest.raises(InconsistentValue) as refused:
        unit.change((TLS, DEFAULT, 1), (UDP, TWO, 1))
    assert refused.value.name in (TLS, UDP)
    with pytest.raises(InconsistentValue):
        unit.change((TLS, DEFAULT, 1), (TLS, TWO, 0))
    assert transports(unit) == transports(unit, TWO) == (1, 0, 0)


def test_setting_what_stands_changes_nothing(unit: Bench) -> None:
    unit.set(TLS, 1, DEFAULT)
    assert unit.set(TLS, 1, DEFAULT) is None
    assert transports(unit) == (0, 0, 1)


def test_a_new_gateway_takes_tls_over(unit: Bench) -> None:
    unit.set(TLS, 1, DEFAULT)
    unit.set(ROW, CREATE_AND_GO, TWO)
    assert transports(unit, TWO) == (0, 0, 1)


def test_a_new_gateway_that_asks_for_udp_under_tls_is_refused(unit: Bench) -> None:
    unit.set(TLS, 1, DEFAULT)
    with pytest.raises(InconsistentValue):
        unit.change((ROW, TWO, CREATE_AND_GO), (UDP, TWO, 1))
    assert unit.rows("sipEpGatewayTable") == [DEFAULT]


def test_a_gateway_that_waited_takes_over_what_holds_when_it_becomes_active(unit: Bench) -> None:
    unit.set(ROW, CREATE_AND_WAIT, TWO)
    unit.set(TLS, 1, DEFAULT)
    unit.set(ROW, ACTIVE, TWO)
    assert transports(unit, TWO) == (0, 0, 1)
    unit.set(ROW, NOT_IN_SERVICE, TWO)
    unit.set(TLS, 0, DEFAULT)
    unit.set(ROW, ACTIVE, TWO)
    assert transports(unit, TWO) == (1, 0, 0)


def test_the_only_gateway_keeps_its_own(unit: Bench) -> None:
    unit.set(TLS, 1, DEFAULT)
    unit.set(ROW, NOT_IN_SERVICE, DEFAULT)
    unit.set(ROW, ACTIVE, DEFAULT)
    assert transports(unit) == (0, 0, 1)


# -- ports


def test_transports_open_their_ports_at_the_restart(unit: Bench) -> None:
    unit.set(TCP, 1, DEFAULT)
    assert unit.reactor.listening("tcp") == []
    unit.restart("SipEp")
    assert (udp(unit), unit.reactor.listening("tcp")) == ([5060], [5060])
    unit.set(UDP, 0, DEFAULT)
    unit.restart("SipEp")
    assert (udp(unit), unit.reactor.listening("tcp")) == ([], [5060])
    unit.set(TLS, 1, DEFAULT)
    unit.restart("SipEp")
    assert (udp(unit), unit.reactor.listening("tcp")) == ([], [5061])
    assert unit.get("sipEpGatewayStatusSecurePort", DEFAULT) == 5061
    assert unit.get("sipEpGatewayStatusPort", DEFAULT) == 0


def test_each_gateway_has_its_ports(unit: Bench) -> None:
    unit.change((ROW, TWO, CREATE_AND_GO), ("sipEpGatewayPort", TWO, 5070),
                ("sipEpGatewaySecurePort", TWO, 5071))
    unit.restart("SipEp")
    assert sorted(udp(unit)) == [5060, 5070]
    assert unit.get("sipEpGatewayStatusPort", TWO) == 5070
    unit.set(TLS, 1, DEFAULT)
    unit.restart("SipEp")
    assert sorted(unit.reactor.listening("tcp")) == [5061, 5071]
    assert unit.get("sipEpGatewayStatusSecurePort", TWO) == 5071


def test_a_taken_port_is_said_and_the_other_gateways_go_on(unit: Bench) -> None:
    unit.change((ROW, TWO, CREATE_AND_GO), ("sipEpGatewayPort", TWO, 5070))
    unit.reactor.occupy(5060)
    unit.texts()
    unit.restart("SipEp")
    assert gateway(unit) is GatewayState.PORT_IN_USE
    assert unit.get("sipEpGatewayStatusState", DEFAULT) == \
        b"Cannot start, port already in use: port 5060"
    assert gateway(unit, TWO) is GatewayState.READY
    assert unit.texts("sipEpGatewayNotReady") == [
        "SIP gateway default is not ready: Cannot start, port already in use: port 5060."]
    assert unit.get("scmReadyLed") == 100
    unit.reactor.taken.clear()
    unit.restart("SipEp")
    assert (gateway(unit), unit.active()) == (GatewayState.READY, [])


OPTIONS = (b"OPTIONS sip:unit SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n"
           b"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:unit>\r\nCall-ID: 1\r\n"
           b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def test_options_over_udp_are_answered(unit: Bench) -> None:
    port = unit.udp(5060)
    port.given.datagramReceived(OPTIONS, ("192.0.2.9", 5060))
    ((answer, to),) = port.written
    assert answer.startswith(b"SIP/2.0 200 OK\r\n")
    assert to == ("192.0.2.9", 5060)


def test_a_datagram_over_5120_octets_is_refused_and_told(unit: Bench) -> None:
    unit.texts()
    port = unit.udp(5060)
    big = OPTIONS.replace(b"Content-Length: 0\r\n\r\n",
                          b"Content-Length: 6000\r\n\r\n" + b"x" * 6000)
    port.given.datagramReceived(big, ("192.0.2.9", 5060))
    assert port.written[0][0].startswith(b"SIP/2.0 513 ")
    told = unit.texts("sipEpMessageTooLarge")
    assert len(told) == 1
    assert f"{len(big)} octets" in told[0]
    assert "192.0.2.9:5060" in told[0]


def test_the_domain_stands_in_status_and_contact(unit: Bench) -> None:
    server = Server(unit)
    up(unit, ("sipEpGatewayDomain", DEFAULT, b"pbx.example.com"), server=server)
    assert unit.get("sipEpGatewayStatusDomain", DEFAULT) == b"pbx.example.com"
    (request,) = server.requests
    assert request.headers.values("Contact") == ["<sip:pbx.example.com;transport=tls>"]
    assert "<sip:pbx.example.com>" in request.headers.values("From")[0]


def test_a_message_over_its_limit_ends_a_stream(unit: Bench) -> None:
    unit.set("sipEpMaxStreamMessageSize", 6000)
    unit.set(TCP, 1, DEFAULT)
    unit.restart("SipEp")
    (port,) = [port for port in unit.reactor.ports if port.kind == "tcp"]
    from twisted.internet.testing import StringTransport
    for size, ends in ((3000, False), (9000, True)):
        caller = port.given.buildProtocol(None)
        wire = StringTransport()
        caller.makeConnection(wire)
        caller.dataReceived(OPTIONS.replace(
            b"Content-Length: 0\r\n\r\n",
            b"Content-Length: %d\r\n\r\n" % size + b"x" * size))
        assert wire.disconnecting is ends


# -- a connection comes up


def test_a_connection_comes_up_word_for_word(unit: Bench) -> None:
    tls(unit)
    assert states(unit) == [DOWN]
    (connection,) = dialled(unit)
    assert (connection.host, connection.port, connection.bound) == (ADDRESS, 5063, 16000)
    connection.join(Server(unit))
    assert unit.texts("sipEpTlsConnectionReady", "sipEpServerReachable") == [
        "TLS connection with remote host 192.0.2.10:5063 is now ready to be used for SIP gateway "
        "default.",
        "Server 192.0.2.10:5063 is now reachable for SIP gateway default."]
    assert unit.texts("sipEpGatewayReady") == ["SIP gateway default is ready."]
    assert states(unit) == [UP]
    assert gateway(unit) is GatewayState.READY
    assert (unit.get("scmReadyLed"), unit.get("scmUnitHealth"), unit.active()) == (200, 100, [])


def test_its_row_tells_all(unit: Bench) -> None:
    up(unit)
    found = {name: column(unit, name) for name in (
        "Gateway", "LocalPort", "RemoteHost", "RemoteHostIpAddr", "State", "TlsVersion",
        "PeerSubject", "LastError", "ConnectedSince", "Reconnects", "HandshakeFailures",
        "OptionsSent", "OptionsTimedOut", "RoundTrip")}
    assert found == {
        "Gateway": b"default", "LocalPort": 16000, "RemoteHost": b"192.0.2.10:5063",
        "RemoteHostIpAddr": b"192.0.2.10", "State": UP, "TlsVersion": b"TLSv1.3",
        "PeerSubject": b"CN=proxy.example.com", "LastError": b"",
        "ConnectedSince": b"2031-05-06 07:08:09", "Reconnects": 0, "HandshakeFailures": 0,
        "OptionsSent": 1, "OptionsTimedOut": 0, "RoundTrip": 0}
    assert b"AES" in column(unit, "CipherSuite")
    assert column(unit, "ConnectedSinceTime")[:4] == bytes((7, 239, 5, 6))


def test_the_table_is_empty_while_tls_is_off(unit: Bench) -> None:
    unit.set(PROXY, b"192.0.2.10:5063")
    unit.restart("SipEp")
    assert (rows(unit), dialled(unit)) == ([], [])


def test_the_default_port_is_5061(unit: Bench) -> None:
    tls(unit, proxy=ADDRESS)
    (connection,) = dialled(unit)
    assert connection.port == 5061
    assert column(unit, "RemoteHost") == b"192.0.2.10:5061"


def test_a_server_in_several_roles_is_one_connection(unit: Bench) -> None:
    tls(unit, (HOME, SCALAR, b"192.0.2.10:5063"), (REGISTRAR, SCALAR, b"192.0.2.10:5063"))
    assert len(dialled(unit)) == len(rows(unit)) == 1


def test_each_server_has_its_own(unit: Bench) -> None:
    tls(unit, (HOME, SCALAR, b"192.0.2.11"), (REGISTRAR, SCALAR, b"192.0.2.12"))
    assert [connection.host for connection in dialled(unit)] == \
        ["192.0.2.10", "192.0.2.11", "192.0.2.12"]


def test_each_gateway_has_its_own_connection_and_proxies(unit: Bench) -> None:
    unit.change(
        (ROW, TWO, CREATE_AND_GO), ("sipEpGatewaySecurePort", TWO, 5071),
        ("sipEpGwSpecificProxyEnableConfig", TWO, 1),
        ("sipEpGwSpecificProxyOutboundHost", TWO, b"192.0.2.20:5063"),
        ("sipEpGwSpecificProxyHomeDomainHost", TWO, b"192.0.2.21:5063"))
    tls(unit)
    found = [(column(unit, "Gateway", at), column(unit, "RemoteHost", at))
             for at in range(len(rows(unit)))]
    assert sorted(found) == [(b"default", b"192.0.2.10:5063"), (b"two", b"192.0.2.20:5063"),
                             (b"two", b"192.0.2.21:5063")]
    unit.set("sipEpGwSpecificProxyEnableConfig", 0, TWO)
    unit.restart("SipEp")
    assert {column(unit, "RemoteHost", at) for at in range(2)} == {b"192.0.2.10:5063"}


def test_a_name_is_looked_up(unit: Bench) -> None:
    unit.reactor.nameResolver.names["proxy.example.com"] = ["192.0.2.77"]  # type: ignore[attr-defined]
    tls(unit, proxy="proxy.example.com:5063")
    assert [connection.host for connection in dialled(unit)] == ["192.0.2.77"]
    assert column(unit, "RemoteHost") == b"proxy.example.com:5063"


def test_one_gateway_is_not_ready_before_it_was_started(unit: Bench) -> None:
    """The first one dials while the second waits for its turn."""
    unit.change((ROW, TWO, CREATE_AND_GO), ("sipEpGatewayType", TWO, ENDPOINT),
                (TLS, DEFAULT, 1), (PROXY, SCALAR, b"192.0.2.10"))
    trust(unit)
    unit.texts()
    unit.restart("SipEp")
    assert unit.texts("sipEpGatewayReady") == []


# -- what a restart applies


def test_nothing_moves_before_the_restart(unit: Bench) -> None:
    up(unit)
    unit.change((PROXY, SCALAR, b"192.0.2.99"), ("sipEpTransportTlsVersion", SCALAR, 500),
                ("sipEpTransportTlsCipherSuite", SCALAR, 100))
    unit.wait(5)
    assert (states(unit), dialled(unit)) == ([UP], [])
    assert unit.get("sipEpNeedRestartInfo") == 100


def test_the_server_moves_at_the_restart_and_the_old_link_is_drained(unit: Bench) -> None:
    connection = up(unit)
    unit.change((PROXY, SCALAR, b"192.0.2.99"), ("scmRestartRequiredServices", SCALAR, 10))
    unit.settle()
    connection.talk()
    (fresh,) = dialled(unit)
    assert fresh.host == "192.0.2.99"
    assert connection.pump.clientIO.disconnecting


def test_a_restart_alone_reports_no_trouble(unit: Bench) -> None:
    connection = up(unit)
    unit.texts()
    unit.set("scmServiceCommandsRestart", 10, (b"SipEp",))
    connection.talk()
    assert not {"sipEpGatewayNotReady", "sipEpTlsConnectionLost"} & set(unit.issued())


@pytest.mark.parametrize(("set_", "version"), [
    (SuiteSet.CS2, b"TLSv1.2"), (SuiteSet.CS3, b"TLSv1.3"), (SuiteSet.CS4, b"TLSv1.3")])
def test_the_cipher_suite_set_is_used_from_the_restart(
    unit: Bench, set_: SuiteSet, version: bytes
) -> None:
    rsa = issue("proxy.example.com", ip(ADDRESS), by=CA, kind="rsa")
    up(unit, ("sipEpTransportTlsCipherSuite", SCALAR, int(set_)),
       server=Server(unit, rsa, suites=set_))
    assert column(unit, "TlsVersion") == version


def test_a_floor_that_the_server_is_below_is_down_and_names_the_version(unit: Bench) -> None:
    rsa = issue("proxy.example.com", ip(ADDRESS), by=CA, kind="rsa")
    tls(unit, ("sipEpTransportTlsVersion", SCALAR, int(Floor.TLSV1_3)))
    (connection,) = dialled(unit)
    connection.join(Server(unit, rsa, suites=SuiteSet.CS2))
    assert states(unit) == [DOWN]
    assert b"1.3" in column(unit, "LastError")
    assert column(unit, "HandshakeFailures") == 1
    assert "sipEpTlsConnectionReady" not in unit.issued()
    assert unit.get("scmUnitHealth") == 300
    unit.set("sipEpTransportTlsVersion", int(Floor.TLSV1_2))
    unit.restart("SipEp")
    unit.texts()
    (connection,) = dialled(unit)
    connection.join(Server(unit))
    assert unit.issued().count("sipEpTlsConnectionReady") == 1
    assert unit.issued().count("sipEpServerReachable") == 1
    assert unit.active() == []


def test_a_policy_with_no_suite_left_is_an_invalid_configuration_of_the_link(unit: Bench) -> None:
    tls(unit, ("sipEpTransportTlsVersion", SCALAR, 500),
        ("sipEpTransportTlsCipherSuite", SCALAR, 100))
    unit.wait(1)
    assert gateway(unit) in (GatewayState.INVALID_CONFIGURATION, GatewayState.SERVER_UNREACHABLE)
    assert unit.get("scmReadyLed") == 100


@pytest.mark.parametrize(("level", "shows", "comes_up"), [
    (100, "stranger", True), (200, "stranger", False), (200, "misnamed", True),
    (300, "misnamed", False), (400, "misnamed", False), (400, "good", True),
    (400, "expired", False), (200, "expired", False)])
def test_validation_levels(unit: Bench, level: int, shows: str, comes_up: bool) -> None:
    shown = {"good": SERVER,
             "stranger": issue("proxy", ip(ADDRESS), by=OTHER_CA, number=2),
             "misnamed": issue("proxy", ip("192.0.2.66"), by=CA, number=2),
             "expired": issue("proxy", ip(ADDRESS), by=CA, number=2, days=20)}[shows]
    tls(unit, ("sipEpInteropTlsCertificateValidation", SCALAR, level))
    (connection,) = dialled(unit)
    connection.join(Server(unit, shown))
    assert states(unit) == [UP if comes_up else DOWN]
    if not comes_up:
        assert len(unit.texts("sipEpServerCertificateRefused")) == 1
        assert column(unit, "LastError")


@pytest.mark.parametrize(("floor", "told"), [(100, 1), (200, 0), (400, 0)])
def test_a_floor_that_no_library_has_is_told(unit: Bench, floor: int, told: int) -> None:
    unit.change((TLS, DEFAULT, 1), ("sipEpTransportTlsVersion", SCALAR, floor))
    unit.texts()
    unit.restart("SipEp")
    assert unit.texts("sipEpTlsVersionNotAvailable") == [
        "TLS version sslv3 is not available and acts as tlsv1."] * told


TRUST = "sipEpTransportTlsCertificateTrustLevel"


@pytest.mark.parametrize(("trust_level", "standing", "comes_up"), [
    (100, "revoked", True), (200, "good", True), (200, "revoked", False), (300, "good", True),
    (300, "revoked", False), (200, "", True), (300, "", False)])
def test_a_server_is_asked_after_by_the_trust_level(
    unit: Bench, trust_level: int, standing: str, comes_up: bool
) -> None:
    shown = issue("proxy", ip(ADDRESS), by=CA, number=2, responder="http://192.0.2.20:8888/")
    tls(unit, (TRUST, SCALAR, trust_level))
    (connection,) = dialled(unit)
    connection.join(Server(unit, shown))
    if trust_level > 100:
        assert states(unit) == [DOWN]
        client: Any = unit.reactor.tcpClients.pop()
        host, port, factory, _, _ = client
        assert (host, port) == ("192.0.2.20", 8888)
        if standing:
            asked = factory.buildProtocol(None)
            asked.makeConnection(StringTransport())
            octets = answer(shown, CA, standing)
            asked.dataReceived(
                b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(octets) + octets)
        else:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        connection.talk()
    assert states(unit) == [UP if comes_up else DOWN]
    if not comes_up:
        (told,) = unit.texts("sipEpServerCertificateRefused")
        assert "revocation" in told
        level = {200: "OcspOptional", 300: "OcspMandatory"}[trust_level]
        assert level in told
        assert f"at level {level}".encode() in column(unit, "LastError")


# -- certificates


def test_a_refused_server_says_which_certificate_check_and_level(unit: Bench) -> None:
    tls(unit)
    (connection,) = dialled(unit)
    connection.join(Server(unit, issue("proxy", ip("192.0.2.66"), by=CA, number=2)))
    (told,) = unit.texts("sipEpServerCertificateRefused")
    assert "192.0.2.10:5063" in told
    assert "CN=proxy" in told
    assert "HostName" in told
    assert len(unit.texts("sipEpServerUnreachable")) == 1
    assert gateway(unit) is GatewayState.SERVER_UNREACHABLE
    assert unit.get("sipEpGatewayStatusState", DEFAULT) == b"Server unreachable: 192.0.2.10:5063"


def test_without_any_ca_the_reason_says_so(unit: Bench) -> None:
    unit.change((TLS, DEFAULT, 1), (PROXY, SCALAR, b"192.0.2.10:5063"))
    unit.restart("SipEp")
    unit.wait(0.1)
    found = dialled(unit)
    for connection in found:
        connection.join(Server(unit))
    assert states(unit) == [DOWN]
    assert b"CA" in column(unit, "LastError")


def test_a_new_ca_is_tried_at_once(unit: Bench) -> None:
    trust(unit, "other.pem", OTHER_CA)
    tls(unit)
    dialled(unit)[0].join(Server(unit))
    assert states(unit) == [DOWN]
    trust(unit)
    (connection,) = dialled(unit)
    connection.join(Server(unit))
    assert states(unit) == [UP]
    assert unit.active() == []


def test_a_new_certificate_moves_the_link_without_a_gap(unit: Bench) -> None:
    first = up(unit)
    own(unit)
    (second,) = dialled(unit)
    assert states(unit) == [UP]
    second.join(Server(unit))
    first.talk()
    assert states(unit) == [UP]
    assert first.pump.clientIO.disconnecting
    assert "sipEpTlsConnectionLost" not in unit.issued()
    assert dialled(unit) == []


def test_what_changes_nothing_for_sip_does_not_dial(unit: Bench) -> None:
    up(unit)
    unit.set("certExpiryWarningDays", 5)
    assert dialled(unit) == []


def test_a_server_that_asks_gets_the_certificate(unit: Bench) -> None:
    own(unit)
    tls(unit)
    (connection,) = dialled(unit)
    connection.join(Server(unit, asks=True))
    assert states(unit) == [UP]


def test_without_one_the_refusal_is_ours_to_mend(unit: Bench) -> None:
    tls(unit)
    (connection,) = dialled(unit)
    connection.join(Server(unit, asks=True))
    assert states(unit) == [DOWN]
    assert b"certificate" in column(unit, "LastError")


def test_a_certificate_that_sip_may_not_use_is_not_shown_from_the_restart(unit: Bench) -> None:
    own(unit)
    connection = up(unit, server=Server(unit, asks=True))
    unit.set("certHostCertificateAssociationSip", 0, (b"unit.pem",))
    assert unit.get("sipEpNeedRestartInfo") == 100
    unit.set("sipEpReconnect", 10)
    connection.talk()
    dialled(unit)[0].join(Server(unit, asks=True))
    assert states(unit) == [UP]
    unit.restart("SipEp")
    unit.wait(DRAIN_S)
    dialled(unit)[0].join(Server(unit, asks=True))
    assert states(unit) == [DOWN]
    unit.set("certHostCertificateAssociationSip", 1, (b"unit.pem",))
    assert unit.get("sipEpNeedRestartInfo") == 100
    unit.restart("SipEp")
    dialled(unit)[0].join(Server(unit, asks=True))
    assert states(unit) == [UP]


def test_as_server_clients_are_asked_for_a_certificate_when_told_to(unit: Bench) -> None:
    own(unit)
    tls(unit, ("sipEpInteropTlsClientAuthenticationEnable", SCALAR, 1), proxy="192.0.2.10")
    (port,) = [port for port in unit.reactor.ports if port.kind == "tcp"]
    dialled(unit)
    unit.texts()
    caller = Caller(unit, port.given)
    assert not caller.shaken
    (told,) = unit.texts("sipEpClientCertificateRefused")
    assert told.startswith("Client certificate of 198.51.100.1:40000 missing or refused for")
    unit.set("sipEpInteropTlsClientAuthenticationEnable", 0)
    unit.restart("SipEp")
    (port,) = [port for port in unit.reactor.ports if port.kind == "tcp"]
    assert Caller(unit, port.given).shaken


class Caller:
    """A client without a certificate that calls one of the unit's ports."""

    def __init__(self, unit: Bench, factory: Any) -> None:
        from twisted.internet.address import IPv4Address
        from twisted.internet.protocol import Factory, Protocol
        from twisted.protocols.tls import TLSMemoryBIOFactory
        from twisted.test import iosim

        from mibgateway.tls.creator import ClientCreator
        from mibgateway.tls.policy import Level, TlsPolicy
        from tests.gateway.far_end import Wire
        from tests.gateway.tls.pki import clock
        answer = bytearray()

        class Client(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(OPTIONS.replace(b"/UDP", b"/TLS"))

            def dataReceived(self, data: bytes) -> None:
                answer.extend(data)

        policy = TlsPolicy(SuiteSet.CS4, Floor.TLSV1_2, Level.NO_VALIDATION, False, "caller")
        creator: Any = ClientCreator(policy, None, (), "192.0.2.2", clock=clock)
        wrapped = TLSMemoryBIOFactory(
            creator, True, Factory.forProtocol(Client), clock=unit.reactor)
        client = wrapped.buildProtocol(None)
        here, there = (IPv4Address("TCP", "198.51.100.1", 40000),
                       IPv4Address("TCP", "192.0.2.2", 5061))
        server = factory.buildProtocol(here)
        pump = iosim.connect(server, Wire(server, True, there, here),
                             client, Wire(client, False, here, there), clock=unit.reactor)
        for _ in range(8):
            pump.flush()
            unit.settle()
        self.shaken = answer.startswith(b"SIP/2.0 200")


# -- time first


def test_until_the_clock_is_known_the_port_stays_closed(unit: Bench) -> None:
    unit.host_time = SECONDS_2001
    unit.wait(1)
    trust(unit)
    unit.change((TLS, DEFAULT, 1))
    unit.texts()
    unit.restart("SipEp")
    assert unit.reactor.listening("tcp") == []
    assert gateway(unit) is GatewayState.WAITING_FOR_TIME
    assert len(unit.texts("sipEpTlsPortNotOpened")) == 1
    unit.texts()
    unit.set("hocClockSource", 200)
    assert unit.reactor.listening("tcp") == [5061]
    assert gateway(unit) is GatewayState.READY
    assert unit.texts() == ["SIP gateway default is ready."]
    assert unit.active() == []


def test_links_are_tried_again_when_it_is_known(unit: Bench) -> None:
    unit.set("hocClockSource", 300)
    tls(unit)
    unit.wait(0.1)
    for connection in dialled(unit):
        connection.join(Server(unit))
    assert states(unit) == [DOWN]
    assert gateway(unit) is GatewayState.WAITING_FOR_TIME
    unit.set("hocClockSource", 100)
    found = dialled(unit)
    assert len(found) == 1
    assert gateway(unit) is GatewayState.SERVER_UNREACHABLE
    found[0].join(Server(unit))
    assert states(unit) == [UP]
    assert gateway(unit) is GatewayState.READY
    assert unit.active() == []


# -- gateways of the other kind


def test_an_endpoint_gateway_under_tls_does_not_start_and_says_so(unit: Bench) -> None:
    unit.set("sipEpGatewayType", ENDPOINT, DEFAULT)
    tls(unit)
    assert gateway(unit) is GatewayState.INVALID_CONFIGURATION
    assert unit.get("sipEpGatewayStatusState", DEFAULT) == \
        b"Invalid Configuration: TLS is for trunk gateways"
    assert (rows(unit), dialled(unit), unit.reactor.listening("tcp")) == ([], [], [])
    assert unit.get("scmReadyLed") == 100


def test_an_endpoint_gateway_listens_at_no_fixed_port(unit: Bench) -> None:
    unit.set("sipEpGatewayType", ENDPOINT, DEFAULT)
    unit.restart("SipEp")
    assert udp(unit) == []
    assert gateway(unit) is GatewayState.READY


def test_without_a_gateway_nothing_runs_and_the_light_is_not_steady(unit: Bench) -> None:
    unit.set(ROW, DESTROY, DEFAULT)
    unit.restart("SipEp")
    assert unit.rows("sipEpGatewayStatusTable") == []
    assert udp(unit) == []
    assert unit.get("scmReadyLed") == 0


# -- loss and return


def test_a_lost_connection_is_told_and_comes_back(unit: Bench) -> None:
    connection = up(unit)
    unit.wait(20)
    unit.texts()
    connection.lose()
    assert states(unit) == [DOWN]
    assert {"sipEpTlsConnectionLost", "sipEpGatewayNotReady", "sipEpServerUnreachable"} <= \
        set(unit.issued())
    assert unit.get("scmUnitHealth") == 300
    unit.wait(1)
    (again,) = dialled(unit)
    again.join(Server(unit))
    assert (states(unit), column(unit, "Reconnects"), unit.active()) == ([UP], 1, [])


def test_a_refused_connection_is_tried_again_each_failback_interval(unit: Bench) -> None:
    tls(unit, ("sipEpTransportFailbackInterval", SCALAR, 7))
    dialled(unit)[0].refuse()
    unit.wait(6.9)
    assert dialled(unit) == []
    unit.wait(0.2)
    (connection,) = dialled(unit)
    assert column(unit, "LastError").startswith(b"no TCP connection to 192.0.2.10 port 5063")
    connection.join(Server(unit))
    assert states(unit) == [UP]


def test_the_connect_timeout(unit: Bench) -> None:
    tls(unit, ("sipEpInteropTcpConnectTimeout", SCALAR, 3))
    (connection,) = dialled(unit)
    assert connection.timeout == 3
    unit.wait(3.1)
    assert column(unit, "LastError") == b"no TCP connection within 3 s"


def test_the_reconnect_command_dials_anew(unit: Bench) -> None:
    connection = up(unit)
    unit.set("sipEpReconnect", 10, principal=USER)
    connection.talk()
    (again,) = dialled(unit)
    again.join(Server(unit))
    assert states(unit) == [UP]
    assert unit.get("sipEpReconnect") == 0


# -- local ports


def test_the_base_port_and_the_next_that_is_free(
    unit: Bench, every_local_port_is_free: set[int]
) -> None:
    every_local_port_is_free.update({17000, 17001})
    tls(unit, ("sipEpTransportPersistentBasePort", SCALAR, 17000))
    (connection,) = dialled(unit)
    assert connection.bound == 17002


def test_an_interval_is_cycled_through_and_remembered(unit: Bench) -> None:
    interval = ("sipEpTransportPersistentPortInterval", SCALAR, 100)
    connection = up(unit, interval)
    assert connection.bound == 16000
    unit.restart("SipEp")
    unit.wait(DRAIN_S)
    (again,) = dialled(unit)
    assert again.bound == 16001


# -- keep-alive


def sent_options(unit: Bench) -> Any:
    return column(unit, "OptionsSent")


def test_options_are_sent_at_each_interval(unit: Bench) -> None:
    connection = up(unit, ("sipEpSipKeepAliveInterval", SCALAR, 10))
    assert sent_options(unit) == 1
    for expected in (2, 3):
        unit.wait(10)
        connection.talk()
        assert sent_options(unit) == expected


def test_a_server_that_does_not_answer_is_lost_after_the_transmission_timeout(
    unit: Bench
) -> None:
    up(unit, ("sipEpSipKeepAliveInterval", SCALAR, 100),
       ("sipEpInteropTransmissionTimeout", SCALAR, 4))
    unit.wait(100)
    unit.wait(3.9)
    assert states(unit) == [UP]
    unit.wait(0.2)
    assert states(unit) == [DOWN]
    assert column(unit, "OptionsTimedOut") == 1
    assert column(unit, "LastError") == b"no answer to OPTIONS within 4 s"


@pytest.mark.parametrize("method", [100, 300, 400])
def test_the_other_methods_come_up_without_options(unit: Bench, method: int) -> None:
    up(unit, ("sipEpSipKeepAliveMethod", SCALAR, method))
    assert sent_options(unit) == 0


def test_ping_without_a_pong_is_a_loss(unit: Bench) -> None:
    up(unit, ("sipEpSipKeepAliveMethod", SCALAR, 300), ("sipEpSipKeepAliveInterval", SCALAR, 20))
    unit.wait(20)
    unit.wait(10)
    assert states(unit) == [DOWN]
    assert column(unit, "LastError") == b"no pong within 10 s"


def test_tcp_keep_alive_has_interval_and_retries(unit: Bench) -> None:
    tls(unit, ("sipEpSipKeepAliveMethod", SCALAR, 400),
        ("sipEpSipKeepAliveInterval", SCALAR, 25), ("sipEpSipKeepAliveRetry", SCALAR, 7))
    set_to: list[tuple[int, int, int]] = []

    class Handle:
        def setsockopt(self, *option: int) -> None:
            set_to.append(option)  # type: ignore[arg-type]

    unit.sip.connections().get(1).shell.prepare_socket(Handle())  # type: ignore[union-attr]
    assert [value for _, _, value in set_to] == [1, 25, 25, 7]


# -- rights and limits


@pytest.mark.parametrize("name", ["sipEpInteropTlsCertificateValidation"])
def test_what_guards_the_unit_is_an_admins(unit: Bench, name: str) -> None:
    with pytest.raises(NoAccess):
        unit.set(name, 100, principal=USER)


def test_a_user_may_switch_tls(unit: Bench) -> None:
    unit.change((TLS, DEFAULT, 1), (PROXY, SCALAR, b"192.0.2.10"), principal=USER)


@pytest.mark.parametrize(("name", "value"), [
    ("sipEpDefaultStaticProxyOutboundHost", b"host:99999"),
    ("sipEpTransportFailbackInterval", 4), ("sipEpMaxStreamMessageSize", 5119),
    ("sipEpTransportPersistentPortInterval", 50)])
def test_limits_are_the_mibs(unit: Bench, name: str, value: Value) -> None:
    with pytest.raises(WrongValue):
        unit.set(name, value)


@pytest.mark.parametrize(("least", "told"), [(0, 0), (100, 2), (200, 1), (300, 0)])
def test_min_severity(unit: Bench, least: int, told: int) -> None:
    trust(unit)
    unit.set("sipEpMinSeverity", least)
    unit.change((TLS, DEFAULT, 1), (PROXY, SCALAR, b"192.0.2.10:5063"))
    unit.restart("SipEp")
    dialled(unit)[0].join(Server(unit))
    found = unit.texts("sipEpTlsConnectionReady", "sipEpTlsConnectionAttempt")
    assert len(found) == told


def test_a_destroyed_gateway_is_gone_at_the_restart(unit: Bench) -> None:
    unit.set(ROW, CREATE_AND_GO, TWO)
    unit.set("sipEpGatewayPort", 5070, TWO)
    unit.restart("SipEp")
    assert 5070 in udp(unit)
    unit.set(ROW, DESTROY, TWO)
    assert 5070 in udp(unit)
    unit.restart("SipEp")
    assert 5070 not in udp(unit)
    with pytest.raises(Refused):
        unit.set("sipEpGwSpecificProxyEnableConfig", 1, TWO)


def test_a_port_that_is_taken_when_the_time_comes_is_said(unit: Bench) -> None:
    unit.set("hocClockSource", 300)
    unit.set(TLS, 1, DEFAULT)
    unit.restart("SipEp")
    unit.reactor.occupy(5061)
    unit.set("hocClockSource", 100)
    assert gateway(unit) is GatewayState.PORT_IN_USE
    assert len(unit.active()) == 1
    assert unit.active()[0].endswith("Cannot start, port already in use: port 5061.")


def test_strangers_cannot_flood_the_log(unit: Bench) -> None:
    unit.texts()
    big = OPTIONS.replace(b"Content-Length: 0\r\n\r\n",
                          b"Content-Length: 6000\r\n\r\n" + b"x" * 6000)
    for _ in range(50):
        unit.udp(5060).given.datagramReceived(big, ("192.0.2.9", 5060))
    first = len(unit.texts("sipEpMessageTooLarge"))
    assert 0 < first < 50
    unit.wait(61)
    unit.udp(5060).given.datagramReceived(big, ("192.0.2.9", 5060))
    assert len(unit.texts("sipEpMessageTooLarge")) == 1
