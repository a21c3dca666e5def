"""The host: its clock by ClockSource's rule, its zone, its names."""

from __future__ import annotations

from dataclasses import dataclass

from mibagent.errors import WrongValue
from mibagent.service.service import Service, check, on_change, provides
from mibgateway.clock.timezone import parse_zone
from mibgateway.clock.unit_clock import Source

_LOOK_AT_CLOCK_S = 1.0


@dataclass(frozen=True)
class HocSettings:
    """The writable objects of MIBGATE-HOC-MIB."""

    static_time_zone: str
    system_contact: str
    system_name: str
    system_location: str
    clock_source: Source
    lab_clock_offset: int


class HocService(Service[HocSettings]):
    """Sets the unit's clock and shows it; SNMPv2-MIB's sysContact and its like are Hoc's own."""

    mib = "MIBGATE-HOC-MIB"
    settings = HocSettings

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

    def start(self, running: HocSettings) -> None:
        """Set the clock as configured and look every second whether it stepped."""
        self.set_clock(self.configured)
        self._look()

    def _look(self) -> None:
        self.unit.clock.observe()
        self._next = self.unit.reactor.callLater(_LOOK_AT_CLOCK_S, self._look)

    def stop(self) -> None:
        """Stop looking."""
        self._next.cancel()

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
