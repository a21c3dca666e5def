"""ENTITY-MIB: the unit as one thing, with serial number, model and version. RFC 4133."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mibagent.service.service import Service, provides
from mibagent.service.settings import Row, Table
from mibagent.smi.oid import Oid
from mibagent.store.live import LiveTable

UNIT = 1
"""The entPhysicalIndex of the whole."""
CHASSIS = 3
UNKNOWN_DATE = bytes(8)


@dataclass(frozen=True)
class PhysicalSettingsRow(Row):
    """What an owner says of the unit."""

    alias: str
    asset_id: str


@dataclass(frozen=True)
class EntitySettings:
    """The writable objects of ENTITY-MIB that a unit lets be written."""

    ent_physical: Table[PhysicalSettingsRow]


@dataclass(frozen=True)
class PhysicalRow:
    """The unit."""

    descr: str
    vendor_type: Oid
    software_rev: str
    serial_num: str
    model_name: str
    uris: str
    contained_in: int = 0
    parent_rel_pos: int = -1
    name: str = "unit"
    hardware_rev: str = ""
    firmware_rev: str = ""
    mfg_name: str = "mibgate"
    is_fru: bool = True
    mfg_date: bytes = UNKNOWN_DATE


class EntityService(Service[EntitySettings]):
    """Shows what the unit is."""

    mib = "ENTITY-MIB"
    capabilities = "mibgateEntityCapabilities"
    settings = EntitySettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._table: LiveTable[PhysicalRow] = LiveTable()

    def start(self, running: EntitySettings) -> None:
        """Show the unit as it is known from now on."""
        self._show()

    def _show(self) -> None:
        unit = self.unit
        self._table.add(UNIT, PhysicalRow(
            unit.sys_descr, unit.sys_object_id, unit.options.version, unit.identity.serial,
            unit.identity.product, f"urn:dev:mac:{unit.identity.mac.replace(':', '').lower()}"))

    @provides("entPhysicalClass")
    def kind(self, number: int) -> int:
        """A chassis: the whole."""
        return CHASSIS

    @provides("entPhysicalTable")
    def physical(self) -> LiveTable[PhysicalRow]:
        """The unit, which is all of one piece."""
        self._show()
        return self._table

    @provides("entLastChangeTime")
    def last_change(self) -> int:
        """The unit has been what it is since the start."""
        return 0
