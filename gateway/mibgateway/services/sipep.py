"""The SIP endpoint: gateways, their ports, and a persistent TLS link to each of their servers."""

from __future__ import annotations

import enum
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError

from mibagent.errors import InconsistentValue
from mibagent.service.service import Service, Wishes, check, command, completes, provides, rows
from mibagent.service.settings import Row, Table
from mibagent.smi.host import HostPort
from mibagent.store.live import LiveTable
from mibagent.store.wish import Wish
from mibgateway.notifier import Rate
from mibgateway.services.sipep_rows import ConnectionRow, GatewayState, GatewayStatusRow
from mibgateway.sip import terms
from mibgateway.sip.flow import Flow
from mibgateway.sip.grammar import Params
from mibgateway.sip.options import Identity, UserAgentServer
from mibgateway.sip.ports import candidate_ports
from mibgateway.sip.shell import Answering, FlowShell, listen_tcp, listen_tls, listen_udp
from mibgateway.sip.terms import FlowSettings, KeepAlive, State, Trouble
from mibgateway.sip.uri import SipUri
from mibgateway.tls.certificate import CredentialError, Usage
from mibgateway.tls.creator import ClientCreator, ServerCreator, facts
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.policy import Level, PolicyError, TlsPolicy, Trust, missing
from mibgateway.tls.suites import Floor, SuiteSet
from mibgateway.unit import ReadyLed

SIP_PORT, SIPS_PORT = 5060, 5061
"""RFC 3261 section 19.1.2."""

STRANGERS_A_MINUTE = 30
"""Notifications that somebody who comes to our ports can cause."""

log = logging.getLogger(__name__)

LAST_PORT = "sipep-last-port"
CONNECTIONS = "sipEpTlsPersistentConnectionStatusTable"
"""What the unit remembers of its local ports."""


class GatewayType(enum.IntEnum):
    """Trunk gateways listen at fixed ports; TLS is theirs."""

    TRUNK_GATEWAY = 100
    ENDPOINT_GATEWAY = 200


@dataclass(frozen=True)
class GatewayRow(Row):
    """One SIP gateway."""

    type: GatewayType
    port: int
    secure_port: int
    domain: str


@dataclass(frozen=True)
class TransportConfigRow(Row):
    """The transports of one gateway."""

    udp_enable: bool
    tcp_enable: bool
    tls_enable: bool


@dataclass(frozen=True)
class GwSpecificProxyRow(Row):
    """The proxies of one gateway, in place of the defaults."""

    enable_config: bool
    home_domain_host: HostPort
    outbound_host: HostPort


@dataclass(frozen=True)
class SipEpSettings:
    """The writable objects of MIBGATE-SIPEP-MIB."""

    gateway: Table[GatewayRow]
    transport_config: Table[TransportConfigRow]
    gw_specific_proxy: Table[GwSpecificProxyRow]
    default_static_proxy_home_domain_host: HostPort
    default_static_proxy_outbound_host: HostPort
    default_static_registrar_server_host: HostPort
    transport_persistent_base_port: int
    transport_persistent_port_interval: int
    transport_failback_interval: int
    transport_tls_certificate_trust_level: Trust
    transport_tls_cipher_suite: SuiteSet
    transport_tls_version: Floor
    sip_keep_alive_method: KeepAlive
    sip_keep_alive_interval: int
    sip_keep_alive_retry: int
    interop_transmission_timeout: int
    interop_tcp_connect_timeout: int
    interop_tls_client_authentication_enable: bool
    interop_tls_certificate_validation: Level
    max_stream_message_size: int


class SipEpService(Service[SipEpSettings]):
    """Keeps a TLS flow to each server that the MIB names, and answers OPTIONS."""

    mib = "MIBGATE-SIPEP-MIB"
    settings = SipEpSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._connections: LiveTable[ConnectionRow] = LiveTable()
        self._status: dict[str, GatewayStatusRow] = {}
        self._ports: list[Any] = []
        self._ends: list[Callable[[], None]] = []
        self._running: SipEpSettings | None = None
        self._starting = False
        self._credential_seen: object = None
        self._refusals: dict[str, PeerRefused] = {}
        self._strangers = Rate(STRANGERS_A_MINUTE, unit.reactor.seconds)

    # -- before a commit

    @completes("sipEpTransportConfigTlsEnable", "sipEpGatewayRowStatus")
    def tls_is_for_all_gateways(self, wanted: SipEpSettings, wishes: Wishes) -> Iterable[Wish]:
        """Copy the switch to every row; TLS turns UDP and TCP off, no TLS brings UDP back."""
        switched = {index for name, index in wishes.changed
                    if name == "sipEpTransportConfigTlsEnable"}
        asked = [(index, value) for index, value
                 in wishes.rows_of("sipEpTransportConfigTlsEnable") if index in switched]
        if asked:
            for key in wanted.gateway:
                yield from _switch(key, bool(asked[0][1]), wishes)
            return
        made = {index for name, index in wishes.changed if name == "sipEpGatewayRowStatus"}
        rows = list(wanted.transport_config.values())
        others = [row.tls_enable for row in rows if row.index not in made]
        for row in rows:
            if row.index in made and others and row.tls_enable != others[0]:
                yield from _switch(row.key, others[0], wishes)

    @check("sipEpTransportConfigUdpEnable", "sipEpTransportConfigTcpEnable",
           "sipEpTransportConfigTlsEnable")
    def tls_shares_with_no_other(self, wanted: SipEpSettings, row: TransportConfigRow) -> None:
        """Refuse a mix of TLS and non-TLS links."""
        if row.tls_enable and (row.udp_enable or row.tcp_enable):
            raise row.no(InconsistentValue, "tls_enable",
                         "TLS shares the unit with no other transport")
        for other in wanted.transport_config.values():
            if other.tls_enable != row.tls_enable:
                raise row.no(InconsistentValue, "tls_enable",
                             f"TLS is for the whole unit, and gateway {other.key} differs")

    @rows("sipEpGatewayTable")
    def factory_gateways(self) -> dict[str, dict[str, object]]:
        """Give the gateway that every unit begins with."""
        return {"default": {}}

    # -- start and stop

    def start(self, running: SipEpSettings) -> None:
        """Open what the running configuration asks for."""
        self._running = running
        self._tls = any(row.tls_enable for row in running.transport_config.values())
        self._policy = TlsPolicy(
            running.transport_tls_cipher_suite, running.transport_tls_version,
            running.interop_tls_certificate_validation,
            running.interop_tls_client_authentication_enable, "SIP",
            running.transport_tls_certificate_trust_level)
        self._forbidden = self.unit.forbidden_certificates("certHostCertificateAssociationSip")
        self._status = {key: GatewayStatusRow() for key in running.gateway}
        lacking = missing(self._policy) if self._tls else ()
        if lacking:
            self.unit.notifier.issue("sipEpCipherSuitesNotAvailable",
                                     {"sipEpNotifiedCipherSuites": ", ".join(lacking)})
        if self._tls and self._policy.floor is Floor.SSLV3:
            self.unit.notifier.issue("sipEpTlsVersionNotAvailable", {
                "sipEpTransportTlsVersion": int(self._policy.floor)})
        self._starting = True
        for key, row in running.gateway.items():
            self._start_gateway(key, row)
        self._starting = False
        self._credential_seen = self._seen()
        self._ends = [self.unit.vault.watch(self._certificates_changed),
                      self.unit.clock.on_trust(self._trust_changed)]
        self._judge_gateways()

    def stop(self) -> Any:
        """Say goodbye to every server; close the ports."""
        self._running = None
        for end in self._ends:
            end()
        self._ends = []
        waiting = [maybeDeferred(port.stopListening) for port in self._ports]
        self._ports = []
        rows = list(zip(self._connections.indexes(), self._connections.values(), strict=True))
        for index, row in rows:
            waiting.append(row.shell.stop())
            self._connections.remove(index)
        self.unit.notifier.end_trouble((
            "sipEpTlsHandshakeFailed", "sipEpTlsConnectionLost", "sipEpServerCertificateRefused",
            "sipEpTlsPortNotOpened", "sipEpServerUnreachable", "sipEpGatewayNotReady"))
        self._status = {key: GatewayStatusRow() for key in self._status}
        self._led(ReadyLed.OFF)
        done = DeferredList(waiting, consumeErrors=True)
        return done.addCallback(lambda _: None)

    def _start_gateway(self, key: str, row: GatewayRow) -> None:
        running = self._running
        assert running is not None
        status = self._status[key]
        transports = running.transport_config[key]
        status.domain = row.domain
        if row.type is GatewayType.ENDPOINT_GATEWAY and self._tls:
            self._set_state(key, GatewayState.INVALID_CONFIGURATION,
                            "TLS is for trunk gateways")
            return
        answering = self._answering(key, row)
        try:
            if row.type is GatewayType.TRUNK_GATEWAY:
                status.port = row.port or SIP_PORT if not self._tls else 0
                where = self.unit.options.listen
                if transports.udp_enable:
                    self._ports.append(listen_udp(answering, status.port, where))
                    self.unit.say_interface("SIP", f"udp {where} port {status.port}", key)
                if transports.tcp_enable:
                    self._ports.append(listen_tcp(answering, status.port, where))
                    self.unit.say_interface("SIP", f"tcp {where} port {status.port}", key)
                if self._tls:
                    self._open_tls(key, row, answering)
        except CannotListenError as error:
            self._set_state(key, GatewayState.PORT_IN_USE, f"port {error.port}")
            return
        except PolicyError as error:
            self._set_state(key, GatewayState.INVALID_CONFIGURATION, str(error))
            return
        if self._tls and row.type is GatewayType.TRUNK_GATEWAY:
            for server in self._servers(key):
                self._connect(key, row, server)

    def _open_tls(self, key: str, row: GatewayRow, answering: Answering) -> None:
        creator = ServerCreator(
            self._policy, partial(self._credential, Usage.TLS_SERVER),
            self.unit.vault.authorities, clock=self.unit.judging_time,
            shared=self.unit.vault.shared)
        if not self.unit.clock.synchronized():
            self._set_state(key, GatewayState.WAITING_FOR_TIME)
            self.unit.notifier.issue("sipEpTlsPortNotOpened", {"sipEpGatewayStatusName": key})
            return
        port = row.secure_port or SIPS_PORT
        self._ports.append(listen_tls(answering, creator, port, self.unit.options.listen))
        self._status[key].secure_port = port
        self.unit.say_interface("SIP", f"tls {self.unit.options.listen} port {port}", key)

    def _answering(self, key: str, row: GatewayRow) -> Answering:
        running = self._running
        assert running is not None

        def too_large(size: int, peer: str) -> None:
            if not self._strangers.allows():
                return
            self.unit.notifier.issue("sipEpMessageTooLarge", {
                "sipEpNotifiedSize": size, "sipEpNotifiedPeer": peer})

        def refused(error: BaseException, peer: str) -> None:
            if not self._strangers.allows():
                return
            log.info("%s: no TLS with %s: %s", key, peer, explain(error, self._policy, "client"))
            if self._policy.client_authentication:
                self.unit.notifier.issue("sipEpClientCertificateRefused", {
                    "sipEpGatewayStatusName": key, "sipEpNotifiedPeer": peer,
                    "sipEpNotifiedReason": explain(error, self._policy, "client").rstrip(".")})

        return Answering(
            self.unit.reactor, UserAgentServer(self._identity(row), secrets_token),
            timeout_s=running.interop_transmission_timeout,
            limit_octets=running.max_stream_message_size, too_large=too_large, refused=refused)

    def _identity(self, row: GatewayRow) -> Identity:
        version = self.unit.options.version
        return Identity(user_agent=f"mibgate/{version}" if version else "mibgate",
                        domain=row.domain or None)

    # -- servers

    def _servers(self, key: str) -> list[HostPort]:
        running = self._running
        assert running is not None
        specific = running.gw_specific_proxy[key]
        if specific.enable_config:
            named = [specific.outbound_host, specific.home_domain_host]
        else:
            named = [running.default_static_proxy_outbound_host,
                     running.default_static_proxy_home_domain_host]
        named.append(running.default_static_registrar_server_host)
        found = [server.with_port(SIPS_PORT) for server in named if server]
        return list(dict.fromkeys(found))

    def _connect(self, key: str, row: GatewayRow, server: HostPort) -> None:
        running = self._running
        assert running is not None
        settings = FlowSettings(
            target=SipUri(server.host, server.port or None,
                          params=Params((("transport", "tls"),))),
            identity=self._identity(row), gateways=(key,),
            keep_alive=running.sip_keep_alive_method,
            keep_alive_interval_s=running.sip_keep_alive_interval,
            failback_interval_s=running.transport_failback_interval,
            connect_timeout_s=running.interop_tcp_connect_timeout,
            transmission_timeout_s=running.interop_transmission_timeout,
            message_limit_bytes=running.max_stream_message_size)
        core = UserAgentServer(self._identity(row), secrets_token)
        connection = ConnectionRow(
            len(self._connections) + 1, key, server, self.unit.clock.local)
        keep_alive = None
        if running.sip_keep_alive_method is KeepAlive.TCP_KEEP_ALIVE:
            keep_alive = (running.sip_keep_alive_interval, running.sip_keep_alive_retry)
        connection.shell = FlowShell(
            self.unit.reactor, Flow(settings, core.answer, secrets_token), server.host,
            server.port,
            make_creator=lambda: ClientCreator(
                self._policy, self._credential(Usage.TLS_CLIENT),
                self.unit.vault.authorities(), server.host, clock=self.unit.judging_time,
                shared=self.unit.vault.shared),
            facts_of=_facts_of, judge=partial(self._judge, str(server)),
            local_ports=self._local_ports, note_port=partial(self._note_port, connection),
            tell=partial(self._tell, connection), tcp_keep_alive=keep_alive)
        self._connections.add(connection.number, connection)
        connection.shell.start()

    def _credential(self, role: Usage) -> Any:
        return self.unit.vault.credential(role, self._policy, self._forbidden)

    def _local_ports(self) -> Iterator[int]:
        running = self._running
        if running is None:
            return iter(())
        last = self.unit.store.memory.get(LAST_PORT)
        in_use = {row.local_port for row in self._connections.values()
                  if row.shell.flow.state in (State.UP, State.WAITING_UP)}
        return candidate_ports(
            running.transport_persistent_base_port, running.transport_persistent_port_interval,
            int(last) if last else None, in_use)

    def _note_port(self, connection: ConnectionRow, port: int) -> None:
        connection.local_port = port
        self.unit.notifier.issue("sipEpTlsConnectionAttempt", {
            "sipEpTlsPersistentConnectionStatusRemoteHost": connection.remote_host,
            "sipEpTlsPersistentConnectionStatusGateway": connection.gateway,
            "sipEpTlsPersistentConnectionStatusLocalPort": port}, {CONNECTIONS: connection.number})
        running = self._running
        if running is not None and running.transport_persistent_port_interval:
            self.unit.store.remember({LAST_PORT: str(port).encode()}).addErrback(lambda _: None)

    def _judge(self, remote: str, error: BaseException) -> tuple[Trouble, str]:
        text = explain(error, self._policy)
        if isinstance(error, PeerRefused):
            self._refusals[remote] = error
            return Trouble.SERVER_CERTIFICATE, text
        if isinstance(error, PolicyError | CredentialError):
            return Trouble.HANDSHAKE, text
        if isinstance(error, SSL.Error):
            about_ours = "certificate" in text and "refuse" in text
            return Trouble.CLIENT_CERTIFICATE if about_ours else Trouble.HANDSHAKE, text
        return Trouble.CLOSED, "the server closed the connection"

    # -- what happens

    def _tell(self, connection: ConnectionRow, effect: terms.Effect) -> None:
        issue = self.unit.notifier.issue
        about: dict[str, object] = {
            "sipEpTlsPersistentConnectionStatusRemoteHost": connection.remote_host,
            "sipEpTlsPersistentConnectionStatusGateway": connection.gateway}
        server = {"sipEpNotifiedServer": connection.remote_host,
                  "sipEpGatewayStatusName": connection.gateway}
        match effect:
            case terms.Ready():
                connection.ready_at = self.unit.clock.local()
                issue("sipEpTlsConnectionReady",
                      {**about, "sipEpGatewayStatusName": connection.gateway},
                      {CONNECTIONS: connection.number})
            case terms.Reachable():
                issue("sipEpServerReachable", server)
            case terms.Unreachable():
                issue("sipEpServerUnreachable", server)
            case terms.Failed(_, failure):
                self._tell_failed(connection, failure, about)
            case terms.LostConnection(_, failure):
                connection.ready_at = None
                issue("sipEpTlsConnectionLost", {
                    **about, "sipEpTlsPersistentConnectionStatusLastError": failure.text},
                    {CONNECTIONS: connection.number})
        if self._running is not None:
            self._judge_gateways()

    def _tell_failed(
        self, connection: ConnectionRow, failure: terms.Failure, about: dict[str, object]
    ) -> None:
        name = "sipEpTlsHandshakeFailed"
        if failure.trouble is Trouble.SERVER_CERTIFICATE:
            refusal = self._refusals.get(connection.remote_host)
            name = "sipEpServerCertificateRefused"
            about = {
                **about,
                "sipEpTlsPersistentConnectionStatusPeerSubject":
                    refusal.subject if refusal else "",
                "sipEpNotifiedCheck": f"{refusal.check}, {refusal.detail}" if refusal
                    else failure.text,
                "sipEpNotifiedLevel": refusal.level.label if refusal else ""}
        self.unit.notifier.issue(name, {
            **about, "sipEpTlsPersistentConnectionStatusLastError": failure.text},
            {CONNECTIONS: connection.number})

    def _seen(self) -> object:
        vault = self.unit.vault
        own = self._credential(Usage.TLS_CLIENT)
        return (own.certificate if own else None,
                tuple(each.certificate for each in vault.authorities()))

    def _certificates_changed(self) -> None:
        seen = self._seen()
        if seen == self._credential_seen:
            return
        self._credential_seen = seen
        for connection in self._connections.values():
            connection.shell.carry(lambda flow, now: flow.replace(now))

    def _trust_changed(self, trusted: bool) -> None:
        running = self._running
        if not trusted or running is None or not self._tls:
            return
        opened: list[str] = []
        for key, row in running.gateway.items():
            if self._status[key].state_code is GatewayState.WAITING_FOR_TIME:
                try:
                    self._open_tls(key, row, self._answering(key, row))
                    opened.append(key)
                except CannotListenError as error:
                    self._set_state(key, GatewayState.PORT_IN_USE, f"port {error.port}")
                self.unit.notifier.end_trouble(
                    ("sipEpTlsPortNotOpened",), {"sipEpGatewayStatusName": key})
        for connection in self._connections.values():
            if connection.shell.flow.main is None:
                connection.shell.carry(lambda flow, now: flow.replace(now))
        self._judge_gateways(opened)

    def _judge_gateways(self, opened: Sequence[str] = ()) -> None:
        """Say how each gateway is; opened: those that waited for the time and wait no more."""
        if self._running is None or self._starting:
            return
        stuck = (GatewayState.PORT_IN_USE, GatewayState.INVALID_CONFIGURATION,
                 GatewayState.WAITING_FOR_TIME)
        for key, status in self._status.items():
            if status.state_code in stuck and key not in opened:
                continue
            mine = [row for row in self._connections.values() if row.gateway == key]
            dead = [row.remote_host for row in mine if row.shell.flow.main is None]
            if dead:
                self._set_state(key, GatewayState.SERVER_UNREACHABLE, ", ".join(dead))
            else:
                self._set_state(key, GatewayState.READY)
        states = {status.state_code for status in self._status.values()}
        ready = ReadyLed.STEADY if states <= {GatewayState.READY} else ReadyLed.BLINKING
        self._led(ready if states else ReadyLed.OFF)

    def _led(self, led: ReadyLed) -> None:
        self.unit.ready_led = led

    def _set_state(self, key: str, state: GatewayState, detail: str = "") -> None:
        status = self._status[key]
        before, status.state_code, status.detail = status.state_code, state, detail
        if before is state:
            return
        if state is GatewayState.READY:
            self.unit.notifier.issue("sipEpGatewayReady", {"sipEpGatewayStatusName": key})
        elif before is not GatewayState.STOPPED or state is not GatewayState.SERVER_UNREACHABLE:
            self.unit.notifier.issue("sipEpGatewayNotReady", {
                "sipEpGatewayStatusName": key, "sipEpGatewayStatusState": status.state})

    # -- shown and commanded

    @provides("sipEpGatewayStatusTable")
    def gateway_status(self, key: str) -> GatewayStatusRow:
        """One gateway as it is; one that waits for the service's restart is stopped."""
        return self._status.get(key, GatewayStatusRow())

    @provides("sipEpTlsPersistentConnectionStatusTable")
    def connections(self) -> LiveTable[ConnectionRow]:
        """A row a gateway and server; empty while TLS is off."""
        return self._connections

    @command("sipEpReconnect")
    def reconnect(self) -> None:
        """Drop and redo every persistent connection."""
        for connection in self._connections.values():
            connection.shell.carry(lambda flow, now: flow.reconnect(now))


def _switch(key: str, tls: bool, wishes: Wishes) -> Iterator[Wish]:
    index = (key.encode(),)
    yield Wish("sipEpTransportConfigTlsEnable", index, int(tls))
    names = ("sipEpTransportConfigUdpEnable", "sipEpTransportConfigTcpEnable")
    if tls:
        yield from (Wish(name, index, 0) for name in names)
    elif not any((name, index) in wishes for name in names):
        yield Wish(names[0], index, 1)


def secrets_token() -> str:
    """Give a word that nobody can guess."""
    return secrets.token_hex(10)


def _facts_of(connection: Any) -> tuple[str, str, str]:
    found = facts(connection)
    return found.tls_version, found.cipher, found.peer_subject

