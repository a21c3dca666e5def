"""SNMP-COMMUNITY-MIB: communities that Admins make beside Snmp.Community.

What the rows mean is found out by `snmp_access.py`. RFC 3584 section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mibagent.errors import InconsistentValue
from mibagent.service.service import Service, check
from mibagent.service.settings import Row, Table
from mibagent.store.storage import Storage


@dataclass(frozen=True)
class CommunityRow(Row):
    """One community."""

    name: bytes
    security_name: bytes
    context_engine_id: bytes
    context_name: bytes
    storage_type: Storage


@dataclass(frozen=True)
class CommunitySettings:
    """The writable objects of SNMP-COMMUNITY-MIB that are answered."""

    snmp_community: Table[CommunityRow]


class CommunityService(Service[CommunitySettings]):
    """Holds the communities that Admins make."""

    mib = "SNMP-COMMUNITY-MIB"
    settings = CommunitySettings
    capabilities = "mibgateCommunityCapabilities"

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        unit.store.shape.given.update({
            "snmpCommunityContextEngineID": unit.engine_id,
            "snmpCommunityStorageType": int(Storage.NON_VOLATILE)})

    @check("snmpCommunityName", "snmpCommunityStatus")
    def a_community_is_not_empty(self, wanted: CommunitySettings, row: CommunityRow) -> None:
        """Refuse a community that everybody has, and one with two meanings."""
        if not row.name:
            raise InconsistentValue("snmpCommunityName", "a community is not empty", row.index)
        for other in wanted.snmp_community.values():
            if other.name == row.name and other.index != row.index:
                raise InconsistentValue(
                    "snmpCommunityName", "another row has this community", row.index)
