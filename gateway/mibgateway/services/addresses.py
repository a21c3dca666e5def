"""IP-MIB: the host's addresses. RFC 4293."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mibagent.service.service import Service, provides
from mibagent.smi.oid import Oid
from mibagent.store.live import LiveTable, Snapshot
from mibgateway.host.interfaces import Address, Links

IPV4, IPV6, IPV6_WITH_ZONE = 1, 2, 4
"""InetAddressType. RFC 4001 section 3."""

UNICAST, BROADCAST = 1, 3
OTHER, LINK_LAYER = 1, 5
"""IpAddressOriginTC."""


@dataclass(frozen=True)
class AddressesSettings:
    """Nothing of IP-MIB is written here."""


@dataclass(frozen=True)
class AddressRow:
    """One address."""

    if_index: int
    type: int
    origin: int
    created: int
    last_changed: int
    prefix: Oid = (0, 0)
    status: int = 1
    row_status: int = 1
    storage_type: int = 2


class AddressesService(Service[AddressesSettings]):
    """Shows the host's addresses."""

    mib = "IP-MIB"
    capabilities = "mibgateAddressesCapabilities"
    settings = AddressesSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._links: Links | None = None
        self._rows: dict[tuple[int, bytes], AddressRow] = {}

    def start(self, running: AddressesSettings) -> None:
        """Count the times of addresses from here on."""
        self._links, self._rows = None, {}

    def _read(self) -> dict[tuple[int, bytes], AddressRow]:
        links: Links = self.unit.links.get()
        if links is not self._links:
            now = int(self.unit.uptime() * 100) & 0xFFFFFFFF if self._links is not None else 0
            self._links = links
            before = self._rows
            self._rows = {}
            for address in links.addresses:
                key = _key(address)
                if key in self._rows:       # of two interfaces the first has it
                    continue
                old = before.get(key)
                row = _row(address, now, now) if old is None else \
                    _row(address, old.created, old.last_changed)
                self._rows[key] = row if old is None or row == old else \
                    _row(address, row.created, now)
        return self._rows

    @provides("ipAddressTable")
    def addresses(self) -> LiveTable[AddressRow]:
        """The addresses of all interfaces."""
        return Snapshot(self._read, self.unit.reactor.callLater)


def _key(address: Address) -> tuple[int, bytes]:
    if len(address.octets) == 4:
        return IPV4, address.octets
    if address.is_link_local:
        return IPV6_WITH_ZONE, address.octets + address.interface.to_bytes(4, "big")
    return IPV6, address.octets


def _row(address: Address, created: int, changed: int) -> AddressRow:
    return AddressRow(
        address.interface, UNICAST if address.kind == "unicast" else BROADCAST,
        LINK_LAYER if address.is_link_local else OTHER, created, changed)
