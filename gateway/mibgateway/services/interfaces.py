"""IF-MIB: the host's interfaces, and linkUp and linkDown. RFC 2863."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mibagent.service.service import Service, provides
from mibagent.service.settings import Row, Table
from mibagent.store.live import LiveTable, Snapshot
from mibgateway.host.interfaces import DOWN, NOT_PRESENT, Facts, Links, states
from mibgateway.host.reading import Reading

LOOK_S = 2.0
"""How often the host's interfaces are looked at for those that came up or went down."""

States = Mapping[int, tuple[str, bool, int]]
"""Name, whether it is wanted up, and ifOperStatus, by ifIndex."""


@dataclass(frozen=True)
class IfXRow(Row):
    """What is set of one interface; it outlives the interface."""

    if_alias: str
    if_link_up_down_trap_enable: bool


@dataclass(frozen=True)
class InterfacesSettings:
    """The writable objects of IF-MIB that a unit lets be written."""

    if_x: Table[IfXRow]


@dataclass(frozen=True)
class Interface:
    """One row of ifTable and ifXTable."""

    index: int
    descr: str
    type: int
    mtu: int
    speed: int
    phys_address: bytes
    admin_status: int
    oper_status: int
    last_change: int
    in_octets: int
    in_ucast_pkts: int
    in_discards: int
    in_errors: int
    out_octets: int
    out_ucast_pkts: int
    out_discards: int
    out_errors: int
    if_name: str
    if_in_multicast_pkts: int
    if_hc_in_octets: int
    if_hc_in_ucast_pkts: int
    if_hc_in_multicast_pkts: int
    if_hc_out_octets: int
    if_hc_out_ucast_pkts: int
    if_high_speed: int
    if_promiscuous_mode: int
    if_connector_present: int
    if_counter_discontinuity_time: int

    @classmethod
    def of(cls, facts: Facts, last_change: int, discontinuity: int) -> Interface:
        """Give the row of an interface. The host's unicasts sent hold those to a group."""
        unicasts = max(0, facts.in_packets - facts.in_multicasts)
        return cls(
            index=facts.index, descr=facts.name, type=facts.kind, mtu=facts.mtu,
            speed=min(facts.speed * 1_000_000, 0xFFFFFFFF), phys_address=facts.physical,
            admin_status=1 if facts.is_wanted_up else 2, oper_status=facts.oper,
            last_change=last_change, in_octets=_32(facts.in_octets),
            in_ucast_pkts=_32(unicasts), in_discards=_32(facts.in_discards),
            in_errors=_32(facts.in_errors), out_octets=_32(facts.out_octets),
            out_ucast_pkts=_32(facts.out_packets), out_discards=_32(facts.out_discards),
            out_errors=_32(facts.out_errors), if_name=facts.name,
            if_in_multicast_pkts=_32(facts.in_multicasts),
            if_hc_in_octets=facts.in_octets, if_hc_in_ucast_pkts=unicasts,
            if_hc_in_multicast_pkts=facts.in_multicasts, if_hc_out_octets=facts.out_octets,
            if_hc_out_ucast_pkts=facts.out_packets, if_high_speed=facts.speed,
            if_promiscuous_mode=1 if facts.is_promiscuous else 2,
            if_connector_present=1 if facts.has_connector else 2,
            if_counter_discontinuity_time=discontinuity)


@dataclass(frozen=True)
class StackRow:
    """One interface on top of another."""

    status: int = 1


class InterfacesService(Service[InterfacesSettings]):
    """Shows the host's interfaces and reports those that come up or go down."""

    mib = "IF-MIB"
    capabilities = "mibgateInterfacesCapabilities"
    settings = InterfacesSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._states: States | None = None
        """As they were last seen; None before the first look."""
        self._looking: Reading[dict[int, tuple[str, bool, int]]] = Reading(
            states, unit.reactor.seconds, unit.in_thread, unit.reactor.callLater)
        self._timer: Any = None
        self._changed: dict[int, int] = {}
        self._appeared: dict[int, int] = {}
        self._table_changed = self._stack_changed = 0
        self._links: Links | None = None
        self._rows: dict[int, Interface] = {}
        self._stack: dict[tuple[int, int], StackRow] = {}

    def start(self, running: InterfacesSettings) -> None:
        """Look at the interfaces from now on."""
        self._changed.clear()
        self._appeared.clear()
        self._table_changed = self._stack_changed = 0
        self._states = None
        self._look()

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()
        self._looking.stop()

    def _look(self) -> None:
        self._note(self._looking.get())
        self._timer = self.unit.reactor.callLater(LOOK_S, self._look)

    def _now(self) -> int:
        """Give sysUpTime."""
        return int(self.unit.uptime() * 100) & 0xFFFFFFFF

    def _note(self, seen: States) -> None:
        """Take what the host says now; report what came up or went down since."""
        before, self._states = self._states, seen
        if before is None or before is seen:
            return
        now = self._now()
        if before.keys() != seen.keys():
            self._table_changed = now
        for index in seen.keys() - before.keys():
            self._changed[index] = self._appeared[index] = now
        for index in before.keys() - seen.keys():
            self._changed.pop(index, None)
            self._appeared.pop(index, None)
        for index in sorted(seen.keys() & before.keys()):
            (_, _, was), (_, wanted, oper) = before[index], seen[index]
            if was != oper:
                self._changed[index] = now
                self._report(index, wanted, was, oper)

    def _report(self, index: int, wanted: bool, was: int, oper: int) -> None:
        """Issue linkDown or linkUp where the change is one. RFC 2863 section 3.1.15."""
        if NOT_PRESENT in (was, oper) or DOWN not in (was, oper):
            return
        row = self.configured.if_x.get(index)
        if row is not None and not row.if_link_up_down_trap_enable:
            return
        self.unit.notifier.issue(
            "linkDown" if oper == DOWN else "linkUp",
            {"ifIndex": index, "ifAdminStatus": 1 if wanted else 2, "ifOperStatus": oper},
            {"ifTable": index})

    def _read(self) -> dict[int, Interface]:
        links = self.unit.links.get()
        if links is not self._links:
            self._links = links
            if self._states is not None:
                self._note({facts.index: (facts.name, facts.is_wanted_up, facts.oper)
                            for facts in links.interfaces.values()})
            self._rows = {
                index: Interface.of(
                    facts, self._changed.get(index, 0), self._appeared.get(index, 0))
                for index, facts in links.interfaces.items()}
            stack = {pair: StackRow() for pair in _stack_of(links)}
            if self._stack and stack.keys() != self._stack.keys():
                self._stack_changed = self._now()
            self._stack = stack
        return self._rows

    def _read_stack(self) -> dict[tuple[int, int], StackRow]:
        self._read()
        return self._stack

    @provides("ifTable")
    def interfaces(self) -> Snapshot[Interface]:
        """The host's interfaces by its own numbers."""
        self._table: Snapshot[Interface] = Snapshot(
            self._read, self.unit.reactor.callLater)
        return self._table

    @provides("ifXTable")
    def more(self, index: int) -> Interface | None:
        """The same interfaces."""
        return self._table.row((index,))

    @provides("ifNumber")
    def how_many(self) -> int:
        """How many interfaces there are."""
        return len(self._read())

    @provides("ifTableLastChange")
    def table_last_change(self) -> int:
        """When an interface came or went."""
        self._read()
        return self._table_changed

    @provides("ifStackTable")
    def stack(self) -> LiveTable[StackRow]:
        """Which interface runs on top of which; 0 is above the highest and below the lowest."""
        return Snapshot(self._read_stack, self.unit.reactor.callLater)

    @provides("ifStackLastChange")
    def stack_last_change(self) -> int:
        """When that changed."""
        self._read()
        return self._stack_changed


def _32(count: int) -> int:
    return count & 0xFFFFFFFF


def _stack_of(links: Links) -> set[tuple[int, int]]:
    pairs = {(facts.index, lower) for facts in links.interfaces.values() for lower in facts.below}
    covered, standing = {lower for _, lower in pairs}, {upper for upper, _ in pairs}
    pairs |= {(0, index) for index in links.interfaces if index not in covered}
    return pairs | {(index, 0) for index in links.interfaces if index not in standing}
