"""Notifications to managers: the target tables, and the simple door to them, Snmp.TrapDest."""

from __future__ import annotations

import enum
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mibagent.errors import InconsistentName, Index
from mibagent.smi.host import HostPort
from mibagent.smi.syntax import Value
from mibagent.snmp.notify import Effect, Heard, Originator, Silent, Tally
from mibagent.snmp.outgoing import OutgoingMessages, SecureMessages, Standing
from mibagent.snmp.shell import NotificationPort
from mibagent.snmp.target_mib import TABLES, targets_in
from mibagent.snmp.targets import Address, Kind, Params
from mibagent.snmp.trap import Notification, Variable
from mibagent.snmp.vacm import Level, Model, View
from mibagent.store.storage import Storage
from mibgateway.lookup import Search
from mibgateway.notifier import Notice
from mibgateway.services.snmp_access import AccessControl

DOOR = "trapDest"
"""What the rows that follow from Snmp.TrapDest are called, and their tag."""

_ENDPOINTS = "snmpTargetAddrExtTable"
"""What stands beside each row of snmpTargetAddrTable."""

MOST_DESTINATIONS = 5
TRAP_PORT = 162
"""Where the parameter names none. RFC 3417 section 3."""

TIMEOUT_S = 5.0
"""How long a receiver is waited for; RFC 3413's 15 s is for rows that say nothing."""

REFRESH_S = 300.0
"""How long an answer of the name servers is believed."""
FIRST_RETRY_S = 5.0
LAST_RETRY_S = 300.0

MOST_HELD = 64
"""Notifications that wait while destinations are looked up at a start."""

MOST_UNSEEING = 64
"""Security names without a view that the log is told of."""

log = logging.getLogger(__name__)


class TrapVersion(enum.IntEnum):
    """The version that goes to Snmp.TrapDest."""

    AUTO = 0
    V1 = 100
    V2C = 200
    V3 = 300


@dataclass(frozen=True)
class Destinations:
    """Up to five hosts, between commas."""

    hosts: tuple[HostPort, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Destinations:
        """Read `host[:port], …`. Raises ValueError."""
        if not text.strip():
            return cls()
        hosts = tuple(HostPort.from_text(part) for part in text.split(","))
        if not all(hosts):
            raise ValueError("a host is missing between two commas")
        if len(hosts) > MOST_DESTINATIONS:
            raise ValueError(f"at most {MOST_DESTINATIONS} destinations")
        return cls(tuple(dict.fromkeys(host.with_port(TRAP_PORT) for host in hosts)))


@dataclass(frozen=True)
class Door:
    """What is sent to Snmp.TrapDest, and how."""

    hosts: tuple[HostPort, ...] = ()
    version: TrapVersion = TrapVersion.AUTO
    inform: bool = False
    user: str = ""
    level: Level = Level.AUTH_PRIV
    """For SNMPv3."""

    @property
    def params(self) -> tuple[int, int, bytes, int]:
        """Message model, security model, security name and level."""
        version = self.version
        if version is TrapVersion.AUTO:
            version = TrapVersion.V3 if self.user else TrapVersion.V2C
        if version is TrapVersion.V3:
            return 3, Model.USM, self.user.encode(), self.level
        if version is TrapVersion.V1:
            return 0, Model.V1, DOOR.encode(), Level.NO_AUTH_NO_PRIV
        return 1, Model.V2C, DOOR.encode(), Level.NO_AUTH_NO_PRIV

    def __str__(self) -> str:
        version = {0: "v1", 1: "v2c", 3: "v3"}[self.params[0]]
        return f"{version} {self.kind.name.lower()}s" + f" as {self.user}" * (version == "v3")

    @property
    def told(self) -> frozenset[tuple[int, bytes]]:
        """For whom a community stands here, by security model and name."""
        model, name = self.params[1:3]
        return frozenset() if model == Model.USM else frozenset({(int(model), name)})

    @property
    def kind(self) -> Kind:
        """SNMPv1 knows no informs."""
        return Kind.INFORM if self.inform and self.params[0] != 0 else Kind.TRAP


class DoorRows:
    """The rows of the target tables that follow from Snmp.TrapDest; names are looked up."""

    def __init__(self, unit: Any, settled: Callable[[], None]) -> None:
        """settled: called once every destination has been looked up for the first time."""
        self._unit, self._settled = unit, settled
        self._door = Door()
        self._searches: dict[int, Search] = {}
        self._timers: dict[int, Any] = {}
        self._waits: dict[int, float] = {}
        self._unknown: set[int] = set()
        self._made: dict[tuple[str, int], bytes] = {}

    def open(self, door: Door) -> None:
        """Make the rows, those of names as they are found."""
        self._door = door
        if not door.hosts:
            self._settled()
            return
        model, security, name, level = door.params
        tag = DOOR.encode()
        self._put("snmpTargetParams", 0, {
            "MPModel": model, "SecurityModel": int(security), "SecurityName": name,
            "SecurityLevel": int(level)})
        self._put("snmpNotify", 0, {"Tag": tag, "Type": int(door.kind)})
        self._unknown = set(range(len(door.hosts)))
        for place in range(len(door.hosts)):
            self._look_up(place)

    def close(self) -> None:
        """Take the rows away."""
        for search in self._searches.values():
            search.give_up()
        for timer in self._timers.values():
            timer.cancel()
        self._searches.clear()
        self._timers.clear()
        self._waits.clear()
        for stem, place in list(self._made):
            self._take(stem, place)

    def _look_up(self, place: int) -> None:
        self._timers.pop(place, None)
        host = self._door.hosts[place]
        search = self._searches[place] = Search(lambda found: self._found(place, found))
        search.begin(self._unit.reactor, host.host, host.port)

    def _found(self, place: int, addresses: list[str]) -> None:
        host = self._door.hosts[place]
        if addresses:
            self._waits.pop(place, None)
            again = None if addresses == [host.host] else REFRESH_S
            self._aim(place, Address(addresses[0], host.port), addresses)
        else:
            again = self._waits.get(place, FIRST_RETRY_S)
            self._waits[place] = min(2 * again, LAST_RETRY_S)
            if again == FIRST_RETRY_S:
                log.warning("Snmp.TrapDest: %s has no address now; it is skipped and tried again",
                            host.host)
        if again is not None:
            self._timers[place] = self._unit.reactor.callLater(again, self._look_up, place)
        if place in self._unknown:
            self._unknown.discard(place)
            if not self._unknown:
                self._settled()

    def _aim(self, place: int, address: Address, addresses: list[str]) -> None:
        """Make or replace the row of a destination; one that still has its address is left."""
        key = self._made.get(("snmpTargetAddr", place))
        if key is not None:
            row = self._unit.store.follow("snmpTargetAddrTable").get((key,))
            held = Address.of(row["snmpTargetAddrTDomain"], row["snmpTargetAddrTAddress"])
            if held.host in addresses:
                return
            self._take("snmpTargetAddr", place)
        self._put("snmpTargetAddr", place, {
            "TDomain": address.domain, "TAddress": address.octets, "TagList": DOOR.encode(),
            "Params": self._made["snmpTargetParams", 0], "Timeout": int(TIMEOUT_S * 100)})

    def _put(self, stem: str, place: int, columns: Mapping[str, Value]) -> None:
        store = self._unit.store
        table = store.model.tables[stem + "Table"]
        key = f"{DOOR}{place + 1}".encode() if stem == "snmpTargetAddr" else DOOR.encode()
        while store.tip.has_row(table, (key,)):
            key += b"_"
        self._made[stem, place] = key
        store.follow(table.name).add((key,), {
            **{stem + name: value for name, value in columns.items()},
            stem + "StorageType": int(Storage.READ_ONLY), stem + "RowStatus": 1})
        if stem == "snmpTargetAddr":
            store.follow(_ENDPOINTS).add((key,), {"snmpTargetAddrMMS": 0})

    def _take(self, stem: str, place: int) -> None:
        key = self._made.pop((stem, place))
        if stem == "snmpTargetAddr":
            self._unit.store.follow(_ENDPOINTS).remove((key,))
        self._unit.store.follow(stem + "Table").remove((key,))


class Standings:
    """On whose behalf notifications go, and what those may be told."""

    def __init__(self, access: AccessControl) -> None:
        self.community = b""
        """The community of Snmp.TrapDest."""
        self._access = access
        self._unseeing: set[tuple[int, bytes, int]] = set()
        """Those without a notify view, as the log has been told."""

    def community_for(self, params: Params) -> bytes | None:
        """Give the door's own, that of snmpCommunityTable, or else the security name itself."""
        name = params.security_name
        if (params.security_model, name) in self._access.told:
            return self.community
        return self._access.community_of(name) or name or None

    def notify_view_for(self, params: Params) -> View | None:
        """Give the notify view that RFC 3415 finds; the log hears of who has none."""
        who = params.security_model, params.security_name, params.level
        view = self._access.vacm.views_of(*who).notify
        if view is not None:
            self._unseeing.discard(who)
        elif who not in self._unseeing and len(self._unseeing) < MOST_UNSEEING:
            self._unseeing.add(who)
            log.warning("Nothing is sent to targets of the security name %s: it is no user's, or "
                        "it has no notify view in the tables of SNMP-VIEW-BASED-ACM-MIB",
                        ascii(params.security_name.decode("utf-8", "replace")))
        return view


class _Watcher:
    """Tells of each change of the tables that say who is told."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def changed(self, name: str, index: Index) -> None:
        if name.startswith(TABLES):
            self._changed()

    def row_added(self, table: str, index: Index) -> None:
        self.changed(table, index)

    def row_removed(self, table: str, index: Index) -> None:
        self.changed(table, index)

    def rows_replaced(self, table: str) -> None:
        self.changed(table, ())


class Managers:
    """Sends the unit's notifications to managers while traps are enabled."""

    def __init__(
        self, unit: Any, standing: Standing, secure: SecureMessages | None = None
    ) -> None:
        self.unit = unit
        self._port: NotificationPort | None = None
        self._messages = OutgoingMessages(
            standing, lambda host: self._port.our_address(host) if self._port else bytes(4), secure)
        self._originator = Originator(self._messages, secrets.randbits(31))
        self._rows = DoorRows(unit, self._settled)
        self._held: deque[Notification] | None = None
        self._told_start: float | None = None
        self._is_stale = False
        self._end: Callable[[], None] = lambda: None
        unit.store.watch(_Watcher(self._changed))

    @property
    def tally(self) -> Tally:
        """What became of notifications."""
        return self._originator.tally

    @property
    def waiting(self) -> int:
        """Informs that have no answer yet."""
        return self._originator.waiting

    def limit(self, per_second: int) -> None:
        """Send at most so many a second; 0 is no limit."""
        self._originator.limit(per_second)

    def start(self, door: Door | None) -> None:
        """Send from now on, the unit's own start first; None sends nothing, and nothing waits."""
        if door is None:
            self._end = self.unit.notifier.reach_managers_by(lambda notice: None)
            self._told_start = self.unit.started_at
            return
        self._port = NotificationPort(
            self.unit.reactor, self._originator, self.unit.counters, self.unit.options.listen,
            self._tell)
        for host in door.hosts:
            self.unit.say_interface("traps", f"to {host}", str(door))
        self._held = deque(maxlen=MOST_HELD)
        if self._told_start != self.unit.started_at:
            name = "coldStart" if self._told_start is None else "warmStart"
            self._told_start = self.unit.started_at
            self._issue(Notification(self.unit.model.notifications[name].oid,
                                     _ticks(self.unit.uptime())))
        self._end = self.unit.notifier.reach_managers_by(self.send)
        self._rows.open(door)

    def stop(self) -> None:
        """Send no more; informs under way are dropped, and what comes now waits for a start."""
        self._end()
        self._rows.close()
        self._held = None
        port, self._port = self._port, None
        if port is not None:
            port.stop()

    def send(self, notice: Notice) -> None:
        """Send a notification with all its objects."""
        if self._held is None:
            self._refresh()
            if self._port is None or not self._port.admits():
                return
        try:
            variables = tuple(
                Variable(each.node.instance_oid(each.index), each.node.syntax.base, each.value)
                for each in notice.carried)
            notification = Notification(notice.node.oid, _ticks(notice.uptime), variables)
            notification.octets             # noqa: B018    # now, since it may be impossible
        except (InconsistentName, ValueError) as error:
            log.error("%s can't be sent to managers: %s", notice.node.name, error)
            self.tally.dropped += 1
            return
        self._issue(notification)

    def _issue(self, notification: Notification) -> None:
        if self._held is not None:
            self._held.append(notification)
        elif self._port is not None:
            self._port.issue(notification)

    def _tell(self, effect: Effect) -> None:
        """Report receivers that don't answer informs, and those that do again."""
        assert isinstance(effect, Silent | Heard)
        address = effect.target.address
        about = {"snmpNotifiedReceiver": str(HostPort(address.host, address.port))}
        if isinstance(effect, Silent):
            self.unit.notifier.issue("snmpReceiverSilent", about)
        elif effect.is_gone:
            self.unit.notifier.end_trouble(("snmpReceiverSilent",), about)
        else:
            self.unit.notifier.issue("snmpReceiverAnswers", about)

    def _settled(self) -> None:
        held, self._held = self._held, None
        self._is_stale = True
        self._refresh()
        for notification in held or ():
            self._issue(notification)

    def _changed(self) -> None:
        if self._port is not None and not self._is_stale:
            self._is_stale = True
            self.unit.reactor.callLater(0, self._refresh)

    def _refresh(self) -> None:
        """Read the tables again, where they have changed."""
        if self._is_stale and self._port is not None:
            self._is_stale = False
            self._port.aim(targets_in(self.unit.store))


def _ticks(seconds: float) -> int:
    return int(seconds * 100) & 0xFFFFFFFF
