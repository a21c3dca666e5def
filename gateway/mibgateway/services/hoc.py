"""The host: its clock by ClockSource's rule, the time servers, its zone, its names."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mibagent.errors import InconsistentValue, WrongValue
from mibagent.service.service import Service, check, command, on_change, provides, rows
from mibagent.service.settings import Row, Table
from mibagent.smi.host import HostPort
from mibagent.store.live import LiveTable
from mibgateway.clock.timezone import parse_zone
from mibgateway.clock.unit_clock import BUILD_DATE, STEP_S, Source
from mibgateway.sntp.client import Answered, Client, Silent
from mibgateway.sntp.packet import NONCE
from mibgateway.sntp.shell import SntpShell

MOST_SERVERS = 4
"""Time servers of one's own."""

_LOOK_AT_CLOCK_S = 1.0
_LONGEST_LIST = 1024


class ConfigSource(enum.IntEnum):
    """Where time servers are from."""

    STATIC = 200


@dataclass(frozen=True)
class StaticSntpServersRow(Row):
    """One time server; the key is its place in the order."""

    host_name: HostPort


@dataclass(frozen=True)
class SntpServersInfoRow:
    """One time server that the service works with."""

    host_name: str


@dataclass(frozen=True)
class HocSettings:
    """The writable objects of MIBGATE-HOC-MIB."""

    static_time_zone: str
    system_contact: str
    system_name: str
    system_location: str
    clock_source: Source
    lab_clock_offset: int
    sntp_config_source: ConfigSource
    sntp_synchronization_period: int
    sntp_synchronization_period_on_error: int
    static_sntp_servers: Table[StaticSntpServersRow]


class HocService(Service[HocSettings]):
    """Sets the unit's clock and shows it; SNMPv2-MIB's sysContact and its like are Hoc's own."""

    mib = "MIBGATE-HOC-MIB"
    settings = HocSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._running: HocSettings | None = None
        self._servers: tuple[HostPort, ...] = ()
        self._shown: LiveTable[SntpServersInfoRow] = LiveTable()
        self._sntp: SntpShell | None = None
        self._current_source: HostPort | None = None
        self._is_silent = False
        self._end: Callable[[], None] = lambda: None

    @rows("hocStaticSntpServersTable")
    def places_of_servers(self) -> Mapping[int, Mapping[str, object]]:
        """Give a row to each time server that one may name."""
        return {place: {} for place in range(1, MOST_SERVERS + 1)}

    @check("hocStaticTimeZone")
    def zone_can_be_read(self, wanted: HocSettings) -> None:
        """Refuse what is no POSIX TZ string."""
        try:
            parse_zone(wanted.static_time_zone)
        except ValueError as error:
            raise WrongValue("hocStaticTimeZone", str(error)) from None

    @on_change("hocStaticTimeZone", "hocClockSource", "hocLabClockOffset")
    def set_clock(self, wanted: HocSettings) -> None:
        """Move the unit's clock; the host's stays as it is."""
        clock = self.unit.clock
        clock.zone = parse_zone(wanted.static_time_zone)
        clock.move(wanted.lab_clock_offset)
        clock.choose(wanted.clock_source)
        if self._running is not None:
            self._ask_servers_or_not(wanted.clock_source)

    @check("hocSntpSynchronize")
    def there_are_servers_to_ask(self, wanted: HocSettings) -> None:
        """Refuse to ask nobody."""
        if self._sntp is None:
            raise InconsistentValue("hocSntpSynchronize", "the service works with no time server")

    @command("hocSntpSynchronize")
    def synchronize(self) -> None:
        """Ask the time servers, as soon as one may."""
        if self._sntp is not None:
            self._sntp.ask()

    # -- start and stop

    def start(self, running: HocSettings) -> None:
        """Set the clock as configured, ask the time servers and look every second for steps.

        What other time servers said before is forgotten; what the same ones said counts on.
        """
        self._running = running
        servers = tuple(row.host_name for _, row in sorted(running.static_sntp_servers.items())
                        if row.host_name)
        clock = self.unit.clock
        if servers != self._servers:
            clock.correct(None)
        self._servers = servers
        clock.know_time_servers(bool(servers))
        self._end = clock.on_host_jump(lambda _: self.synchronize())
        self.set_clock(self.configured)
        self._look()

    def stop(self) -> None:
        """Ask no more and stop looking; the clock goes on."""
        self._running = None
        self._end()
        self._ask_no_more()
        self._next.cancel()

    def _look(self) -> None:
        self._next = self.unit.reactor.callLater(_LOOK_AT_CLOCK_S, self._look)
        self.unit.clock.observe()

    def _ask_servers_or_not(self, source: Source) -> None:
        running = self._running
        assert running is not None
        if source is Source.HOST:
            self._ask_no_more()
            self.unit.clock.correct(None)
        elif self._sntp is None and self._servers:
            client = Client(
                self._servers, running.sntp_synchronization_period * 60,
                running.sntp_synchronization_period_on_error * 60,
                lambda: secrets.token_bytes(NONCE), BUILD_DATE.timestamp())
            for place, server in enumerate(client.servers, 1):
                self._shown.add(place, SntpServersInfoRow(str(server)))
            self._sntp = SntpShell(
                self.unit.reactor, client, self.unit.clock.monotonic, self._heard)
            self._sntp.start()

    def _ask_no_more(self) -> None:
        if self._sntp is not None:
            self._sntp.stop()
            self._sntp = None
        self._shown.clear()
        self._current_source, self._is_silent = None, False
        self.unit.notifier.end_trouble(("hocNoTimeServerAnswers",))

    def _heard(self, told: Answered | Silent) -> None:
        if isinstance(told, Silent):
            if not self._is_silent:
                self._is_silent = True
                text = "; ".join(told.reasons)[:_LONGEST_LIST]
                self.unit.notifier.issue("hocNoTimeServerAnswers", {"hocNotifiedServers": text})
            return
        is_news = self._current_source is None or self._is_silent
        self._current_source, self._is_silent = told.source, False
        before = self.unit.clock.now()
        self.unit.clock.correct(told.basis)
        offset = self.unit.clock.now() - before
        if is_news or abs(offset) >= STEP_S:
            self.unit.notifier.issue("hocClockSet", {
                "hocSntpCurrentSource": str(told.source),
                "hocNotifiedOffset": f"{offset:+.3f} s"})

    # -- shown

    @provides("hocSntpCurrentSource")
    def current_source(self) -> str:
        """The time server that answered last."""
        return str(self._current_source or "")

    @provides("hocSntpServersInfoTable")
    def servers_shown(self) -> LiveTable[SntpServersInfoRow]:
        """Whom the service asks."""
        return self._shown

    @provides("hocTimeSynchronized")
    def is_synchronized(self) -> bool:
        """Whether certificates may be judged by the clock."""
        return bool(self.unit.clock.synchronized())

    @provides("hocSystemTime")
    def system_time(self) -> str:
        """The local time, by the unit's zone."""
        return f"{self.unit.clock.local():%Y-%m-%d %H:%M:%S}"

    @provides("hocSystemUptime")
    def system_uptime(self) -> str:
        """Days, hours, minutes and seconds since the start."""
        minutes, seconds = divmod(int(self.unit.uptime()), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        return f"{days}:{hours:02}:{minutes:02}:{seconds:02}"
