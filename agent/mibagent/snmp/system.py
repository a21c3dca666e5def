"""SNMPv2-MIB: the system and snmp groups, with the engine's own counters.

RFC 3418 section 2.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

from mibagent.model.nodes import MibModel
from mibagent.service.host import ServiceHost
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
    host: ServiceHost

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

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._resources: LiveTable[ResourceRow] = LiveTable()

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
        """One row a module that somebody answers for.

        What it is known by is the statement of its capabilities where it has one: then not all of
        the module is answered. Else it is the module's identity.
        """
        return self._resources

    def start(self, running: SystemSettings) -> None:
        """List the modules, all of which are claimed by now."""
        model = self.unit.model
        rows: list[ResourceRow] = []
        for hosted in self.unit.host.services.values():
            service = hosted.wired.service
            known = model.capabilities.get(service.capabilities)
            rows.append(ResourceRow(
                known.oid if known is not None else model.modules[service.mib].oid,
                f"What {known.name} says of {service.mib}." if known is not None
                else f"The objects of {service.mib}.", 0))
        for number, row in enumerate(sorted(rows, key=lambda row: row.id), 1):
            self._resources.add(number, row)

    @provides(*NAMES, together=True)
    def counters(self, names: Sequence[str]) -> Callable[[], Sequence[int]]:
        """What reads some of the engine's counters."""
        unit, attributes = self.unit, [NAMES[name] for name in names]
        if len(attributes) == 1:
            alone = attributes[0]
            return lambda: (getattr(unit.counters(), alone) & 0xFFFFFFFF,)
        all_of = attrgetter(*attributes)
        return lambda: all_of(unit.counters())      # who encodes a Counter32 wraps it
