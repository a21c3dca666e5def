"""The host's memory, disks, processors and processes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = Path("/sys/block")

RAM, VIRTUAL_MEMORY, FIXED_DISK = "hrStorageRam", "hrStorageVirtualMemory", "hrStorageFixedDisk"
"""Kinds of storage, by HOST-RESOURCES-TYPES."""

_LARGEST = 2**31 - 1
_OF_FILES = {"ext2": "hrFSLinuxExt2", "ext3": "hrFSLinuxExt2", "ext4": "hrFSLinuxExt2",
             "vfat": "hrFSFAT32", "msdos": "hrFSFat", "ntfs": "hrFSNTFS", "ntfs3": "hrFSNTFS",
             "iso9660": "hrFSiso9660", "nfs": "hrFSNFS", "nfs4": "hrFSNFS", "hfs": "hrFSHFS",
             "hfsplus": "hrFSHFS"}
_NO_DISKS = ("loop", "ram", "zram", "dm-")


@dataclass(frozen=True)
class Storage:
    """A stretch of storage; sizes in units that make them fit 31 bits."""

    number: int
    kind: str
    text: str
    unit: int
    size: int
    used: int


@dataclass(frozen=True)
class FileSystem:
    """One that is mounted from a device of the host."""

    number: int
    mount_point: str
    kind: str
    """By HOST-RESOURCES-TYPES."""
    is_read_only: bool
    storage: int
    """Its number among the stretches of storage."""


@dataclass(frozen=True)
class Disk:
    """One that is a whole device."""

    number: int
    name: str
    size_kb: int
    is_removable: bool
    is_read_only: bool


@dataclass(frozen=True)
class Machine:
    """What the host has, at one moment."""

    memory_kb: int
    storage: tuple[Storage, ...]
    file_systems: tuple[FileSystem, ...]
    disks: tuple[Disk, ...]
    users: int


@dataclass(frozen=True)
class Process:
    """One process. What it was started with is nobody's business: it may hold passwords."""

    number: int
    name: str
    path: str
    is_of_kernel: bool
    status: str
    """In psutil's words."""
    cpu_s: float
    memory_kb: int


def machine() -> Machine:
    """Ask the host what it has."""
    import psutil  # late, since a start needs none of it

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    storage = [
        _storage(1, RAM, "Physical memory", 1024, memory.total, memory.total - memory.available),
        _storage(3, VIRTUAL_MEMORY, "Virtual memory", 1024, memory.total + swap.total,
                 memory.total - memory.available + swap.used),
        _storage(10, VIRTUAL_MEMORY, "Swap space", 1024, swap.total, swap.used)]
    file_systems = []
    for number, part in enumerate(psutil.disk_partitions(all=False), 1):
        try:
            found = os.statvfs(part.mountpoint)
        except OSError:      # gone since, or not ours to see
            continue
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        storage.append(_storage(30 + number, FIXED_DISK, part.mountpoint, found.f_frsize,
                                found.f_blocks * found.f_frsize, used))
        file_systems.append(FileSystem(
            number, part.mountpoint, _OF_FILES.get(part.fstype, "hrFSOther"),
            "ro" in part.opts.split(","), 30 + number))
    return Machine(min(_LARGEST, memory.total // 1024), tuple(storage), tuple(file_systems),
                   tuple(_disks()), len(psutil.users()))


def _storage(number: int, kind: str, text: str, unit: int, size: int, used: int) -> Storage:
    while size // unit > _LARGEST:
        unit *= 2
    return Storage(number, kind, text, unit, size // unit, used // unit)


def _disks() -> list[Disk]:
    found: list[Disk] = []
    names = sorted(path.name for path in BLOCK.glob("*")) if BLOCK.is_dir() else []
    for name in names:
        if not name.startswith(_NO_DISKS):
            found.append(Disk(
                len(found) + 1, name, min(_LARGEST, _number(BLOCK / name / "size") // 2),
                _number(BLOCK / name / "removable") == 1, _number(BLOCK / name / "ro") == 1))
    return found


def _number(path: Path) -> int:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def processes() -> dict[int, Process]:
    """Ask the host what runs."""
    import psutil

    found: dict[int, Process] = {}
    attributes = ["pid", "name", "status", "cpu_times", "memory_info", "exe"]
    for each in psutil.process_iter(attributes):
        told = each.info
        times, memory = told["cpu_times"], told["memory_info"]
        resident = memory.rss // 1024 if memory else 0
        found[told["pid"]] = Process(
            told["pid"], told["name"] or "", told["exe"] or "", not resident,
            told["status"] or "", times.user + times.system if times else 0.0,
            min(_LARGEST, resident))
    return found


def how_many_processes() -> int:
    """Count them without looking at each."""
    import psutil
    return len(psutil.pids())


def booted_at() -> float:
    """Give when the host started, in seconds since 1970."""
    import psutil
    found: float = psutil.boot_time()
    return found


def processor_name() -> str:
    """Give the maker's words for the processors."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return ""


class Load:
    """How busy each processor was in the last minute, about.

    From counters of the host: the latest that are a minute old, else the oldest that are known.
    """

    MINUTE_S = 60.0
    KEPT = 128

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._samples: deque[tuple[float, list[tuple[float, float]]]] = deque(maxlen=self.KEPT)

    def percent(self) -> list[int]:
        """Give the load of each processor, 0 to 100."""
        import psutil
        found = [(sum(times), times.idle + getattr(times, "iowait", 0.0))
                 for times in psutil.cpu_times(percpu=True)]
        return self.since_a_minute(found)

    def since_a_minute(self, found: Sequence[tuple[float, float]]) -> list[int]:
        """Take whole and idle time of each processor; give the load of each."""
        now, samples = self._now(), self._samples
        while len(samples) > 1 and samples[1][0] <= now - self.MINUTE_S:
            samples.popleft()
        before = samples[0][1] if samples else []
        if not samples or now - samples[-1][0] >= self.MINUTE_S / self.KEPT * 2:
            samples.append((now, list(found)))
        if len(before) != len(found):
            before = [(0.0, 0.0)] * len(found)
        return [_busy(whole - was[0], idle - was[1])
                for (whole, idle), was in zip(found, before, strict=True)]


def _busy(whole: float, idle: float) -> int:
    return max(0, min(100, round(100 * (1 - idle / whole)))) if whole > 0 else 0
