"""SNMP-COMMUNITY-MIB: communities that Admins make beside Snmp.Community.

What the rows mean is found out by `snmp_access.py`. RFC 3584 section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mibagent.errors import InconsistentValue, Index, WrongValue
from mibagent.service.service import Service, check
from mibagent.service.settings import Row, Table, layer_of
from mibagent.snmp.targets import DELIMITERS
from mibagent.store.layers import View
from mibagent.store.storage import Storage


@dataclass(frozen=True)
class CommunityRow(Row):
    """One community."""

    name: bytes
    security_name: bytes
    context_engine_id: bytes
    context_name: bytes
    transport_tag: str
    storage_type: Storage


@dataclass(frozen=True)
class EndpointRow(Row):
    """What a row of snmpTargetAddrTable says of requests."""

    snmp_target_addr_t_mask: bytes
    snmp_target_addr_mms: int


@dataclass(frozen=True)
class CommunitySettings:
    """The writable objects of SNMP-COMMUNITY-MIB."""

    snmp_community: Table[CommunityRow]
    snmp_target_addr_ext: Table[EndpointRow]


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

    @check("snmpCommunityTransportTag")
    def a_tag_is_one_word(self, wanted: CommunitySettings, row: CommunityRow) -> None:
        """Refuse a tag with a delimiter in it."""
        if any(each in row.transport_tag for each in DELIMITERS):
            raise row.no(WrongValue, "transport_tag", "a tag is one word")

    @check("snmpTargetAddrTMask")
    def a_mask_stays_while_it_is_in_service(
        self, wanted: CommunitySettings, row: EndpointRow
    ) -> None:
        """Refuse another one, and one that does not fit the address of a row that comes to count.

        RFC 3584 section 5.1, snmpTargetAddrTMask.
        """
        mask = row.snmp_target_addr_t_mask
        active = self.configured.snmp_target_addr_ext.get(row.key)
        if active is not None and active.snmp_target_addr_t_mask != mask:
            raise row.no(InconsistentValue, "snmp_target_addr_t_mask",
                         "the row is active; take it out of service to change this")
        _fits(layer_of(wanted), row.index)

    @check("snmpTargetAddrTMask")
    def a_mask_is_as_long_as_its_address(self, wanted: CommunitySettings) -> None:
        """Refuse another length when it is written, whatever the row's state."""
        view, before = layer_of(wanted), self.unit.store.configured
        for index in view.rows(view.shape.model.tables["snmpTargetAddrTable"]):
            if view.cell(_MASK, index) != before.cell(_MASK, index):
                _fits(view, index)


_MASK = "snmpTargetAddrTMask"


def _fits(view: View, index: Index) -> None:
    mask, address = view.cell(_MASK, index), view.cell("snmpTargetAddrTAddress", index)
    if isinstance(mask, bytes) and isinstance(address, bytes) and mask \
            and len(mask) != len(address):
        raise InconsistentValue(
            _MASK, f"{len(address)} octets are wanted, as many as the address has, or none", index)
