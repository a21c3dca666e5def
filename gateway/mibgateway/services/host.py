"""HOST-RESOURCES-MIB: what the host has and what runs on it. RFC 2790."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from mibagent.service.service import Service, provides
from mibagent.smi.oid import Oid
from mibagent.store.live import LiveTable, Snapshot
from mibgateway.clock.unit_clock import date_and_time
from mibgateway.host.interfaces import UP, Facts, Links
from mibgateway.host.machine import (
    Disk,
    Load,
    Machine,
    Process,
    booted_at,
    how_many_processes,
    machine,
    processes,
    processor_name,
)
from mibgateway.host.reading import Reading

ANSWER = TypeVar("ANSWER")
ROW = TypeVar("ROW")

OF_PROCESSORS, OF_INTERFACES, OF_DISKS = 0x30000, 0x40000, 0x60000
"""hrDeviceIndex is one of these and the number of the thing."""

RUNNING, WARNING = 2, 3
"""hrDeviceStatus."""

NEVER = bytes((0, 0, 1, 1, 0, 0, 0, 0))
"""A DateAndTime that nobody knows."""

_STATUS = {"running": 1, "sleeping": 2, "idle": 2, "waking": 2, "disk-sleep": 3, "stopped": 3,
           "tracing-stop": 3, "locked": 3, "waiting": 3, "suspended": 3, "parked": 3}
"""hrSWRunStatus by psutil's words; what is left, a zombie for example, is invalid."""
_INVALID = 4
_OPERATING_SYSTEM, _APPLICATION = 2, 4
_NOTHING: Oid = (0, 0)


@dataclass(frozen=True)
class HostSettings:
    """Nothing of HOST-RESOURCES-MIB is written here."""


@dataclass(frozen=True)
class StorageRow:
    """One stretch of storage."""

    index: int
    type: Oid
    descr: str
    allocation_units: int
    size: int
    used: int


@dataclass(frozen=True)
class DeviceRow:
    """One device."""

    index: int
    type: Oid
    descr: str
    status: int
    id: Oid = _NOTHING


@dataclass(frozen=True)
class ProcessorRow:
    """More about a processor."""

    load: int
    frw_id: Oid = _NOTHING


@dataclass(frozen=True)
class NetworkRow:
    """More about an interface."""

    if_index: int


@dataclass(frozen=True)
class DiskRow:
    """More about a disk."""

    access: int
    removeble: bool
    capacity: int
    media: int = 3
    """A fixed disk, where nobody tells more."""


@dataclass(frozen=True)
class FsRow:
    """One file system."""

    index: int
    mount_point: str
    type: Oid
    access: int
    bootable: bool
    storage_index: int
    remote_mount_point: str = ""
    last_full_backup_date: bytes = NEVER
    last_partial_backup_date: bytes = NEVER


@dataclass(frozen=True)
class ProcessRow:
    """One process, in both tables."""

    index: int
    name: str
    path: str
    type: int
    status: int
    cpu: int
    mem: int
    id: Oid = _NOTHING
    parameters: str = ""


def _processes() -> dict[int, ProcessRow]:
    """Ask the host; rows are made where it is asked, which may be a thread."""
    return {number: _process(process) for number, process in processes().items()
            if 0 < number < 2**31}


def _process(process: Process) -> ProcessRow:
    return ProcessRow(
        process.number, _cut(process.name, 64), _cut(process.path, 128),
        _OPERATING_SYSTEM if process.is_of_kernel else _APPLICATION,
        _STATUS.get(process.status, _INVALID), int(process.cpu_s * 100) & 0x7FFFFFFF,
        process.memory_kb)


class _Derived(Snapshot[ROW]):
    """Rows that are made of an answer of the host once, however often they are looked at."""

    def __init__(
        self, answer: Callable[[], ANSWER], make: Callable[[ANSWER], dict[int, ROW]],
        later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        made: list[Any] = [None, {}]

        def ask() -> dict[int, ROW]:
            found = answer()
            if found is not made[0]:
                made[:] = [found, make(found)]
            rows: dict[int, ROW] = made[1]
            return rows

        super().__init__(ask, later)


class HostService(Service[HostSettings]):
    """Shows the host."""

    mib = "HOST-RESOURCES-MIB"
    capabilities = "mibgateHostCapabilities"
    settings = HostSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._machine: Reading[Machine] = self._reading(machine)
        self._processes: Reading[dict[int, ProcessRow]] = self._reading(_processes)
        self._load: Reading[list[int]] = self._reading(Load().percent)
        self._booted_at: Reading[float] = self._reading(booted_at)
        self._process_count: Reading[int] = self._reading(how_many_processes)
        self._named = ""
        self._dated = (0, b"")

    def _reading(self, ask: Callable[[], ANSWER]) -> Reading[ANSWER]:
        reactor = self.unit.reactor
        return Reading(ask, reactor.seconds, self.unit.in_thread, reactor.callLater)

    def _derived(
        self, answer: Callable[[], ANSWER], make: Callable[[ANSWER], dict[int, ROW]]
    ) -> Snapshot[ROW]:
        return _Derived(answer, make, self.unit.reactor.callLater)

    def stop(self) -> None:
        """Ask no more."""
        for reading in (self._machine, self._processes, self._load, self._booted_at,
                        self._process_count):
            reading.stop()

    def _name(self, word: str) -> Oid:
        found: Oid = self.unit.model.names[word]
        return found

    # -- the host as a whole

    @provides("hrSystemUptime")
    def uptime(self) -> int:
        """Hundredths of a second since the host started."""
        return int((time.time() - self._booted_at.get()) * 100) & 0xFFFFFFFF

    @provides("hrSystemDate")
    def date(self) -> bytes:
        """The host's own date and time."""
        tenth = int(time.time() * 10)       # what a DateAndTime can say
        if tenth != self._dated[0]:
            self._dated = tenth, date_and_time(datetime.fromtimestamp(tenth / 10).astimezone())
        return self._dated[1]

    @provides("hrSystemInitialLoadDevice")
    def load_device(self) -> int:
        """The first disk, or 0."""
        return OF_DISKS + 1 if self._machine.get().disks else 0

    @provides("hrSystemInitialLoadParameters", lasting=True)
    def load_parameters(self) -> str:
        """Nobody's business."""
        return ""

    @provides("hrSystemNumUsers")
    def users(self) -> int:
        """Sessions of users."""
        return self._machine.get().users

    @provides("hrSystemProcesses")
    def process_count(self) -> int:
        """How many processes there are."""
        return self._process_count.get()

    @provides("hrSystemMaxProcesses")
    def most_processes(self) -> int:
        """No fixed number."""
        return 0

    @provides("hrMemorySize")
    def memory(self) -> int:
        """Main memory, in KBytes."""
        return self._machine.get().memory_kb

    # -- what it has

    @provides("hrStorageTable")
    def storage(self) -> LiveTable[StorageRow]:
        """Memory, swap space and file systems."""
        return self._derived(self._machine.get, lambda found: {
            each.number: StorageRow(each.number, self._name(each.kind), _cut(each.text, 255),
                                    each.unit, each.size, each.used)
            for each in found.storage})

    @provides("hrDeviceTable")
    def devices(self) -> LiveTable[DeviceRow]:
        """Processors, interfaces and disks."""
        return self._derived(self._all, self._devices)

    def _all(self) -> _Parts:
        parts = _Parts(self._load.get(), self.unit.links.get(), self._machine.get())
        if self._parts is None or not parts.is_same(self._parts):
            self._parts = parts
        return self._parts

    _parts: _Parts | None = None

    def _devices(self, parts: _Parts) -> dict[int, DeviceRow]:
        self._named = self._named or processor_name() or "Processor"
        rows = [DeviceRow(OF_PROCESSORS + number, self._name("hrDeviceProcessor"),
                          _cut(self._named, 64), RUNNING)
                for number, _ in enumerate(parts.load, 1)]
        rows += [DeviceRow(OF_INTERFACES + facts.index, self._name("hrDeviceNetwork"),
                           _cut(f"network interface {facts.name}", 64), _status(facts))
                 for facts in parts.links.interfaces.values()]
        rows += [DeviceRow(OF_DISKS + disk.number, self._name("hrDeviceDiskStorage"),
                           _cut(f"disk {disk.name}", 64), RUNNING) for disk in parts.machine.disks]
        return {row.index: row for row in rows}

    @provides("hrProcessorTable")
    def processors(self) -> LiveTable[ProcessorRow]:
        """How busy each processor is."""
        return self._derived(self._load.get, lambda found: {
            OF_PROCESSORS + number: ProcessorRow(load) for number, load in enumerate(found, 1)})

    @provides("hrNetworkTable")
    def networks(self) -> LiveTable[NetworkRow]:
        """The interfaces among the devices."""
        return self._derived(self.unit.links.get, _networks)

    @provides("hrDiskStorageTable")
    def disks(self) -> LiveTable[DiskRow]:
        """The disks among the devices."""
        return self._derived(self._machine.get, lambda found: {
            OF_DISKS + disk.number: _disk(disk) for disk in found.disks})

    @provides("hrFSTable")
    def file_systems(self) -> LiveTable[FsRow]:
        """File systems that are mounted from a device."""
        return self._derived(self._machine.get, lambda found: {
            each.number: FsRow(each.number, _cut(each.mount_point, 128), self._name(each.kind),
                               2 if each.is_read_only else 1, each.mount_point == "/",
                               each.storage)
            for each in found.file_systems})

    # -- what runs

    @provides("hrSWOSIndex")
    def operating_system(self) -> int:
        """The process that the host began with."""
        return 1

    @provides("hrSWRunTable")
    def running(self) -> LiveTable[ProcessRow]:
        """The processes."""
        self._run: LiveTable[ProcessRow] = Snapshot(
            self._processes.get, self.unit.reactor.callLater)
        return self._run

    @provides("hrSWRunPerfTable")
    def needing(self) -> LiveTable[ProcessRow]:
        """The same processes."""
        return self._run


@dataclass(frozen=True)
class _Parts:
    """All that devices are made of."""

    load: list[int]
    links: Links
    machine: Machine

    def is_same(self, other: _Parts) -> bool:
        """Whether nothing was asked anew."""
        return self.links is other.links and self.machine is other.machine \
            and len(self.load) == len(other.load)


def _status(facts: Facts) -> int:
    return RUNNING if facts.oper == UP or not facts.is_wanted_up else WARNING


def _networks(links: Links) -> dict[int, NetworkRow]:
    return {OF_INTERFACES + index: NetworkRow(index) for index in links.interfaces}


def _disk(disk: Disk) -> DiskRow:
    return DiskRow(2 if disk.is_read_only else 1, disk.is_removable, disk.size_kb)


def _cut(text: str, octets: int) -> str:
    """Give as much of a text as fits."""
    return text.encode("utf-8", "replace")[:octets].decode("utf-8", "ignore")
