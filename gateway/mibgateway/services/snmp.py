"""The SNMP agent as a service: which versions, which community, which port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import CannotListenError

from mibagent.errors import Index, WrongValue
from mibagent.service.service import Service, check, on_change, provides
from mibagent.service.settings import layer_of
from mibagent.snmp.engine import Engine
from mibagent.snmp.limits import Networks
from mibagent.snmp.outgoing_v3 import SecureOutgoing
from mibagent.snmp.peer import OVER_TCP
from mibagent.snmp.serving import StoreSource
from mibagent.snmp.shell import start as listen
from mibagent.snmp.system import AuthenTraps
from mibagent.snmp.tcp.shell import SnmpTcpPort
from mibagent.snmp.tcp.shell import start as listen_tcp
from mibagent.snmp.usm import Usm
from mibagent.snmp.vacm import Level
from mibgateway.errors import StartError
from mibgateway.notifier import Rate
from mibgateway.services.snmp_access import AccessControl
from mibgateway.services.snmp_community import CommunityService, CommunitySettings
from mibgateway.services.snmp_traps import Destinations, Door, Managers, Standings, TrapVersion
from mibgateway.services.snmp_vacm import VacmService, VacmSettings
from mibgateway.snmp_users import (
    KEY_CHANGES,
    AuthProtocol,
    Keeping,
    PrivProtocol,
    SnmpUsers,
    check_engine_id,
    check_protocols,
    private_keys_of,
)

_FORGETTING = (
    "snmpCommunity", "snmpTargetAddr", "snmpSourceNetworks", "aaaUsers", "usmUser", "vacm")
"""Objects that say who may what begin so; the others are read at a start, which forgets too."""

_OPENING = ("snmpCommunity", "snmpTargetAddr", "aaaUsersRowStatus", "aaaUsersSourceNetworks")
"""Those of them by which a community may become right that was wrong; an Admin writes them."""

REFUSALS_A_MINUTE = 10
"""Notifications of refused requests; more are counted by SNMPv2-MIB alone."""


@dataclass(frozen=True)
class SnmpSettings:
    """The writable objects of MIBGATE-SNMP-MIB."""

    enable_snmp_v1: bool
    enable_snmp_v2: bool
    enable_snmp_v3: bool
    auth_protocol: AuthProtocol
    priv_protocol: PrivProtocol
    priv_password: bytes
    allow_legacy_algorithms: bool
    own_engine_id: bytes
    keep_inform_keys: bool
    community: str
    snmp_user: str
    port: int
    community_may_write: bool
    trap_dest: Destinations
    enable_trap: bool
    trap_dest_version: TrapVersion
    trap_dest_inform: bool
    trap_dest_community: str
    trap_dest_user: str
    max_trap_rate: int
    max_amplification: int
    source_networks: Networks
    enable_tcp: bool


class _Forgetter:
    """Empties the engine's memory of who may what, in the turn in which that changes."""

    def __init__(self, service: SnmpService) -> None:
        self._service = service

    def changed(self, name: str, index: Index) -> None:
        if name.startswith(_FORGETTING):
            self._service.forget()
        if name.startswith(_OPENING):
            self._service.access.forgive()

    def row_added(self, table: str, index: Index) -> None:
        self.changed(table, index)

    def row_removed(self, table: str, index: Index) -> None:
        self.changed(table, index)

    def rows_replaced(self, table: str) -> None:
        self.changed(table, ())


class SnmpService(Service[SnmpSettings]):
    """Listens, and judges communities; the engine does the rest."""

    mib = "MIBGATE-SNMP-MIB"
    settings = SnmpSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._engine: Engine | None = None
        self._port: Any = None
        self._port_in_use = 0
        self._tcp: SnmpTcpPort | None = None
        self.access = AccessControl(
            unit.store, self._tables, self._community_rows,
            lambda: unit.speaking().engine_id,
            lambda: self.configured.community_may_write, unit.reactor.seconds)
        self._refusals = Rate(REFUSALS_A_MINUTE, unit.reactor.seconds)
        self._standings = Standings(self.access)
        self._engine_id = b""
        self.users = SnmpUsers(unit.store.configured, lambda: self._engine_id)
        self._complained: dict[str, str] = {}
        """What was told of users that can't come in."""
        self._secured = SecureOutgoing(self.users, unit.clock.monotonic)
        self._managers = Managers(unit, self._standings, self._secured)

    @property
    def engine(self) -> Engine:
        """The engine, made when first asked for; its counters outlive a restart of the service."""
        if self._engine is None:
            engine = self._engine = Engine(
                StoreSource(self.unit.store), self.access, clock=self.unit.reactor.seconds,
                on_refused=self._tell_refused)
            self.unit.counters = engine.counted
            self.unit.store.watch(_Forgetter(self))
        return self._engine

    def start(self, running: SnmpSettings) -> None:
        """Listen where the running configuration says."""
        self.access.running = self.users.running = running
        engine = self.engine
        self._engine_id = self.unit.engine_id
        usm = Usm(self._engine_id, self.unit.boots, self.users, self.unit.clock.monotonic,
                  self.unit.started_at)
        self.unit.speaking = lambda: usm
        self.unit.store.shape.given["snmpCommunityContextEngineID"] = self._engine_id
        engine.secure(usm if running.enable_snmp_v3 else None)
        self._secured.speak_as(usm)
        door = self._door(running)
        self.access.told = door.told if door is not None else frozenset()
        self._standings.community = running.trap_dest_community.encode()
        self.access_changed(self.configured)
        self.access.forgive()
        self.limit_traps(self.configured)
        self.limit_answers(self.configured)
        self._managers.start(door)
        self._complained.clear()
        self.tell_who_is_unusable(self.configured)
        if not (running.enable_snmp_v1 or running.enable_snmp_v2 or running.enable_snmp_v3):
            return
        where = self.unit.options.listen
        self._port, self._port_in_use = self.unit.open_port(
            running.port, lambda port: listen(self.unit.reactor, engine, where, port))
        self._port_in_use = self._port_in_use or self._port.getHost().port
        if running.enable_tcp:
            self._open_tcp(where, self._port_in_use)
        versions = self._versions(running)
        self.unit.managers_changed()
        instead = f", in place of {running.port}" * (self._port_in_use != running.port != 0)
        self.unit.say_interface("SNMP", f"udp {where} port {self._port_in_use}",
                                f"{versions}{instead}")

    def _door(self, running: SnmpSettings) -> Door | None:
        """Give what goes to Snmp.TrapDest; None where nothing is sent to anybody.

        In SNMPv3 with the most that its user can, never without authentication.
        """
        if not running.enable_trap:
            return None
        user = self.users.user(running.trap_dest_user.encode())
        level = user.level if user is not None and not user.unusable else Level.AUTH_PRIV
        return Door(running.trap_dest.hosts, running.trap_dest_version, running.trap_dest_inform,
                    running.trap_dest_user, max(level, Level.AUTH_NO_PRIV))

    def _open_tcp(self, where: str, port: int) -> None:
        """Listen for connections, at the number that UDP has."""
        try:
            self._tcp = listen_tcp(self.unit.reactor, self.engine, where, port)
        except CannotListenError as error:
            self.stop()
            raise StartError(f"TCP port {port} at {where} can't be listened on: "
                             f"{getattr(error.socketError, 'strerror', error.socketError)}"
                             ) from None
        self.unit.say_interface("SNMP", f"tcp {where} port {self._tcp.number}")

    def _versions(self, running: SnmpSettings) -> str:
        """Give the versions that are answered, in words."""
        said = ["v3"] * running.enable_snmp_v3
        communities = ["v1"] * running.enable_snmp_v1 + ["v2c"] * running.enable_snmp_v2
        if communities:
            rights = "may write" if self.configured.community_may_write else "read-only"
            said.append(f"{' and '.join(communities)}, {rights}")
        return ", ".join(said)

    def stop(self) -> Any:
        """Close the port."""
        port, self._port, self._port_in_use = self._port, None, 0
        tcp, self._tcp = self._tcp, None
        if tcp is not None:
            tcp.stop()
        self._managers.stop()
        self.access.running = self.users.running = None
        self.engine.secure(None)
        self.access_changed(self.configured)
        return port.stopListening() if port is not None else None

    def forget(self) -> None:
        """Let the engine ask again who may what."""
        self.access.forget()
        self.users.forget()
        self._secured.forget()
        if self._engine is not None:
            self._engine.forget()

    @on_change("snmpCommunityMayWrite", "aaaUsersAccessRights", "aaaUsersRowStatus")
    def access_changed(self, wanted: SnmpSettings) -> None:
        """Let the very next request be judged anew, and the tables of views say how."""
        self.forget()
        self.access.show()

    def derive(self) -> Mapping[str, Callable[[bytes], bytes]]:
        tip = self.unit.store.tip
        return {"snmpPrivPassword": lambda plain: private_keys_of(
            plain, self.unit.engine_id_in(tip), Keeping.of(tip))}

    @check("snmpAuthProtocol", "snmpPrivProtocol", "snmpAllowLegacyAlgorithms")
    def algorithms_are_allowed(self, wanted: SnmpSettings) -> None:
        """Refuse MD5, SHA-1 and DES unless they are allowed, to users too."""
        view = layer_of(wanted)
        check_protocols(view, "snmpAuthProtocol", wanted.auth_protocol)
        check_protocols(view, "snmpPrivProtocol", wanted.priv_protocol)
        for index in view.rows(view.shape.model.tables["aaaUsersTable"]):
            for column in ("aaaUsersAuthProtocol", "aaaUsersPrivProtocol"):
                asked = view.cell(column, index)
                assert asked is None or isinstance(asked, int)
                check_protocols(view, column, asked or 0, index)

    @check("snmpOwnEngineId", "aaaUsersPassword", "aaaUsersPrivPassword", "snmpPrivPassword")
    def keys_are_for_the_engine(self, wanted: SnmpSettings) -> None:
        """Refuse an engine ID that is none, or that orphans the keys of users."""
        view, own = layer_of(wanted), wanted.own_engine_id
        if own == self.unit.store.tip.cell("snmpOwnEngineId", ()) or (
                not own and not self.unit.store.tip.cell("snmpOwnEngineId", ())):
            return
        if own and (not any(own) or set(own) == {0xFF} or (own[0] < 0x80 and len(own) != 12)):
            raise WrongValue("snmpOwnEngineId", "no engine ID: the first bit is set, or it has 12 "
                             "octets; not all are 0, not all ff")
        check_engine_id(view, self.unit.engine_id_in(view))

    @on_change("aaaUsersRowStatus", "aaaUsersPassword", "aaaUsersPrivPassword",
               "aaaUsersAuthProtocol", "aaaUsersPrivProtocol", *KEY_CHANGES)
    def tell_who_is_unusable(self, wanted: SnmpSettings) -> None:
        """Say which users can't come in by SNMPv3, once each."""
        running = self.users.running
        if running is None or self.access.running is None or not wanted.enable_snmp_v3:
            return
        found = dict(self.users.complaints())
        for name, why in found.items():
            if self._complained.get(name) != why:
                self.unit.notifier.issue("snmpUserUnusable", {
                    "snmpNotifiedUser": name, "snmpNotifiedReason": why})
        self._complained = found
        self.unit.managers_changed()

    @property
    def answers_v3(self) -> bool:
        """Whether SNMPv3 is answered now."""
        running = self.access.running
        return isinstance(running, SnmpSettings) and running.enable_snmp_v3

    def _community_rows(self) -> CommunitySettings:
        rows: CommunitySettings = \
            self.unit.host.services[CommunityService.mib].wired.service.configured
        return rows

    def _tables(self) -> VacmSettings:
        tables: VacmSettings = self.unit.host.services[VacmService.mib].wired.service.configured
        return tables

    @on_change("snmpMaxAmplification")
    def limit_answers(self, wanted: SnmpSettings) -> None:
        """Bound answers to communities from the next request on."""
        self.engine.amplify(wanted.max_amplification)

    @on_change("snmpMaxTrapRate")
    def limit_traps(self, wanted: SnmpSettings) -> None:
        """Send no more notifications a second than that."""
        self._managers.limit(wanted.max_trap_rate)

    def _tell_refused(self, peer: Any, why: str) -> None:
        if not self._refusals.allows():
            return
        if self.unit.store.get("snmpEnableAuthenTraps") == AuthenTraps.ENABLED:
            self.unit.notifier.issue("authenticationFailure")
        hint = "set Snmp.Community and Snmp.SnmpUser" \
            if self.access.running is not None and why.startswith("a community") else ""
        self.unit.notifier.issue("snmpRequestRefused", {
            "snmpNotifiedPeer": f"{str(peer[0]).removesuffix(OVER_TCP)}:{peer[1]}",
            "snmpNotifiedReason": f"{why}; {hint}" if hint else why})

    @provides("snmpPortInUse")
    def port_in_use(self) -> int:
        """The port that is really listened on, 0 while none is."""
        return self._port_in_use

    @provides("snmpTcpPortInUse")
    def tcp_port_in_use(self) -> int:
        """The TCP port that is listened on, 0 while none is."""
        return self._tcp.number if self._tcp is not None else 0

    @provides("snmpStatsRefusedSources")
    def refused_sources(self) -> int:
        """Messages from networks that may not ask."""
        return self.engine.counters.refused_sources & 0xFFFFFFFF

    @provides("snmpStatsWithheldReports")
    def withheld_reports(self) -> int:
        """Reports that a host which failed too often was not sent."""
        return self.engine.counters.withheld_reports & 0xFFFFFFFF

    @provides("snmpStatsGetRequest")
    def gets(self) -> int:
        """GETs since the start."""
        return self.engine.counters["snmpInGetRequests"] & 0xFFFFFFFF

    @provides("snmpStatsGetNextRequest")
    def get_nexts(self) -> int:
        """GETNEXTs since the start."""
        return self.engine.counters["snmpInGetNexts"] & 0xFFFFFFFF

    @provides("snmpStatsSetRequest")
    def sets(self) -> int:
        """SETs since the start."""
        return self.engine.counters["snmpInSetRequests"] & 0xFFFFFFFF

    @provides("snmpStatsTrapsSent")
    def traps_sent(self) -> int:
        """Traps, one for each receiver."""
        return self._managers.tally.traps & 0xFFFFFFFF

    @provides("snmpStatsInformsSent")
    def informs_sent(self) -> int:
        """Informs, however often each was sent."""
        return self._managers.tally.informs & 0xFFFFFFFF

    @provides("snmpStatsInformsAcknowledged")
    def informs_acknowledged(self) -> int:
        """Informs that are well received."""
        return self._managers.tally.acknowledged & 0xFFFFFFFF

    @provides("snmpStatsInformsFailed")
    def informs_failed(self) -> int:
        """Informs that were answered with an error or not at all."""
        tally = self._managers.tally
        return (tally.refused + tally.unanswered) & 0xFFFFFFFF

    @provides("snmpStatsNotificationsDropped")
    def notifications_dropped(self) -> int:
        """Notifications lost in the unit."""
        return self._managers.tally.dropped & 0xFFFFFFFF

    @provides("snmpInformsWaiting")
    def informs_waiting(self) -> int:
        """Informs that have no answer yet."""
        return self._managers.waiting
