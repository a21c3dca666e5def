"""IP-MIB: the host's addresses. RFC 4293."""

from __future__ import annotations

import socket

import pytest

from mibagent.errors import NotWritable
from mibgateway.host.interfaces import Address, Links
from mibgateway.services.addresses import AddressesService
from tests.gateway.kit import Bench

LO = {name: index for index, name in socket.if_nameindex()}["lo"]
LOOPBACK = (1, bytes((127, 0, 0, 1)))


class Told:
    """What the service is told in place of the host's own."""

    def __init__(self, unit: Bench, *addresses: Address) -> None:
        self.tell(*addresses)
        unit.unit.links = self  # type: ignore[assignment]

    def tell(self, *addresses: Address) -> None:
        self.links = Links({}, addresses)

    def get(self) -> Links:
        return self.links

    def stop(self) -> None:
        pass


def test_the_loopback_address_is_there_and_its_interface(unit: Bench) -> None:
    assert LOOPBACK in unit.rows("ipAddressTable")
    assert unit.get("ipAddressIfIndex", LOOPBACK) == LO
    assert (unit.get("ipAddressRowStatus", LOOPBACK), unit.get("ipAddressType", LOOPBACK)) == (1, 1)
    assert unit.get("ipAddressPrefix", LOOPBACK) == (0, 0)


def test_nobody_writes_it(unit: Bench) -> None:
    for name, value in (("ipAddressRowStatus", 6), ("ipAddressIfIndex", 1)):
        with pytest.raises(NotWritable):
            unit.set(name, value, LOOPBACK)
    with pytest.raises(NotWritable):
        unit.set("ipAddressRowStatus", 4, (1, bytes((192, 0, 2, 7))))


def test_a_link_local_address_has_its_zone_and_one_of_two_interfaces_is_one_row(
    unit: Bench
) -> None:
    local = bytes.fromhex("fe80" + "00" * 13 + "01")
    Told(unit, Address(2, local, "unicast", True), Address(3, local, "unicast", True),
         Address(2, bytes((192, 0, 2, 1)), "unicast"), Address(3, bytes((192, 0, 2, 1)), "unicast"),
         Address(2, bytes((192, 0, 2, 255)), "broadcast"))
    rows = unit.rows("ipAddressTable")
    assert sorted(rows) == [
        (1, bytes((192, 0, 2, 1))), (1, bytes((192, 0, 2, 255))),
        (4, local + bytes((0, 0, 0, 2))), (4, local + bytes((0, 0, 0, 3)))]
    assert unit.get("ipAddressType", (1, bytes((192, 0, 2, 255)))) == 3
    assert unit.get("ipAddressOrigin", (4, local + bytes((0, 0, 0, 2)))) == 5


def test_an_address_has_the_time_when_it_came_and_when_it_moved(unit: Bench) -> None:
    one, two = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
    host = Told(unit, Address(2, one, "unicast"))
    service = unit.services["IP-MIB"]
    assert isinstance(service, AddressesService)
    assert unit.rows("ipAddressTable") == [(1, one)]
    assert unit.get("ipAddressCreated", (1, one)) == 0
    unit.wait(5)
    host.tell(Address(2, one, "unicast"), Address(2, two, "unicast"))
    assert unit.get("ipAddressCreated", (1, two)) == 500
    unit.wait(5)
    host.tell(Address(3, one, "unicast"), Address(2, two, "unicast"))
    assert (unit.get("ipAddressCreated", (1, one)),
            unit.get("ipAddressLastChanged", (1, one))) == (0, 1000)
    assert unit.get("ipAddressLastChanged", (1, two)) == 500
    host.tell()
    unit.wait(1)
    assert unit.rows("ipAddressTable") == []
