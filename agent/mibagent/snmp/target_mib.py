"""SNMP-TARGET-MIB and SNMP-NOTIFICATION-MIB: the tables that say who gets notifications.

RFC 3413 section 5.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from mibagent.errors import InconsistentValue, NoSuchName, ResourceUnavailable, WrongValue
from mibagent.service.service import Service, check, provides
from mibagent.service.settings import Row, Table, layer_of
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.counters import Counters
from mibagent.snmp.targets import (
    DELIMITERS,
    DOMAINS,
    Address,
    Endpoint,
    Filter,
    Kind,
    Params,
    Target,
    Targets,
    tags_of,
)
from mibagent.snmp.vacm import Family, Level
from mibagent.store.layers import View
from mibagent.store.rows import Status
from mibagent.store.storage import Storage
from mibagent.store.store import ParameterStore

TABLES = ("snmpTargetAddr", "snmpTargetParams", "snmpNotify", "snmpNotifyFilterProfile",
          "snmpNotifyFilter")
"""What the tables' objects begin with."""

MOST_ROWS = 200
"""Rows of each of these tables, since all of them are read anew when one changes."""

SHORTEST_TIMEOUT_S = 0.1
"""A target's timeout that is shorter counts as this, so that nothing is sent in a circle."""

_SETTLED = "the row is active; take it out of service to change this"


class FilterType(enum.IntEnum):
    """Whether a family passes."""

    INCLUDED = 1
    EXCLUDED = 2


@dataclass(frozen=True)
class AddrRow(Row):
    """One row of snmpTargetAddrTable."""

    t_domain: Oid
    t_address: bytes
    timeout: int
    retry_count: int
    tag_list: str
    params: str
    storage_type: Storage


@dataclass(frozen=True)
class ParamsRow(Row):
    """One row of snmpTargetParamsTable."""

    mp_model: int
    security_model: int
    security_name: str
    security_level: Level
    storage_type: Storage


@dataclass(frozen=True)
class TargetSettings:
    """The writable objects of SNMP-TARGET-MIB."""

    snmp_target_spin_lock: int
    snmp_target_addr: Table[AddrRow]
    snmp_target_params: Table[ParamsRow]


@dataclass(frozen=True)
class NotifyRow(Row):
    """One row of snmpNotifyTable."""

    tag: str
    type: Kind
    storage_type: Storage


@dataclass(frozen=True)
class FilterProfileRow(Row):
    """One row of snmpNotifyFilterProfileTable."""

    name: str
    stor_type: Storage


@dataclass(frozen=True)
class FilterRow(Row):
    """One row of snmpNotifyFilterTable."""

    mask: bytes
    type: FilterType
    storage_type: Storage


@dataclass(frozen=True)
class NotifySettings:
    """The writable objects of SNMP-NOTIFICATION-MIB."""

    snmp_notify: Table[NotifyRow]
    snmp_notify_filter_profile: Table[FilterProfileRow]
    snmp_notify_filter: Table[FilterRow]


class TargetUnit(Protocol):
    """What the groups ask of whoever runs the agent."""

    store: ParameterStore
    counters: Callable[[], Counters]


class TargetGroup(Service[TargetSettings]):
    """Keeps the target tables sound."""

    mib = "SNMP-TARGET-MIB"
    settings = TargetSettings
    unit: TargetUnit

    @check("snmpTargetAddrTDomain", "snmpTargetAddrTAddress")
    def an_active_address_stays(self, wanted: TargetSettings, row: AddrRow) -> None:
        """Refuse one that can't be sent to, and another one while the row is in service."""
        try:
            Address.of(row.t_domain, row.t_address)
        except ValueError as error:
            field = "t_address" if row.t_domain in DOMAINS else "t_domain"
            raise row.no(WrongValue, field, str(error)) from None
        _stays(row, self.configured.snmp_target_addr.get(row.key), "t_domain", "t_address")

    @check("snmpTargetAddrRowStatus", "snmpTargetParamsRowStatus")
    def targets_are_few(self, wanted: TargetSettings) -> None:
        """Refuse more rows than can be read at once."""
        _bound(layer_of(wanted), "snmpTargetAddr", "snmpTargetParams")

    @check("snmpTargetAddrTagList")
    def tags_stand_apart(self, wanted: TargetSettings, row: AddrRow) -> None:
        """Refuse a list whose delimiters are not as they have to be."""
        try:
            tags_of(row.tag_list)
        except ValueError as error:
            raise row.no(WrongValue, "tag_list", str(error)) from None

    @check("snmpTargetParamsMPModel", "snmpTargetParamsSecurityModel",
           "snmpTargetParamsSecurityName", "snmpTargetParamsSecurityLevel")
    def active_params_stay(self, wanted: TargetSettings, row: ParamsRow) -> None:
        """Refuse other params while the row is in service."""
        _stays(row, self.configured.snmp_target_params.get(row.key), "mp_model",
               "security_model", "security_name", "security_level")

    @provides("snmpUnavailableContexts", "snmpUnknownContexts")
    def contexts(self, name: str) -> int:
        """Messages for a context that there is not."""
        return self.unit.counters()[name] & 0xFFFFFFFF


class NotificationGroup(Service[NotifySettings]):
    """Keeps the notification tables sound."""

    mib = "SNMP-NOTIFICATION-MIB"
    settings = NotifySettings

    @check("snmpNotifyRowStatus", "snmpNotifyFilterProfileRowStatus", "snmpNotifyFilterRowStatus")
    def rows_are_few(self, wanted: NotifySettings) -> None:
        """Refuse more rows than can be read at once."""
        _bound(layer_of(wanted), "snmpNotify", "snmpNotifyFilterProfile", "snmpNotifyFilter")

    @check("snmpNotifyTag")
    def a_tag_is_one_word(self, wanted: NotifySettings, row: NotifyRow) -> None:
        """Refuse a tag with a delimiter in it."""
        if any(each in row.tag for each in DELIMITERS):
            raise row.no(WrongValue, "tag", "a tag has no blank, tab or end of line in it")


def _bound(view: View, *stems: str) -> None:
    for stem in stems:
        table = view.shape.model.tables[stem + "Table"]
        if sum(1 for _ in view.rows(table)) > MOST_ROWS:
            raise ResourceUnavailable(table.row_status, f"at most {MOST_ROWS} rows are kept here")


def _stays(row: Row, active: Row | None, *fields: str) -> None:
    """Refuse another value of these while the row is active.

    RFC 3413 section 4, snmpTargetAddrRowStatus and snmpTargetParamsRowStatus.
    """
    for field in fields:
        if active is not None and getattr(active, field) != getattr(row, field):
            raise row.no(InconsistentValue, field, _SETTLED)


def targets_in(store: ParameterStore) -> Targets:
    """Read the tables as they are now, rows that follow from parameters among them."""
    params = {index[0]: found for index, found in _rows(store, "snmpTargetParams")}
    addresses = []
    for index, row in _rows(store, "snmpTargetAddr"):
        made = params.get(row["Params"])
        if made is None:
            continue
        try:
            address = Address.of(row["TDomain"], row["TAddress"])
            tags = tags_of(row["TagList"].decode("utf-8", "replace"))
        except ValueError:
            continue
        target = Target(
            index[0], address, Params(
                row["Params"], made["MPModel"], made["SecurityModel"], made["SecurityName"],
                made["SecurityLevel"]),
            max(row["Timeout"] / 100, SHORTEST_TIMEOUT_S), row["RetryCount"])
        addresses.append((target, tags))
    families: dict[Value, list[Family]] = {}
    for (profile, subtree), row in _rows(store, "snmpNotifyFilter"):
        families.setdefault(profile, []).append(
            Family(subtree, row["Mask"], row["Type"] == FilterType.INCLUDED))
    filters = {
        index[0]: Filter(tuple(families.get(row["Name"], ())))
        for index, row in _rows(store, "snmpNotifyFilterProfile")}
    notify = [(row["Tag"], Kind(row["Type"])) for _, row in _rows(store, "snmpNotify")]
    return Targets(notify, addresses, filters)


def endpoints_in(store: ParameterStore) -> tuple[Endpoint, ...]:
    """Read from where requests may come, in the order of the rows, where SNMP-COMMUNITY-MIB is."""
    found = []
    for index, row in sorted(_rows(store, "snmpTargetAddr"), key=lambda pair: pair[0]):
        octets = row["TAddress"]
        mask, room = (store.get(f"snmpTargetAddr{name}", index) for name in ("TMask", "MMS"))
        assert isinstance(mask, bytes) and isinstance(room, int)
        try:
            tags = tags_of(row["TagList"].decode("utf-8", "replace"))
        except ValueError:
            continue
        if len(octets) == DOMAINS.get(row["TDomain"], 0) + 2:
            found.append(Endpoint(tags, octets, mask, room))
    return tuple(found)


def _rows(store: ParameterStore, stem: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Give key and columns, by what follows the stem, of each active row."""
    table = store.model.tables[stem + "Table"]
    names = [node.name for node in store.model.columns(table.name) if node.is_readable]
    for index in store.rows(table):
        try:
            row = {name.removeprefix(stem): store.get(name, index) for name in names}
        except NoSuchName:
            continue                # not ready
        if row["RowStatus"] == Status.ACTIVE:
            yield index, row
