"""HOST-RESOURCES-MIB: what the host has and what runs on it. RFC 2790."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import pytest

from mibagent.errors import NotWritable
from mibgateway.services.host import OF_DISKS, OF_INTERFACES, OF_PROCESSORS
from tests.gateway.kit import Bench, model


def test_the_host_as_a_whole(unit: Bench) -> None:
    date = unit.get("hrSystemDate")
    assert (len(date), int.from_bytes(date[:2], "big")) == (11, time.localtime().tm_year)
    assert unit.get("hrSystemUptime") > 0
    assert unit.get("hrSystemProcesses") > 0
    assert unit.get("hrMemorySize") > 1024
    assert unit.get("hrSystemInitialLoadParameters") == b""


def test_storage_has_a_kind_that_is_named(unit: Bench) -> None:
    names = model().names
    kinds = {unit.get("hrStorageType", index) for index in unit.rows("hrStorageTable")}
    assert names["hrStorageRam"] in kinds
    assert kinds <= {oid for name, oid in names.items() if name.startswith("hrStorage")}
    assert unit.get("hrStorageDescr", (1,)) == b"Physical memory"


def test_every_device_is_a_processor_an_interface_or_a_disk(unit: Bench) -> None:
    rows: list[Any] = list(unit.rows("hrDeviceTable"))
    processors = [index for index in rows if OF_PROCESSORS < index[0] < OF_INTERFACES]
    interfaces = [index for index in rows if OF_INTERFACES < index[0] < OF_DISKS]
    assert len(processors) == os.cpu_count()
    assert len(interfaces) == len(socket.if_nameindex())
    assert unit.rows("hrProcessorTable") == processors
    assert unit.rows("hrNetworkTable") == interfaces
    assert unit.rows("hrDiskStorageTable") == [
        index for index in rows if index[0] > OF_DISKS]
    for index in processors:
        assert unit.get("hrDeviceType", index) == model().names["hrDeviceProcessor"]
        assert 0 <= unit.get("hrProcessorLoad", index) <= 100
    for index in interfaces:
        assert index[0] == OF_INTERFACES + unit.get("hrNetworkIfIndex", index)


def test_a_file_system_has_its_storage(unit: Bench) -> None:
    storage = unit.rows("hrStorageTable")
    for index in unit.rows("hrFSTable"):
        assert (unit.get("hrFSStorageIndex", index),) in storage
        assert unit.get("hrFSLastFullBackupDate", index) == bytes((0, 0, 1, 1, 0, 0, 0, 0))
        assert unit.get("hrFSMountPoint", index).startswith(b"/")


def test_this_process_runs_and_shows_nothing_that_it_was_started_with(unit: Bench) -> None:
    mine = (os.getpid(),)
    assert mine in unit.rows("hrSWRunTable")
    assert unit.get("hrSWRunPerfMem", mine) > 1000
    assert unit.get("hrSWRunPerfCPU", mine) > 0
    assert unit.get("hrSWRunStatus", mine) in (1, 2)
    assert unit.get("hrSWRunType", mine) == 4
    assert b"python" in unit.get("hrSWRunPath", mine)
    assert {unit.get("hrSWRunParameters", index)
            for index in unit.rows("hrSWRunTable")[:20]} == {b""}


@pytest.mark.parametrize(("name", "index", "value"), [
    ("hrSWRunStatus", (os.getpid(),), 4), ("hrSystemDate", (), bytes((7, 233, 1, 1, 0, 0, 0, 0))),
    ("hrSystemInitialLoadDevice", (), 1), ("hrStorageSize", (1,), 1)])
def test_a_unit_does_not_reconfigure_its_host(
    unit: Bench, name: str, index: tuple[int, ...], value: object
) -> None:
    with pytest.raises(NotWritable):
        unit.set(name, value, index)  # type: ignore[arg-type]


def test_what_is_not_there_is_not_answered(unit: Bench) -> None:
    for name in ("hrPrinterStatus", "hrPartitionLabel", "hrSWInstalledName", "hrDeviceErrors"):
        assert not unit.store.is_served(name)
