"""The host's network interfaces and their addresses."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil._ntuples import snicaddr

NET = Path("/sys/class/net")

UP, DOWN, UNKNOWN, DORMANT, NOT_PRESENT, LOWER_LAYER_DOWN = 1, 2, 4, 5, 6, 7
"""ifOperStatus."""

_OPER = {"up": UP, "down": DOWN, "dormant": DORMANT, "notpresent": NOT_PRESENT,
         "lowerlayerdown": LOWER_LAYER_DOWN}

OTHER, ETHERNET, LOOPBACK, PPP, VIRTUAL, WLAN, TUNNEL, VLAN, BOND, BRIDGE = (
    1, 6, 24, 23, 53, 71, 131, 135, 161, 209)
"""IANAifType."""

_HARDWARE = {1: ETHERNET, 772: LOOPBACK, 512: PPP, 768: TUNNEL, 769: TUNNEL, 776: TUNNEL,
             778: TUNNEL, 801: WLAN, 803: WLAN, 65534: VIRTUAL}
"""By Linux's ARPHRD_ number."""
_KINDS = {"vlan": VLAN, "bond": BOND, "bridge": BRIDGE, "wlan": WLAN}


@dataclass(frozen=True)
class Facts:
    """One interface as it was when the host was asked."""

    index: int
    name: str
    """As people read it: what is no UTF-8 in it is a question mark."""
    kind: int
    mtu: int
    speed: int
    """Millions of bits per second, 0 where none is told."""
    physical: bytes
    is_wanted_up: bool
    oper: int
    is_promiscuous: bool
    has_connector: bool
    in_octets: int = 0
    out_octets: int = 0
    in_packets: int = 0
    in_multicasts: int = 0
    out_packets: int = 0
    in_errors: int = 0
    out_errors: int = 0
    in_discards: int = 0
    out_discards: int = 0
    below: tuple[int, ...] = ()
    """The interfaces that it runs on top of."""


@dataclass(frozen=True)
class Address:
    """One address of the host."""

    interface: int
    octets: bytes
    """4 or 16."""
    kind: str
    """unicast or broadcast."""
    is_link_local: bool = False


@dataclass(frozen=True)
class Links:
    """All interfaces and addresses at one moment."""

    interfaces: dict[int, Facts] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()


def links() -> Links:
    """Ask the host."""
    import psutil  # late, since a start needs none of it

    states, counted = psutil.net_if_stats(), psutil.net_io_counters(pernic=True, nowrap=False)
    known, indexes = psutil.net_if_addrs(), {name: index for index, name in socket.if_nameindex()}
    interfaces: dict[int, Facts] = {}
    addresses: list[Address] = []
    for name, index in indexes.items():
        state = states.get(name)
        if state is None:    # gone since
            continue
        flags = set(state.flags.split(","))
        wanted = "up" in flags
        own = known.get(name, [])
        count = counted.get(name)
        facts = Facts(
            index, readable(name), _kind(index, name), state.mtu, _speed(state.speed),
            _physical(own), wanted, _oper(name, wanted, state.isup), "promisc" in flags,
            _is_device(index, name), below=_below(name, indexes))
        if count is not None:
            facts = replace(
                facts, in_octets=count.bytes_recv, out_octets=count.bytes_sent,
                in_packets=count.packets_recv, out_packets=count.packets_sent,
                in_errors=count.errin, out_errors=count.errout,
                in_discards=count.dropin, out_discards=count.dropout,
                in_multicasts=_number(NET / name / "statistics" / "multicast"))
        interfaces[index] = facts
        addresses += _addresses(index, own)
    return Links(interfaces, tuple(addresses))


def states() -> dict[int, tuple[str, bool, int]]:
    """Give name, whether it is wanted up, and ifOperStatus of each interface; cheaper than all."""
    found: dict[int, tuple[str, bool, int]] = {}
    for index, name in socket.if_nameindex():
        flags = _text(NET / name / "flags")
        wanted = bool(int(flags, 16) & 1) if flags else False
        found[index] = (readable(name), wanted, _oper(name, wanted, False))
    return found


def readable(name: str) -> str:
    """Give a name of the host's, whose octets may be anything, as a text."""
    return name.encode("utf-8", "replace").decode()


def _speed(told: int) -> int:
    """Give a speed, 0 for what drivers say when they know none."""
    return 0 if told < 0 or told == 65535 else told


def _oper(name: str, wanted: bool, runs: bool) -> int:
    if not wanted:
        return DOWN
    if runs:
        return UP
    told = _text(NET / name / "operstate")
    if told == "unknown":        # a driver that tells nothing of its link, as loopback's
        return UP if _text(NET / name / "carrier") == "1" else DOWN
    return _OPER.get(told, UNKNOWN)


@lru_cache(maxsize=4096)
def _is_device(index: int, name: str) -> bool:
    return (NET / name / "device").exists()


@lru_cache(maxsize=4096)
def _kind(index: int, name: str) -> int:
    for line in _text(NET / name / "uevent").splitlines():
        if line.startswith("DEVTYPE="):
            kind = _KINDS.get(line.removeprefix("DEVTYPE="))
            if kind is not None:
                return kind
    return _HARDWARE.get(_number(NET / name / "type"), OTHER)


def _below(name: str, indexes: dict[str, int]) -> tuple[int, ...]:
    try:
        entries = os.listdir(NET / name)    # noqa: PTH208  of many interfaces, each second
    except OSError:
        return ()
    lower = (entry.removeprefix("lower_") for entry in entries if entry.startswith("lower_"))
    return tuple(sorted(indexes[each] for each in lower if each in indexes))


def _physical(known: Sequence[snicaddr]) -> bytes:
    for each in known:
        if each.family == socket.AF_PACKET:
            octets: str = each.address.replace(":", "")
            return bytes.fromhex(octets) if octets.strip("0") else b""
    return b""


def _addresses(index: int, known: Sequence[snicaddr]) -> list[Address]:
    found: list[Address] = []
    for each in known:
        if each.family not in (socket.AF_INET, socket.AF_INET6):
            continue
        own = ip_interface(each.address.partition("%")[0]).ip
        found.append(Address(index, own.packed, "unicast", own.is_link_local and own.version == 6))
        broadcast: str | None = each.broadcast
        if broadcast and own.version == 4:
            found.append(Address(index, ip_interface(broadcast).ip.packed, "broadcast"))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else 0
