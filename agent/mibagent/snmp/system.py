"""SNMPv2-MIB: the system and snmp groups, with the engine's own counters.

RFC 3418 section 2.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mibagent.model.nodes import MibModel
from mibagent.service.service import Service, provides
from mibagent.smi.oid import Oid
from mibagent.snmp.counters import NAMES, Counters
from mibagent.store.live import LiveTable

SERVICES = 72
"""sysServices: end to end and applications."""


class SystemUnit(Protocol):
    """What the group asks of whoever runs the agent."""

    model: MibModel
    sys_descr: str
    sys_object_id: Oid
    counters: Callable[[], Counters]

    def uptime(self) -> float:
        """Seconds since the start."""


class AuthenTraps(enum.IntEnum):
    """Whether authenticationFailure is sent."""

    ENABLED = 1
    DISABLED = 2


@dataclass(frozen=True)
class SystemSettings:
    """The writable objects of SNMPv2-MIB."""

    sys_contact: str
    sys_name: str
    sys_location: str
    snmp_enable_authen_traps: AuthenTraps
    snmp_set_serial_no: int


@dataclass(frozen=True)
class ResourceRow:
    """One MIB module that is served."""

    id: Oid
    descr: str
    up_time: int


class SystemGroup(Service[SystemSettings]):
    """Answers for the system and snmp groups."""

    mib = "SNMPv2-MIB"
    settings = SystemSettings
    unit: SystemUnit

    @provides("sysDescr", lasting=True)
    def description(self) -> str:
        """What the unit is."""
        return self.unit.sys_descr

    @provides("sysObjectID", lasting=True)
    def object_id(self) -> Oid:
        """The kind of unit, which platforms key on."""
        return self.unit.sys_object_id

    @provides("sysUpTime")
    def up_time(self) -> int:
        """Hundredths of a second since the start."""
        return int(self.unit.uptime() * 100) & 0xFFFFFFFF

    @provides("sysServices", lasting=True)
    def services(self) -> int:
        """The layers that the unit serves."""
        return SERVICES

    @provides("sysORLastChange")
    def resources_changed(self) -> int:
        """Modules are those of the start."""
        return 0

    @provides("sysORTable")
    def resources(self) -> LiveTable[ResourceRow]:
        """One row a module that somebody answers for."""
        table: LiveTable[ResourceRow] = LiveTable()
        modules = [module for module in self.unit.model.modules.values()
                   if module.service is not None or module.name == self.mib]
        for number, module in enumerate(sorted(modules, key=lambda each: each.oid), 1):
            table.add(number, ResourceRow(module.oid, f"The objects of {module.name}.", 0))
        return table

    @provides(*NAMES)
    def counter(self, name: str) -> int:
        """One of the engine's counters."""
        return self.unit.counters()[name] & 0xFFFFFFFF
