"""The clock of a unit: the host's or SNTP's, moved; the host's own is never set.

By SNTP it is the host's monotonic clock with what a time server made of it, so that no step of the
host's wall clock moves it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, datetime

from mibgateway.clock.timezone import GREENWICH, Zone

BUILD_DATE = datetime(2026, 11, 1, tzinfo=UTC)
"""No right clock is before it; moved at each release."""

STEP_S = 1.0
"""Less than this is drift, not a step."""


class Source(enum.IntEnum):
    """Where time comes from, numbered as in the MIB."""

    AUTO = 100
    HOST = 200
    SNTP = 300


class UnitClock:
    """Wall time, whether it may be trusted, and who wants to hear when either changes.

    host gives seconds from the epoch, monotonic seconds that never step.
    """

    def __init__(self, host: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self.zone: Zone = GREENWICH
        """For everything that a person reads."""
        self._host, self._monotonic = host, monotonic
        self._source = Source.AUTO
        self._lab_offset = 0.0
        self._sntp_basis: float | None = None
        self._has_time_servers = False
        self._step_listeners: list[Callable[[float], object]] = []
        self._trust_listeners: list[Callable[[bool], object]] = []
        self._jump_listeners: list[Callable[[float], object]] = []
        self._host_basis = self._host() - self._monotonic()
        self._basis = self._now_less_monotonic()
        self._trusted = self.synchronized()

    def now(self) -> float:
        """Give seconds from the epoch."""
        sntp = self._sntp_basis if self._by_sntp() else None
        right = self._host() if sntp is None else self._monotonic() + sntp
        return right + self._lab_offset

    def monotonic(self) -> float:
        """Give seconds that no step moves, for spans."""
        return self._monotonic()

    def utc(self) -> datetime:
        """Give the time with UTC's offset."""
        return datetime.fromtimestamp(self.now(), UTC)

    def local(self) -> datetime:
        """Give the time with the unit's zone's name and offset."""
        return self.zone.local(self.utc())

    def synchronized(self) -> bool:
        """Say whether certificates may be judged by this clock."""
        return not self.doubt()

    def doubt(self) -> str:
        """Say why the clock can't be trusted, empty when it can."""
        if self._source is Source.HOST:
            return ""
        if self._by_sntp():
            return "" if self._sntp_basis is not None else "no time server has answered yet"
        if self._host() > BUILD_DATE.timestamp():
            return ""
        return f"no time server is known, and the host's clock is before {BUILD_DATE:%Y-%m-%d}"

    def choose(self, source: Source) -> None:
        """Take the time from elsewhere, at once."""
        self._source = source
        self.observe()

    def move(self, lab_offset: float) -> None:
        """Be that many seconds ahead of the right time, or behind."""
        self._lab_offset = lab_offset
        self.observe()

    def know_time_servers(self, known: bool) -> None:
        """Hear whether any time server is configured or learnt."""
        self._has_time_servers = known
        self.observe()

    def correct(self, basis: float | None) -> None:
        """Take what SNTP found: seconds from the epoch at the monotonic clock's zero.

        None: it has not answered.
        """
        self._sntp_basis = basis
        self.observe()

    def observe(self) -> None:
        """Tell listeners of steps and of trust won or lost, the host's own steps included.

        To be called about once a second; every setter calls it.
        """
        basis, host_basis = self._now_less_monotonic(), self._host() - self._monotonic()
        step, trusted = basis - self._basis, self.synchronized()
        jump = host_basis - self._host_basis
        self._basis, self._host_basis = basis, host_basis
        if abs(step) >= STEP_S:
            for told in tuple(self._step_listeners):
                told(step)
        if trusted != self._trusted:
            self._trusted = trusted
            for heard in tuple(self._trust_listeners):
                heard(trusted)
        if abs(jump) >= STEP_S:
            for warned in tuple(self._jump_listeners):
                warned(jump)

    def on_step(self, listener: Callable[[float], object]) -> Callable[[], None]:
        """Tell of each step of the wall clock, in seconds, forwards positive.

        What comes back ends it.
        """
        self._step_listeners.append(listener)
        return lambda: self._step_listeners.remove(listener)

    def on_trust(self, listener: Callable[[bool], object]) -> Callable[[], None]:
        """Tell when the clock becomes trustworthy or stops to be. What comes back ends it."""
        self._trust_listeners.append(listener)
        return lambda: self._trust_listeners.remove(listener)

    def on_host_jump(self, listener: Callable[[float], object]) -> Callable[[], None]:
        """Tell when the host's two clocks part, in seconds: it was set, or slept.

        What comes back ends it.
        """
        self._jump_listeners.append(listener)
        return lambda: self._jump_listeners.remove(listener)

    def _by_sntp(self) -> bool:
        return self._source is Source.SNTP or (
            self._source is Source.AUTO and self._has_time_servers
        )

    def _now_less_monotonic(self) -> float:
        return self.now() - self._monotonic()


def date_and_time(moment: datetime) -> bytes:
    """Give the 11 octets of an aware moment; an offset beyond their form is told in UTC.

    DateAndTime of RFC 2579 section 2: hours from UTC end at 13, and seconds have no place.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a moment with an offset is wanted")
    minutes, odd = divmod(abs(round(offset.total_seconds())), 60)
    if odd or minutes > 13 * 60 + 59:
        return date_and_time(moment.astimezone(UTC))
    return bytes(
        (
            *divmod(moment.year, 256),
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond // 100_000,
            ord("-" if offset.total_seconds() < 0 else "+"),
            *divmod(minutes, 60),
        )
    )


def printed(moment: datetime) -> str:
    """Give `YYYY-MM-DD HH:MM:SS`, as people read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"
