"""ENTITY-MIB: the unit as one thing. RFC 4133."""

from __future__ import annotations

import pytest

from mibagent.errors import NotWritable
from tests.gateway.kit import Bench

UNIT = (1,)


def test_the_unit_shows_its_serial_number_model_and_version(unit: Bench) -> None:
    identity = unit.unit.identity
    assert unit.rows("entPhysicalTable") == [UNIT]
    assert unit.get("entPhysicalSerialNum", UNIT) == identity.serial.encode()
    assert unit.get("entPhysicalModelName", UNIT) == identity.product.encode()
    assert unit.get("entPhysicalSoftwareRev", UNIT) == b"1.2.3"
    assert unit.get("entPhysicalClass", UNIT) == 3
    assert unit.get("entPhysicalContainedIn", UNIT) == 0
    assert unit.get("entPhysicalVendorType", UNIT) == unit.get("sysObjectID")


def test_an_owner_may_name_it_and_nothing_else(unit: Bench) -> None:
    unit.change(("entPhysicalAlias", UNIT, b"cellar"), ("entPhysicalAssetID", UNIT, b"A-17"))
    assert (unit.get("entPhysicalAlias", UNIT), unit.get("entPhysicalAssetID", UNIT)) \
        == (b"cellar", b"A-17")
    with pytest.raises(NotWritable):
        unit.set("entPhysicalSerialNum", b"x", UNIT)


def test_sys_or_table_names_each_module_that_is_answered_once(unit: Bench) -> None:
    model = unit.unit.model
    oids = [unit.get("sysORID", index) for index in sorted(unit.rows("sysORTable"))]
    services = [hosted.wired.service for hosted in unit.host.services.values()]
    wanted = {model.capabilities[service.capabilities].oid if service.capabilities
              else model.modules[service.mib].oid for service in services}
    assert set(oids) == wanted and len(oids) == len(services)
    assert model.names["mibgateEntityCapabilities"] in oids
    assert oids == sorted(oids)
    assert len({unit.get("sysORDescr", index) for index in unit.rows("sysORTable")}) == len(oids)
